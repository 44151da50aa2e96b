//! What trials come to, and what the report says of them.

use std::collections::TryReserveError;
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use oomsweep::{Faults, Report, Rule, alloc_test};

use crate::{expect, findings, reserve, sweep};

/// Three requests, each of which may fail.
fn three() -> Result<(), TryReserveError> {
    let blocks = (reserve(10)?, reserve(20)?, reserve(30)?);
    drop(black_box(blocks));
    Ok(())
}

#[test]
fn a_clean_body() {
    let report = sweep("clean").run(three);
    let all = ["once@0", "once@1", "once@2", "persistent@0", "persistent@1", "persistent@2"];
    expect(&report, &all.map(|fault| format!("{fault} error")).each_ref().map(String::as_str), &[]);
    assert!(report.is_clean() && report.complete);
    assert_eq!((report.points.total, report.points.first_use, report.points.exempt), (3, 0, 0));
    let (coverage, engine) = (report.coverage, &report.engine);
    assert_eq!((coverage.planned, coverage.tried, coverage.error, coverage.left), (6, 6, 6, 0));
    assert_eq!((engine.in_process, engine.replay, engine.snapshot), (6, 0, 0));
    let why = engine.why.as_deref().expect("the engine says what it cannot do");
    for word in ["in this process", "abort", "crash", "exit", "hang"] {
        assert!(why.contains(word), "{why}");
    }
    assert!(report.to_string().contains(why));
}

#[alloc_test(engine = "in-process", error = TryReserveError { .. })]
fn the_attribute() -> Result<(), TryReserveError> {
    three()
}

#[alloc_test(engine = "in-process")]
#[should_panic(expected = "as it should")]
fn the_attribute_and_a_panic() {
    if three().is_ok() {
        panic!("as it should");
    }
}

/// On the way out with the error, the first block is forgotten.
const BORN: u32 = line!() + 3;
const FAILED: u32 = line!() + 3;
fn forgets() -> Result<(), TryReserveError> {
    let kept = ManuallyDrop::new(reserve(48)?);
    let second = reserve(100)?;
    drop((second, ManuallyDrop::into_inner(kept)));
    Ok(())
}

#[test]
fn a_leak_is_shown_with_both_places() {
    let report = sweep("leaks").run(forgets);
    expect(&report, &["once@0 error", "once@1 leak", "persistent@0 error", "persistent@1 leak"], &["leak 2"]);
    let leak = &report.findings()[0];
    assert_eq!((leak.fault.as_deref(), &leak.also[..]), (Some("once@1"), &["persistent@1".to_owned()][..]));
    let failed = leak.failed_request.as_ref().expect("a failed request");
    assert_eq!((failed.size, failed.align, failed.index), (100, 1, Some(1)));
    let [block] = &leak.blocks[..] else { panic!("{report}") };
    assert_eq!((block.size, block.align, block.count, block.bytes), (48, 1, 1, 48));
    for (stack, line) in [(&failed.stack, FAILED), (&block.born, BORN)] {
        let own: Vec<_> =
            stack.iter().filter(|frame| frame.own).map(|frame| (frame.file.as_deref(), frame.line)).collect();
        assert!(own.contains(&(Some("tests/in_process/verdicts.rs"), Some(line))), "line {line}: {own:?}");
    }
    assert!(leak.key.is_some() && leak.replay.as_ref().is_some_and(|line| line.starts_with("OOMSWEEP_REPLAY=once@1#")));
    assert!(!report.is_clean());
}

#[test]
fn a_swallowed_failure() {
    let body = || -> Result<(), TryReserveError> {
        black_box(reserve(10).unwrap_or_default());
        reserve(20).map(drop)
    };
    let report = sweep("swallows").faults(Faults::ONCE).run(body);
    expect(&report, &["once@0 swallowed", "once@1 error"], &["swallowed 1"]);
    let report = sweep("swallows").faults(Faults::ONCE).swallowed(Rule::Allow).run(body);
    expect(&report, &["once@0 tolerated", "once@1 error"], &[]);
    let silent = || drop(black_box(reserve(10)));
    let report = sweep("returns nothing").faults(Faults::ONCE).run(silent);
    expect(&report, &["once@0 tolerated"], &[]);
}

#[test]
fn a_panic_and_what_it_leaves() {
    let line = line!() + 3;
    let body = || {
        let kept = ManuallyDrop::new(reserve(16).unwrap_or_default());
        let second = reserve(32).unwrap();
        drop((second, ManuallyDrop::into_inner(kept)));
    };
    let report = sweep("panics").run(body);
    expect(
        &report,
        &["once@0 tolerated", "once@1 panic", "persistent@0 panic", "persistent@1 panic"],
        &["panic 3", "leak 2"],
    );
    let panic = report.findings()[0].panic.as_ref().expect("a panic");
    assert_eq!((panic.line, panic.unwound), (Some(line), true));
    assert!(panic.file.as_deref().is_some_and(|file| file.ends_with("verdicts.rs")));
    assert!(panic.message.contains("unwrap"), "{}", panic.message);
    let report = sweep("panics").panics(Rule::Allow).faults(Faults::ONCE).run(body);
    expect(&report, &["once@0 tolerated", "once@1 leak"], &["leak 1"]);
}

#[test]
fn a_wrong_error() {
    let body = || -> Result<(), &str> {
        drop(reserve(10).map_err(|_| "no memory")?);
        drop(reserve(20).map_err(|_| "disk full")?);
        Ok(())
    };
    let report = sweep("errs").faults(Faults::ONCE).error_if(|error: &&str| *error == "no memory").run(body);
    expect(&report, &["once@0 error", "once@1 wrong-error"], &["wrong-error 1"]);
    assert_eq!(report.findings()[0].error.as_deref(), Some("\"disk full\""));
}

#[test]
fn a_fault_that_is_not_reached() {
    let calls = AtomicU32::new(0);
    let body = || -> Result<(), TryReserveError> {
        drop(reserve(10)?);
        if calls.fetch_add(1, Ordering::Relaxed) < 2 {
            drop(reserve(20)?);
        }
        Ok(())
    };
    let report = sweep("stops asking").faults(Faults::ONCE).run(body);
    expect(&report, &["once@0 error", "once@1 not-reached"], &["not-reached 1"]);
    let parting = report.findings()[0].diverges.as_ref().expect("where the runs part");
    assert_eq!(parting.index, 1);
    assert_eq!(parting.baseline.as_ref().map(|request| request.size), Some(20));
    assert!(report.notes.iter().any(|note| note.starts_with("runs do not repeat")), "{report}");
}

#[test]
fn what_is_made_once_is_no_leak() {
    static CACHE: OnceLock<Vec<u8>> = OnceLock::new();
    thread_local! {
        static OF_THREAD: Vec<u8> = black_box(vec![1; 30]);
    }
    let report = sweep("first use").run(|| {
        let sum = CACHE.get_or_init(|| black_box(vec![1; 40])).len() + OF_THREAD.with(Vec::len);
        reserve(sum).map(drop)
    });
    expect(&report, &["once@0 error", "persistent@0 error"], &[]);
    assert_eq!(report.points.first_use, 2);
}

/// What a failing trial makes for the first time is no leak: a second try of it finds it made.
#[test]
fn what_an_error_path_makes_once_is_no_leak() {
    static CACHE: OnceLock<Vec<u8>> = OnceLock::new();
    let report = sweep("first use").faults(Faults::ONCE).run(|| {
        reserve(10).map(drop).inspect_err(|_| {
            black_box(CACHE.get_or_init(|| vec![1; 40]));
        })
    });
    expect(&report, &["once@0 error"], &[]);
}

/// The harness captures what is printed in a buffer that grows now and then; its growth is not the body's.
#[alloc_test(engine = "in-process")]
fn printing() -> Result<(), TryReserveError> {
    println!("a line that a body prints, long enough to make the buffer grow in some of the runs but not in all");
    let block = reserve(10);
    println!("another one");
    for _ in 0..black_box(20) {
        println!("and many more, so that a single run prints more than any small buffer holds");
    }
    block.map(drop)
}

#[test]
fn a_plain_run_that_leaks() {
    let body = || std::mem::forget(black_box(reserve(24)));
    let report = sweep("leaks plainly").run(body);
    expect(&report, &[], &["leak 1"]);
    let leak = &report.findings()[0];
    assert_eq!((leak.fault.as_deref(), leak.blocks[0].size, leak.blocks[0].count), (Some("none"), 24, 1));
    expect(&sweep("leaks plainly").leaks_only().run(body), &[], &["leak 1"]);
    expect(&sweep("clean").leaks_only().run(three), &[], &[]);
}

#[test]
fn a_plain_run_that_fails() {
    let report = sweep("fails").run(|| -> Result<(), &str> { Err("never works") });
    expect(&report, &[], &["baseline 1"]);
    assert_eq!(report.findings()[0].error.as_deref(), Some("\"never works\""));
    let report = sweep("asks for nothing").run(|| ());
    expect(&report, &[], &["no-points 1"]);
}

#[test]
fn limits_and_choices() {
    let tried = |report: &Report| (report.coverage.planned, report.coverage.tried, report.coverage.left);
    let report = sweep("cut").faults(Faults::ONCE).max_points(2).run(three);
    assert_eq!((findings(&report), tried(&report)), (vec!["incomplete 1".to_owned()], (3, 2, 1)));
    assert_eq!(report.stopped.as_deref(), Some("max_points"));
    let report = sweep("cut").faults(Faults::ONCE).max_points(2).incomplete(Rule::Allow).run(three);
    assert!(report.is_clean() && !report.complete, "{report}");
    let report = sweep("cut").max_time(std::time::Duration::from_nanos(1)).run(three);
    assert_eq!((findings(&report), report.coverage.tried), (vec!["incomplete 1".to_owned()], 0));
    let report = sweep("large ones").faults(Faults::ONCE | Faults::size(20)).run(three);
    expect(&report, &["once@1 error", "once@2 error"], &[]);
    let halves = [sweep("half").shard(1, 2).run(three), sweep("half").shard(2, 2).run(three)];
    assert_eq!(halves.each_ref().map(|report| report.coverage.tried).iter().sum::<u64>(), 6);
    assert!(halves.iter().all(Report::is_clean));
}

#[test]
fn state_is_made_anew() {
    let setup = || black_box(vec![1_u8; 3]);
    let report = sweep("grows").run_with(setup, |state| state.try_reserve_exact(black_box(100)));
    expect(&report, &["once@0 error", "persistent@0 error"], &[]);
}
