//! Processes of the harness are killed while it sweeps: the test fails and says so, or is itself gone; nobody stays behind.

use std::time::{Duration, Instant};

use oomsweep::alloc_test;

use crate::common::{Process, Run, Running};
use crate::kit::{Oom, bytes};

/// Takes long: 100 points, and 20 ms for each run.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn long() -> Result<(), Oom> {
    std::thread::sleep(Duration::from_millis(20));
    (1..=100).try_for_each(|size| bytes!(size).map(drop).map_err(Oom::from))
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

const LONG: &str = "it takes long";

fn kill(pid: i32) {
    // SAFETY: no memory is involved; the process is one that this test started.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

/// The worker is killed from outside.
#[test]
fn the_worker() {
    let running = Run::new("killed::long").start();
    let worker = chain(&running, 2).expect(LONG)[0].pid;
    std::thread::sleep(Duration::from_millis(200));
    kill(worker);
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
    let running = Run::new("killed::long").start();
    let supervisor = chain(&running, 3).expect(LONG)[1].pid;
    std::thread::sleep(Duration::from_millis(200));
    kill(supervisor);
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
    let running = Run::new("killed::long").start();
    chain(&running, 2).expect(LONG);
    std::thread::sleep(Duration::from_millis(200));
    kill(running.pid());
    let ran = running.finish();
    assert!(!ran.status.success(), "it was killed");
    ran.assert_nothing_left();
}

/// The same by signals that a terminal or a runner sends first.
#[test]
fn the_test_politely() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let running = Run::new("killed::long").start();
        chain(&running, 2).expect(LONG);
        std::thread::sleep(Duration::from_millis(100));
        // SAFETY: no memory is involved; the process is one that this test started.
        unsafe { libc::kill(running.pid(), signal) };
        let ran = running.finish();
        assert!(!ran.status.success(), "it was ended by signal {signal}");
        ran.assert_nothing_left();
    }
}
