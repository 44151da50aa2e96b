//! One run, from the opening of its session to its end.

use std::fmt::{Debug, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Body, Phase, Returned, Stage, audit, witness};
use crate::hook::arena::Arena;
use crate::hook::checks;
use crate::hook::core::{Births, Core};
use crate::hook::gate::{self, State};
use crate::hook::journal::{Fd, Journal, Leaked, Span, Step};
use crate::hook::trigger::Trigger;
use crate::model::fault::Fault;
use crate::model::trial::Ending;
use crate::sys::fds::{self, FdSet};
use crate::sys::{process, stacks, threads, time};

/// How much of an error's text is kept, in bytes.
const ERROR_TEXT: usize = 64 * 1024;

/// How many leaks of one run are described; more are only counted.
const DESCRIBED: usize = 16 * 1024;

/// What one run is to do.
pub(crate) struct Orders {
    /// What is armed.
    pub(crate) fault: Fault,
    /// Record the points as a log.
    pub(crate) record: bool,
    /// Compare the points with the baseline.
    pub(crate) compare: bool,
    /// Record the stacks of failed requests.
    pub(crate) failure_stacks: bool,
    /// Keep every failed request.
    pub(crate) keep_failures: bool,
    /// Record the stack of every point.
    pub(crate) point_stacks: bool,
    /// Which births get their stack recorded.
    pub(crate) births: Births,
    /// The frees of these blocks get theirs as well.
    pub(crate) frees: bool,
    /// Write down the blocks of the run that something still reaches.
    pub(crate) reachable: bool,
    /// How long threads of the body may go on.
    pub(crate) grace: Duration,
    /// What the run before has returned, if nothing has happened in this process since.
    pub(crate) open: Option<FdSet>,
}

impl Orders {
    /// A run that only injects.
    pub(crate) fn new(fault: Fault) -> Orders {
        Orders {
            fault,
            record: false,
            compare: true,
            failure_stacks: false,
            keep_failures: false,
            point_stacks: false,
            births: Births::None,
            frees: true,
            reachable: false,
            grace: GRACE,
            open: None,
        }
    }
}

/// The grace time of threads that still run when the body has returned.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// Where runs are written down, and what holds for all of them.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    /// The hook's state.
    pub(crate) core: &'static Core,
    /// The journal.
    pub(crate) journal: *mut Journal,
    /// Room for texts and arrays.
    pub(crate) arena: Arena,
    /// The expected part of a panic's message, if the body should panic.
    pub(crate) should_panic: Option<&'a str>,
    /// A stack pointer. What lies below it holds nothing: the frames there are the harness's own and the body's, which has returned, and
    /// have old words of the body's wherever they have not written yet.
    pub(crate) entry: usize,
}

/// Calls the body once, with the session open just around it, and writes down what came of it. The arena is the caller's to
/// clear. A run that does not come back leaves the journal at [`Step::Running`].
///
/// Returns the descriptors that are open then, if there is no other thread that could change them.
///
/// Never inlined: the stacks of a body's requests end in this function, and two runs of one body are to have the same stacks.
#[inline(never)]
pub(crate) fn run(body: &mut dyn Body, desk: Desk<'_>, orders: Orders) -> Option<FdSet> {
    let _harness = gate::harness();
    witness::watch_panics();
    // SAFETY: the journal is valid for the caller, and no run is open, so nobody else writes it.
    let journal = unsafe { &mut *desk.journal };
    journal.reset(orders.fault);
    arm(desk.core, &orders);
    let look_for_points = orders.point_stacks;
    let keep_failures = orders.keep_failures;
    let threads = if orders.open.is_some() { Threads::ONE } else { Threads::of(desk.core) };
    let fds_before = orders.open.clone().unwrap_or_else(FdSet::now);
    let began = time::now_ns();
    journal.began.store(began, Ordering::Relaxed);
    journal.runs.fetch_add(1, Ordering::Relaxed);
    journal.step.store(Step::Running as u32, Ordering::Release);
    open(desk);
    let mut watcher = Watcher { desk, saved: Saved::now() };
    let was_marked = threads.beside && threads::mark();
    body.call(&mut watcher);
    // A copy of the process ends with this run: where no block of it is left nobody looks for one.
    if !desk.core.is_copy() || desk.core.live_now().0 != 0 {
        stacks::scrub();
    }
    if threads.beside && !was_marked {
        threads::unmark();
    }
    desk.core.close_fast();
    watcher.saved.restore();
    // A copy of the process, made in the middle of the run, has another journal.
    let desk = Desk { journal: desk.core.journal(), ..desk };
    // SAFETY: the body has come back; the hook writes no more, for its thread is in the harness again.
    let journal = unsafe { &mut *desk.journal };
    let ended = time::now_ns();
    journal.took = ended.saturating_sub(began);
    // What follows has a time limit of its own.
    journal.began.store(ended, Ordering::Relaxed);
    journal.runs.fetch_add(1, Ordering::Relaxed);
    let open = look_around(desk, journal, &orders, &threads, &fds_before);
    close(desk);
    if look_for_points || keep_failures {
        hand_over(desk, journal);
    }
    journal.step.store(Step::Done as u32, Ordering::Release);
    if !desk.core.is_copy() {
        // What has looked at its blocks had their addresses.
        stacks::scrub();
    }
    open
}

fn arm(core: &Core, orders: &Orders) {
    // SAFETY: no run is open, and this is the thread that opens them.
    let own = unsafe { core.own() };
    own.trigger = Trigger::new(orders.fault);
    own.record = orders.record;
    own.compare = orders.compare;
    own.failure_stacks = orders.failure_stacks;
    own.keep_failures = orders.keep_failures;
    own.point_stacks = orders.point_stacks;
    own.later.clear();
    own.points.clear();
    let births = !matches!(orders.births, Births::None);
    core.stacks_wanted.store(births, Ordering::Release);
    core.frees_wanted.store(births && orders.frees, Ordering::Release);
    own.births = match &orders.births {
        Births::None => Births::None,
        Births::All => Births::All,
        Births::Of(list) => {
            let mut copy = crate::hook::pages_vec::PagesVec::new();
            for &pair in list.as_slice() {
                copy.push(pair);
            }
            Births::Of(copy)
        }
    };
    if orders.record {
        own.log.clear();
        own.demands.clear();
        own.times.clear();
    }
}

fn open(desk: Desk<'_>) {
    // Between guard pages, blocks of earlier runs are still told.
    if !desk.core.guards() {
        desk.core.with_shared(|shared| shared.stacks.clear());
    }
    // Session 0 is no session.
    desk.core.session.store((desk.core.session_number() % (u32::MAX - 1)) as usize + 1, Ordering::Release);
    desk.core.accused.store(0, Ordering::Release);
    desk.core.set_journal(desk.journal);
    gate::local(|local| local.own.set(true));
    gate::set(State::Session);
}

fn close(desk: Desk<'_>) {
    gate::set(State::Between);
    gate::local(|local| local.own.set(false));
    desk.core.set_journal(std::ptr::null_mut());
}

/// Waits for threads, and looks for what is left.
///
/// Never inlined: what it has looked at would stay in the frame of its caller, where it is looked for who holds a block.
#[inline(never)]
fn look_around(
    desk: Desk<'_>,
    journal: &mut Journal,
    orders: &Orders,
    threads: &Threads,
    fds_before: &FdSet,
) -> Option<FdSet> {
    let alone = threads.are_one();
    let mut fds_now = FdSet::now();
    let open = |now: &FdSet| now.new_since(fds_before).next().is_some();
    let blocks = || desk.core.live_now().0 != 0;
    let left = blocks() || open(&fds_now);
    // To count marks is dear, and threads that hold nothing are no matter.
    let mut settled = alone || (threads.beside && !left) || threads.settle(Duration::from_millis(2));
    if !settled && (blocks() || open(&fds_now)) {
        settled = threads.settle(orders.grace);
    }
    if open(&fds_now) {
        fds_now = FdSet::now();
    }
    journal.threads_left = if settled { 0 } else { threads.left() };
    checks::when_over(desk.core);
    journal.facts.memory_error = journal.memory.map(|error| error.code);
    let left = audit::leaks(desk.core, desk.entry, &threads.older, !settled, orders.reachable);
    journal.reachable = put(desk, &left.reachable);
    journal.leaks_certain = left.certain;
    journal.facts.leaks = left.roots.len() as u64;
    journal.facts.thread_leaks = left.thread_leaks;
    let described = left.roots.get(..DESCRIBED).unwrap_or(&left.roots);
    journal.leaks = put(desk, described);
    let fds: Vec<Fd> = fds_now
        .new_since(fds_before)
        .map(|fd| Fd { fd, target: desk.arena.put_bytes(fds::target(fd).as_bytes()).unwrap_or_default() })
        .collect();
    journal.facts.fd_leaks = fds.len() as u64;
    journal.fds = if fds.is_empty() { Span::default() } else { desk.arena.put(&fds).unwrap_or_default() };
    journal.facts.delivered = journal.delivered;
    journal.facts.delivered_outside_benign = journal.delivered_outside;
    alone.then_some(fds_now)
}

fn put(desk: Desk<'_>, blocks: &[Leaked]) -> Span {
    if blocks.is_empty() { Span::default() } else { desk.arena.put(blocks).unwrap_or_default() }
}

/// The threads that a run starts, told from those that were there before.
struct Threads {
    /// Other tests run in this process, whose threads come and go: those of the body bear a mark.
    beside: bool,
    before: u64,
    /// The system's numbers of those that were there before, if there are any but this one.
    older: Vec<i32>,
}

impl Threads {
    /// Before a run that another has just gone before, which has left no other thread.
    const ONE: Threads = Threads { beside: false, before: 1, older: Vec::new() };

    fn of(core: &Core) -> Threads {
        let beside = !core.everyone.load(Ordering::Relaxed);
        let before = if beside { threads::surely_marked() } else { threads::count() };
        let mut older = Vec::new();
        if before > 1 {
            older.resize(usize::try_from(before).unwrap_or(0).saturating_add(64), 0);
            let count = threads::ids(&mut older);
            older.truncate(count);
        }
        Threads { beside, before, older }
    }

    fn count(&self) -> fn() -> u64 {
        if self.beside { threads::marked } else { threads::count }
    }

    /// There was no other thread than this one, and there is none now.
    fn are_one(&self) -> bool {
        !self.beside && self.before == 1 && threads::are_one()
    }

    fn settle(&self, limit: Duration) -> bool {
        threads::settle(self.count(), self.before, limit)
    }

    fn left(&self) -> u64 {
        self.count()().saturating_sub(self.before)
    }
}

/// Moves what the hook kept in pages of its own to where the parent can read it.
fn hand_over(desk: Desk<'_>, journal: &mut Journal) {
    // SAFETY: the run is closed.
    let own = unsafe { desk.core.own() };
    journal.later = desk.arena.put(own.later.as_slice()).unwrap_or_default();
    journal.point_stacks = desk.arena.put(own.points.words()).unwrap_or_default();
}

/// The regions that were open when the run began: a body may forget a guard of its own.
struct Saved {
    exempt: u32,
    benign: u32,
    untracked: u32,
    harness: u32,
}

impl Saved {
    fn now() -> Saved {
        gate::local(|local| Saved {
            exempt: local.exempt.get(),
            benign: local.benign.get(),
            untracked: local.untracked.get(),
            harness: local.harness.get(),
        })
    }

    fn restore(&self) {
        gate::local(|local| {
            local.body.set(false);
            local.exempt.set(self.exempt);
            local.benign.set(self.benign);
            local.untracked.set(self.untracked);
            local.harness.set(self.harness);
        });
    }
}

struct Watcher<'a> {
    desk: Desk<'a>,
    saved: Saved,
}

impl Stage for Watcher<'_> {
    #[inline(never)]
    fn phase(&mut self, phase: Phase) {
        if phase == Phase::Body {
            // SAFETY: the body does not run yet, and this is its thread.
            let own = unsafe { self.desk.core.own() };
            // A little above this frame: the body is called from where this was.
            own.cut = stacks::pointer().wrapping_add(512);
        }
        self.desk.core.close_fast();
        self.desk.core.body_runs.store(phase == Phase::Body, Ordering::Release);
        gate::local(|local| {
            local.body.set(false);
            local.harness.set(0);
            local.benign.set(0);
            local.exempt.set(u32::from(phase != Phase::Body));
            local.untracked.set(u32::from(phase == Phase::Judge));
            local.body.set(phase == Phase::Body);
            if phase == Phase::Body {
                self.desk.core.open_fast(local);
            }
        });
    }

    fn returned(&mut self, returned: Returned<'_>) {
        if gate::state() == State::Off as u32 {
            // A child that the body has forked has come back as well: what the run came to is for its parent to say.
            process::leave(0);
        }
        let _harness = gate::harness();
        // SAFETY: the body has come back, so the hook does not write; the reference ends with this call.
        let journal = unsafe { &mut *self.desk.core.journal() };
        match returned {
            Returned::Ok { is_result } => {
                journal.facts.ending = Ending::Ok;
                journal.facts.returns_result = is_result;
            }
            Returned::Err { matches, debug } => {
                journal.facts.ending = Ending::Err;
                journal.facts.returns_result = true;
                journal.facts.error_matches = matches;
                journal.error = self.desk.arena.put_bytes(format(debug).bytes());
            }
            Returned::Panic(payload) => {
                journal.facts.ending = Ending::Panic;
                journal.facts.unwound = true;
                let message = witness::text(payload);
                journal.facts.panic_expected = match (self.desk.should_panic, message) {
                    (None, _) => false,
                    (Some(""), _) => true,
                    (Some(expected), Some(message)) => message.contains(expected),
                    (Some(_), None) => false,
                };
                if let Some(message) = message {
                    journal.payload = self.desk.arena.put_bytes(message.as_bytes());
                }
            }
        }
    }
}

fn format(debug: &dyn Debug) -> Text {
    let mut text = Text::new();
    let told = catch_unwind(AssertUnwindSafe(|| write!(text, "{debug:?}")));
    if told.is_err() {
        text.push("<its Debug panicked>");
    }
    text
}

/// A text that grows to a limit and drops the rest. A short one asks no allocator for anything: that costs a copy of the process
/// some of its pages.
struct Text {
    short: [u8; SHORT],
    len: usize,
    /// All of it, once it is longer.
    long: String,
}

/// What a short text is, in bytes.
const SHORT: usize = 256;

impl Text {
    fn new() -> Text {
        Text { short: [0; SHORT], len: 0, long: String::new() }
    }

    fn bytes(&self) -> &[u8] {
        if self.long.is_empty() { self.short.get(..self.len).unwrap_or(&[]) } else { self.long.as_bytes() }
    }

    fn push(&mut self, part: &str) {
        let end = self.len.saturating_add(part.len());
        match self.short.get_mut(self.len..end) {
            Some(room) if self.long.is_empty() => room.copy_from_slice(part.as_bytes()),
            _ => {
                if self.long.is_empty() {
                    self.long.push_str(&String::from_utf8_lossy(self.short.get(..self.len).unwrap_or(&[])));
                }
                self.long.push_str(part);
            }
        }
        self.len = end;
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let mut end = ERROR_TEXT.saturating_sub(self.len).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.push(text.get(..end).unwrap_or(""));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(parts: &[&str]) -> Text {
        let mut text = Text::new();
        parts.iter().for_each(|part| text.write_str(part).unwrap());
        text
    }

    #[test]
    fn a_text_is_the_same_short_and_long() {
        let part = "größer ".repeat(9);
        for count in [0, 1, 3, 4, 5, 400] {
            assert_eq!(text(&vec![&*part; count]).bytes(), part.repeat(count).as_bytes(), "{count}");
        }
        assert_eq!(text(&["a".repeat(SHORT).as_str(), "", "b"]).bytes().len(), SHORT + 1);
    }

    #[test]
    fn a_text_ends_with_a_whole_letter() {
        let room = "x".repeat(ERROR_TEXT - 3);
        assert_eq!(text(&[&room, "ßß", "y", "z"]).bytes(), [room.as_bytes(), "ßy".as_bytes()].concat());
    }

    #[test]
    fn an_error_without_words_is_told() {
        struct Silent;
        impl Debug for Silent {
            fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                to.write_str("I am ")?;
                std::panic::resume_unwind(Box::new(()))
            }
        }
        assert_eq!(format(&Silent).bytes(), b"I am <its Debug panicked>");
    }
}
