//! The child at the allocation: where a fault is due, the process is copied, the copy takes the failure and runs on, and the original
//! waits for its end and goes on with success.
//!
//! It happens inside the allocator call, before anything is done about the request. Nothing here allocates or takes a lock; the
//! copy is made by the raw system call, so that no handler of C's runs, and a mutex that the interrupted code holds stays its own.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use super::arena::Arena;
use super::core::{Core, Own};
use super::gate::{self, State};
use super::journal::Journal;
use super::pages_vec::PagesVec;
use super::trigger::Trigger;
use crate::model::fault::Fault;
use crate::sys::process::{self, Side};
use crate::sys::{self, locals, seen, threads, time};

/// How long a thread that has ended may still be counted.
const ENDING: Duration = Duration::from_millis(2);

/// Where a copy writes, and where it is told that there is one; in pages that its parents see.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines {
    /// The journal of the original's run.
    pub(crate) journal: *mut Journal,
    /// The journal of the copy's.
    pub(crate) spare: *mut Journal,
    /// Which of the two is written: 0 the original's, 1 the copy's.
    pub(crate) current: *const AtomicU32,
    /// The copy's number; 0: there is none.
    pub(crate) watched: *const AtomicI32,
    /// Room for texts and arrays.
    pub(crate) arena: Arena,
    /// After this, in nanoseconds of the monotonic clock, no more copies are made; 0: never.
    pub(crate) deadline: u64,
}

/// The faults for which copies are made in the open run.
pub(crate) struct Branch {
    /// With the places of their results, in the order of the points at which they begin.
    plan: PagesVec<(Fault, u32)>,
    at: usize,
    /// The point at which the next one begins.
    next: u64,
    lines: Option<Lines>,
    copy: Option<u32>,
    /// How many copies were made.
    pub(crate) made: u64,
}

impl Branch {
    /// No copies are made.
    pub(crate) const fn new() -> Branch {
        Branch { plan: PagesVec::new(), at: 0, next: u64::MAX, lines: None, copy: None, made: 0 }
    }

    /// Copies are made for these faults in the next run; each begins at a point, and they are in the order of these. False if there is
    /// no memory for the list.
    pub(crate) fn arm(&mut self, faults: impl Iterator<Item = (Fault, u32)>, lines: Lines) -> bool {
        self.plan.clear();
        let mut all = true;
        for fault in faults {
            all &= self.plan.push(fault);
        }
        self.lines = Some(lines);
        self.at = 0;
        self.look_ahead();
        all
    }

    /// No more copies are made.
    pub(crate) fn disarm(&mut self) {
        self.plan.clear();
        self.look_ahead();
    }

    /// If this process is such a copy, the place of its result.
    pub(crate) fn copy(&self) -> Option<u32> {
        self.copy
    }

    /// The point at which the next fault begins.
    #[inline(always)]
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    fn look_ahead(&mut self) {
        let place = self.plan.get(self.at).and_then(|(fault, _)| fault.place());
        self.next = place.unwrap_or(u64::MAX);
    }

    /// The next fault that begins at this point.
    fn take(&mut self, index: u64) -> Option<(Fault, u32)> {
        if self.next != index {
            return None;
        }
        let taken = self.plan.get(self.at).copied();
        self.at = self.at.wrapping_add(1);
        self.look_ahead();
        taken
    }
}

/// Makes a copy for every fault that begins at the next point. True: this is one, and its fault is armed.
#[cold]
#[inline(never)]
pub(super) fn split(core: &Core, own: &mut Own) -> bool {
    let errno = sys::errno();
    let index = own.trigger.upcoming();
    let mut is_copy = false;
    while let Some((fault, place)) = own.branch.take(index) {
        let Some(lines) = own.branch.lines else { break };
        if lines.deadline != 0 && time::now_ns() > lines.deadline {
            own.branch.disarm();
            break;
        }
        // In a copy no other thread lives on; what they hold would be held for ever.
        if !threads::settle(threads::count, 1, ENDING) {
            continue;
        }
        if copy_for(core, &lines, fault, &mut own.branch.made) {
            own.branch.disarm();
            own.branch.copy = Some(place);
            own.trigger = Trigger::at(fault, index);
            is_copy = true;
            break;
        }
    }
    sys::set_errno(errno);
    is_copy
}

/// True: this is the copy.
fn copy_for(core: &Core, lines: &Lines, fault: Fault, made: &mut u64) -> bool {
    let began = time::now_ns();
    // SAFETY: the journals and words outlive the run; while no copy lives nobody but this thread writes them, and it has no
    // reference to either journal now.
    let (current, watched) = unsafe {
        lines.spare.copy_from_nonoverlapping(lines.journal, 1);
        (*lines.spare).fault = fault;
        (*lines.spare).began.store(began, Ordering::Relaxed);
        (*lines.spare).runs.fetch_add(1_u64.wrapping_shl(32).wrapping_add(*made), Ordering::Relaxed);
        (&*lines.current, &*lines.watched)
    };
    let kept = lines.arena.len();
    *made = made.wrapping_add(1);
    current.store(1, Ordering::Release);
    let original = process::pid();
    match process::clone_child() {
        Ok(Side::Child) => {
            process::settle_in(original);
            gate::set(State::Session);
            core.unlock_after_fork();
            seen::forked();
            seen::note_thread(locals::thread_pointer());
            core.set_journal(lines.spare);
            true
        }
        Ok(Side::Parent(child)) => {
            watched.store(child.pid, Ordering::Release);
            while !child.ends_within(Duration::from_secs(3600)) {}
            watched.store(0, Ordering::Release);
            child.wait();
            lines.arena.cut(kept);
            // SAFETY: as above. The time was the copy's.
            unsafe { (*lines.journal).began.fetch_add(time::now_ns().saturating_sub(began), Ordering::Relaxed) };
            current.store(0, Ordering::Release);
            false
        }
        Err(_) => {
            current.store(0, Ordering::Release);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Lines {
        Lines {
            journal: std::ptr::null_mut(),
            spare: std::ptr::null_mut(),
            current: std::ptr::null(),
            watched: std::ptr::null(),
            arena: Arena::map(4096).unwrap(),
            deadline: 0,
        }
    }

    #[test]
    fn faults_are_due_where_they_begin() {
        let mut branch = Branch::new();
        assert_eq!(branch.next(), u64::MAX);
        let faults = [(Fault::Once(2), 0), (Fault::Persistent(2), 2), (Fault::Window { at: 5, len: 2 }, 1)];
        assert!(branch.arm(faults.into_iter(), lines()));
        assert_eq!((branch.next(), branch.take(0)), (2, None));
        assert_eq!(branch.take(2), Some((Fault::Once(2), 0)));
        assert_eq!((branch.next(), branch.take(2)), (2, Some((Fault::Persistent(2), 2))));
        assert_eq!((branch.next(), branch.take(2)), (5, None));
        branch.disarm();
        assert_eq!((branch.next(), branch.take(5), branch.copy()), (u64::MAX, None, None));
    }
}
