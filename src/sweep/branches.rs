//! A run that visits every point: where a fault is due the process is copied, and the copy takes the failure.

use super::board::{Closing, Copying, End};
use super::digest;
use super::room::Room;
use super::runner::{Runner, number};
use super::verdict::verdict;
use super::warm;
use crate::hook::branch::Copy;
use crate::hook::checks;
use crate::hook::copies::{DOUBTFUL, DRIFTED, LEFT, TOLD};
use crate::hook::core::Births;
use crate::hook::journal::Journal;
use crate::model::fault::Fault;
use crate::session::run::Orders;
use crate::sys::output::Output;
use crate::sys::{output, process};

impl Runner<'_> {
    /// One run for each way in which faults are tried, with a copy of the process for each fault of the plan that was good in the ways
    /// before.
    pub(crate) fn copies(&mut self, room: &Room, terms: &Copying) {
        self.pages.arena.clear();
        let mut fits = true;
        for (nth, &placement) in self.ways().iter().enumerate() {
            let desk = self.write_in(false);
            let dues = room.plan(terms.count, |result| if nth == 0 { result == LEFT } else { result < TOLD });
            for due in &dues {
                // What came of it in the way before counts no more: it is to be good in all of them.
                room.forget(due.place);
            }
            let lines = room.lines(desk.journal, self.pages.arena, terms);
            // SAFETY: no run is open.
            if !unsafe { self.core.own() }.branch.arm(dues.into_iter(), lines, terms.cost) {
                break;
            }
            let orders = Orders {
                failure_stacks: true,
                keep_failures: terms.keep_failures,
                births: if terms.births { Births::All } else { Births::None },
                // Of freed blocks only memory errors tell, and a copy that made one tells nothing then.
                frees: terms.keeps_all,
                ..Orders::new(Fault::None)
            };
            checks::let_go(self.core);
            self.still = None;
            self.try_in(desk, placement, orders);
            // SAFETY: no run is open.
            let branch = &mut unsafe { self.core.own() }.branch;
            if let Some(copy) = branch.copy() {
                self.end_copy(room, copy, terms);
            }
            branch.wait_for_copies();
            branch.disarm();
            // SAFETY: the run is over.
            fits &= self.is_plain(unsafe { &*desk.journal });
        }
        // SAFETY: an order is being carried out, so its giver waits: the board is ours.
        unsafe {
            (*self.pages.board()).answer.closing = if fits { Closing::Fits } else { Closing::Differs };
            (*self.pages.board()).answer.end = End::Done;
        }
    }

    /// Whether the run beside its copies was like a plain one: what a copy does to what it has together with the original, a child, a
    /// place in a file, a folder, would otherwise be taken for what the failure does.
    fn is_plain(&self, journal: &Journal) -> bool {
        // SAFETY: no run is open.
        let base = unsafe { self.core.own() }.base.len() as u64;
        journal.made == base && warm::passes(journal, self.terms.should_panic.is_some())
    }

    /// A copy has come to the end of its run.
    fn end_copy(&mut self, room: &Room, copy: Copy, terms: &Copying) -> ! {
        // SAFETY: the run is over, and nobody else writes in the slot while this process lives.
        let journal = unsafe { &mut (*room.slot(copy.slot)).journal };
        let verdict = verdict(&digest::facts(journal), &self.terms.policy);
        let result = if verdict.is_good() && journal.delivered > 0 && journal.lost == 0 {
            u16::from(number(verdict)) | if journal.diverged.is_some() { DRIFTED } else { 0 }
        } else if terms.keeps_all || self.ways().len() == 1 && tells_all(journal, terms.births && !self.terms.captures)
        {
            TOLD
        } else {
            DOUBTFUL
        };
        // What a good copy has printed nobody asks for, and to flush what nobody has written to takes pages.
        if result >= TOLD {
            output::flush();
            journal.output_to = self.output.as_ref().map_or(0, Output::len);
        }
        room.conclude(copy.slot, copy.place, result);
        process::leave(0)
    }
}

/// Whether the journal of a copy tells all that there is to tell: nothing needs a second try, and every block that it lost comes with
/// its birth. `births`: those of the run have their stacks.
fn tells_all(journal: &Journal, births: bool) -> bool {
    let facts = digest::facts(journal);
    facts.memory_error.is_none()
        && facts.fd_leaks == 0
        && facts.thread_leaks == 0
        && (facts.leaks == 0 || births && journal.leaks_certain)
        && journal.delivered > 0
        && journal.lost == 0
        && journal.trouble.is_none()
}
