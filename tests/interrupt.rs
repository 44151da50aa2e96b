//! A sweep that is broken off by SIGINT or SIGTERM tells what it has found, and leaves nothing behind.
//!
//! Every body is ignored; the tests run this binary again for that body alone, in a session of its own.
#![cfg(all(target_os = "linux", not(oomsweep_portable)))]

#[path = "common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

use std::collections::TryReserveError;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Ran, Run, Running, run_self};
use oomsweep::{Sweep, alloc_test};
use rstest::rstest;
use serde_json::Value;

/// Names a folder with a file of each body's that is there when its finding is known.
const KNOWN: &str = "INTERRUPT_KNOWN";

/// Loses a block when its second request fails, and takes long. When the sixth fails the second was tried before.
fn leaks_early(name: &str) -> Result<(), TryReserveError> {
    std::thread::sleep(Duration::from_millis(20));
    let (mut first, mut second) = (Vec::<u8>::new(), Vec::<u8>::new());
    first.try_reserve_exact(48)?;
    if let Err(error) = second.try_reserve_exact(100) {
        std::mem::forget(std::hint::black_box(first));
        return Err(error);
    }
    for n in 2..2000 {
        if let Err(error) = Vec::<u8>::new().try_reserve_exact(n) {
            if n == 5 {
                say_known(name);
            }
            return Err(error);
        }
    }
    Ok(())
}

fn say_known(name: &str) {
    oomsweep::exempt(|| {
        let folder = std::env::var_os(KNOWN).expect("a folder");
        std::fs::write(Path::new(&folder).join(name), "").expect("the folder is ours");
    });
}

#[alloc_test(engine = "replay")]
#[ignore = "run by the tests below"]
fn by_attribute() -> Result<(), TryReserveError> {
    leaks_early("by_attribute")
}

#[test]
#[ignore = "run by the tests below"]
fn by_builder() {
    let report = Sweep::new("by_builder").engine(oomsweep::EngineChoice::Replay).run(|| leaks_early("by_builder"));
    panic!("the process goes on, with {report}");
}

/// Takes long wherever a request fails. When the fifteenth fails, of those before it at most the last is still tried.
#[alloc_test(engine = "snapshot", jobs = 2)]
#[ignore = "run by the tests below"]
fn in_copies() -> Result<(), TryReserveError> {
    for n in 0..2000 {
        if let Err(error) = Vec::<u8>::new().try_reserve_exact(n + 1) {
            if n == 14 {
                say_known("in_copies");
            }
            oomsweep::exempt(|| std::thread::sleep(Duration::from_millis(50)));
            return Err(error);
        }
    }
    Ok(())
}

/// The plain run does not end.
#[alloc_test(timeout = "1h")]
#[ignore = "run by the tests below"]
fn never_begins() -> Result<(), TryReserveError> {
    say_known("never_begins");
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(100), "{what} did not come up");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn wait_for(path: &Path) {
    wait_until(&path.display().to_string(), || path.exists());
}

/// Starts one of the bodies, and waits until its finding is known.
fn start(name: &str) -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Run::new(name).env(KNOWN, folder.path()).start();
    wait_for(&folder.path().join(name));
    (running, folder)
}

fn send(pid: i32, signal: i32) {
    // SAFETY: no memory is involved; the process, or the group, is one that this test started.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0, "{}", std::io::Error::last_os_error());
}

/// It was ended by the signal, and has told what was found.
#[track_caller]
fn assert_told(ran: &Ran, signal: i32, name: &str) {
    use std::os::unix::process::ExitStatusExt;
    ran.assert_nothing_left();
    assert_eq!(ran.status.signal(), Some(signal), "{}", ran.output());
    let stopped = format!("interrupt ({name})");
    assert!(
        ran.stderr.contains("allocation 1 of 2000 failed, and 1 block (48 bytes) was never freed"),
        "{}",
        ran.output()
    );
    assert!(ran.stderr.contains("second.try_reserve_exact(100)"), "the stack has names\n{}", ran.output());
    assert!(ran.stderr.contains(&format!("stopped by {stopped} at ")), "{}", ran.output());
    let report = ran.expect_report();
    assert_eq!(report.pointer("/complete"), Some(&false.into()), "{report:#}");
    assert_eq!(report.pointer("/result"), Some(&"failed".into()), "{report:#}");
    assert_eq!(report.pointer("/stopped"), Some(&stopped.into()), "{report:#}");
    assert_eq!(codes(&report), ["leak", "incomplete"], "{report:#}");
    assert_eq!(report.pointer("/findings/0/fault"), Some(&"once@1".into()), "{report:#}");
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64).expect("a number");
    let (planned, tried, left) = (number("/coverage/planned"), number("/coverage/tried"), number("/coverage/left"));
    assert_eq!((planned, tried + left), (4000, 4000), "{report:#}");
    assert!(tried > 1 && left > 0, "{report:#}");
    let trials = report.pointer("/trials").and_then(Value::as_array).expect("a list");
    assert_eq!(trials.len() as u64, tried, "{report:#}");
    assert_eq!(ran.report_files().len(), 1, "no draft stays behind: {:?}", ran.report_files());
}

fn codes(report: &Value) -> Vec<&str> {
    let findings = report.pointer("/findings").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    findings.iter().filter_map(|finding| finding.pointer("/code")?.as_str()).collect()
}

#[derive(Debug, Clone, Copy)]
enum To {
    /// As by `kill PID`.
    Process,
    /// As by a terminal's Ctrl-C.
    Group,
}

#[rstest]
fn what_was_found_is_told(
    #[values("by_attribute", "by_builder")] test: &str,
    #[values((libc::SIGINT, "SIGINT"), (libc::SIGTERM, "SIGTERM"))] (signal, name): (i32, &str),
    #[values(To::Process, To::Group)] to: To,
) {
    let (running, _folder) = start(test);
    let pid = running.pid();
    send(if matches!(to, To::Process) { pid } else { -pid }, signal);
    let ran = running.finish();
    assert_told(&ran, signal, name);
}

/// Each of several sweeps has its say before the process ends.
#[test]
fn all_sweeps_of_a_process_are_told() {
    use std::os::unix::process::ExitStatusExt;
    let folder = tempfile::tempdir().expect("a folder");
    let run = Run::new("by_attribute").args(&["by_", "--ignored", "--test-threads=2"]).env(KNOWN, folder.path());
    let running = run.start();
    ["by_attribute", "by_builder"].iter().for_each(|test| wait_for(&folder.path().join(test)));
    send(running.pid(), libc::SIGINT);
    let ran = running.finish();
    ran.assert_nothing_left();
    assert_eq!(ran.status.signal(), Some(libc::SIGINT), "{}", ran.output());
    assert_eq!(ran.report_files().len(), 2, "{}", ran.output());
    for test in ["by_attribute", "by_builder"] {
        assert!(ran.stderr.contains(&format!("{test} (tests/interrupt.rs:")), "{test}: {}", ran.output());
    }
}

/// A run with copies can't be stopped in its middle, and each copy that was good counts.
#[test]
fn copies_that_were_made_count() {
    use std::os::unix::process::ExitStatusExt;
    let (running, _folder) = start("in_copies");
    send(running.pid(), libc::SIGINT);
    let ran = running.finish();
    ran.assert_nothing_left();
    assert_eq!(ran.status.signal(), Some(libc::SIGINT), "{}", ran.output());
    let report = ran.expect_report();
    assert_eq!(report.pointer("/stopped"), Some(&"interrupt (SIGINT)".into()), "{report:#}");
    assert_eq!(codes(&report), ["incomplete"], "{report:#}");
    let copies = report.pointer("/engine/snapshot").and_then(Value::as_u64).expect("a number");
    assert!((8..4000).contains(&copies), "{report:#}");
    assert_eq!(report.pointer("/coverage/error"), Some(&copies.into()), "{report:#}");
}

/// Before there is anything to tell, that is told.
#[test]
fn a_plain_run_is_broken_off_too() {
    use std::os::unix::process::ExitStatusExt;
    let (running, _folder) = start("never_begins");
    send(running.pid(), libc::SIGTERM);
    let ran = running.finish();
    ran.assert_nothing_left();
    assert_eq!(ran.status.signal(), Some(libc::SIGTERM), "{}", ran.output());
    assert_eq!(codes(&ran.expect_report()), ["incomplete"], "{}", ran.output());
    assert!(ran.stderr.contains("interrupt (SIGTERM)"), "{}", ran.output());
}

/// Whether the signal was sent to a process that has not taken it yet.
fn waits(pid: i32, signal: i32) -> bool {
    let told = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let set = told.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("ShdPnd:")?.trim(), 16).ok());
    set.is_some_and(|set| set >> (signal - 1) & 1 == 1)
}

/// The worker can't answer: a second signal does not wait for it.
#[test]
fn a_second_signal_ends_at_once() {
    use std::os::unix::process::ExitStatusExt;
    for signals in [1, 2] {
        let (running, _folder) = start("by_attribute");
        let pid = running.pid();
        let worker = running.processes().into_iter().find(|process| process.parent == pid).expect("a worker").pid;
        let state =
            |pid: i32| running.processes().iter().find(|process| process.pid == pid).map(|process| process.state);
        send(worker, libc::SIGSTOP);
        wait_until("the worker's stop", || state(worker) == Some('T'));
        send(pid, libc::SIGINT);
        wait_until("the first signal", || waits(worker, libc::SIGINT));
        if signals == 2 {
            // Two that come together are one wish.
            std::thread::sleep(Duration::from_millis(600));
            send(pid, libc::SIGINT);
            wait_until("the end", || state(pid).is_none());
            // What ends it with its parent reaches a process that was stopped when it goes on.
            send(worker, libc::SIGCONT);
        }
        let ran = running.finish();
        ran.assert_nothing_left();
        assert_eq!(ran.status.signal(), Some(libc::SIGINT), "{}", ran.output());
        let is_told = ran.stderr.contains("the worker ended before it answered");
        assert_eq!((is_told, ran.report().is_some()), (signals == 1, signals == 1), "{}", ran.output());
    }
}

/// The process would be ended by none of these signals, and by no wish of its user's.
#[alloc_test]
#[ignore = "run by the test below"]
fn signals_itself() -> Result<(), TryReserveError> {
    let room = Vec::<u8>::new().try_reserve_exact(10);
    if room.is_err() {
        // SAFETY: no memory is involved.
        unsafe { libc::raise(libc::SIGINT) };
    }
    room
}

/// It ends the process that has made its own.
#[alloc_test]
#[ignore = "run by the test below"]
fn signals_its_parent() -> Result<(), TryReserveError> {
    let room = Vec::<u8>::new().try_reserve_exact(10);
    if room.is_err() {
        // SAFETY: no memory is involved.
        unsafe { libc::kill(libc::getppid(), libc::SIGTERM) };
        std::thread::sleep(Duration::from_secs(10));
    }
    room
}

#[test]
fn a_bodys_own_signals_are_no_wish_of_the_user() {
    let ran = run_self("signals_itself", &[]);
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    let report = ran.expect_report();
    assert_eq!(codes(&report), ["crash"], "{report:#}");
    assert_eq!(report.pointer("/findings/0/signal/name"), Some(&"SIGINT".into()), "{report:#}");
    assert_eq!(report.pointer("/complete"), Some(&true.into()), "{report:#}");
    let ran = run_self("signals_its_parent", &[]);
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    assert!(!ran.output().contains("interrupt ("), "{}", ran.output());
}
