//! Processes of the harness are killed while it sweeps: the test fails and says so, or is itself gone; nobody stays behind.

use std::time::{Duration, Instant};

use oomsweep::{alloc_test, exempt};
use tempfile::NamedTempFile;

use crate::common::{Process, Run, Running};
use crate::kit::{Oom, bytes};

/// Goes on until its session is killed or let go: a run in which a request fails waits for as long as there is the file that a variable
/// names.
#[alloc_test(timeout = "100s")]
#[ignore = "trap: run by the test beside it"]
fn long() -> Result<(), Oom> {
    let run = (1..=10).try_for_each(|size| bytes!(size).map(drop).map_err(Oom::from));
    if run.is_err() {
        exempt(|| {
            let held = std::env::var_os("HELD").expect("the file");
            while std::fs::exists(&held).expect("the file can be looked for") {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
    }
    run
}

/// Starts it; with the file that holds it.
fn start() -> (Running, NamedTempFile) {
    let held = NamedTempFile::new().expect("a file");
    (Run::new("killed::long").env("HELD", held.path()).start(), held)
}

/// Waits until the test has started processes below its own, `depth` levels of them; the deepest chain, from the top. `None` if the
/// test is over before.
pub(crate) fn chain(running: &Running, depth: usize) -> Option<Vec<Process>> {
    let start = Instant::now();
    loop {
        let all = running.processes();
        if all.is_empty() {
            return None;
        }
        let mut chain = vec![running.pid()];
        let mut found = Vec::new();
        while let Some(child) = all.iter().find(|process| Some(&process.parent) == chain.last()) {
            chain.push(child.pid);
            found.push(child.clone());
        }
        if found.len() >= depth {
            return Some(found);
        }
        assert!(start.elapsed() < Duration::from_secs(60), "only {found:#?} came up among {all:#?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const HELD: &str = "it is held";

fn kill(pid: i32) {
    // SAFETY: no memory is involved; the process is one that this test started.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

/// The worker is killed from outside.
#[test]
fn the_worker() {
    let (running, held) = start();
    let worker = chain(&running, 2).expect(HELD)[0].pid;
    std::thread::sleep(Duration::from_millis(200));
    kill(worker);
    drop(held);
    let ran = running.finish();
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    let output = format!("{}{}", ran.stdout, ran.stderr);
    assert!(
        output.contains("SIGKILL") || output.contains("signal"),
        "the message says what happened\n{}",
        ran.output()
    );
}

/// The supervisor below the worker is killed: the worker carries on or gives up, but never calls it a pass by halves.
#[test]
fn the_supervisor() {
    let (running, held) = start();
    let supervisor = chain(&running, 3).expect(HELD)[1].pid;
    std::thread::sleep(Duration::from_millis(200));
    kill(supervisor);
    drop(held);
    let ran = running.finish();
    ran.assert_nothing_left();
    if ran.status.success() {
        crate::assert_innocent(&ran);
    } else {
        assert!(ran.failed(), "{}", ran.output());
    }
}

/// The test's own process is killed, as by a runner whose patience is over.
#[test]
fn the_test() {
    let (running, held) = start();
    chain(&running, 2).expect(HELD);
    std::thread::sleep(Duration::from_millis(200));
    kill(running.pid());
    drop(held);
    let ran = running.finish();
    assert!(!ran.status.success(), "it was killed");
    ran.assert_nothing_left();
}

/// The same by signals that a terminal or a runner sends first.
#[test]
fn the_test_politely() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let (running, held) = start();
        chain(&running, 2).expect(HELD);
        std::thread::sleep(Duration::from_millis(100));
        // SAFETY: no memory is involved; the process is one that this test started.
        unsafe { libc::kill(running.pid(), signal) };
        drop(held);
        let ran = running.finish();
        assert!(!ran.status.success(), "it was ended by signal {signal}");
        ran.assert_nothing_left();
    }
}
