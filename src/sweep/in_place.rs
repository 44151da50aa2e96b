//! The engine for where there are no processes: everything in this one. It cannot contain an abort, a crash, an exit or a hang.

use std::sync::atomic::Ordering;

use super::board::{Alone, End, Pages};
use super::crew::{BatchEnd, Broken, Crew, WarmedUp};
use super::digest::{Digest, digest};
use super::runner::{Runner, Terms, is_seen};
use super::warm;
use crate::hook::core::{Core, core_or_make};
use crate::hook::gate::{self, State};
use crate::hook::points::Logged;
use crate::model::fault::Fault;
use crate::session::Body;
use crate::session::witness::{self, Then};
use crate::sys::world;

/// See the module.
pub(crate) struct InPlace<'a> {
    body: &'a mut dyn Body,
    terms: Terms<'a>,
    pages: Pages,
    core: &'static Core,
    stacks: bool,
}

impl<'a> InPlace<'a> {
    /// An engine for this body.
    ///
    /// # Errors
    /// If the system has no pages left.
    pub(crate) fn new(body: &'a mut dyn Body, terms: Terms<'a>) -> Result<InPlace<'a>, Broken> {
        let pages = Pages::map().ok_or_else(|| Broken(String::from("the system has no pages left")))?;
        let core = core_or_make().ok_or_else(Broken::no_addresses)?;
        core.contained.store(false, Ordering::Relaxed);
        core.all_threads.store(terms.threads_all, Ordering::Relaxed);
        world::learn();
        // SAFETY: no run is open: the harness lets one sweep at a time into a process.
        unsafe {
            core.own().shrink_skip = terms.shrink_skip;
            core.own().wants_demands = terms.wants_demands;
            core.own().moves = terms.realloc_moves;
            core.own().space = terms.space;
        }
        core.everyone.store(false, Ordering::Relaxed);
        if !gate::set(State::Between) {
            return Err(Broken(String::from("the system has no pages left")));
        }
        witness::watch(pages.arena, Then::PassOn);
        Ok(InPlace { body, terms, pages, core, stacks: false })
    }

    fn runner(&mut self) -> Runner<'_> {
        Runner {
            body: &mut *self.body,
            pages: &self.pages,
            core: self.core,
            terms: self.terms,
            output: None,
            // There is no new process to begin in.
            reference: None,
            still: None,
        }
    }

    fn read(&self) -> Digest {
        // SAFETY: no run is open.
        digest(unsafe { &*self.pages.journal() }, self.pages.arena, End::Done, None)
    }

    /// The stacks of all points are recorded while the body is warmed up.
    pub(crate) fn record_stacks(&mut self) {
        self.stacks = true;
    }

    /// A debugger's breakpoint is called at every injected failure from now on.
    pub(crate) fn break_at_failures(&self) {
        // SAFETY: no run is open.
        unsafe { self.core.own().break_here = true };
    }
}

impl Crew for InPlace<'_> {
    fn warm_up(&mut self) -> Result<WarmedUp, Broken> {
        self.pages.arena.clear();
        let stacks = self.stacks;
        let runner = self.runner();
        let desk = runner.desk();
        let warm = warm::warm_up(runner.body, desk, stacks, || ());
        let last = self.read();
        // SAFETY: no run is open.
        let journal = unsafe { &*self.pages.journal() };
        Ok(WarmedUp {
            log: self.pages.arena.values::<Logged>(warm.log),
            times: self.pages.arena.values::<u64>(warm.times),
            exempt: journal.exempt,
            others: journal.others.load(Ordering::Relaxed),
            beside: journal.beside,
            died: false,
            warm,
            last,
        })
    }

    fn set_space(&mut self, space: u8) {
        self.terms.space = space;
        // SAFETY: no run is open.
        unsafe { self.core.own().space = space };
    }

    fn go_cold(&mut self, _runs: u32) {}

    fn set_limit(&mut self, _limit: u64) {}

    fn batch(&mut self, faults: &[Fault], deadline: u64) -> Result<BatchEnd, Broken> {
        let count = self.pages.put_batch(faults, deadline);
        self.runner().batch(count, 0);
        let (answer, good) = self.pages.batch_answer();
        let stopped = answer.stopped.then(|| self.read());
        Ok(BatchEnd { good, stopped, closing: answer.closing, changed: false, closed: answer.closed, fork: 0 })
    }

    fn alone(&mut self, mut ask: Alone, births: &[(usize, usize)]) -> Result<Digest, Broken> {
        self.pages.put_births(&mut ask, births);
        for &placement in self.runner().ways() {
            self.runner().alone(ask, placement);
            // SAFETY: no run is open.
            if is_seen(unsafe { &*self.pages.journal() }) {
                break;
            }
        }
        Ok(self.read())
    }

    fn baseline_stacks(&mut self, _runs: u32) -> Result<Vec<usize>, Broken> {
        // The baseline's run can't be made again here: the next plain run stands in for it.
        let ask = Alone { point_stacks: true, ..Alone::of(Fault::None) };
        Ok(self.alone(ask, &[])?.points)
    }

    fn contains(&self) -> bool {
        false
    }
}

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        // Blocks that runs have left stand in the store still, and go back there when they die.
        gate::set(State::Off);
        crate::sys::signals::unwatch();
        // SAFETY: no run is open.
        unsafe { self.core.own().break_here = false };
    }
}
