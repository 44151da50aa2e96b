//! The builder in a plain test: beside other tests, with captured output, with state of its own.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what a body prints is part of the test")]

use std::collections::TryReserveError;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use oomsweep::{Faults, Report, Sweep, alloc_test};
use rstest::rstest;

fn room(bytes: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut room = Vec::new();
    room.try_reserve_exact(bytes)?;
    Ok(black_box(room))
}

fn verdicts(report: &Report) -> String {
    let told: Vec<String> = report.trials().iter().map(|trial| format!("{}:{}", trial.fault, trial.verdict)).collect();
    told.join(" ")
}

#[test]
fn printing_into_a_captured_stream_is_no_request() {
    let report = Sweep::new("prints").faults(Faults::ONCE).run(|| {
        println!("before");
        eprintln!("and on the other stream");
        let room = room(10);
        println!("after: {}", room.is_ok());
        room.map(drop)
    });
    assert_eq!(verdicts(&report), "once@0:error", "{report}");
    assert!(report.is_clean(), "{report}");
}

#[test]
fn the_state_is_built_anew_before_every_run() {
    let report = Sweep::new("with_state").run_with(
        || vec![1, 2, 3],
        |numbers: &mut Vec<i32>| -> Result<(), TryReserveError> {
            assert_eq!(numbers.len(), 3, "left over from an earlier run");
            numbers.clear();
            numbers.shrink_to_fit();
            room(10).map(drop)
        },
    );
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.points.total, 1);
}

#[test]
fn state_that_the_body_loses_is_a_leak() {
    let report = Sweep::new("loses_its_state").faults(Faults::ONCE).run_with(
        || Some(room(100).expect("never failed")),
        |state: &mut Option<Vec<u8>>| -> Result<(), TryReserveError> {
            let room = room(10).inspect_err(|_| std::mem::forget(state.take()))?;
            drop(room);
            Ok(())
        },
    );
    assert_eq!(verdicts(&report), "once@0:leak", "{report}");
    let blocks = &report.findings()[0].blocks;
    assert_eq!((blocks[0].size, blocks[0].count), (100, 1), "{report}");
}

#[test]
fn what_the_closure_captures_is_no_leak() {
    let kept = std::cell::RefCell::new(Vec::new());
    let report = Sweep::new("captures").faults(Faults::ONCE).run(|| -> Result<(), TryReserveError> {
        let room = room(10).inspect_err(|_| kept.borrow_mut().resize(64, 0_u8));
        room.map(drop)
    });
    // The first failure fills the cache, which lives on outside the body.
    assert!(report.is_clean(), "{report}");
}

#[rstest]
fn two_sweeps_at_once_wait_for_each_other(#[values(1, 2, 3, 4)] size: usize) {
    let report = Sweep::new("at_once").run(|| {
        let first = room(size)?;
        let second = room(size + 1)?;
        drop((first, second));
        Ok::<(), TryReserveError>(())
    });
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.points.total, 2, "{report}");
}

#[test]
fn on_a_thread_of_its_own() {
    let report = std::thread::spawn(|| Sweep::new("elsewhere").run(|| room(7).map(drop))).join().expect("no panic");
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.points.total, 1);
}

#[test]
fn a_sweep_inside_a_sweep_is_refused_with_both_places() {
    let report = Sweep::new("outer_sweep").run(|| {
        let inner = Sweep::new("inner_sweep").run(|| room(1).map(drop));
        assert!(inner.is_clean());
    });
    let finding = &report.findings()[0];
    assert_eq!(finding.code.as_str(), "baseline", "{report}");
    let message = &finding.panic.as_ref().expect("the inner sweep panics").message;
    assert!(message.contains("inner_sweep (tests/builder.rs:"), "{message}");
    assert!(message.contains("outer_sweep (tests/builder.rs:"), "{message}");
}

#[test]
fn a_body_in_a_loop_is_a_sweep_each_time() {
    for round in 0..5 {
        let report = Sweep::new(format!("round_{round}")).run(|| room(round + 1).map(drop));
        assert!(report.is_clean(), "{report}");
    }
}

#[test]
fn what_the_runs_do_is_not_seen_by_the_caller() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let report = Sweep::new("far_away").run(|| {
        CALLS.fetch_add(1, Ordering::SeqCst);
        room(3).map(drop)
    });
    assert!(report.is_clean(), "{report}");
    let calls = CALLS.load(Ordering::SeqCst);
    assert_eq!(calls, 0, "the body runs in children only");
}

/// The attribute and the builder in one binary do not disturb each other.
#[alloc_test]
fn beside_the_builder() -> Result<(), TryReserveError> {
    room(5).map(drop)
}

/// What the attribute expands to, for a name that no test has.
#[test]
fn a_worker_that_finds_no_such_test_says_so() {
    use oomsweep::__private::{Site, test};
    let site = Site {
        path: "builder::there_is_no_such_test",
        package: env!("CARGO_PKG_NAME"),
        target: env!("CARGO_CRATE_NAME"),
        manifest_dir: env!("CARGO_MANIFEST_DIR"),
        file: file!(),
        line: line!(),
    };
    let failed = std::panic::catch_unwind(|| test(site).check(|| ())).expect_err("no worker has answered");
    let message = failed.downcast_ref::<String>().expect("a message of ours");
    assert!(message.contains("found no test named `there_is_no_such_test`"), "{message}");
}
