//! What this engine cannot contain: the process ends, and its last words name the fault.

use std::collections::TryReserveError;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;

use oomsweep::alloc_test;
use rstest::rstest;

use crate::driven;
use crate::reserve;

#[alloc_test(engine = "in-process")]
#[ignore = "ends its process; driven by the test below"]
fn aborts() -> Result<(), TryReserveError> {
    drop(reserve(10)?);
    drop(black_box(Box::new(black_box(7))));
    Ok(())
}

#[alloc_test(engine = "in-process")]
#[ignore = "ends its process; driven by the test below"]
fn crashes() {
    drop(reserve(10));
    if reserve(20).is_err() {
        // SAFETY: none: this is the crash that is wanted.
        unsafe { std::ptr::null_mut::<u8>().wrapping_add(black_box(8)).write_volatile(1) };
    }
}

#[alloc_test(engine = "in-process")]
#[ignore = "ends its process; driven by the test below"]
fn exits() {
    if reserve(20).is_err() {
        std::process::exit(3);
    }
}

#[rstest]
#[case::abort("deaths::aborts", "signal 6", "once@1", Some(6))]
#[case::crash("deaths::crashes", "signal 11", "once@1", Some(11))]
#[case::exit("deaths::exits", "an exit", "once@0", None)]
fn the_last_words_name_the_fault(
    #[case] test: &str,
    #[case] what: &str,
    #[case] fault: &str,
    #[case] signal: Option<i32>,
) {
    let (output, text) = driven::run(test, &[]);
    assert_eq!(output.status.signal(), signal, "{text}");
    assert_eq!(output.status.code(), signal.is_none().then_some(3), "{text}");
    let words = format!("oomsweep: this process dies of {what} while {fault} is tried in it");
    assert_eq!(text.matches(&words).count(), 1, "wanted `{words}` in:\n{text}");
}

/// Outside a run nothing is said.
#[test]
fn an_exit_after_the_sweep_says_nothing() {
    let (output, text) = driven::run("deaths::exits_later", &[]);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(!text.contains("this process dies"), "{text}");
}

#[test]
#[ignore = "ends its process; driven by the test above"]
fn exits_later() {
    crate::sweep("clean").run(|| reserve(10).map(drop)).assert_clean();
    std::process::exit(3);
}
