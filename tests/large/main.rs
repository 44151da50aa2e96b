//! Bodies that have much memory, many threads or many points: however they are swept, the same is found, in bounded memory.
//!
//! Every body is ignored. The tests start this binary again for one body after the other.
#![cfg(all(target_os = "linux", not(oomsweep_portable)))]

mod bodies;
#[path = "../common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;
mod cut_short;
mod watched;

use oomsweep::alloc_test;
use serde_json::Value;

use bodies::Asked;
use watched::{MB, Seen, watched};

/// Optimised they are as large as they are meant to be; otherwise so large that all of them take a minute.
const fn sized(small: usize, full: usize) -> usize {
    if cfg!(debug_assertions) { small } else { full }
}

const BYTES: usize = sized(16, 300) * MB;
/// Rounds of two requests each beside these bytes.
const BESIDE: usize = sized(10, 25);
/// How many threads live and end, and the rounds after that.
const ENDED: usize = sized(100, 500);
const AFTER: usize = sized(10, 50);
/// How many live while requests are made, and the rounds among them.
const ALIVE: usize = sized(50, 500);
const AMONG: usize = 10;
/// Rounds of a body that has many points, all of them tried.
const MANY: usize = sized(300, 5_000);
/// Rounds of one of whose points few are tried.
const VERY_MANY: usize = sized(20_000, 500_000);

/// Both of a kind: the one that forgets, in the middle or in the last round, and its clean twin.
macro_rules! both {
    ($($body:ident($($arg:expr),*; $rounds:expr, $forgets:expr) $(with $options:tt)?;)*) => {
        mod leaky {
            use super::*;
            $(
                #[alloc_test $($options)?]
                #[ignore = "seeded bug: run by the tests"]
                fn $body() -> Asked {
                    bodies::$body($($arg,)* $rounds, Some($forgets))
                }
            )*
        }
        mod clean {
            use super::*;
            $(
                #[alloc_test $($options)?]
                #[ignore = "clean twin: run by the tests"]
                fn $body() -> Asked {
                    bodies::$body($($arg,)* $rounds, None)
                }
            )*
        }
    };
}

both! {
    beside_much(BYTES; BESIDE, BESIDE / 2);
    beside_what_is_kept(BYTES; BESIDE, BESIDE / 2);
    after_threads(ENDED; AFTER, AFTER / 2);
    among_threads(ALIVE; AMONG, AMONG / 2);
    rounds(; MANY, MANY / 2);
    few_of_many(; VERY_MANY, VERY_MANY - 1) with (points = "stacks:3");
}

/// The report without what says how the trials were made, and how long that took.
fn found(mut report: Value) -> Value {
    let members = report.as_object_mut().expect("a report");
    for member in ["elapsed_ms", "engine"] {
        members.remove(member);
    }
    // Requests of threads that are not swept, which need not be as many in every run.
    report.pointer_mut("/points").and_then(Value::as_object_mut).expect("points").remove("other_threads");
    for finding in report.pointer_mut("/findings").and_then(Value::as_array_mut).into_iter().flatten() {
        finding.as_object_mut().expect("a finding").remove("output");
    }
    report
}

/// Sweeps the body in each of these ways; that makes no difference. Returns what was seen in each.
#[track_caller]
fn alike(test: &str, engines: &[&str]) -> Vec<Seen> {
    let all: Vec<Seen> = engines.iter().map(|engine| watched(test, &[("OOMSWEEP_ENGINE", engine)])).collect();
    if let [first, others @ ..] = all.as_slice() {
        for (seen, engine) in others.iter().zip(&engines[1..]) {
            assert_eq!(found(seen.report.clone()), found(first.report.clone()), "{} and {engine}", engines[0]);
        }
    }
    all
}

/// What is found of a pair in each of these ways: one leak, by each of the two patterns, and nothing in the twin.
#[track_caller]
fn holds(body: &str, points: usize, tried: usize, leak: &str, engines: &[&str]) -> Vec<Seen> {
    let mut all = Vec::new();
    for (kind, findings) in [("clean", 0), ("leaky", 1)] {
        let seen = alike(&format!("{kind}::{body}"), engines);
        let report = &seen[0].report;
        let text = format!("{kind}: {report:#}");
        assert_eq!(report.pointer("/points/total"), Some(&points.into()), "{text}");
        assert_eq!(report.pointer("/coverage/tried"), Some(&tried.into()), "{text}");
        assert_eq!(report.pointer("/coverage/error"), Some(&(tried - 2 * findings).into()), "{text}");
        assert_eq!(report.pointer("/findings").and_then(Value::as_array).map(Vec::len), Some(findings), "{text}");
        if findings > 0 {
            assert_eq!(report.pointer("/findings/0/code"), Some(&"leak".into()), "{text}");
            assert_eq!(report.pointer("/findings/0/fault"), Some(&leak.into()), "{text}");
            assert_eq!(report.pointer("/findings/0/blocks/0/size"), Some(&48.into()), "{text}");
        }
        all.extend(seen);
    }
    all
}

/// Every body whose runs are dear in memory takes so much once for the run, and less than that for all copies together.
#[track_caller]
fn assert_bounded(all: &[Seen], least: usize, most: usize) {
    for seen in all {
        let engine = seen.report.pointer("/engine").cloned().unwrap_or_default();
        assert!((least..most).contains(&seen.memory), "{} MB: {engine:#}", seen.memory / MB);
    }
}

/// What processes of ours take besides the body's own, at most: pages of a sweep, and tables of them.
const OURS: usize = 160 * MB;

#[test]
fn a_run_that_writes_much() {
    // The large block is a point as well.
    let (points, leak) = (2 * BESIDE + 1, 2 * (BESIDE / 2) + 2);
    // A run for each fault takes as long as all the rest.
    let engines: &[&str] = if cfg!(debug_assertions) { &["auto", "snapshot", "replay"] } else { &["auto", "snapshot"] };
    let all = holds("beside_much", points, 2 * points, &format!("once@{leak}"), engines);
    assert_bounded(&all, BYTES, 2 * BYTES + OURS);
    assert_copied(&all[0]);
}

#[test]
fn a_process_that_has_kept_much() {
    let (points, leak) = (2 * BESIDE, 2 * (BESIDE / 2) + 1);
    // A process for each fault takes as long as all the rest.
    let engines: &[&str] = if cfg!(debug_assertions) { &["auto", "snapshot", "replay"] } else { &["auto", "snapshot"] };
    let all = holds("beside_what_is_kept", points, 2 * points, &format!("once@{leak}"), engines);
    assert_bounded(&all, BYTES, 2 * BYTES + OURS);
}

#[test]
fn many_copies_of_a_large_process() {
    for jobs in if cfg!(debug_assertions) { &["1", "8"][..] } else { &["8"] } {
        let settings = [("OOMSWEEP_ENGINE", "snapshot"), ("OOMSWEEP_JOBS", jobs)];
        for body in ["leaky::beside_much", "leaky::beside_what_is_kept"] {
            let seen = watched(body, &settings);
            assert_copied(&seen);
            assert_bounded(&[seen], BYTES, 2 * BYTES + OURS);
        }
    }
}

#[test]
fn threads_that_have_ended() {
    let engines: &[&str] = if cfg!(debug_assertions) { &["auto", "snapshot", "replay"] } else { &["auto", "snapshot"] };
    let leak = format!("once@{}", 2 * (AFTER / 2) + 1);
    let all = holds("after_threads", 2 * AFTER, 4 * AFTER, &leak, engines);
    assert_bounded(&all, MB, ENDED * MB / 2 + OURS);
    assert_copied(&all[0]);
    assert_copied(&all[1]);
}

/// In a copy none of them would live.
#[test]
fn threads_that_are_alive() {
    let leak = format!("once@{}", 2 * (AMONG / 2) + 1);
    let all = holds("among_threads", 2 * AMONG, 4 * AMONG, &leak, &["snapshot", "auto"]);
    assert_bounded(&all, MB, ALIVE * MB / 2 + OURS);
    for seen in &all {
        assert_eq!(seen.report.pointer("/engine/snapshot"), Some(&0.into()), "{:#}", seen.report);
    }
    let why = all[0].report.pointer("/engine/why").and_then(Value::as_str).expect("a reason").to_owned();
    let said = format!("{} faults begin where other threads are alive, where no copies are made", 4 * AMONG);
    assert_eq!(why, said);
}

#[test]
fn many_points() {
    let engines: &[&str] = if cfg!(debug_assertions) { &["auto", "snapshot", "replay"] } else { &["auto", "snapshot"] };
    let leak = format!("once@{}", 2 * (MANY / 2) + 1);
    let all = holds("rounds", 2 * MANY, 4 * MANY, &leak, engines);
    assert_bounded(&all, MB, OURS);
    assert_copied(&all[1]);
}

#[test]
fn few_of_very_many_points() {
    let leak = format!("once@{}", 2 * VERY_MANY - 1);
    let all = holds("few_of_many", 2 * VERY_MANY, 12, &leak, &["auto", "snapshot", "replay"]);
    assert_bounded(&all, MB, 512 * MB);
    assert_copied(&all[1]);
}

#[track_caller]
fn assert_copied(seen: &Seen) {
    let copies = seen.report.pointer("/engine/snapshot").and_then(Value::as_u64);
    assert!(copies > Some(0), "{:#}", seen.report);
}
