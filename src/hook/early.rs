//! What the first copies of a run cost: what the others will cost is told by that.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::sys::time;

/// How many faults are looked at.
pub(crate) const FIRST: u32 = 8;

/// What the first faults of a run came to, in pages that all processes of a sweep see.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Early {
    /// When that was known, in nanoseconds of the monotonic clock; 0: not yet. The others are written before.
    pub(crate) at: AtomicU64,
    /// How many faults of the run had their turn by then.
    pub(crate) faults: AtomicU32,
    /// How long the run stood still for a copy, in nanoseconds; 0: none was made.
    pub(crate) each: AtomicU64,
    /// For how many of [`FIRST`] faults there was none.
    pub(crate) without: AtomicU32,
}

/// Counts them. The first copies are made while there is still room for others beside them, so what they cost tells little.
#[derive(Debug, Default)]
pub(super) struct Count {
    faults: u32,
    copies: u32,
    spent: u64,
}

impl Count {
    /// Nothing was counted.
    pub(super) const fn new() -> Count {
        Count { faults: 0, copies: 0, spent: 0 }
    }

    /// The run stood still for so long for a copy.
    pub(super) fn copied(&mut self, time: u64) {
        self.copies = self.copies.wrapping_add(1);
        self.spent = self.spent.wrapping_add(time);
    }

    /// A fault has had its turn, with a copy or without; so many may run at once.
    pub(super) fn had_its_turn(&mut self, early: &Early, jobs: u32) {
        self.faults = self.faults.wrapping_add(1);
        if self.faults == jobs {
            (self.copies, self.spent) = (0, 0);
        } else if self.faults == jobs.wrapping_add(FIRST) {
            early.each.store(self.spent.checked_div(u64::from(self.copies)).unwrap_or(0), Ordering::Relaxed);
            early.without.store(FIRST.wrapping_sub(self.copies), Ordering::Relaxed);
            early.faults.store(self.faults, Ordering::Relaxed);
            early.at.store(time::now_ns(), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_all_do_not_count() {
        let (early, mut count) = (Early::default(), Count::new());
        for fault in 0..20_u32 {
            if fault % 2 == 0 {
                count.copied(if fault < 2 {
                    1
                } else if fault < 10 {
                    500
                } else {
                    9_000
                });
            }
            count.had_its_turn(&early, 2);
            assert_eq!(early.at.load(Ordering::Relaxed) != 0, fault >= 9, "{fault}");
        }
        assert_eq!((early.each.into_inner(), early.without.into_inner(), early.faults.into_inner()), (500, 4, 10));
    }

    #[test]
    fn where_there_are_no_copies_nothing_is_known_of_them() {
        let (early, mut count) = (Early::default(), Count::new());
        (0..9).for_each(|_| count.had_its_turn(&early, 1));
        assert_eq!((early.each.into_inner(), early.without.into_inner()), (0, FIRST));
    }
}
