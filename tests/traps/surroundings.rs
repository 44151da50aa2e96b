//! Bad luck with the surroundings: variables that mean nothing, and folders that take no file.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use oomsweep::alloc_test;
use rstest::rstest;

use crate::common::{Run, run_self};
use crate::kit::{Oom, bytes};

#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn innocent() -> Result<(), Oom> {
    let first = bytes!(10)?;
    drop((first, bytes!(20)?));
    Ok(())
}

/// A value that can't be understood is an error that names the variable.
#[rstest]
#[case("OOMSWEEP", "banana")]
#[case("OOMSWEEP_ENGINE", "warp")]
#[case("OOMSWEEP_TIMEOUT", "soon")]
#[case("OOMSWEEP_TIMEOUT", "-1s")]
#[case("OOMSWEEP_MAX_TIME", "1 fortnight")]
#[case("OOMSWEEP_MAX_POINTS", "many")]
#[case("OOMSWEEP_MAX_POINTS", "-3")]
#[case("OOMSWEEP_MAX_POINTS", "99999999999999999999999")]
#[case("OOMSWEEP_SEED", "0.5")]
#[case("OOMSWEEP_SHARD", "3/2")]
#[case("OOMSWEEP_SHARD", "0/2")]
#[case("OOMSWEEP_SHARD", "1")]
#[case("OOMSWEEP_JOBS", "0")]
#[case("OOMSWEEP_POINTS", "stack")]
#[case("OOMSWEEP_POINTS", "stacks:0")]
#[case("OOMSWEEP_INFALLIBLE", "maybe")]
#[case("OOMSWEEP_SWALLOWED", "yes")]
#[case("OOMSWEEP_PANICS", "1")]
#[case("OOMSWEEP_INCOMPLETE", "nope")]
#[case("OOMSWEEP_REPLAY", "once@")]
#[case("OOMSWEEP_REPLAY", "twice@3")]
#[case("OOMSWEEP_REPLAY", "window@1+0")]
#[case("OOMSWEEP_REPLAY", "once@1#xyz")]
fn malformed(#[case] variable: &str, #[case] value: &str) {
    let ran = run_self("surroundings::innocent", &[(variable, value)]);
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    let output = format!("{}{}", ran.stdout, ran.stderr);
    assert!(output.contains(variable), "the message names the variable\n{}", ran.output());
    assert!(output.contains(value), "the message shows the value\n{}", ran.output());
}

#[test]
fn not_unicode() {
    let ran = Run::new("surroundings::innocent").env("OOMSWEEP_TIMEOUT", OsStr::from_bytes(b"\xff1s")).go();
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains("OOMSWEEP_TIMEOUT"), "{}", ran.output());
}

/// A misspelt name asks for nothing: the test runs, or says that there is no such variable. It never gets lost half-way.
#[test]
fn unknown_variable() {
    let ran = run_self("surroundings::innocent", &[("OOMSWEEP_TIMEOT", "1s")]);
    ran.assert_nothing_left();
    let named = format!("{}{}", ran.stdout, ran.stderr).contains("OOMSWEEP_TIMEOT");
    assert!(ran.passed() || (ran.failed() && named), "{}", ran.output());
}

/// A folder that is not there yet is made, or its absence is named.
#[test]
fn missing_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let reports = folder.path().join("not/there/yet");
    let ran = Run::new("surroundings::innocent").reports(&reports).go();
    ran.assert_nothing_left();
    if ran.passed() {
        ran.expect_report();
    } else {
        let name = reports.display().to_string();
        assert!(ran.failed() && format!("{}{}", ran.stdout, ran.stderr).contains(&name), "{}", ran.output());
    }
}

/// Who asked for a report file and cannot have it is told so, and not by a green test.
#[rstest]
#[case::no_files_here("/proc/self")]
#[case::a_device("/dev/full")]
#[case::below_a_device("/dev/null/reports")]
fn impossible_folder(#[case] folder: &str) {
    let ran = Run::new("surroundings::innocent").reports(folder).go();
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    let output = format!("{}{}", ran.stdout, ran.stderr);
    assert!(output.contains(folder), "the message names the folder\n{}", ran.output());
}

#[test]
fn a_file_in_place_of_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("reports");
    fs::write(&file, "mine").expect("a file");
    let ran = Run::new("surroundings::innocent").reports(&file).go();
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    assert_eq!(fs::read(&file).expect("the file"), b"mine");
}

/// A finding is not lost because its file cannot be written.
#[test]
fn a_finding_without_a_file() {
    let ran = Run::new("verdicts::deep").reports("/dev/null/reports").go();
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    let output = format!("{}{}", ran.stdout, ran.stderr);
    assert!(output.contains("leak") && output.contains("/dev/null/reports"), "{}", ran.output());
}

/// A report is there whole or not at all, and nothing else is.
#[test]
fn nothing_but_reports() {
    for path in ["surroundings::innocent", "verdicts::deep", "verdicts::exits_at_once"] {
        let ran = run_self(path, &[]);
        ran.assert_nothing_left();
        ran.expect_report();
        assert_eq!(ran.report_files(), [crate::common::report_name(path)]);
    }
}

/// An older report of the same name gives way.
#[test]
fn a_report_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(crate::common::report_name("surroundings::innocent")), "{").expect("a broken report");
    let ran = Run::new("surroundings::innocent").reports(folder.path()).go();
    assert!(ran.passed(), "{}", ran.output());
    assert_eq!(ran.expect_report().pointer("/result"), Some(&"passed".into()));
}
