//! What a runner does with an order: trials, a second try, a closing run. The same code in a child and in place.

use std::sync::atomic::Ordering;

use super::board::{Alone, BATCH, Board, Closing, End, Pages, Wanted};
use super::carry::Reference;
use super::digest;
use super::verdict::verdict;
use super::warm;
use crate::hook::arena::Arena;
use crate::hook::blocks::guarded::Placement;
use crate::hook::core::{Births, Core};
use crate::hook::handles::GLOBAL;
use crate::hook::journal::{Fd, Journal, Leaked};
use crate::hook::pages_vec::PagesVec;
use crate::model::code::Verdict;
use crate::model::fault::Fault;
use crate::model::options::{Guard, Options, Pattern};
use crate::model::trial::Policy;
use crate::session::Body;
use crate::session::audit;
use crate::session::run::{Desk, Orders, run};
use crate::sys::fds::FdSet;
use crate::sys::output::{self, Output};
use crate::sys::{stacks, time};

/// What holds for every run of a sweep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// A stack pointer of a frame that was handed the body, and will be there as long as it is run.
    pub(crate) entry: usize,
    /// What the user accepts.
    pub(crate) policy: Policy,
    /// The expected part of a panic's message, if the body should panic.
    pub(crate) should_panic: Option<&'a str>,
    /// Shrinks are no points.
    pub(crate) shrink_skip: bool,
    /// The body may keep things in what it captures.
    pub(crate) captures: bool,
    /// Requests of every thread are points.
    pub(crate) threads_all: bool,
    /// What stands around every block.
    pub(crate) guard: Guard,
    /// Every `realloc` moves its block.
    pub(crate) realloc_moves: bool,
    /// The allocator whose requests are the points.
    pub(crate) space: u8,
    /// What the live bytes would be at each point must be known.
    pub(crate) wants_demands: bool,
    /// The process whose threads run the tests; 0: this sweep is alone.
    #[cfg_attr(
        not(all(target_os = "linux", not(oomsweep_portable))),
        allow(dead_code, reason = "nobody asks for jobs")
    )]
    pub(crate) host: i32,
    /// A run that records all births also writes down the blocks of the run that it leaves reachable.
    pub(crate) show_reachable: bool,
}

impl<'a> Terms<'a> {
    /// Those that the options name. `entry`: see there.
    pub(crate) fn of(options: &'a Options, entry: usize) -> Terms<'a> {
        Terms {
            entry,
            policy: options.policy,
            should_panic: options.should_panic.as_deref(),
            shrink_skip: options.shrink_skip,
            captures: options.captures,
            threads_all: options.threads_all,
            guard: options.guard,
            realloc_moves: options.realloc_moves,
            space: options.spaces().first().copied().unwrap_or(GLOBAL),
            wants_demands: options.patterns.contains(&Pattern::Budget),
            host: 0,
            show_reachable: options.show_reachable,
        }
    }
}

/// A runner: the body, and where it writes.
pub(crate) struct Runner<'a> {
    /// The body.
    pub(crate) body: &'a mut dyn Body,
    /// The pages of the sweep.
    pub(crate) pages: &'a Pages,
    /// The hook's state.
    pub(crate) core: &'static Core,
    /// What holds for every run.
    pub(crate) terms: Terms<'a>,
    /// Where the body's output goes; `None`: where it goes anyway.
    pub(crate) output: Option<Output>,
    /// The state that every trial is to begin in; `None`: not known.
    pub(crate) reference: Option<Reference>,
    /// What the last run has left, if nothing has happened in this process since.
    pub(crate) still: Option<Still>,
}

/// What was seen at the end of a run that has left no other thread: the next need not look again.
#[derive(Debug)]
pub(crate) struct Still {
    /// The descriptors that are open.
    open: FdSet,
    /// How much stands in the output.
    written: u64,
}

impl<'a> Runner<'a> {
    /// Where the trial is written down.
    pub(crate) fn desk(&self) -> Desk<'a> {
        Desk {
            core: self.core,
            journal: self.pages.journal(),
            arena: self.pages.arena,
            should_panic: self.terms.should_panic,
            entry: self.terms.entry,
        }
    }

    fn board(&self) -> *mut Board {
        self.pages.board()
    }

    /// Makes the output of the next run tell itself apart from what came before.
    pub(crate) fn mark_output(&mut self) {
        let journal = self.pages.current();
        let known = self.still.as_ref().map(|still| still.written);
        let mut from = 0;
        if let Some(output) = &mut self.output {
            if known.is_none() {
                output::flush();
            }
            from = output.redirect(known);
            if from > TRIM && std::ptr::eq(journal, self.pages.journal()) {
                output.clear();
                from = 0;
            }
        }
        // SAFETY: no run is open, and this process is the one that writes the journal.
        unsafe { (*journal).output_from = from };
    }

    pub(super) fn write_in(&self, spare: bool) -> Desk<'a> {
        // SAFETY: the word is atomic and always valid.
        unsafe { (*self.board()).current.store(u32::from(spare), Ordering::Release) };
        Desk { journal: if spare { self.pages.spare() } else { self.pages.journal() }, ..self.desk() }
    }

    /// What stands round the blocks of a trial: every fault is tried in each of these ways.
    pub(crate) fn ways(&self) -> &'static [Placement] {
        Placement::all(self.terms.guard == Guard::Pages)
    }

    pub(super) fn try_in(&mut self, desk: Desk<'_>, placement: Placement, orders: Orders) {
        self.mark_output();
        self.core.place_blocks(placement);
        let before = self.still.take().map(|still| still.open.with_output());
        let open = run(self.body, desk, Orders { open: before, ..orders });
        if self.core.is_copy() {
            return;
        }
        self.core.place_blocks(Placement::Zones);
        if let Some(file) = &self.output {
            output::flush();
            let written = file.written();
            // SAFETY: the run is over.
            unsafe { (*desk.journal).output_to = written.unwrap_or_else(|| file.len()) };
            self.still = open.zip(written).map(|(open, written)| Still { open, written });
        }
    }

    /// Trials from the first of the plan on, while nothing is found; then, if there was more than one run, a plain one. A fault that
    /// is tried in several ways has a run for each. `from`: the runs before this one were good, in another process.
    pub(crate) fn batch(&mut self, count: usize, from: usize) {
        let board = self.board();
        let desk = self.write_in(false);
        let ways = self.ways();
        let mut stopped = false;
        let mut at = from;
        // SAFETY: an order is being carried out, so its giver waits: the board is ours.
        unsafe { (*board).answer.good = from / ways.len() };
        while at < count.min(BATCH) * ways.len() {
            let (good, way) = (at / ways.len(), at % ways.len());
            self.pages.arena.clear();
            // SAFETY: as above.
            let (fault, deadline) =
                unsafe { ((&raw const (*board).plan).cast::<Fault>().add(good).read(), (*board).deadline) };
            if deadline != 0 && at > 0 && way == 0 && time::now_ns() > deadline {
                break;
            }
            self.try_in(desk, ways[way], Orders { failure_stacks: at == from, ..Orders::new(fault) });
            // SAFETY: the run is over.
            let journal = unsafe { &*desk.journal };
            let verdict = verdict(&digest::facts(journal), &self.terms.policy);
            stopped = !verdict.is_good() || journal.lost > 0;
            if stopped {
                // SAFETY: as above.
                unsafe { (*board).answer.stopped = true };
                break;
            }
            at += 1;
            let is_tried = way + 1 == ways.len();
            let is_last = is_tried && good + 1 == count;
            // SAFETY: as above; `good` is below the length of both arrays.
            unsafe {
                if is_tried {
                    let result = (number(verdict), journal.diverged.is_some());
                    (&raw mut (*board).results).cast::<(u8, bool)>().add(good).write(result);
                    (*board).answer.good = good + 1;
                }
            }
            if !is_last && !self.begins_as_before() {
                // The next run begins in a new process.
                // SAFETY: as above.
                unsafe {
                    (*board).answer.changed = true;
                    (*board).answer.next = if is_tried { 0 } else { at };
                }
                break;
            }
        }
        // SAFETY: as above.
        if at - from + usize::from(stopped) > 1 && !unsafe { (*board).answer.changed } {
            let (closing, took) = self.close();
            // SAFETY: as above.
            unsafe {
                (*board).answer.closing = closing;
                (*board).answer.closed = took;
            }
        }
        // SAFETY: as above.
        unsafe { (*board).answer.end = End::Done };
    }

    fn begins_as_before(&self) -> bool {
        let begins = |reference: &Reference| {
            !self.core.store.fences.are_many() && reference.holds(self.core, self.still.is_some())
        };
        self.reference.as_ref().is_none_or(begins)
    }

    /// The closing run, and how long its body took.
    fn close(&mut self) -> (Closing, u64) {
        let desk = self.write_in(true);
        self.try_in(desk, Placement::Zones, Orders::new(Fault::None));
        // SAFETY: the run is over; no run is open.
        let (journal, base) = unsafe { (&*desk.journal, self.core.own().base.len() as u64) };
        let same = journal.diverged.is_none() && journal.made == base;
        let fits = same && warm::passes(journal, self.terms.should_panic.is_some());
        (if fits { Closing::Fits } else { Closing::Differs }, journal.took)
    }

    /// One run from the reference state, and if it left something behind a second try of the same; of several ways in which the
    /// fault is tried, only the last looks for that.
    pub(crate) fn alone(&mut self, ask: Alone, placement: Placement) {
        let desk = self.write_in(false);
        self.pages.arena.clear();
        self.try_in(desk, placement, self.orders(&ask));
        // SAFETY: the run is over; the spare journal is another one.
        let first = unsafe { &mut *desk.journal };
        let is_last = self.ways().last() == Some(&placement);
        if is_last && ask.births != Wanted::None && (first.facts.leaks > 0 || first.facts.fd_leaks > 0) {
            let again = self.write_in(true);
            // SAFETY: no run is open. A debugger stops in the first try only.
            unsafe { self.core.own().break_here = false };
            self.try_in(again, placement, self.orders(&ask));
            // SAFETY: as above.
            compare(
                self.core,
                first,
                unsafe { &*again.journal },
                self.pages.arena,
                self.terms.captures.then(|| std::ptr::from_ref(&*self.body).cast::<()>() as usize),
            );
            stacks::scrub();
        }
        // SAFETY: the order's giver waits.
        unsafe { (*self.board()).answer.end = End::Done };
    }

    fn orders(&self, ask: &Alone) -> Orders {
        Orders {
            failure_stacks: true,
            keep_failures: ask.keep_failures,
            point_stacks: ask.point_stacks,
            births: self.births(ask.births),
            reachable: self.terms.show_reachable && ask.births == Wanted::All,
            ..Orders::new(ask.fault)
        }
    }

    fn births(&self, wanted: Wanted) -> Births {
        match wanted {
            Wanted::None => Births::None,
            Wanted::All => Births::All,
            Wanted::Listed => {
                let mut list = PagesVec::new();
                // SAFETY: the order's giver waits; it has written the list.
                let listed =
                    unsafe { &(&(*self.board()).wanted)[..(*self.board()).wanted_len.min(super::board::WANTED)] };
                for &pair in listed {
                    list.push(pair);
                }
                Births::Of(list)
            }
        }
    }
}

/// Whether a run's memory error was seen when it was made. One of which only the damage was seen may be seen when it is made where
/// the guard pages lie on the other side.
pub(crate) fn is_seen(journal: &Journal) -> bool {
    journal.memory.as_ref().is_some_and(|error| error.damage.is_none())
}

/// The output file is emptied between trials when it is larger than this.
const TRIM: u64 = 1 << 20;

/// The verdict's number, for a byte in shared pages.
pub(super) fn number(verdict: Verdict) -> u8 {
    Verdict::ALL.iter().position(|&known| known == verdict).and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
}

/// Of what the first try left, keeps what the second left as well.
fn compare(core: &Core, first: &mut Journal, second: &Journal, arena: Arena, outside: Option<usize>) {
    let _harness = crate::hook::gate::harness();
    let (one, two) = (arena.values::<Leaked>(first.leaks), arena.values::<Leaked>(second.leaks));
    let leaks = audit::confirmed(core, &one, &two, first.leaks_certain, outside);
    first.facts.leaks = leaks.len() as u64;
    if let Some(span) = arena.put(&leaks) {
        first.leaks = span;
    }
    let mut fds = arena.values::<Fd>(first.fds);
    fds.truncate(usize::try_from(second.facts.fd_leaks).unwrap_or(usize::MAX));
    first.facts.fd_leaks = fds.len() as u64;
    if let Some(span) = arena.put(&fds) {
        first.fds = span;
    }
}
