//! The server: a process that waits in the reference state, and makes a runner for each order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::board::{End, Order};
use super::carry::Reference;
use super::runner::{Runner, is_seen};
use super::warm;
use super::watchdog::Watchdog;
use crate::hook::gate::{self, State};
use crate::session::witness::{self, Then};
use crate::sys::process::{self, Child, Died, Side};
use crate::sys::{family, futex, locals, output, pages, seen, stacks, time, world};

/// How a process of ours that ran into trouble of its own ends.
pub(crate) const TROUBLE: i32 = 96;
/// How much a run may print before the beginning is thrown away.
const MOST_OUTPUT: u64 = 256 << 20;

/// Serves orders until it is told to quit. `runs`: the runner makes that many plain runs before each order (the server never
/// runs the body); `None`: the server warms up itself.
pub(crate) fn serve(runner: &mut Runner<'_>, parent: i32, runs: Option<u32>) -> ! {
    family::leave();
    process::settle_in(parent);
    process::adopt_orphans();
    process::no_core_files();
    process::no_backtraces();
    output::no_input();
    let served = catch_unwind(AssertUnwindSafe(|| {
        enter(runner);
        runner.core.store.step_aside();
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
            carry_out(runner, order, runs);
            answered.store(last, Ordering::Release);
            futex::wake(answered);
        }
    }));
    process::end_orphans();
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

fn carry_out(runner: &mut Runner<'_>, order: Order, runs: Option<u32>) {
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
                    output.redirect();
                    // SAFETY: no run is open.
                    unsafe { (*journal).output_from = output.len() };
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
                let end = in_child(runner, runs, 1, |runner| runner.batch(count, from));
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
        Order::Branches { count } => {
            let end = in_child(runner, runs, 1, |runner| runner.branches(count));
            // SAFETY: as above.
            unsafe { (*board).answer.end = end };
        }
        Order::Alone(ask) => {
            for &placement in runner.ways() {
                let end = in_child(runner, runs, ask.patience, |runner| runner.alone(ask, placement));
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
    output.redirect();
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

fn in_child(runner: &mut Runner<'_>, runs: Option<u32>, patience: u32, work: impl FnOnce(&mut Runner<'_>)) -> End {
    let board = runner.pages.board();
    // SAFETY: the order's giver waits, and no runner lives.
    unsafe {
        (*board).answer.good = 0;
        (*board).answer.stopped = false;
        (*board).answer.changed = false;
        (*board).answer.next = 0;
        (*board).answer.closing = super::board::Closing::None;
        (*board).answer.end = End::Exited(0);
        (*board).current.store(0, Ordering::Release);
        (*board).watched.store(0, Ordering::Release);
        for journal in [runner.pages.journal(), runner.pages.spare()] {
            (*journal).reset(crate::model::fault::Fault::None);
            (*journal).step.store(0, Ordering::Release);
            (*journal).began.store(time::now_ns(), Ordering::Release);
        }
    }
    output::flush();
    let server = process::pid();
    match process::clone_child() {
        Ok(Side::Parent(child)) => {
            // SAFETY: as above.
            let limit = unsafe { (*board).limit }.saturating_mul(u64::from(patience));
            let end = watch(child, runner, limit);
            process::end_orphans();
            // SAFETY: the runner has ended.
            let done = unsafe { (*board).answer.end == End::Done };
            if done { End::Done } else { end }
        }
        Ok(Side::Child) => {
            let done = catch_unwind(AssertUnwindSafe(|| {
                process::settle_in(server);
                enter(runner);
                work_from_reference(runner, runs, work);
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
                output.redirect();
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

/// Waits for a runner's end, and ends it when a run is over its time.
fn watch(child: Child, runner: &Runner<'_>, limit: u64) -> End {
    let mut dog = Watchdog::new(limit);
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
        // SAFETY: as above.
        let watched = unsafe { (*runner.pages.board()).watched.load(Ordering::Acquire) };
        // SAFETY: as above.
        let is_copy = unsafe { (*runner.pages.board()).current.load(Ordering::Acquire) } != 0 && watched != 0;
        if dog.over(if is_copy { watched } else { child.pid }, run, began) {
            // The run goes on when a copy that it waits for has ended.
            // SAFETY: as above.
            if is_copy && process::end_while(watched, unsafe { &(*runner.pages.board()).watched }) {
                continue;
            }
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
