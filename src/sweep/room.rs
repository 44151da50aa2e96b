//! Room for a run with copies: their plan, what came of it, and their journals; in pages that all processes of a sweep see.

use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use super::board::{Copying, End, PLAN};
use super::crew::{Copied, Early, Tried};
use super::digest;
use crate::hook::arena::Arena;
use crate::hook::branch::Due;
use crate::hook::copies::{self, DOUBTFUL, DRIFTED, FREE, KEPT, LEFT, Lines, SLOTS, Slot, TOLD, Traffic};
use crate::hook::early::FIRST;
use crate::hook::journal::Journal;
use crate::model::code::Verdict;
use crate::sys::output::Output;
use crate::sys::pages::{self, Share};
use crate::sys::process::Died;
use crate::sys::{threads, time};

/// Only ever reached through raw pointers: not every byte pattern is a plan or a journal, and fresh pages hold zeros.
#[repr(C)]
struct Layout {
    traffic: Traffic,
    results: [AtomicU16; PLAN],
    plan: [Due; PLAN],
    slots: [Slot; SLOTS],
}

/// See the module.
pub(crate) struct Room {
    at: NonNull<Layout>,
}

impl Room {
    /// Maps it; what is not used is not paid for. `None` when the system refuses.
    pub(crate) fn map() -> Option<Room> {
        Some(Room { at: pages::map(size_of::<Layout>(), Share::Shared)?.cast() })
    }

    fn field<T>(&self, offset: usize) -> *mut T {
        self.at.as_ptr().cast::<u8>().wrapping_add(offset).cast()
    }

    /// See [`Traffic`].
    pub(crate) fn traffic(&self) -> &Traffic {
        // SAFETY: its words are atomic, and valid as zeroed pages hold them.
        unsafe { &*self.field(offset_of!(Layout, traffic)) }
    }

    /// The slots, of which only the atomic words may be referred to while copies may live.
    pub(crate) fn slot(&self, slot: usize) -> *mut Slot {
        self.field::<Slot>(offset_of!(Layout, slots)).wrapping_add(slot % SLOTS)
    }

    /// How many slots, from the first on, the last run has used.
    pub(super) fn used(&self) -> usize {
        (self.traffic().used.load(Ordering::Acquire) as usize).min(SLOTS)
    }

    /// A new process is to be made, and none of those before it lives: nobody waits for a copy.
    pub(super) fn nobody_waits(&self) {
        self.traffic().waits.store(0, Ordering::Release);
        for slot in 0..self.used() {
            // SAFETY: only the atomic word is referred to.
            unsafe { &(*self.slot(slot)).pid }.store(0, Ordering::Release);
        }
    }

    /// No more copies are made.
    pub(crate) fn stop(&self) {
        self.traffic().deadline.store(1, Ordering::Release);
    }

    /// How many copies of the last run have come to their end.
    pub(crate) fn concluded(&self) -> u64 {
        u64::from(self.traffic().ended.load(Ordering::Relaxed))
    }

    fn result(&self, place: usize) -> &AtomicU16 {
        // SAFETY: atomic, and inside the array.
        unsafe { &*self.field::<AtomicU16>(offset_of!(Layout, results)).wrapping_add(place % PLAN) }
    }

    fn due(&self, place: usize) -> *mut Due {
        self.field::<Due>(offset_of!(Layout, plan)).wrapping_add(place % PLAN)
    }

    /// Writes a plan down, of [`PLAN`] faults at most; nothing has come of it yet. Returns how many there was room for. After the deadline,
    /// in nanoseconds of the monotonic clock (0: there is none), no more copies are made. For who gives the order, while none is open.
    pub(crate) fn put(&self, dues: &[Due], deadline: u64) -> usize {
        self.traffic().clear(deadline);
        for (place, &due) in dues.iter().take(PLAN).enumerate() {
            // SAFETY: no order is open, so the plan is the giver's; the place lies inside.
            unsafe { self.due(place).write(due) };
            self.result(place).store(LEFT, Ordering::Relaxed);
        }
        dues.len().min(PLAN)
    }

    /// The faults that `wants` wants by what came of them so far, in the order of the points at which they begin; those that begin at
    /// none are not among them.
    pub(super) fn plan(&self, count: usize, wants: impl Fn(u16) -> bool) -> Vec<Due> {
        let places = (0..count.min(PLAN)).filter(|&place| wants(self.result(place).load(Ordering::Acquire)));
        // SAFETY: the order's giver has written the first `count`.
        let dues = places.map(|place| unsafe { self.due(place).read() });
        let mut dues: Vec<Due> = dues.filter(|due| due.fault.place().is_some()).collect();
        dues.sort_by_key(|due| (due.fault.place(), due.place));
        dues
    }

    /// Nothing has come of the fault in this place.
    pub(super) fn forget(&self, place: u32) {
        self.result(place as usize).store(LEFT, Ordering::Release);
    }

    /// Where a run makes its copies write, on these terms.
    pub(super) fn lines(&self, journal: *mut Journal, arena: Arena, terms: &Copying) -> Lines {
        Lines {
            journal,
            slots: self.slot(0),
            results: self.result(0),
            traffic: self.traffic(),
            arena,
            jobs: terms.jobs,
            shared_with: (terms.shared_with != 0).then(|| threads::folder_of(terms.shared_with)),
            most_hung: terms.most_hung,
            keeps_all: terms.keeps_all,
        }
    }

    /// A copy in this slot has come to its end, and writes down what came of it: a good verdict's number, [`TOLD`] or [`DOUBTFUL`].
    pub(super) fn conclude(&self, slot: usize, place: u32, result: u16) {
        self.result(place as usize).store(result, Ordering::Release);
        // SAFETY: only the atomic word is referred to.
        let state = unsafe { &(*self.slot(slot)).state };
        state.store(if result == TOLD { KEPT } else { copies::ENDS }, Ordering::Release);
        let ended = &self.traffic().ended;
        ended.fetch_add(1, Ordering::AcqRel);
        crate::sys::futex::wake(ended);
    }

    /// What came of the first `count` faults. For who has given the order, when it is answered: no copy lives any more.
    pub(crate) fn answer(&self, count: usize, arena: Arena, output: Option<&Output>) -> Copied {
        let mut tried: Vec<Tried> = (0..count).map(|place| told(self.result(place).load(Ordering::Acquire))).collect();
        for slot in 0..self.used() {
            // SAFETY: nobody else uses the slots now; a kept one's journal was written by a copy of a valid one.
            unsafe {
                let slot = self.slot(slot);
                if (*slot).state.swap(FREE, Ordering::AcqRel) == KEPT
                    && let Some(tried) = tried.get_mut((*slot).place.load(Ordering::Acquire) as usize)
                    && matches!(tried, Tried::Doubtful)
                {
                    let hung = (*slot).hung.load(Ordering::Acquire) != 0;
                    let end = match copies::decoded((*slot).end.load(Ordering::Acquire)) {
                        // One that was over its time, and came to its end before it was ended, counts as it came.
                        Some(Died::Signalled(_)) if hung => End::TimedOut,
                        Some(Died::Exited(status)) => End::Exited(status),
                        Some(Died::Signalled(number)) => End::Signalled(number),
                        None => End::Done,
                    };
                    *tried = Tried::Told(Box::new(digest::digest(&(*slot).journal, arena, end, output)));
                }
                (*slot).pid.store(0, Ordering::Release);
            }
        }
        let traffic = self.traffic();
        Copied {
            tried,
            hung: traffic.hung.load(Ordering::Acquire),
            crowded: traffic.crowded.load(Ordering::Acquire),
            full: traffic.full.load(Ordering::Acquire) != 0,
            made: 0,
            ended: false,
            fits: false,
            early: self.early(),
        }
    }

    fn early(&self) -> Option<Early> {
        let early = &self.traffic().early;
        let at = early.at.load(Ordering::Acquire);
        let since = Duration::from_nanos(time::now_ns().saturating_sub(at));
        (at != 0).then(|| Early {
            at: Instant::now().checked_sub(since).unwrap_or_else(Instant::now),
            faults: early.faults.load(Ordering::Relaxed) as usize,
            each: early.each.load(Ordering::Relaxed),
            without: f64::from(early.without.load(Ordering::Relaxed)) / f64::from(FIRST),
        })
    }
}

/// What a word among the results says. What a journal tells is put in its place afterwards.
fn told(result: u16) -> Tried {
    match result {
        LEFT => Tried::Left,
        DOUBTFUL | TOLD => Tried::Doubtful,
        good => Verdict::ALL
            .get(usize::from(good & !DRIFTED))
            .map_or(Tried::Doubtful, |&verdict| Tried::Good(verdict, good & DRIFTED != 0)),
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: the value owns the pages; the processes that also had them have ended.
        unsafe { pages::unmap(self.at.cast(), size_of::<Layout>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fault::Fault;

    fn due(place: u32, fault: Fault) -> Due {
        Due { fault, place, worth: u64::MAX }
    }

    #[test]
    fn what_came_of_a_fault_is_found_in_its_place() {
        let room = Room::map().unwrap();
        let arena = Arena::map(4096).unwrap();
        let output = Output::create().unwrap();
        let dues = [
            due(0, Fault::Once(7)),
            due(1, Fault::Once(9)),
            due(2, Fault::Persistent(7)),
            due(3, Fault::Persistent(9)),
            due(4, Fault::Budget(100)),
        ];
        assert_eq!(room.put(&dues, 0), 5);
        let order: Vec<u32> = room.plan(5, |result| result == LEFT).iter().map(|due| due.place).collect();
        assert_eq!(order, [0, 2, 1, 3], "by point, then as planned");
        let number = Verdict::ALL.iter().position(|&verdict| verdict == Verdict::Error).unwrap() as u16;
        room.traffic().used.store(3, Ordering::Release);
        room.conclude(0, 0, number);
        room.conclude(1, 2, number | DRIFTED);
        room.conclude(2, 1, DOUBTFUL);
        assert_eq!(room.plan(4, |result| result == LEFT).len(), 1);
        let copied = room.answer(4, arena, Some(&output));
        assert!(matches!(
            copied.tried[..],
            [Tried::Good(Verdict::Error, false), Tried::Doubtful, Tried::Good(Verdict::Error, true), Tried::Left]
        ));
        assert_eq!((copied.hung, copied.crowded, copied.full), (0, 0, false));
        output.close();
    }
}
