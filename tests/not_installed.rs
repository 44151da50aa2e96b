//! A program without a testing allocator: every test says `not-installed` and fails, and no body is run, not even once.
//!
//! Built by `cargo test --no-default-features --test not_installed`, and again with `--release`: the optimiser must not talk the
//! probe into anything.
#![cfg(all(unix, not(feature = "global")))]

#[path = "common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::TryReserveError;
use std::fs;

use common::Run;
use oomsweep::model::code::Code;
use oomsweep::model::report::Outcome;
use oomsweep::{EngineChoice, Report, Rule, Sweep, TestingAllocator, alloc_test};
use rstest::rstest;
use serde_json::{Value, json};

/// Names a file that a body makes when it is run.
const RAN: &str = "BODY_RAN";

/// What every body does.
fn body() -> Result<(), TryReserveError> {
    if let Some(path) = std::env::var_os(RAN) {
        fs::write(path, "the body was run").expect("the folder is ours");
    }
    let mut bytes: Vec<u8> = Vec::new();
    bytes.try_reserve_exact(24)?;
    std::hint::black_box(&bytes);
    Ok(())
}

#[alloc_test]
#[ignore = "must fail: run below"]
fn plain() -> Result<(), TryReserveError> {
    body()
}

#[alloc_test]
#[ignore = "must fail: run below"]
fn returns_nothing() {
    let _ = body();
}

#[alloc_test(no_points = "allow", incomplete = "allow", swallowed = "allow", infallible = "skip", panics = "allow")]
#[ignore = "must fail: run below"]
fn allows_everything() -> Result<(), TryReserveError> {
    body()
}

#[alloc_test(leaks_only)]
#[ignore = "must fail: run below"]
fn leaks_only() -> Result<(), TryReserveError> {
    body()
}

/// No panic of the harness may pass for the one that is expected.
#[alloc_test]
#[should_panic]
#[ignore = "must fail: run below"]
fn should_panic() {
    let _ = body();
    panic!("as it should");
}

#[rstest]
#[case::one(1)]
#[alloc_test]
#[ignore = "must fail: run below"]
fn with_argument(#[case] _number: u8) -> Result<(), TryReserveError> {
    body()
}

#[rstest]
#[case::plain("plain", &[])]
#[case::unit("returns_nothing", &[])]
#[case::allowed("allows_everything", &[])]
#[case::leaks("leaks_only", &[])]
#[case::panics("should_panic", &[])]
#[case::argument("with_argument::case_1_one", &[])]
#[case::in_process("plain", &[("OOMSWEEP_ENGINE", "in-process")])]
#[case::leaks_by_variable("plain", &[("OOMSWEEP", "leaks")])]
#[case::replayed("plain", &[("OOMSWEEP_REPLAY", "once@0")])]
fn the_attribute_says_so_and_runs_nothing(#[case] test: &str, #[case] env: &[(&str, &str)]) {
    let dir = tempfile::tempdir().expect("a folder");
    let mark = dir.path().join("ran");
    let ran = env.iter().fold(Run::new(test).env(RAN, &mark), |run, (key, value)| run.env(key, value)).go();
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    assert!(!mark.exists(), "the body was run\n{}", ran.output());
    let report = ran.expect_report();
    let codes: Vec<&Value> =
        array(&report, "/findings").iter().filter_map(|finding| finding.pointer("/code")).collect();
    assert_eq!(codes, ["not-installed"], "{report:#}");
    assert_eq!(report.pointer("/result"), Some(&json!("failed")), "{report:#}");
    assert_eq!(report.pointer("/complete"), Some(&json!(false)), "{report:#}");
    assert_eq!(report.pointer("/points/total"), Some(&json!(0)), "{report:#}");
    assert_eq!(report.pointer("/coverage/planned"), Some(&json!(0)), "{report:#}");
    assert!(array(&report, "/trials").is_empty(), "{report:#}");
    let said = report.pointer("/findings/0/message").and_then(Value::as_str).unwrap_or_default();
    assert!(!said.is_empty() && ran.output().contains(said), "`{said}` is not shown\n{}", ran.output());
}

/// What asks for no check gets none.
#[test]
fn switched_off_it_is_a_plain_test() {
    let dir = tempfile::tempdir().expect("a folder");
    let mark = dir.path().join("ran");
    let ran = Run::new("plain").env(RAN, &mark).env("OOMSWEEP", "off").go();
    assert!(ran.passed() && mark.exists(), "{}", ran.output());
}

#[rstest]
fn the_builder_says_so_and_runs_nothing(
    #[values(EngineChoice::Auto, EngineChoice::Replay, EngineChoice::InProcess, EngineChoice::BruteForce)]
    engine: EngineChoice,
) {
    let calls = Cell::new(0);
    let count = || calls.set(calls.get() + 1);
    let sweep = || Sweep::new("t").engine(engine).no_points(Rule::Allow).incomplete(Rule::Allow);
    assert_not_installed(&sweep().run(count));
    assert_not_installed(&sweep().leaks_only().run(count));
    assert_not_installed(&sweep().should_panic(None).run(count));
    assert_not_installed(&sweep().run_with(count, |()| count()));
    assert_eq!(calls.get(), 0, "nothing is run");
}

/// A testing allocator that is there, and even used, is not the one that the program's requests go to.
#[test]
fn one_that_is_used_by_hand_is_not_installed() {
    static ALLOCATOR: TestingAllocator<System> = TestingAllocator::new(System);
    let layout = Layout::new::<u64>();
    // SAFETY: the layout has a size, and the block goes back once, with its layout.
    let used = || unsafe {
        let block = std::hint::black_box(ALLOCATOR.alloc(layout));
        assert!(!block.is_null());
        ALLOCATOR.dealloc(block, layout);
    };
    used();
    assert_not_installed(&Sweep::new("t").run(used));
    used();
}

#[track_caller]
fn assert_not_installed(report: &Report) {
    let codes: Vec<Code> = report.findings().iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::NotInstalled], "{report}");
    assert_eq!((report.result, report.complete), (Outcome::Failed, false), "{report}");
    assert!(report.trials().is_empty() && report.coverage.planned == 0, "{report}");
}

fn array<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
