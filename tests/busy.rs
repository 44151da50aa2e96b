//! A machine with more to do than it has cores: who waits for a core does not hang, and who hangs is found all the same.
#![cfg(all(target_os = "linux", not(oomsweep_portable)))]

use std::collections::TryReserveError;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use oomsweep::{AnyError, Faults, Sweep};

/// How many threads want each core, besides the test.
const CROWD: usize = 8;

/// Held by the test that has the crowd.
static TURN: Mutex<()> = Mutex::new(());

/// Calls `work` while eight threads for each core spin.
fn in_a_crowd<T>(work: impl FnOnce() -> T) -> T {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let done = AtomicBool::new(false);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..CROWD * cores {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let result = catch_unwind(AssertUnwindSafe(work));
        done.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|payload| resume_unwind(payload))
    })
}

/// From now on this thread, and what it starts, is given a core for a few milliseconds, and then none for longer than a limit of
/// 100 ms allows.
fn step_back() {
    // SAFETY: of the calling thread alone.
    assert_eq!(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) }, 0);
}

/// Has a core for so long.
fn compute(time: Duration) {
    let used = || {
        let mut used = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `used` is ours to be written.
        assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut used) }, 0);
        Duration::new(used.tv_sec.cast_unsigned(), u32::try_from(used.tv_nsec).expect("below a second"))
    };
    let end = used() + time;
    while used() < end {}
}

/// A request, and what is done when it was refused.
fn request(refused: fn()) -> Result<(), TryReserveError> {
    let mut block = Vec::<u8>::new();
    let told = black_box(&mut block).try_reserve_exact(black_box(40));
    if told.is_err() {
        refused();
    }
    told
}

fn computes() {
    compute(Duration::from_millis(50));
}

fn computes_with_next_to_nothing() {
    step_back();
    compute(Duration::from_millis(20));
}

/// The thread computes, and the body waits for it.
fn has_another_compute() {
    oomsweep::exempt(|| thread::spawn(computes_with_next_to_nothing).join()).expect("nothing panics");
}

fn locks_twice() {
    static LOCK: Mutex<()> = Mutex::new(());
    let held = LOCK.lock();
    drop(black_box(LOCK.lock()));
    drop(held);
}

fn steps_back_and_locks_twice() {
    step_back();
    locks_twice();
}

/// Sweeps the one request in a crowd; `limit`: for one run, if it is not the usual one. The one trial ends so.
#[track_caller]
fn expect(refused: fn(), limit: Option<Duration>, verdict: &str) {
    let report = in_a_crowd(|| {
        let sweep: Sweep<AnyError> = Sweep::new("in a crowd").faults(Faults::ONCE);
        limit.into_iter().fold(sweep, Sweep::timeout).run(|| request(refused))
    });
    let trials: Vec<String> = report.trials().iter().map(|trial| trial.verdict.to_string()).collect();
    assert_eq!(trials, [verdict], "{report}");
}

const SHORT: Option<Duration> = Some(Duration::from_millis(100));

#[test]
fn a_body_that_computes_is_no_hang() {
    expect(computes, None, "error");
}

#[test]
fn one_that_hangs_is() {
    expect(locks_twice, None, "hang");
}

#[test]
fn a_body_that_is_given_next_to_nothing_is_no_hang() {
    expect(computes_with_next_to_nothing, SHORT, "error");
}

#[test]
fn one_that_waits_for_a_thread_that_is_given_next_to_nothing_is_none_either() {
    expect(has_another_compute, SHORT, "error");
}

#[test]
fn one_that_hangs_is_one_with_next_to_nothing() {
    expect(steps_back_and_locks_twice, SHORT, "hang");
}
