//! Runs with copies that do not come to their end, or whose copies do not.

use std::fs;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use oomsweep::{alloc_test, exempt};
use serde_json::Value;

use super::bodies::Asked;
use super::common::Run;
use super::found;

/// The variable with the folder in which a copy that hangs leaves a file.
const HANGS: &str = "LARGE_HANGS";

/// Requests, and what is done where the one of this number is refused.
fn requests(count: usize, refused: impl Fn(usize)) -> Asked {
    for number in 0..black_box(count) {
        let told = black_box(&mut Vec::<u8>::new()).try_reserve_exact(number + 1);
        if told.is_err() {
            exempt(|| refused(number));
        }
        told?;
    }
    Ok(())
}

/// Each trial takes so long that not all of them are made.
#[alloc_test(engine = "snapshot", max_time = "2s", jobs = 4, faults(once), incomplete = "allow")]
#[ignore = "run by the tests"]
fn takes_long() -> Asked {
    requests(2_000, |_| std::thread::sleep(Duration::from_millis(50)))
}

/// The same, and what the first trial leaves behind is known for sure only by another trial.
#[alloc_test(engine = "snapshot", max_time = "2s", jobs = 4, faults(once), incomplete = "allow")]
#[ignore = "run by the tests"]
fn takes_long_and_forgets() -> Asked {
    requests(2_000, |number| {
        if number == 0 {
            std::mem::forget(fs::File::open("/dev/null"));
        }
        std::thread::sleep(Duration::from_millis(50));
    })
}

/// A process of its own is started, and then neither comes to an end.
fn hangs(number: usize) {
    let child = Command::new("sleep").arg("1000").spawn();
    if let Some(folder) = std::env::var_os(HANGS) {
        fs::write(Path::new(&folder).join(number.to_string()), "").expect("the folder is ours");
    }
    std::mem::forget(child);
    loop {
        std::thread::sleep(Duration::from_secs(1000));
    }
}

#[alloc_test(jobs = 4, timeout = "100ms", faults(once))]
#[ignore = "seeded bug: run by the tests"]
fn hangs_at_some() -> Asked {
    requests(100, |number| {
        if number % 60 == 7 {
            hangs(number)
        }
    })
}

#[alloc_test(engine = "snapshot", jobs = 4, timeout = "1h", faults(once))]
#[ignore = "seeded bug: run by the tests"]
fn hangs_for_an_hour() -> Asked {
    requests(100, |number| {
        if number > 20 {
            hangs(number)
        }
    })
}

fn number(report: &Value, pointer: &str) -> u64 {
    report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer}: {report:#}"))
}

/// The time that a sweep may take ends in the middle of a run: what was tried until then counts, and no more is said to be.
#[test]
fn a_sweep_that_is_over_its_time() {
    for test in ["cut_short::takes_long", "cut_short::takes_long_and_forgets"] {
        let ran = Run::new(test).go();
        ran.assert_nothing_left();
        let report = ran.expect_report();
        assert_eq!(report.pointer("/stopped"), Some(&"max_time".into()), "{report:#}");
        let [planned, tried, left, errors, copies] =
            ["/coverage/planned", "/coverage/tried", "/coverage/left", "/coverage/error", "/engine/snapshot"]
                .map(|pointer| number(&report, pointer));
        assert_eq!((planned, tried + left), (2_000, 2_000), "{report:#}");
        assert!((1..2_000).contains(&tried), "{report:#}");
        assert_eq!((errors, copies), (tried, tried), "{report:#}");
        let trials = report.pointer("/trials").and_then(Value::as_array).expect("a list");
        assert_eq!(trials.len() as u64, tried, "{report:#}");
    }
}

#[test]
fn copies_that_hang() {
    let [first, others @ ..] = ["replay", "snapshot", "auto"].map(|engine| {
        let ran = Run::new("cut_short::hangs_at_some").env("OOMSWEEP_ENGINE", engine).go();
        ran.assert_nothing_left();
        assert!(ran.unburied().is_empty(), "{}", ran.output());
        ran.expect_report()
    });
    let trials = first.pointer("/trials").and_then(Value::as_array).expect("a list");
    let hangs: Vec<_> = trials.iter().filter(|trial| trial.pointer("/verdict") == Some(&"hang".into())).collect();
    assert_eq!(hangs.len(), 2, "{first:#}");
    for other in others {
        assert_eq!(found(other), found(first.clone()));
    }
}

/// A wish of the user comes while as many copies hang as may.
#[test]
fn copies_that_hang_when_they_are_to_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Run::new("cut_short::hangs_for_an_hour").env(HANGS, folder.path()).start();
    let hanging = || fs::read_dir(folder.path()).expect("the folder is ours").count();
    let began = std::time::Instant::now();
    while hanging() < 4 {
        assert!(began.elapsed() < Duration::from_secs(100), "no four copies hang");
        std::thread::sleep(Duration::from_millis(5));
    }
    // SAFETY: no memory is involved; the process is one that this test started.
    assert_eq!(unsafe { libc::kill(running.pid(), libc::SIGINT) }, 0);
    let ran = running.finish();
    ran.assert_nothing_left();
    assert_eq!(ran.status.signal(), Some(libc::SIGINT), "{}", ran.output());
    let report = ran.expect_report();
    assert_eq!(report.pointer("/stopped"), Some(&"interrupt (SIGINT)".into()), "{report:#}");
    assert_eq!((number(&report, "/coverage/tried"), number(&report, "/coverage/error")), (21, 21), "{report:#}");
    assert_eq!(number(&report, "/coverage/left"), 79, "{report:#}");
}
