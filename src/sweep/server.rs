//! The server: a process that waits in the reference state, and makes a runner for each order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::board::{End, Order};
use super::carry::Reference;
use super::room::Room;
use super::runner::{Runner, is_seen};
use super::warm;
use super::watchdog::Watchdog;
use crate::hook::gate::{self, State};
use crate::session::witness::{self, Then};
use crate::sys::process::{self, Child, Died, Side};
use crate::sys::{family, futex, interrupts, locals, output, pages, seen, stacks, time, world};

/// How a process of ours that ran into trouble of its own ends.
pub(crate) const TROUBLE: i32 = 96;
/// How much a run may print before the beginning is thrown away.
const MOST_OUTPUT: u64 = 256 << 20;

/// Serves orders until it is told to quit. `runs`: the runner makes that many plain runs before each order (the server never
/// runs the body); `None`: the server warms up itself. `parent` has made the server, as its `turn`th.
pub(crate) fn serve(runner: &mut Runner<'_>, room: &Room, (parent, turn): (i32, usize), runs: Option<u32>) -> ! {
    // A signal that the body sends is the body's doing.
    interrupts::forget();
    family::leave();
    process::settle_in(parent);
    process::adopt_orphans();
    process::no_core_files();
    process::no_backtraces();
    output::no_input();
    let served = catch_unwind(AssertUnwindSafe(|| {
        enter(runner);
        runner.core.store.step_aside(turn);
        let board = runner.pages.board();
        try_locks(runner);
        // SAFETY: the word is atomic and always valid.
        let ready = unsafe { &(*board).ready };
        ready.store(1, Ordering::Release);
        futex::wake(ready);
        let mut last = 0;
        loop {
            // SAFETY: the words are atomic and always valid; what the order names is ours until it is answered.
            let (asked, answered) = unsafe { (&(*board).asked, &(*board).answered) };
            while asked.load(Ordering::Acquire) == last {
                futex::wait(asked, last, Duration::from_secs(3600));
            }
            last = asked.load(Ordering::Acquire);
            // SAFETY: as above.
            let order = unsafe { (*board).order };
            if matches!(order, Order::Quit) {
                break;
            }
            carry_out(runner, room, order, runs);
            answered.store(last, Ordering::Release);
            futex::wake(answered);
        }
    }));
    family::end_orphans();
    process::leave(if served.is_ok() { 0 } else { TROUBLE });
}

/// Takes every lock of the standard library that a run may need, and the one under which stacks are resolved. One that another
/// thread held at the fork is never free again; the worker then starts another server.
fn try_locks(runner: &mut Runner<'_>) {
    prime_capture(runner);
    drop(std::io::stderr().lock());
    drop(std::env::var_os("OOMSWEEP"));
    stacks::wait_for_lock();
    witness::watch_panics();
}

/// A process of ours begins: the gate's page was wiped by the fork.
fn enter(runner: &mut Runner<'_>) {
    runner.core.unlock_after_fork();
    seen::forked();
    seen::note_thread(locals::thread_pointer());
    world::learn();
    // Found out once, before any state is compared with this one.
    pages::has_guards();
    runner.core.everyone.store(true, Ordering::Relaxed);
    runner.core.serves_all.store(true, Ordering::Relaxed);
    runner.core.contained.store(true, Ordering::Relaxed);
    gate::set(State::Between);
    witness::watch(runner.pages.arena, Then::Leave);
}

fn carry_out(runner: &mut Runner<'_>, room: &Room, order: Order, runs: Option<u32>) {
    let board = runner.pages.board();
    match order {
        Order::Quit => {}
        Order::WarmUp => {
            runner.pages.arena.clear();
            // SAFETY: the order's giver waits.
            unsafe { (*board).current.store(0, Ordering::Release) };
            let desk = runner.desk();
            let output = &mut runner.output;
            let journal = runner.pages.journal();
            let core = runner.core;
            let warm = warm::warm_up(runner.body, desk, false, || {
                if let Some(output) = output {
                    output::flush();
                    let written = output.redirect(None);
                    // SAFETY: no run is open.
                    unsafe { (*journal).output_from = written };
                }
            });
            output::flush();
            runner.reference = Some(Reference::take(core));
            // SAFETY: as above.
            unsafe { (*board).warm = warm };
        }
        Order::Batch { count } => {
            let mut from = 0;
            loop {
                let end = in_child(runner, room, runs, 1, |runner| runner.batch(count, from));
                // SAFETY: as above; the runner has ended.
                unsafe {
                    (*board).answer.end = end;
                    from = (*board).answer.next;
                    if end != End::Done || from == 0 {
                        break;
                    }
                }
            }
        }
        Order::Copies(terms) => {
            let end = in_child(runner, room, runs, 1, |runner| runner.copies(room, &terms));
            // SAFETY: as above.
            unsafe { (*board).answer.end = end };
        }
        Order::Alone(ask) => {
            for &placement in runner.ways() {
                let end = in_child(runner, room, runs, ask.patience, |runner| runner.alone(ask, placement));
                // SAFETY: as above.
                let seen = unsafe {
                    (*board).answer.end = end;
                    is_seen(&*runner.pages.journal())
                };
                if seen || end == End::TimedOut {
                    break;
                }
            }
        }
    }
}

/// Where a test harness captures what is printed on this thread, its buffer is made large once, so that printing asks the
/// allocator for nothing afterwards. Elsewhere the bytes go to the file that stands in for descriptor 1, and are dropped there.
fn prime_capture(runner: &mut Runner<'_>) {
    let Some(output) = &mut runner.output else { return };
    output::flush();
    output.redirect(None);
    let _harness = gate::harness();
    let blank = " ".repeat(1023);
    for _ in 0..64 {
        capture_line(&blank);
    }
    output::flush();
    output.clear();
}

#[allow(clippy::print_stdout, reason = "the one way to reach the buffer of a harness that captures output")]
fn capture_line(line: &str) {
    println!("{line}");
}

fn in_child(
    runner: &mut Runner<'_>,
    room: &Room,
    runs: Option<u32>,
    patience: u32,
    work: impl FnOnce(&mut Runner<'_>),
) -> End {
    let board = runner.pages.board();
    // SAFETY: the order's giver waits, and no runner lives.
    unsafe {
        (*board).answer.good = 0;
        (*board).answer.stopped = false;
        (*board).answer.changed = false;
        (*board).answer.next = 0;
        (*board).answer.closing = super::board::Closing::None;
        (*board).answer.closed = 0;
        (*board).answer.end = End::Exited(0);
        (*board).current.store(0, Ordering::Release);
        (*board).work = (0, 0);
        for journal in [runner.pages.journal(), runner.pages.spare()] {
            (*journal).reset(crate::model::fault::Fault::None);
            (*journal).step.store(0, Ordering::Release);
            (*journal).began.store(time::now_ns(), Ordering::Release);
        }
    }
    room.nobody_waits();
    output::flush();
    let server = process::pid();
    let began = time::now_ns();
    match process::clone_child() {
        Ok(Side::Parent(child)) => {
            // SAFETY: as above.
            let limit = unsafe { (*board).limit }.saturating_mul(u64::from(patience));
            let end = watch(child, runner, room, limit);
            let ended = time::now_ns();
            family::end_orphans();
            // SAFETY: the runner has ended.
            let done = unsafe {
                let (from, to) = (*board).work;
                (*board).answer.fork = if to == 0 { 0 } else { (ended - began).saturating_sub(to - from) };
                (*board).answer.end == End::Done
            };
            if done { End::Done } else { end }
        }
        Ok(Side::Child) => {
            let done = catch_unwind(AssertUnwindSafe(|| {
                process::settle_in(server);
                enter(runner);
                let from = time::now_ns();
                work_from_reference(runner, runs, work);
                // SAFETY: the server waits for this process's end.
                unsafe { (*board).work = (from, time::now_ns()) };
            }));
            output::flush();
            process::leave(if done.is_ok() { 0 } else { TROUBLE });
        }
        Err(error) => End::Refused(error.raw_os_error().unwrap_or(0)),
    }
}

fn work_from_reference(runner: &mut Runner<'_>, runs: Option<u32>, work: impl FnOnce(&mut Runner<'_>)) {
    if let Some(runs) = runs {
        let desk = runner.desk();
        let output = &mut runner.output;
        let core = runner.core;
        let before = || {
            if let Some(output) = output {
                output::flush();
                output.redirect(None);
            }
        };
        if !warm::repeat(runner.body, desk, runs, before) {
            // The journal tells which plain run failed, and how; the trial was never begun.
            process::leave(TROUBLE);
        }
        output::flush();
        runner.reference = Some(Reference::take(core));
    }
    work(runner);
}

/// Waits for a runner's end, and ends it when a run is over its time; and of the copies that it makes, those that are.
fn watch(child: Child, runner: &Runner<'_>, room: &Room, limit: u64) -> End {
    let mut dog = Watchdog::new(limit);
    let mut others = Kennel::new(limit);
    loop {
        let journal = runner.pages.current();
        // SAFETY: both words are atomic and always valid.
        let (run, began) =
            unsafe { ((*journal).runs.load(Ordering::Acquire), (*journal).began.load(Ordering::Acquire)) };
        if child.ends_within(dog.slice(began)) {
            return match child.wait() {
                Died::Exited(status) => End::Exited(status),
                Died::Signalled(number) => End::Signalled(number),
            };
        }
        others.look(room);
        // While it waits for copies these are watched, and it has no time of its own.
        if room.traffic().waits.load(Ordering::Acquire) == 0 && dog.over(child.pid, run) {
            child.kill();
            child.wait();
            return End::TimedOut;
        }
        if let Some(output) = &runner.output
            && output.len() > MOST_OUTPUT
        {
            output.clear();
        }
    }
}

/// The watchdogs of copies, one for each slot that was ever used.
struct Kennel {
    limit: u64,
    dogs: Vec<Watchdog>,
}

impl Kennel {
    fn new(limit: u64) -> Kennel {
        Kennel { limit, dogs: Vec::new() }
    }

    /// Ends every copy that is over its time.
    fn look(&mut self, room: &Room) {
        for slot in 0..room.used() {
            // SAFETY: only the atomic words of the slot are referred to.
            let (number, run) = unsafe {
                let slot = room.slot(slot);
                (&(*slot).pid, &(*slot).journal.runs)
            };
            let pid = number.load(Ordering::Acquire);
            if pid == 0 {
                continue;
            }
            if self.dogs.len() <= slot {
                self.dogs.resize_with(slot + 1, || Watchdog::new(self.limit));
            }
            let Some(dog) = self.dogs.get_mut(slot) else { continue };
            let over = dog.over(pid, run.load(Ordering::Acquire));
            if over && process::end_while(pid, number) {
                // SAFETY: as above.
                unsafe { &(*room.slot(slot)).hung }.store(1, Ordering::Release);
                room.traffic().hung.fetch_add(1, Ordering::AcqRel);
            }
        }
    }
}
