//! Libraries written in C, which hold locks while they ask for memory, swept through the points where they ask Rust for it.
//!
//! Every body is ignored. The table starts this binary again for one body after the other, with one engine after the other.
#![cfg(target_os = "linux")]

#[path = "../../common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

mod databases;
mod memory;
mod names;
mod sqlite;

use rstest::rstest;
use serde_json::Value;

/// The member of that name, which must be there.
#[track_caller]
fn member<'a>(report: &'a Value, path: &str) -> &'a Value {
    report.pointer(path).unwrap_or_else(|| panic!("no {path} in {report:#}"))
}

/// What must be the same for every engine, as text. A note that runs do not repeat is one of replay's alone.
#[track_caller]
fn comparable(report: &Value) -> [String; 4] {
    let mut findings = member(report, "/findings").clone();
    for finding in findings.as_array_mut().into_iter().flatten() {
        if let Some(members) = finding.as_object_mut() {
            members.remove("output");
        }
    }
    let others = ["/points", "/coverage", "/trials"].map(|path| member(report, path));
    [others[0], others[1], others[2], &findings].map(|value| format!("{value:#}"))
}

/// Sweeps the body of that name by each engine, and returns the report of replay: all are the same, nothing is left of any of the
/// sweeps, and whoever was asked to make copies made some; none of which count if they share a file with the run.
#[track_caller]
fn swept(name: &str) -> Value {
    let [replay, snapshot, auto] = ["replay", "snapshot", "auto"].map(|engine| {
        let ran = common::run_self(name, &[("OOMSWEEP_ENGINE", engine)]);
        ran.assert_nothing_left();
        ran.expect_report()
    });
    assert_eq!(member(&replay, "/engine/snapshot"), 0, "{replay:#}");
    let shares_a_file = name.ends_with("::in_a_file");
    assert_eq!(member(&snapshot, "/engine/snapshot") == 0, shares_a_file, "{snapshot:#}");
    assert_eq!(comparable(&snapshot), comparable(&replay), "{name} by snapshot, and by replay");
    assert_eq!(comparable(&auto), comparable(&replay), "{name} by auto, and by replay");
    replay
}

/// The codes of a report's findings, and how many trials each of them has.
fn findings(report: &Value) -> Vec<(&str, u64)> {
    let findings = member(report, "/findings").as_array().map_or(&[][..], Vec::as_slice);
    let one =
        |finding| (member(finding, "/code").as_str().unwrap_or(""), member(finding, "/count").as_u64().unwrap_or(0));
    findings.iter().map(one).collect()
}

/// Points 2 and 5 are those for more room.
#[rstest]
#[case::no_bug("adds", &[])]
#[case::no_bug_for_two_threads("another_thread_looks", &[])]
#[case::a_leak("leaks", &[("leak", 4)])]
#[case::a_lock_that_can_be_locked_again("forgets_a_recursive_lock", &[])]
#[case::a_lock_that_says_so("forgets_an_error_checking_lock", &[("wrong-error", 2), ("wrong-error", 2)])]
#[case::a_lock_that_hangs("forgets_a_normal_lock", &[("hang", 1), ("hang", 1)])]
#[case::another_thread_hangs("forgets_a_recursive_lock_that_another_thread_wants", &[("hang", 1), ("hang", 1)])]
fn a_list(#[case] body: &str, #[case] found: &[(&str, u64)]) {
    let report = swept(&format!("names::{body}"));
    assert_eq!(findings(&report), found, "{report:#}");
    assert_eq!(member(&report, "/points/total"), 6, "{report:#}");
    let planned = member(&report, "/coverage/planned").as_u64();
    let failed: u64 = found.iter().map(|(_, count)| count).sum();
    assert_eq!(member(&report, "/coverage/error").as_u64().map(|good| good + failed), planned, "{report:#}");
}

#[rstest]
#[case::no_bug("adds_to_a_shared_list")]
#[case::a_lock_that_stays_locked("forgets_a_shared_lock")]
fn a_list_that_stays(#[case] body: &str) {
    let report = swept(&format!("names::{body}"));
    assert_eq!(findings(&report), [], "{report:#}");
    assert_eq!(member(&report, "/coverage/error"), 10, "{report:#}");
}

/// How many trials SQLite survives with success depends on its version, and so does how many there are.
#[rstest]
#[case::usual("in_memory", 300)]
#[case::every_block("without_lookaside", 500)]
#[case::a_named_function("a_function_is_named", 300)]
#[case::no_matter_what("all_may_be_swallowed", 300)]
#[case::file("in_a_file", 300)]
fn a_database(#[case] body: &str, #[case] points: u64) {
    let report = swept(&format!("databases::{body}"));
    assert_eq!(findings(&report), [], "{report:#}");
    assert!(member(&report, "/points/total").as_u64() > Some(points), "{report:#}");
    assert!(member(&report, "/coverage/tolerated").as_u64() > Some(0), "{report:#}");
}

/// What the hooks of `in_memory` say, from the other side.
#[test]
fn what_sqlite_does_without_is_found_where_it_does_not_say_so() {
    let told = swept("databases::in_memory");
    let untold = swept("databases::nothing_is_benign");
    let swallowed = member(&untold, "/coverage/failed");
    assert_eq!(findings(&untold), [("swallowed", swallowed.as_u64().unwrap_or(0))], "{untold:#}");
    assert_eq!(member(&told, "/coverage/tolerated"), swallowed, "{told:#}");
}

/// The database is lost with the statement, by the failure of one request.
#[test]
fn a_lost_statement() {
    let report = swept("databases::loses_a_statement");
    assert_eq!(findings(&report), [("leak", 2)], "{report:#}");
}
