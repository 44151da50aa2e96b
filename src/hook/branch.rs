//! The child at the allocation: where a fault is due the process is copied, the copy takes the failure and runs on, and the original
//! goes on with success.
//!
//! It happens inside the allocator call, before anything is done about the request. Nothing here allocates or takes a lock; the
//! copy is made by the raw system call, so that no handler of C's runs, and a mutex that the interrupted code holds stays its own.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::copies::{Copies, DOUBTFUL, FREE, LEFT, Lines, RUNS};
use super::core::{Core, Own};
use super::early::Count;
use super::gate::{self, State};
use super::pages_vec::PagesVec;
use super::price::Price;
use super::trigger::Trigger;
use crate::model::fault::Fault;
use crate::model::stack::RawStack;
use crate::sys::process::{self, Side};
use crate::sys::{self, stacks, threads, time};

/// What makes the number of a run another one, to who watches it: it grows with each copy, so that no two copies have the same.
const ANOTHER_RUN: u64 = 1 << 32;
/// How long a thread that has ended may still be counted.
const ENDING: Duration = Duration::from_millis(2);

/// A fault for which a copy is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    /// It begins at a point.
    pub(crate) fault: Fault,
    /// The place of its result.
    pub(crate) place: u32,
    /// No copy is made if one costs as much as this, in nanoseconds, but to learn the price.
    pub(crate) worth: u64,
}

/// Which copy this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Copy {
    /// The place of its result.
    pub(crate) place: u32,
    /// Its slot.
    pub(crate) slot: usize,
}

/// The faults for which copies are made in the open run.
pub(crate) struct Branch {
    /// In the order of the points at which they begin.
    plan: PagesVec<Due>,
    at: usize,
    /// The point at which the next one begins.
    next: u64,
    lines: Option<Lines>,
    copies: Copies,
    copy: Option<Copy>,
    price: Price,
    /// Other threads were alive when they were looked for last.
    crowded: bool,
    count: Count,
    /// The stack of the request at which copies were made last: it is walked once for all of them, where the tables for that are at hand.
    stack: RawStack,
    /// The point that this request is.
    stack_of: u64,
}

impl Branch {
    /// No copies are made.
    pub(crate) const fn new() -> Branch {
        Branch {
            plan: PagesVec::new(),
            at: 0,
            next: u64::MAX,
            lines: None,
            copies: Copies::new(),
            copy: None,
            price: Price::new(0),
            crowded: false,
            count: Count::new(),
            stack: RawStack::EMPTY,
            stack_of: u64::MAX,
        }
    }

    /// Copies are made for these faults in the next run; each begins at a point, and they are in the order of these. `cost` is what a
    /// copy is thought to cost at first. False if there is no memory for the list.
    pub(crate) fn arm(&mut self, faults: impl Iterator<Item = Due>, lines: Lines, cost: u64) -> bool {
        self.plan.clear();
        let mut all = true;
        for due in faults {
            all &= self.plan.push(due);
        }
        self.lines = Some(lines);
        self.price = Price::new(cost);
        self.crowded = false;
        self.count = Count::new();
        self.stack_of = u64::MAX;
        self.at = 0;
        self.look_ahead();
        all
    }

    /// No more copies are made.
    pub(crate) fn disarm(&mut self) {
        self.plan.clear();
        self.look_ahead();
    }

    /// Waits until every copy that this process has made has ended.
    pub(crate) fn wait_for_copies(&mut self) {
        if let Some(lines) = &self.lines {
            self.copies.wait_for_all(lines);
        }
    }

    /// Which copy this process is, if it is one.
    pub(crate) fn copy(&self) -> Option<Copy> {
        self.copy
    }

    /// The stack of the request for which this copy was made, if it is this point.
    pub(crate) fn stack_at(&self, index: u64, into: &mut RawStack) -> bool {
        let is_known = self.copy.is_some() && self.stack_of == index;
        if is_known {
            into.copy_from(&self.stack);
        }
        is_known
    }

    /// Walks the stack of this point, if that is not done; it ends at `cut`.
    fn walk(&mut self, index: u64, cut: usize) {
        if self.stack_of != index {
            stacks::capture(&mut self.stack, cut);
            self.stack_of = index;
        }
    }

    /// The point at which the next fault begins.
    #[inline(always)]
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    fn look_ahead(&mut self) {
        let place = self.plan.get(self.at).and_then(|due| due.fault.place());
        self.next = place.unwrap_or(u64::MAX);
    }

    /// The next fault that begins at this point.
    fn take(&mut self, index: u64) -> Option<Due> {
        if self.next != index {
            return None;
        }
        let taken = self.plan.get(self.at).copied();
        self.at = self.at.wrapping_add(1);
        self.look_ahead();
        taken
    }

    /// Whether no other thread is alive: in a copy none lives on, and what they hold would be held for ever.
    fn is_alone(&mut self) -> bool {
        let patience = if self.crowded { Duration::ZERO } else { ENDING };
        self.crowded = !threads::settle(count_of_threads, 1, patience);
        !self.crowded
    }

    /// Whether a copy is to be made for this fault; where no more are to be made at all, the list is cleared.
    fn wants(&mut self, lines: &Lines, due: &Due) -> bool {
        let traffic = lines.traffic();
        let deadline = traffic.deadline.load(Ordering::Acquire);
        if (deadline != 0 && time::now_ns() > deadline) || traffic.hung.load(Ordering::Acquire) >= lines.most_hung {
            self.disarm();
            return false;
        }
        if lines.arena.is_nearly_full() {
            traffic.full.store(1, Ordering::Release);
            self.disarm();
            return false;
        }
        if !self.price.suits(due.worth) {
            return false;
        }
        if !self.is_alone() {
            traffic.crowded.fetch_add(1, Ordering::AcqRel);
            return false;
        }
        true
    }

    /// True: this is the copy. `cut`: the request's stack is wanted, and ends there.
    fn copy_for(&mut self, core: &Core, due: &Due, cut: Option<usize>) -> bool {
        let Some(lines) = self.lines else { return false };
        if !self.wants(&lines, due) {
            return false;
        }
        let began = time::now_ns();
        if let (Some(index), Some(cut)) = (due.fault.place(), cut) {
            self.walk(index, cut);
        }
        let jobs = lines.jobs_now();
        let Some(slot) = self.copies.room(&lines, jobs) else {
            lines.traffic().full.store(1, Ordering::Release);
            self.disarm();
            return false;
        };
        let words = lines.slot(slot);
        let journal = lines.journal_of(slot);
        // SAFETY: nobody else uses a free slot. The run's journal is written by this thread alone, and no reference to it is held.
        unsafe {
            journal.copy_from_nonoverlapping(lines.journal, 1);
            (*journal).fault = due.fault;
            (*journal).began.store(time::now_ns(), Ordering::Relaxed);
            (*journal).runs.fetch_add(ANOTHER_RUN, Ordering::Relaxed);
        }
        words.place.store(due.place, Ordering::Relaxed);
        words.end.store(0, Ordering::Relaxed);
        words.hung.store(0, Ordering::Relaxed);
        lines.result(due.place).store(DOUBTFUL, Ordering::Relaxed);
        words.state.store(RUNS, Ordering::Release);
        let original = process::pid();
        match process::clone_without_descriptor() {
            Ok(Side::Child) => {
                process::settle_in(original);
                gate::set(State::Session);
                // There was no other thread: no lock is held, and whose stacks are not looked at is as it was.
                core.set_journal(journal);
                self.copies.forget();
                self.disarm();
                self.copy = Some(Copy { place: due.place, slot });
                return true;
            }
            Ok(Side::Parent(child)) => {
                self.copies.add(&lines, slot, child);
                if jobs <= 1 {
                    self.copies.wait_for_all(&lines);
                }
            }
            Err(_) => {
                lines.result(due.place).store(LEFT, Ordering::Relaxed);
                words.state.store(FREE, Ordering::Release);
            }
        }
        self.stood_still(&lines, time::now_ns().saturating_sub(began));
        false
    }

    /// A fault has had its turn.
    fn had_its_turn(&mut self) {
        if let Some(lines) = &self.lines {
            self.count.had_its_turn(&lines.traffic().early, lines.jobs);
        }
    }

    /// The run stood still for so long: that time is not its own.
    fn stood_still(&mut self, lines: &Lines, time: u64) {
        self.count.copied(time);
        self.price.took(time);
        // SAFETY: the words are atomic; the journal outlives the run.
        unsafe {
            (*lines.journal).began.fetch_add(time, Ordering::Relaxed);
            // Its time limit begins anew.
            (*lines.journal).runs.fetch_add(ANOTHER_RUN, Ordering::Relaxed);
        }
    }
}

/// How many threads this process has; very many if the system does not tell.
fn count_of_threads() -> u64 {
    match threads::count() {
        0 => u64::MAX,
        count => count,
    }
}

/// Makes a copy for every fault that begins at the next point. True: this is one, and its fault is armed.
#[cold]
#[inline(never)]
pub(super) fn split(core: &Core, own: &mut Own) -> bool {
    let errno = sys::errno();
    let index = own.trigger.upcoming();
    let cut = own.failure_stacks.then_some(own.cut);
    let mut is_copy = false;
    while let Some(due) = own.branch.take(index) {
        if own.branch.copy_for(core, &due, cut) {
            own.trigger = Trigger::at(due.fault, index);
            is_copy = true;
            break;
        }
        own.branch.had_its_turn();
    }
    sys::set_errno(errno);
    is_copy
}

#[cfg(test)]
mod tests {
    use super::super::arena::Arena;
    use super::*;

    fn lines() -> Lines {
        Lines {
            journal: std::ptr::null_mut(),
            slots: std::ptr::null_mut(),
            results: std::ptr::null(),
            traffic: std::ptr::null(),
            arena: Arena::map(4096).unwrap(),
            jobs: 1,
            shared_with: None,
            most_hung: 1,
            keeps_all: false,
        }
    }

    #[test]
    fn faults_are_due_where_they_begin() {
        let mut branch = Branch::new();
        assert_eq!(branch.next(), u64::MAX);
        let faults = [(Fault::Once(2), 0), (Fault::Persistent(2), 2), (Fault::Window { at: 5, len: 2 }, 1)];
        let dues = faults.map(|(fault, place)| Due { fault, place, worth: u64::MAX });
        assert!(branch.arm(dues.into_iter(), lines(), 0));
        let mut take = |index| branch.take(index).map(|due| due.place);
        assert_eq!(take(0), None);
        assert_eq!((take(2), take(2), take(2)), (Some(0), Some(2), None));
        assert_eq!(branch.next(), 5);
        branch.disarm();
        assert_eq!((branch.next(), branch.copy()), (u64::MAX, None));
    }

    #[test]
    fn the_stack_of_a_point_is_for_its_copies_alone() {
        let (mut branch, mut stack) = (Branch::new(), RawStack::EMPTY);
        branch.walk(7, 0);
        let walked = branch.stack.ips().to_vec();
        assert!(walked.len() > 2);
        branch.walk(7, 1);
        assert_eq!(branch.stack.ips(), walked, "it is walked once");
        assert!(!branch.stack_at(7, &mut stack), "this is no copy");
        branch.copy = Some(Copy { place: 0, slot: 0 });
        assert!(!branch.stack_at(8, &mut stack));
        assert!(branch.stack_at(7, &mut stack));
        assert_eq!(stack.ips(), walked);
        branch.walk(8, 1);
        assert!(branch.stack.ips().is_empty(), "all of it is above the end");
    }
}
