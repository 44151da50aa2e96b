//! A run that visits every point: where a fault is due the process is copied, and the copy takes the failure.

use std::sync::atomic::Ordering;

use super::board::{BATCH, End, NO_RESULT};
use super::digest;
use super::runner::{Runner, number};
use super::verdict::verdict;
use crate::hook::branch::Lines;
use crate::hook::pages_vec::PagesVec;
use crate::model::fault::Fault;
use crate::session::run::Orders;
use crate::sys::{output, process};

impl Runner<'_> {
    /// One run for each way in which faults are tried, with a copy of the process for each of the first `count` faults of the plan that
    /// was good in the ways before. What came of a good one is written on the board; all others are to be tried otherwise.
    pub(crate) fn branches(&mut self, count: usize) {
        let board = self.pages.board();
        // SAFETY: only the address of a field is taken.
        let results = unsafe { (&raw mut (*board).results).cast::<(u8, bool)>() };
        for (nth, &placement) in self.ways().iter().enumerate() {
            let desk = self.write_in(false);
            self.pages.arena.clear();
            let mut due: Vec<(u64, u32)> = Vec::with_capacity(count);
            let mut plan = PagesVec::new();
            for place in 0..count.min(BATCH) {
                // SAFETY: an order is being carried out, so its giver waits: the board is ours, and the place lies in both arrays.
                let (fault, result) = unsafe {
                    (
                        (&raw const (*board).plan).cast::<Fault>().add(place).read(),
                        results.add(place).replace(NO_RESULT),
                    )
                };
                plan.push(fault);
                if let Some(point) = fault.place().filter(|_| nth == 0 || result != NO_RESULT) {
                    due.push((point, place as u32));
                }
            }
            due.sort_unstable();
            let lines = Lines {
                journal: desk.journal,
                spare: self.pages.spare(),
                // SAFETY: only addresses of fields are taken.
                current: unsafe { &raw const (*board).current },
                // SAFETY: as above.
                watched: unsafe { &raw const (*board).watched },
                arena: self.pages.arena,
                // SAFETY: as above.
                deadline: unsafe { (*board).deadline },
            };
            let faults = due.iter().filter_map(|&(_, place)| Some((*plan.get(place as usize)?, place)));
            // SAFETY: no run is open.
            let all = unsafe { self.core.own() }.branch.arm(faults, lines);
            if !all {
                break;
            }
            self.try_in(desk, placement, Orders::new(Fault::None));
            // SAFETY: no run is open.
            if let Some(place) = unsafe { self.core.own() }.branch.copy() {
                self.end_copy(place as usize);
            }
            // SAFETY: as above.
            unsafe { self.core.own() }.branch.disarm();
        }
        // SAFETY: as above.
        unsafe { (*board).answer.end = End::Done };
    }

    /// A copy has come to the end of its run.
    fn end_copy(&mut self, place: usize) -> ! {
        // SAFETY: the run is over, and nobody else writes while this process lives.
        let journal = unsafe { &*self.pages.spare() };
        let verdict = verdict(&digest::facts(journal), &self.terms.policy);
        if verdict.is_good() && journal.delivered > 0 && journal.lost == 0 && place < BATCH {
            let result = (number(verdict), journal.diverged.is_some());
            // SAFETY: as above; the place lies in the array.
            unsafe { (&raw mut (*self.pages.board()).results).cast::<(u8, bool)>().add(place).write(result) };
        }
        std::sync::atomic::fence(Ordering::SeqCst);
        output::flush();
        process::leave(0)
    }
}
