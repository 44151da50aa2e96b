//! Traps for a sweep of the builder: other threads beside it, what its body captures, and other sweeps.

use std::cell::RefCell;
use std::collections::TryReserveError;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use oomsweep::{EngineChoice, Faults, Report, Sweep, benign, exempt};
use rstest::rstest;

use crate::common::Run;
use crate::kit::bytes;

fn told(report: &Report) -> Vec<(String, String)> {
    report.trials().iter().map(|trial| (trial.fault.to_string(), trial.verdict.to_string())).collect()
}

fn two_requests() -> Result<(), TryReserveError> {
    let first = bytes!(10)?;
    drop((first, bytes!(20)?));
    Ok(())
}

/// Whoever holds a lock of the standard library when the server is forked never frees it in there.
fn beside(noise: impl Fn() + Sync) {
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    noise();
                }
            });
        }
        for _ in 0..40 {
            let report = Sweep::new("beside").run(two_requests);
            if !report.is_clean() {
                ends.store(true, Ordering::Relaxed);
            }
            report.assert_clean();
        }
        ends.store(true, Ordering::Relaxed);
    });
}

#[test]
#[ignore = "trap: run by the test beside it"]
fn beside_threads_that_print() {
    use std::io::Write;
    beside(|| drop(std::io::stdout().write_all(b"some words of somebody else's\n")));
}

#[test]
#[ignore = "trap: run by the test beside it"]
fn beside_threads_that_panic() {
    beside(|| {
        drop(std::panic::catch_unwind(|| std::panic::panic_any(1)));
        std::thread::sleep(Duration::from_micros(200));
    });
}

/// What an earlier run has left in a captured place is freed by the next one: somebody held it.
#[test]
#[ignore = "trap: run by the test beside it"]
fn replaces_what_it_captured() {
    let kept: RefCell<Option<Vec<u8>>> = RefCell::new(None);
    let report = Sweep::new("replaces").run(|| -> Result<(), TryReserveError> {
        let fresh = bytes!(33)?;
        *kept.borrow_mut() = Some(fresh);
        Ok(())
    });
    report.assert_clean();
    assert_eq!(report.trials().len(), 2);
}

/// A region excuses the first failure of `persistent@0`, and nothing excuses the second.
#[test]
#[ignore = "trap: run by the test beside it"]
fn swallows_behind_an_excused_failure() {
    let report = Sweep::new("swallows").benign(["nobody::"]).run(|| -> Result<(), TryReserveError> {
        let inside = benign(|| bytes!(10).is_ok());
        let outside = bytes!(20).is_ok();
        black_box((inside, outside));
        Ok(())
    });
    let told: Vec<String> = told(&report).into_iter().map(|(_, verdict)| verdict).collect();
    assert_eq!(told, ["tolerated", "swallowed", "swallowed", "swallowed"]);
}

/// The first request that comes back empty-handed is one that no system could serve; the one that the fault fails comes later.
#[test]
#[ignore = "trap: run by the test beside it"]
fn swallows_behind_a_real_refusal() {
    let report =
        Sweep::new("swallows").faults(Faults::ONCE).benign(["nobody::"]).run(|| -> Result<(), TryReserveError> {
            let absurd = exempt(|| bytes!(black_box(isize::MAX as usize - 100)).is_ok());
            let outside = bytes!(20).is_ok();
            black_box((absurd, outside));
            Ok(())
        });
    assert_eq!(told(&report), [(String::from("once@0"), String::from("swallowed"))]);
}

/// What is accepted in one part of the trials need not show in another, nor where nothing is failed.
#[test]
#[ignore = "trap: run by the test beside it"]
fn accepts_in_parts() {
    let body = || -> Result<(), TryReserveError> {
        drop(bytes!(10)?);
        bytes!(20).inspect_err(|_| std::mem::forget(exempt(|| black_box(vec![7_u8; 33]))))?;
        Ok(())
    };
    let whole = Sweep::new("parts").run(body);
    let ids: Vec<String> = whole.findings().iter().map(|finding| finding.id.clone()).collect();
    assert_eq!(ids.len(), 1);
    for part in 1..=4 {
        Sweep::new("parts").known(&ids).shard(part, 4).run(body).assert_clean();
    }
    Sweep::new("parts").known(&ids).leaks_only().run(body).assert_clean();
    let gone = Sweep::new("parts").known(&ids).run(two_requests);
    assert!(!gone.is_clean(), "a whole sweep tells that it is gone");
}

/// More leaks than the pages hold records of.
#[test]
#[ignore = "trap: run by the test beside it"]
fn leaks_very_much() {
    let report = Sweep::new("very_much").faults(Faults::ONCE).run(|| -> Result<(), TryReserveError> {
        bytes!(20).map(drop).inspect_err(|_| {
            exempt(|| (0..150_000_u32).for_each(|number| std::mem::forget(black_box(Box::new(number)))));
        })
    });
    assert_eq!(told(&report), [(String::from("once@0"), String::from("leak"))]);
    assert_eq!(report.findings().len(), 1);
}

static KEPT: std::sync::Mutex<Option<Vec<u8>>> = std::sync::Mutex::new(None);

/// What one sweep in this process has left is given back before the next.
#[test]
#[ignore = "trap: run by the test beside it"]
fn gives_back_between_two_sweeps() {
    let keep = || -> Result<(), TryReserveError> {
        if let Ok(mut kept) = KEPT.lock()
            && kept.is_none()
        {
            *kept = Some(bytes!(64 << 20)?);
        }
        two_requests()
    };
    Sweep::new("first").engine(EngineChoice::InProcess).run(keep).assert_clean();
    drop(KEPT.lock().expect("no panic held it").take());
    let leaky = || {
        std::mem::forget(black_box(Box::new(5)));
    };
    let report = Sweep::new("second").engine(EngineChoice::InProcess).run(leaky);
    assert_eq!(report.findings().len(), 1);
}

/// A sweep inside a sweep is refused wherever it is started, and whatever is done.
#[test]
#[ignore = "trap: run by the test beside it"]
fn sweeps_inside() {
    let report = Sweep::new("outer").timeout(Duration::from_secs(5)).run(|| {
        drop(Sweep::new("inner").run(|| drop(bytes!(10))));
    });
    assert!(!report.is_clean());
}

#[test]
#[ignore = "trap: run by the test beside it"]
fn sweeps_inside_on_another_thread() {
    let report = Sweep::new("outer").timeout(Duration::from_secs(5)).run(|| {
        let inner = std::thread::spawn(|| Sweep::new("inner").run(|| drop(bytes!(10))));
        assert!(inner.join().is_ok(), "the inner sweep was refused");
    });
    let finding = report.findings().first().expect("a finding");
    assert_eq!(finding.code.to_string(), "baseline");
    assert!(finding.panic.is_some(), "{finding:?}");
}

#[rstest]
#[case::print("beside_threads_that_print", "sweep")]
#[case::panic("beside_threads_that_panic", "sweep")]
#[case::captured("replaces_what_it_captured", "sweep")]
#[case::excused("swallows_behind_an_excused_failure", "sweep")]
#[case::refused("swallows_behind_a_real_refusal", "sweep")]
#[case::parts("accepts_in_parts", "sweep")]
#[case::very_much("leaks_very_much", "sweep")]
#[case::between("gives_back_between_two_sweeps", "sweep")]
#[case::inside("sweeps_inside", "sweep")]
#[case::inside_off("sweeps_inside", "off")]
#[case::inside_thread("sweeps_inside_on_another_thread", "sweep")]
fn holds(#[case] body: &str, #[case] task: &str) {
    let ran = Run::new(&format!("builder::{body}")).env("OOMSWEEP", task).limit(Duration::from_secs(60)).go();
    ran.assert_nothing_left();
    assert!(ran.passed(), "{}", ran.output());
}
