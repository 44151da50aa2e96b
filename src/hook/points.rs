//! The points of a run: numbered, compared with the baseline, written down.

use std::sync::atomic::Ordering;

use super::core::Own;
use super::fast::{self, MOST_PACKED};
use super::gate;
use super::journal::Journal;
use crate::model::event::{Kind, Request};
use crate::model::stack::RawStack;
use crate::model::trial::Recorded;
use crate::sys::{stacks, time};

/// One point of a run, as it is compared with the next run's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Logged {
    /// Bytes asked for.
    pub(crate) size: usize,
    /// Alignment.
    pub(crate) align: usize,
    /// Direction.
    pub(crate) kind: Kind,
    /// What the live bytes of the session would have been; 0 for a request that adds nothing.
    pub(crate) demand: u64,
}

/// A point in one word, as runs compare it: two points with equal words are the same request. Sizes from 2^55 - 1 on, which no system
/// has, count as one.
#[inline(always)]
pub(crate) fn packed(size: usize, align: usize, kind: Kind) -> u64 {
    fast::packed(size, align.trailing_zeros(), kind as u8)
}

/// What a word of [`packed`] says.
pub(crate) fn unpacked(word: u64, demand: u64) -> Logged {
    let kinds = [Kind::Alloc, Kind::Zeroed, Kind::Grow, Kind::Shrink, Kind::Same];
    let kind = kinds.get((word >> 55 & 7) as usize).copied().unwrap_or(Kind::Alloc);
    Logged { size: (word & MOST_PACKED) as usize, align: 1_usize.wrapping_shl((word >> 58) as u32), kind, demand }
}

impl Own {
    /// The points of the baseline.
    pub(crate) fn baseline(&self) -> Vec<Logged> {
        let demands = self.base_demands.as_slice().iter().copied().chain(std::iter::repeat(0));
        self.base.as_slice().iter().zip(demands).map(|(&word, demand)| unpacked(word, demand)).collect()
    }

    /// The points of this run become those that the next is compared with.
    pub(crate) fn keep_log(&mut self) {
        std::mem::swap(&mut self.base, &mut self.log);
        std::mem::swap(&mut self.base_demands, &mut self.demands);
        std::mem::swap(&mut self.base_times, &mut self.times);
    }

    /// Whether the live bytes must be known at every point.
    #[inline(always)]
    pub(crate) fn asks_for_live(&self) -> bool {
        self.wants_demands && self.record || self.trigger.is_budget()
    }

    /// Numbers a point of the body's own thread, and says whether it fails; writes the journal.
    #[inline(always)]
    pub(crate) fn point(&mut self, journal: &mut Journal, request: &mut Request, growth: u64, live: u64) -> bool {
        let (index, fails) = self.trigger.next(growth, live.wrapping_add(growth));
        request.index = index;
        journal.made = index.wrapping_add(1);
        let compares = self.compare && !fails && journal.delivered == 0 && journal.diverged.is_none();
        if compares && !self.as_in_baseline(request) {
            self.note_divergence(journal, request);
        }
        if self.record {
            self.log.push(packed(request.size, request.align, request.kind));
            self.times.push(time::now_ns().saturating_sub(journal.began.load(Ordering::Relaxed)));
        }
        if self.wants_demands && self.record || self.point_stacks {
            self.observe(growth, live);
        }
        if fails {
            self.failed(journal, *request, true);
        }
        fails
    }

    #[inline(always)]
    fn as_in_baseline(&self, request: &Request) -> bool {
        let index = request.index as usize;
        if index >= self.base.len() {
            return false;
        }
        // SAFETY: below the length.
        unsafe { *self.base.base().wrapping_add(index) == packed(request.size, request.align, request.kind) }
    }

    #[cold]
    #[inline(never)]
    fn note_divergence(&self, journal: &mut Journal, request: &Request) {
        journal.diverged = Some(request.index);
        journal.diverging.request = *request;
        stacks::capture(&mut journal.diverging.stack, self.cut_here());
    }

    /// What plain runs write down of a point besides, if it is asked for.
    #[inline(never)]
    fn observe(&mut self, growth: u64, live: u64) {
        if self.wants_demands && self.record {
            self.demands.push(if growth == 0 { 0 } else { live.wrapping_add(growth) });
        }
        if self.point_stacks {
            let mut stack = RawStack::EMPTY;
            stacks::capture(&mut stack, self.cut_here());
            self.points.put(&stack);
        }
    }

    /// Where stacks of the calling thread end: that of the body's own thread at the call of the body, another's nowhere.
    fn cut_here(&self) -> usize {
        if gate::local(|local| local.own.get()) { self.cut } else { 0 }
    }

    /// Puts down a request that came back empty-handed.
    #[cold]
    #[inline(never)]
    pub(crate) fn failed(&mut self, journal: &mut Journal, request: Request, injected: bool) {
        let mut stack = RawStack::EMPTY;
        if self.failure_stacks && !self.branch.stack_at(request.index, &mut stack) {
            stacks::capture(&mut stack, self.cut_here());
        }
        journal.put_failed(request, injected, &stack);
        if self.keep_failures && injected && journal.failed > 1 {
            self.later.push(Recorded { request, stack, injected });
        }
        if self.break_here && injected {
            super::oomsweep_break_here();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        for kind in [Kind::Alloc, Kind::Zeroed, Kind::Grow, Kind::Shrink, Kind::Same] {
            for align in (0..usize::BITS).map(|power| 1_usize << power) {
                for size in [1, 2, 4097, 1 << 40, (1 << 55) - 2] {
                    let back = unpacked(packed(size, align, kind), 7);
                    assert_eq!(back, Logged { size, align, kind, demand: 7 });
                }
                assert_eq!(packed(usize::MAX, align, kind), packed(1 << 60, align, kind));
            }
        }
    }
}
