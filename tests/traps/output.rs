//! Traps that come with what a body prints, and with what it prints on.
#![allow(clippy::print_stdout, reason = "printing is what these bodies are about")]

use std::fs;
use std::io::{self, Write};

use oomsweep::{alloc_test, exempt};
use rstest::rstest;
use serde_json::Value;

use crate::common::{Run, run_self};
use crate::kit::{Oom, bytes};
use crate::{assert_finds, assert_innocent};

/// Text without a newline waits in a buffer; every process that inherits the buffer would print it again.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn prints_half_lines() -> Result<(), Oom> {
    exempt(|| print!("tick."));
    // SAFETY: the format has no arguments.
    unsafe { libc::printf(c"tock.".as_ptr()) };
    let _ = bytes!(10);
    Ok(())
}

#[test]
fn once_per_trial() {
    let ran = run_self("output::prints_half_lines", &[]);
    assert_finds(&ran, &["swallowed"; 2], &["swallowed"]);
    let report = ran.expect_report();
    let output = report.pointer("/findings/0/output").and_then(Value::as_str).unwrap_or_default();
    assert_eq!(output.matches("tick.").count(), 1, "{report:#}");
    assert_eq!(output.matches("tock.").count(), 1, "{report:#}");
}

/// A dying trial printed something before.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn last_words() {
    if bytes!(10).is_err() {
        exempt(|| println!("these are my last words"));
        std::process::exit(3);
    }
}

#[test]
fn last_words_are_heard() {
    let ran = run_self("output::last_words", &[]);
    assert_finds(&ran, &["exit"; 2], &["exit"]);
    let report = ran.expect_report();
    let output = report.pointer("/findings/0/output").and_then(Value::as_str).unwrap_or_default();
    assert!(output.contains("these are my last words"), "{report:#}");
}

/// Prints until somebody stops it.
#[alloc_test(timeout = "100ms")]
#[ignore = "trap: run by the test beside it"]
fn prints_for_ever() -> Result<(), Oom> {
    let room = bytes!(10);
    let line = [b'x'; 4096];
    while room.is_err() {
        let _ = io::stderr().write_all(&line);
    }
    room.map(drop).map_err(Oom::from)
}

/// Found in the end, by its time or by its size, and what is kept of its words is short.
#[test]
fn endless_output_is_bounded() {
    let ran = run_self("output::prints_for_ever", &[]);
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    let report = ran.expect_report();
    assert_eq!(crate::codes(&report).len(), 1, "{report:#}");
    let length = report.pointer("/findings/0/output").and_then(Value::as_str).map_or(0, str::len);
    assert!(length <= 64 << 10, "the report keeps {length} bytes");
    let printed = ran.stdout.len() + ran.stderr.len();
    assert!(printed <= 1 << 20, "{printed} bytes are printed");
}

/// The lock of stdout is never given back.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn forgets_the_lock() -> Result<(), Oom> {
    std::mem::forget(io::stdout().lock());
    bytes!(10).map(drop).map_err(Oom::from)
}

/// The same only where something fails.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn forgets_the_lock_when_it_fails() -> Result<(), Oom> {
    let room = bytes!(10);
    if room.is_err() {
        std::mem::forget((io::stdout().lock(), io::stderr().lock()));
    }
    room.map(drop).map_err(Oom::from)
}

#[rstest]
fn a_forgotten_lock(#[values("output::forgets_the_lock", "output::forgets_the_lock_when_it_fails")] path: &str) {
    assert_innocent(&run_self(path, &[]));
}

fn close_stdout() -> io::Result<()> {
    // SAFETY: no memory is involved.
    unsafe { libc::close(1) };
    Ok(())
}

fn close_stderr() -> io::Result<()> {
    // SAFETY: no memory is involved.
    unsafe { libc::close(2) };
    Ok(())
}

fn close_all_three() -> io::Result<()> {
    // SAFETY: no memory is involved.
    let _ = unsafe { [libc::close(0), libc::close(1), libc::close(2)] };
    Ok(())
}

/// Nothing to print on: status and report file are what they were.
#[rstest]
#[case::stdout(close_stdout)]
#[case::stderr(close_stderr)]
#[case::all_three(close_all_three)]
fn closed_streams(#[case] close: fn() -> io::Result<()>) {
    for (path, status) in [("output::prints_half_lines", 101), ("output::forgets_the_lock", 0)] {
        let ran = Run::new(path).setup(close).go();
        ran.assert_nothing_left();
        assert_eq!(ran.status.code(), Some(status), "{}", ran.output());
        let result = if status == 0 { "passed" } else { "failed" };
        assert_eq!(ran.expect_report().pointer("/result"), Some(&result.into()));
    }
}

/// A device that is always full, in place of the streams.
fn full_streams() -> io::Result<()> {
    // SAFETY: the path is a C string; descriptors 1 and 2 are replaced.
    unsafe {
        let full = libc::open(c"/dev/full".as_ptr(), libc::O_WRONLY);
        if full < 0 || libc::dup2(full, 2) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

#[test]
fn full_stderr() {
    if fs::metadata("/dev/full").is_err() {
        return;
    }
    let ran = Run::new("output::prints_half_lines").setup(full_streams).go();
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    assert_eq!(ran.expect_report().pointer("/result"), Some(&"failed".into()));
}
