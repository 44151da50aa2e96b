//! Who is still there: the processes of one session, whatever group they moved to and whoever their parent is now.

use std::fs;
use std::time::{Duration, Instant};

/// One line of `/proc/PID/stat`.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: i32,
    /// Its name, as the kernel keeps it.
    pub(crate) name: String,
    /// `R`, `S`, `Z`, …
    pub(crate) state: char,
    /// Its parent.
    pub(crate) parent: i32,
    /// Its session.
    pub(crate) session: i32,
}

/// Every process of the session, dead ones that nobody waited for included. Empty where there is no `/proc`.
pub(crate) fn members(session: i32) -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(process)
        .filter(|process| process.session == session)
        .collect()
}

/// Those of them that are not dead.
pub(crate) fn living(session: i32) -> Vec<Process> {
    members(session).into_iter().filter(|process| !matches!(process.state, 'Z' | 'X')).collect()
}

/// The process with this number, if there is one.
pub(crate) fn process(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = tail.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some(Process { pid, name, state, parent, session })
}

/// Whether a thread of the process runs, or is ready to run.
pub(crate) fn wants_a_core(pid: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    // A thread's folder is there under its own number, too.
    let mut threads = threads.filter_map(|entry| process(entry.file_name().to_str()?.parse().ok()?));
    threads.any(|thread| thread.state == 'R')
}

/// Waits until the session has no living process, for at most this long; what is left then.
pub(crate) fn wait_until_empty(session: i32, limit: Duration) -> Vec<Process> {
    let start = Instant::now();
    loop {
        let left = living(session);
        if left.is_empty() || start.elapsed() > limit {
            return left;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends every process of the session, those included that are made meanwhile.
pub(crate) fn kill_all(session: i32) {
    for _ in 0..500 {
        let left = living(session);
        if left.is_empty() {
            return;
        }
        for process in left {
            // SAFETY: no memory is involved; the session is one that this test started.
            unsafe { libc::kill(process.pid, libc::SIGKILL) };
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
