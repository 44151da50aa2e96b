//! Copies of the process that run beside it: their room in shared pages, and how the process that made them waits for them.
//!
//! ```text
//! FREE ── a copy is made ──> RUNS ── it has come to its end ──> ENDS ── reaped ──> FREE
//!                             │  └─ and its journal is wanted ─> KEPT ── read by the worker ──> FREE
//!                             └─ it died, or was ended ── reaped ──> FREE
//! ```

use std::sync::atomic::{AtomicI32, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::arena::Arena;
use super::early::Early;
use super::journal::Journal;
use crate::sys::futex;
use crate::sys::process::{Child, Died};
use crate::sys::threads::Folder;

/// How many journals of copies there is room for.
pub(crate) const SLOTS: usize = 256;
/// How many copies may run at once.
pub(crate) const MOST_JOBS: usize = 64;
/// What stands for a result: no copy was made for the fault.
pub(crate) const LEFT: u16 = u16::MAX;
/// A copy was made, and what came of it is not known.
pub(crate) const DOUBTFUL: u16 = u16::MAX.wrapping_sub(1);
/// A copy was made, and its journal tells what came of it.
pub(crate) const TOLD: u16 = u16::MAX.wrapping_sub(2);

/// Nobody uses the slot.
pub(crate) const FREE: u32 = 0;
/// A copy writes there.
pub(crate) const RUNS: u32 = 1;
/// The copy has come to its end, and only ends now.
pub(crate) const ENDS: u32 = 2;
/// As before, and its journal is to be read.
pub(crate) const KEPT: u32 = 3;

/// How long to sleep before the copies are looked at that may have died without a word.
const LOOK: Duration = Duration::from_millis(2);

/// Room for one copy.
#[repr(C)]
pub(crate) struct Slot {
    /// The copy's number, as long as it can be meant by it; 0: there is none.
    pub(crate) pid: AtomicI32,
    /// One of [`FREE`], [`RUNS`], [`ENDS`], [`KEPT`].
    pub(crate) state: AtomicU32,
    /// The place of its fault among the results.
    pub(crate) place: AtomicU32,
    /// How it ended, if it did not come to its end: 0, or see [`coded`].
    pub(crate) end: AtomicU32,
    /// 1: it was ended because it was over its time.
    pub(crate) hung: AtomicU32,
    /// What it writes.
    pub(crate) journal: Journal,
}

/// What the process that makes copies, they and their watcher tell each other.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// Counts the copies that have come to their end.
    pub(crate) ended: AtomicU32,
    /// 1: the process that makes copies waits for one of them.
    pub(crate) waits: AtomicU32,
    /// Copies that were ended because they were over their time.
    pub(crate) hung: AtomicU32,
    /// Faults passed over because other threads were alive.
    pub(crate) crowded: AtomicU32,
    /// 1: no journal or no room for texts was left.
    pub(crate) full: AtomicU32,
    /// How many slots, from the first on, were ever used in this run.
    pub(crate) used: AtomicU32,
    /// After this, in nanoseconds of the monotonic clock, no more copies are made; 0: never.
    pub(crate) deadline: AtomicU64,
    /// What the first copies of the run have shown.
    pub(crate) early: Early,
}

impl Traffic {
    /// Before a run.
    pub(crate) fn clear(&self, deadline: u64) {
        self.deadline.store(deadline, Ordering::Release);
        let words = [&self.ended, &self.waits, &self.hung, &self.crowded, &self.full, &self.used];
        for word in words {
            word.store(0, Ordering::Release);
        }
        self.early.at.store(0, Ordering::Release);
    }
}

/// Where all this lies, and the terms on which copies are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines {
    /// The journal of the original's run.
    pub(crate) journal: *mut Journal,
    /// The first of [`SLOTS`].
    pub(crate) slots: *mut Slot,
    /// What came of each fault, by its place: a good verdict's number, and [`DRIFTED`]; or [`LEFT`], [`DOUBTFUL`], [`TOLD`].
    pub(crate) results: *const AtomicU16,
    /// See there.
    pub(crate) traffic: *const Traffic,
    /// Room for texts and arrays.
    pub(crate) arena: Arena,
    /// How many may run at once; with one, the original waits for it.
    pub(crate) jobs: u32,
    /// They are shared with the other threads of this process, all but one of which run a test each; `None`: with nobody.
    pub(crate) shared_with: Option<Folder>,
    /// No more are made when so many were over their time.
    pub(crate) most_hung: u32,
    /// The journals of those that die are to be read.
    pub(crate) keeps_all: bool,
}

/// How a process ended, in one word that is not 0.
pub(crate) fn coded(died: Died) -> u32 {
    match died {
        Died::Exited(status) => 0x100_u32 | status.cast_unsigned() & 0xff,
        Died::Signalled(number) => 0x200_u32 | number.cast_unsigned() & 0xff,
    }
}

/// What a word of [`coded`] says.
pub(crate) fn decoded(word: u32) -> Option<Died> {
    let number = (word & 0xff).cast_signed();
    match word >> 8 {
        1 => Some(Died::Exited(number)),
        2 => Some(Died::Signalled(number)),
        _ => None,
    }
}

/// In a result: the points before the fault were not those of the baseline.
pub(crate) const DRIFTED: u16 = 0x100;

impl Lines {
    /// See [`Traffic`].
    pub(super) fn traffic(&self) -> &Traffic {
        // SAFETY: the words are atomic, valid as zeroed pages hold them, and outlive the run.
        unsafe { &*self.traffic }
    }

    /// The slot's words.
    pub(super) fn slot(&self, slot: usize) -> Words<'_> {
        let slot = self.slots.wrapping_add(slot % SLOTS);
        // SAFETY: of a slot that others write only the atomic words are referred to.
        unsafe {
            Words {
                pid: &(*slot).pid,
                state: &(*slot).state,
                place: &(*slot).place,
                end: &(*slot).end,
                hung: &(*slot).hung,
            }
        }
    }

    /// Where the slot's journal lies.
    pub(super) fn journal_of(&self, slot: usize) -> *mut Journal {
        // SAFETY: only the address of a field is taken.
        unsafe { &raw mut (*self.slots.wrapping_add(slot % SLOTS)).journal }
    }

    /// How many copies may run at once just now.
    pub(super) fn jobs_now(&self) -> u32 {
        let tests = self.shared_with.map_or(1, |folder| folder.count().saturating_sub(1).max(1));
        u64::from(self.jobs).checked_div(tests).and_then(|jobs| u32::try_from(jobs).ok()).unwrap_or(1).max(1)
    }

    /// The result at this place of the plan.
    pub(crate) fn result(&self, place: u32) -> &AtomicU16 {
        // SAFETY: places are those of the plan, and there is a result for each.
        unsafe { &*self.results.wrapping_add(place as usize) }
    }
}

/// The words of a slot.
pub(super) struct Words<'a> {
    pub(super) pid: &'a AtomicI32,
    pub(super) state: &'a AtomicU32,
    pub(super) place: &'a AtomicU32,
    pub(super) end: &'a AtomicU32,
    pub(super) hung: &'a AtomicU32,
}

/// The copies that this process has made and not yet waited for.
pub(crate) struct Copies {
    running: [Option<(usize, Child)>; MOST_JOBS],
    count: usize,
}

impl Copies {
    /// None.
    pub(crate) const fn new() -> Copies {
        Copies { running: [const { None }; MOST_JOBS], count: 0 }
    }

    /// Waits until fewer than `most` run; then a slot for one more, if any is left.
    pub(super) fn room(&mut self, lines: &Lines, most: u32) -> Option<usize> {
        self.reap(lines);
        while self.count >= (most as usize).clamp(1, MOST_JOBS) {
            self.wait(lines);
        }
        // The first, so that few pages are ever touched.
        let free = (0..SLOTS).find(|&slot| lines.slot(slot).state.load(Ordering::Acquire) == FREE)?;
        lines.traffic().used.fetch_max((free as u32).wrapping_add(1), Ordering::AcqRel);
        Some(free)
    }

    /// A copy was made.
    pub(super) fn add(&mut self, lines: &Lines, slot: usize, child: Child) {
        lines.slot(slot).pid.store(child.pid, Ordering::Release);
        if let Some(place) = self.running.get_mut(self.count) {
            *place = Some((slot, child));
            self.count = self.count.wrapping_add(1);
        }
    }

    /// Forgets them: they are somebody else's.
    pub(super) fn forget(&mut self) {
        self.count = 0;
    }

    /// Waits for all of them.
    pub(crate) fn wait_for_all(&mut self, lines: &Lines) {
        while self.count > 0 {
            self.wait(lines);
        }
    }

    /// Waits until one has ended.
    fn wait(&mut self, lines: &Lines) {
        let traffic = lines.traffic();
        traffic.waits.store(1, Ordering::Release);
        // For the only one nothing has to be looked at but its end.
        if let (1, Some(Some((_, child)))) = (self.count, self.running.first()) {
            child.stand_by();
        }
        loop {
            let seen = traffic.ended.load(Ordering::Acquire);
            if self.reap(lines) {
                break;
            }
            futex::wait(&traffic.ended, seen, LOOK);
        }
        traffic.waits.store(0, Ordering::Release);
    }

    /// Frees the numbers of those that have ended; whether there were any.
    fn reap(&mut self, lines: &Lines) -> bool {
        let mut any = false;
        let mut at = 0;
        while at < self.count {
            let Some(Some((slot, child))) = self.running.get(at) else { break };
            let Words { pid, state, end, .. } = lines.slot(*slot);
            if state.load(Ordering::Acquire) == RUNS && !child.has_ended() {
                at = at.wrapping_add(1);
                continue;
            }
            // Before the number is free for another process.
            pid.store(0, Ordering::Release);
            self.count = self.count.wrapping_sub(1);
            self.running.swap(at, self.count);
            if let Some((_, child)) = self.running.get_mut(self.count).and_then(Option::take) {
                end.store(coded(child.wait()), Ordering::Release);
            }
            match state.load(Ordering::Acquire) {
                KEPT => end.store(0, Ordering::Release),
                RUNS if lines.keeps_all => state.store(KEPT, Ordering::Release),
                _ => state.store(FREE, Ordering::Release),
            }
            any = true;
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_process_ended_goes_into_a_word() {
        for died in [Died::Exited(0), Died::Exited(255), Died::Signalled(6), Died::Signalled(64)] {
            assert_eq!(decoded(coded(died)), Some(died));
        }
        assert_eq!(decoded(0), None);
    }
}
