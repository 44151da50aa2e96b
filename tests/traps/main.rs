//! Bodies that make a harness lie, hang, or leave things behind, and surroundings that do.
//!
//! Every body is ignored; the test beside it starts this binary again for that body alone, in a session of its own and
//! under a limit of its own, and looks at what came of it.
#![cfg(all(target_os = "linux", not(oomsweep_portable)))]

#[path = "../common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

#[path = "../corpus/kit.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "each target uses its own part")]
mod kit;

mod builder;
mod children;
mod crowd;
mod killed;
mod left;
mod output;
mod signals;
mod state;
mod surroundings;
mod threads;
mod verdicts;

use serde_json::Value;

/// The codes of a report's findings, in order.
fn codes(report: &Value) -> Vec<&str> {
    let findings = report.pointer("/findings").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    findings.iter().filter_map(|finding| finding.pointer("/code")?.as_str()).collect()
}

/// The verdicts of a report's trials, in sweep order.
fn verdicts(report: &Value) -> Vec<&str> {
    let trials = report.pointer("/trials").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    trials.iter().filter_map(|trial| trial.pointer("/verdict")?.as_str()).collect()
}

/// The body is innocent: it passes with every trial made, and leaves nothing behind.
#[track_caller]
fn assert_innocent(ran: &common::Ran) {
    ran.assert_nothing_left();
    assert!(ran.passed(), "{}", ran.output());
    let report = ran.expect_report();
    assert_eq!(codes(&report), Vec::<&str>::new(), "{report:#}");
    assert_eq!(report.pointer("/complete"), Some(&true.into()), "{report:#}");
}

/// The body fails with exactly these trials, one finding for each code, and leaves nothing behind.
#[track_caller]
fn assert_finds(ran: &common::Ran, trials: &[&str], findings: &[&str]) {
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    let report = ran.expect_report();
    assert_eq!(verdicts(&report), trials, "{report:#}");
    assert_eq!(codes(&report), findings, "{report:#}");
}
