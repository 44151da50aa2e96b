//! How far a sweep has come, for whoever watches it: in this process, or in the one that has started it.
#![cfg_attr(
    not(all(target_os = "linux", not(oomsweep_portable))),
    allow(dead_code, reason = "without processes nobody watches a sweep")
)]

use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use super::board::{Order, Pages};

/// See the module. Every number but `open` only grows.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Standing {
    /// How many allocators are swept one after the other.
    parts: AtomicU32,
    /// Which of them is, from 1; 0: none yet.
    part: AtomicU32,
    /// Trials planned, of this allocator and of those before it.
    planned: AtomicU64,
    /// Trials that count.
    done: AtomicU64,
    /// Trials of the order that is being carried out that look good so far.
    open: AtomicU64,
    /// Trials with a finding.
    failed: AtomicU64,
}

// SAFETY: atomic words, all of them.
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
unsafe impl crate::sys::shared::Words for Standing {}

/// What is known at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SoFar {
    /// How many allocators are swept.
    pub(crate) parts: u32,
    /// Which of them is, from 1.
    pub(crate) part: u32,
    /// Trials planned, as far as plans are made; 0: the body is still being warmed up.
    pub(crate) planned: u64,
    /// Trials made.
    pub(crate) done: u64,
    /// Those with a finding.
    pub(crate) failed: u64,
}

static HERE: Standing = Standing {
    parts: AtomicU32::new(0),
    part: AtomicU32::new(0),
    planned: AtomicU64::new(0),
    done: AtomicU64::new(0),
    open: AtomicU64::new(0),
    failed: AtomicU64::new(0),
};
/// Where a process that was started for one sweep tells of it; null: [`HERE`].
static ELSEWHERE: AtomicPtr<Standing> = AtomicPtr::new(std::ptr::null_mut());

/// The standing of the sweep that this process makes: one at a time.
pub(crate) fn current() -> &'static Standing {
    // SAFETY: null, or what `tell` was given.
    unsafe { ELSEWHERE.load(Ordering::Acquire).as_ref() }.unwrap_or(&HERE)
}

/// From now on the sweeps of this process are told of there.
pub(crate) fn tell(standing: &'static Standing) {
    ELSEWHERE.store(std::ptr::from_ref(standing).cast_mut(), Ordering::Release);
}

impl Standing {
    /// A sweep of so many allocators begins.
    pub(super) fn begin(&self, parts: usize) {
        self.part.store(0, Ordering::Relaxed);
        for number in [&self.planned, &self.done, &self.open, &self.failed] {
            number.store(0, Ordering::Relaxed);
        }
        self.parts.store(u32::try_from(parts).unwrap_or(u32::MAX), Ordering::Release);
    }

    /// The next allocator's turn.
    pub(super) fn next_part(&self) {
        self.part.fetch_add(1, Ordering::Relaxed);
    }

    /// So many trials more are planned.
    pub(super) fn plan(&self, trials: usize) {
        self.planned.fetch_add(trials as u64, Ordering::Relaxed);
    }

    /// One more trial counts.
    pub(super) fn count(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// One of those that count has a finding.
    pub(super) fn count_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Looks at an order that is being carried out; of a run with copies, so many have come to their end.
    pub(super) fn look_at(&self, pages: &Pages, copies: u64) {
        let board = pages.board();
        // SAFETY: the order is written by this process alone; the rest is read as numbers, which are valid whatever they are, while
        // another process writes: one that is not up to date is mended by the next look.
        let good = unsafe {
            match (*board).order {
                Order::Batch { .. } => (&raw const (*board).answer.good).read_volatile() as u64,
                Order::Copies(_) => copies,
                Order::WarmUp | Order::Alone(_) | Order::Quit => 0,
            }
        };
        self.open.store(good, Ordering::Relaxed);
    }

    /// No order is open any more.
    pub(super) fn look_away(&self) {
        self.open.store(0, Ordering::Relaxed);
    }

    /// What is known now.
    pub(crate) fn so_far(&self) -> SoFar {
        let planned = self.planned.load(Ordering::Relaxed);
        let open = self.open.load(Ordering::Relaxed);
        SoFar {
            parts: self.parts.load(Ordering::Acquire),
            part: self.part.load(Ordering::Relaxed),
            planned,
            done: self.done.load(Ordering::Relaxed).saturating_add(open).min(planned),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fault::Fault;
    use crate::sweep::board::Copying;

    #[test]
    fn trials_that_are_being_made_count_until_they_are_taken_over() {
        let standing = Standing {
            parts: AtomicU32::new(9),
            part: AtomicU32::new(9),
            planned: AtomicU64::new(9),
            done: AtomicU64::new(9),
            open: AtomicU64::new(9),
            failed: AtomicU64::new(9),
        };
        let pages = Pages::map().expect("the system has pages");
        standing.begin(2);
        assert_eq!(standing.so_far(), SoFar { parts: 2, ..SoFar::default() });
        standing.next_part();
        standing.plan(10);
        pages.put_batch(&[Fault::Once(0); 4], 0);
        // SAFETY: the pages are ours.
        unsafe {
            (*pages.board()).order = Order::Batch { count: 4 };
            (*pages.board()).answer.good = 3;
        }
        standing.look_at(&pages, 0);
        assert_eq!(standing.so_far(), SoFar { parts: 2, part: 1, planned: 10, done: 3, failed: 0 });
        let terms = Copying {
            count: 4,
            jobs: 1,
            shared_with: 0,
            cost: 0,
            most_hung: 1,
            births: false,
            keep_failures: false,
            keeps_all: false,
            deadline: 0,
        };
        // SAFETY: as above.
        unsafe { (*pages.board()).order = Order::Copies(terms) };
        standing.look_at(&pages, 1);
        assert_eq!(standing.so_far().done, 1);
        standing.look_away();
        standing.count();
        standing.count_failed();
        assert_eq!(standing.so_far(), SoFar { parts: 2, part: 1, planned: 10, done: 1, failed: 1 });
    }
}
