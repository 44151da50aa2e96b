//! What a process does with the cores of the machine: how long it ran, and whether it waits for one.

use super::raw::Text;
use super::{clock, threads};

/// What the system tells of a process and its threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Use {
    /// Processor time of all its threads, of those that have ended too, in nanoseconds.
    pub(crate) ran: u64,
    /// How long its threads were ready to run and had no core, in nanoseconds: of those that live, up to when each had one last; 0
    /// where the system keeps no such count.
    pub(crate) waited: u64,
    /// How many of its threads run now, or are ready to run and have no core; `None`: the system does not tell.
    pub(crate) runnable: Option<u64>,
}

/// How many threads of a process are looked at.
const MOST: usize = 64;

/// What process `pid` has done up to now; all zeros if it is gone. Two files are read for each thread, of 64 threads at most;
/// nothing is allocated.
pub(crate) fn use_of(pid: i32) -> Use {
    let mut seen = Use { ran: clock::cpu_ns(pid).unwrap_or(0), ..Use::default() };
    let mut ids = [0; MOST];
    let count = threads::folder_of(pid).ids(&mut ids);
    for &id in ids.iter().take(count) {
        // A thread's folder is there under its own number, too.
        if let Some(ready) = is_ready(Text::new(b"/proc/", id, b"/stat")) {
            seen.runnable = Some(seen.runnable.unwrap_or(0).saturating_add(u64::from(ready)));
        }
        seen.waited = seen.waited.saturating_add(waited(Text::new(b"/proc/", id, b"/schedstat")).unwrap_or(0));
    }
    seen
}

/// Whether a thread is ready to run: by its state, the letter behind its name in brackets.
fn is_ready(path: Text) -> Option<bool> {
    let mut room = [0; 256];
    let text = path.begin_of_file(&mut room)?;
    let name_ends = text.iter().rposition(|&byte| byte == b')')?;
    text.get(name_ends.saturating_add(2)).map(|&state| state == b'R')
}

/// How long it was so without a core: the second of three numbers.
fn waited(path: Text) -> Option<u64> {
    let mut room = [0; 128];
    std::str::from_utf8(path.begin_of_file(&mut room)?).ok()?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;
    use crate::sys::process;

    /// Looks until it is so: other tests, and other programs, have the cores in between.
    fn sees(so: impl Fn(Use) -> bool) -> bool {
        (0..100_000).any(|_| so(use_of(process::pid())))
    }

    #[test]
    fn a_thread_that_works_is_runnable_and_uses_time() {
        let before = use_of(process::pid());
        assert!(before.runnable.is_some_and(|count| count >= 1), "{before:?}");
        assert!(sees(|now| now.ran > before.ran));
    }

    #[test]
    fn a_thread_that_works_beside_one_that_looks_counts() {
        let (stop, stopped) = channel::<()>();
        let other = thread::spawn(move || while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {});
        assert!(sees(|now| now.runnable.is_some_and(|count| count >= 2)));
        drop(stop);
        other.join().expect("it ends");
    }

    #[test]
    fn a_process_that_sleeps_is_not_runnable() {
        let mut sleeper = std::process::Command::new("sleep").arg("1000").spawn().expect("there is such a program");
        let pid = i32::try_from(sleeper.id()).expect("a process's number");
        let asleep = (0..1_000_000).any(|_| use_of(pid).runnable == Some(0));
        sleeper.kill().expect("it is ours");
        sleeper.wait().expect("it is ours");
        assert!(asleep);
        assert_eq!(use_of(pid), Use::default());
    }
}
