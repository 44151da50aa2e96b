//! The worker's side of the mailbox: starts the server, gives it orders, and outlives it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::board::{Alone, Answer, Closing, Copying, End, Order, Pages, Warm};
use super::crew::{BatchEnd, Broken, Copied, Crew, WarmedUp};
use super::digest::{Digest, NO_REFERENCE, digest};
use super::interrupt;
use super::room::Room;
use super::runner::{Runner, Terms};
use super::server;
use super::standing;
use super::watchdog::Watchdog;
use crate::hook::branch::Due;
use crate::hook::core::core_or_make;
use crate::hook::journal::{Journal, Step};
use crate::hook::points::Logged;
use crate::model::fault::Fault;
use crate::session::Body;
use crate::sys::output::{self, Output};
use crate::sys::process::{self, Child, Died, Side};
use crate::sys::time::nanos;
use crate::sys::{family, futex};

/// How often a server is started anew that waits for a lock which nobody frees.
const STARTS: u32 = 20;
/// How long what is done between two plain runs, and after the last, may take, in nanoseconds.
const BETWEEN: u64 = 60_000_000_000;

/// How many servers this process has started.
static STARTED: AtomicUsize = AtomicUsize::new(0);

/// The engine that forks.
pub(crate) struct Worker<'a> {
    body: &'a mut dyn Body,
    terms: Terms<'a>,
    pages: Pages,
    room: Room,
    output: Output,
    server: Option<Child>,
    cold: Option<u32>,
    meanwhile: &'a mut dyn FnMut(),
}

impl<'a> Worker<'a> {
    /// An engine for this body; nothing is started yet. `plain_limit`: the limit of a plain run, in nanoseconds. `meanwhile` is
    /// called now and then while the engine waits.
    ///
    /// # Errors
    /// If the system has no pages or no descriptor left.
    pub(crate) fn new(
        body: &'a mut dyn Body,
        terms: Terms<'a>,
        plain_limit: u64,
        meanwhile: &'a mut dyn FnMut(),
    ) -> Result<Worker<'a>, Broken> {
        let none_left = || Broken(String::from("the system has no pages left"));
        let pages = Pages::map().ok_or_else(none_left)?;
        let room = Room::map().ok_or_else(none_left)?;
        let output =
            Output::create().map_err(|error| Broken(format!("a file in memory could not be made: {error}")))?;
        let worker = Worker { body, terms, pages, room, output, server: None, cold: None, meanwhile };
        worker.store_limit(plain_limit);
        Ok(worker)
    }

    fn store_limit(&self, limit: u64) {
        // SAFETY: no order is open, so the board is ours.
        unsafe { (*self.pages.board()).limit = limit };
    }

    fn start(&mut self) -> Result<(), Broken> {
        if self.server.is_some() {
            return Ok(());
        }
        let mut patience = Duration::from_millis(200);
        for _ in 0..STARTS {
            interrupt::look(&self.pages, &self.room)?;
            self.fork()?;
            if self.is_ready(patience) {
                return Ok(());
            }
            self.stop();
            patience = patience.saturating_mul(2).min(Duration::from_secs(5));
        }
        Err(Broken(String::from("no process could be made without a lock that another thread of this one held")))
    }

    /// Whether the server has begun, or has ended; false: it waits for a lock of the standard library that another thread of
    /// this process held when it was forked, and that nobody will ever free there.
    fn is_ready(&self, patience: Duration) -> bool {
        let Some(server) = &self.server else { return false };
        // SAFETY: the word is atomic and always valid.
        let ready = unsafe { &(*self.pages.board()).ready };
        // A server that waits for a core will have one.
        let mut dog = Watchdog::new(nanos(patience));
        while ready.load(Ordering::Acquire) == 0 && !server.has_ended() {
            futex::wait(ready, 0, Duration::from_millis(5));
            if ready.load(Ordering::Acquire) == 0 && dog.over(server.pid, 0) {
                return false;
            }
        }
        true
    }

    fn fork(&mut self) -> Result<(), Broken> {
        let core = core_or_make().ok_or_else(Broken::no_addresses)?;
        // SAFETY: no run is open in this process.
        unsafe {
            core.own().shrink_skip = self.terms.shrink_skip;
            core.own().wants_demands = self.terms.wants_demands;
            core.own().moves = self.terms.realloc_moves;
            core.own().space = self.terms.space;
        }
        core.all_threads.store(self.terms.threads_all, Ordering::Relaxed);
        // SAFETY: the server that may have been there before has ended: the words are ours.
        unsafe {
            (*self.pages.board()).asked.store(0, Ordering::Release);
            (*self.pages.board()).answered.store(0, Ordering::Release);
            (*self.pages.board()).ready.store(0, Ordering::Release);
        }
        let (parent, turn) = (process::pid(), STARTED.fetch_add(1, Ordering::Relaxed));
        output::flush();
        // Held over the fork by this thread, it is free on both sides: the lock that threads contend for most.
        let printing = std::io::stdout().lock();
        let side = process::fork_child();
        drop(printing);
        match side {
            Ok(Side::Parent(child)) => {
                self.server = Some(child);
                Ok(())
            }
            Ok(Side::Child) => {
                let mut runner = Runner {
                    body: &mut *self.body,
                    pages: &self.pages,
                    core,
                    terms: self.terms,
                    output: Some(self.output),
                    reference: None,
                    still: None,
                };
                server::serve(&mut runner, &self.room, (parent, turn), self.cold)
            }
            Err(error) => Err(Broken(format!("a process could not be made: {error}"))),
        }
    }

    /// Gives an order and waits for the answer. `Some`: the server's process ended over it, so.
    fn ask(&mut self, order: Order, dog: Option<&mut Watchdog>) -> Result<Option<End>, Broken> {
        interrupt::look(&self.pages, &self.room)?;
        self.start()?;
        let board = self.pages.board();
        // SAFETY: no order is open, so everything but the words is ours to write; the words are atomic.
        let (asked, answered) = unsafe {
            (*board).order = order;
            (*board).answer = Answer::NONE;
            (&(*board).asked, &(*board).answered)
        };
        let number = asked.load(Ordering::Acquire).wrapping_add(1);
        asked.store(number, Ordering::Release);
        futex::wake(asked);
        let waited = self.wait_for(answered, number, dog);
        standing::current().look_away();
        waited
    }

    fn wait_for(
        &mut self,
        answered: &std::sync::atomic::AtomicU32,
        number: u32,
        mut dog: Option<&mut Watchdog>,
    ) -> Result<Option<End>, Broken> {
        let mut between = Watchdog::new(BETWEEN);
        loop {
            let seen = answered.load(Ordering::Acquire);
            if seen == number {
                return Ok(None);
            }
            futex::wait(answered, seen, Duration::from_millis(20));
            standing::current().look_at(&self.pages, self.room.concluded());
            (self.meanwhile)();
            if let Err(broken) = interrupt::look(&self.pages, &self.room) {
                self.stop();
                return Err(broken);
            }
            let Some(server) = &self.server else { return Err(Broken(String::from("there is no server"))) };
            if server.has_ended() {
                if answered.load(Ordering::Acquire) == number {
                    return Ok(None);
                }
                let end = match self.server.take().map(Child::wait) {
                    Some(Died::Exited(status)) => End::Exited(status),
                    Some(Died::Signalled(signal)) => End::Signalled(signal),
                    None => End::Done,
                };
                family::end_adopted();
                return Ok(Some(end));
            }
            if let Some(dog) = dog.as_deref_mut() {
                // SAFETY: both words are atomic and always valid.
                let journal = unsafe { &*self.pages.journal() };
                let run = journal.runs.load(Ordering::Acquire);
                let is_open = journal.step.load(Ordering::Acquire) == Step::Running as u32;
                let dog = if is_open { dog } else { &mut between };
                if dog.over(server.pid, run) {
                    self.stop();
                    return Ok(Some(End::TimedOut));
                }
            }
        }
    }

    /// Ends the server, with everything below it.
    fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            let has_ended = server.has_ended();
            server.kill();
            server.wait();
            if !has_ended {
                family::end_adopted();
            }
        }
    }

    fn quit(&mut self) {
        let Some(server) = &self.server else { return };
        let board = self.pages.board();
        // SAFETY: no order is open.
        unsafe {
            (*board).order = Order::Quit;
            (*board).asked.fetch_add(1, Ordering::AcqRel);
            futex::wake(&(*board).asked);
        }
        server.ends_within(Duration::from_millis(500));
        self.stop();
    }

    fn read(&self, end: End) -> Digest {
        // SAFETY: the server has answered or ended, so nobody writes.
        digest(unsafe { self.journal() }, self.pages.arena, end, Some(&self.output))
    }

    /// Reads the trial of this fault; a runner that ended in one of the plain runs before it has not made it.
    fn read_trial(&self, fault: Fault, end: End) -> Digest {
        let mut digest = self.read(end);
        // SAFETY: as above.
        let begun = unsafe { self.journal() }.fault;
        if end != End::Done && begun == Fault::None && fault != Fault::None {
            digest.trouble.get_or_insert_with(|| String::from(NO_REFERENCE));
        }
        digest
    }

    /// # Safety
    /// No order is open.
    unsafe fn journal(&self) -> &Journal {
        // SAFETY: by the obligation of this function.
        unsafe { &*self.pages.journal() }
    }

    /// The server died over an order: from now on every runner warms itself up, so that it need not live.
    fn lost(&mut self, runs: u32) {
        if self.cold.is_none() {
            self.cold = Some(runs);
        }
    }

    fn runs(&self) -> u32 {
        // SAFETY: no order is open.
        self.cold.unwrap_or(unsafe { (*self.pages.board()).warm.runs })
    }
}

impl Crew for Worker<'_> {
    fn warm_up(&mut self) -> Result<WarmedUp, Broken> {
        // SAFETY: no order is open.
        let mut dog = Watchdog::new(unsafe { (*self.pages.board()).limit });
        // Of another allocator's sweep nothing counts here.
        // SAFETY: as above.
        unsafe { self.journal() }.runs.store(0, Ordering::Release);
        let ended = self.ask(Order::WarmUp, Some(&mut dog))?;
        let last = self.read(ended.unwrap_or(End::Done));
        // SAFETY: as above.
        let (mut warm, journal): (Warm, &Journal) = unsafe { ((*self.pages.board()).warm, self.journal()) };
        if ended.is_some() {
            // The count goes up when a run begins, and when its body has come back.
            warm.runs = u32::try_from(journal.runs.load(Ordering::Relaxed).div_ceil(2)).unwrap_or(u32::MAX);
        }
        Ok(WarmedUp {
            log: if ended.is_some() { Vec::new() } else { self.pages.arena.values::<Logged>(warm.log) },
            times: if ended.is_some() { Vec::new() } else { self.pages.arena.values::<u64>(warm.times) },
            exempt: journal.exempt,
            others: journal.others.load(Ordering::Relaxed),
            beside: journal.beside,
            died: ended.is_some(),
            warm,
            last,
        })
    }

    fn set_space(&mut self, space: u8) {
        self.quit();
        self.cold = None;
        self.terms.space = space;
    }

    fn go_cold(&mut self, runs: u32) {
        self.quit();
        self.cold = Some(runs);
    }

    fn set_limit(&mut self, limit: u64) {
        self.store_limit(limit);
    }

    fn batch(&mut self, faults: &[Fault], deadline: u64) -> Result<BatchEnd, Broken> {
        let count = self.pages.put_batch(faults, deadline);
        let ended = match self.ask(Order::Batch { count }, None) {
            Ok(ended) => ended,
            Err(broken) => return interrupt::first_of(&self.pages, broken),
        };
        let (answer, good) = self.pages.batch_answer();
        let end = ended.unwrap_or(answer.end);
        let closing_died = end != End::Done && (good.len() == count || answer.stopped);
        let stopped = answer.stopped || (end != End::Done && !closing_died);
        let fault = faults.get(good.len()).copied().unwrap_or(Fault::None);
        let mut stopped = stopped.then(|| self.read_trial(fault, if answer.stopped { End::Done } else { end }));
        if ended.is_some() {
            self.lost(self.runs());
            if let Some(digest) = &mut stopped {
                digest.trouble = Some(String::from("the process that serves the trials ended"));
            }
        }
        Ok(BatchEnd {
            good,
            stopped,
            closing: if closing_died { Closing::Differs } else { answer.closing },
            changed: answer.changed,
            closed: answer.closed,
            fork: answer.fork,
        })
    }

    fn copies(&mut self, dues: &[Due], mut terms: Copying) -> Result<Copied, Broken> {
        if terms.jobs == 0 {
            (terms.jobs, terms.shared_with) = (default_jobs(), self.terms.host);
        }
        self.room.put(dues, terms.deadline);
        let mut is_broken_off = false;
        match self.ask(Order::Copies(terms), None) {
            Ok(None) => {}
            Ok(Some(_)) => self.lost(self.runs()),
            // What is written down by then has to do.
            Err(broken) => {
                interrupt::or(broken)?;
                is_broken_off = true;
            }
        }
        // What copies have printed that ran at once can't be told apart.
        let output = (terms.jobs == 1).then_some(&self.output);
        let copied = self.room.answer(terms.count, self.pages.arena, output);
        // SAFETY: no order is open.
        let (answer, journal) = unsafe { ((*self.pages.board()).answer, self.journal()) };
        let ended = answer.end == End::Done;
        let fits = is_broken_off || ended && answer.closing == Closing::Fits;
        Ok(Copied { made: journal.made, ended, fits, ..copied })
    }

    fn alone(&mut self, mut ask: Alone, births: &[(usize, usize)]) -> Result<Digest, Broken> {
        self.pages.put_births(&mut ask, births);
        let ended = self.ask(Order::Alone(ask), None)?;
        // SAFETY: the order is answered, or its server has ended.
        let answer = unsafe { (*self.pages.board()).answer };
        if ended.is_some() {
            self.lost(self.runs());
        }
        Ok(self.read_trial(ask.fault, ended.unwrap_or(answer.end)))
    }

    fn baseline_stacks(&mut self, runs: u32) -> Result<Vec<usize>, Broken> {
        self.go_cold(runs.saturating_sub(1));
        let ask = Alone { point_stacks: true, ..Alone::of(Fault::None) };
        let stacks = self.alone(ask, &[]).map(|digest| digest.points);
        self.go_cold(runs);
        stacks
    }

    fn contains(&self) -> bool {
        true
    }
}

/// How many copies run at once if nobody says: what the machine has. Where a runner starts a process for each test, and as many of them
/// as the machine has room for, one.
fn default_jobs() -> u32 {
    if std::env::var_os("NEXTEST_EXECUTION_MODE").is_some_and(|mode| mode == "process-per-test") {
        return 1;
    }
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.quit();
        self.output.close();
    }
}
