//! Runs a body, and looks meanwhile at how much memory all its processes take: at any time, and surely once while a trial has all that
//! it will have.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::bodies::{LOOKED_AT, STANDS, WATCHED};
use super::common::Run;

/// In bytes.
pub(crate) const MB: usize = 1 << 20;

/// What was seen of a sweep.
pub(crate) struct Seen {
    /// Its report.
    pub(crate) report: Value,
    /// The most memory that its processes were seen to take together, in bytes. What several of them share counts once.
    pub(crate) memory: usize,
}

/// Sweeps the body of this name with these settings.
#[track_caller]
pub(crate) fn watched(test: &str, settings: &[(&str, &str)]) -> Seen {
    let folder = tempfile::tempdir().expect("a folder");
    // Who waits to be looked at does not hang.
    let run = Run::new(test).env(WATCHED, folder.path()).env("OOMSWEEP_TIMEOUT", "100s");
    let running = settings.iter().fold(run, |run, (key, value)| run.env(key, value)).start();
    let mut memory = 0;
    loop {
        let stands = folder.path().join(STANDS).exists();
        let processes = running.processes();
        if !processes.iter().any(|process| process.pid == running.pid()) {
            break;
        }
        memory = memory.max(processes.iter().map(|process| taken_by(process.pid)).sum());
        if stands {
            fs::write(folder.path().join(LOOKED_AT), "").expect("the folder is ours");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let ran = running.finish();
    ran.assert_nothing_left();
    Seen { report: ran.expect_report(), memory }
}

/// Its part of the memory that it has; nothing if it has ended.
fn taken_by(pid: i32) -> usize {
    let Ok(told) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { return 0 };
    let part = told.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB"));
    part.and_then(|kilobytes| kilobytes.trim().parse::<usize>().ok()).unwrap_or(0) << 10
}
