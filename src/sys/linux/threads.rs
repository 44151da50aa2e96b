//! Counting threads.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

/// How many threads this process has; 0 if the system does not tell. One system call, no allocation.
pub(crate) fn count() -> u64 {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the path is a C string and `stat` is ours to be written.
    if unsafe { libc::stat(c"/proc/self/task".as_ptr(), stat.as_mut_ptr()) } != 0 {
        return 0;
    }
    // SAFETY: the call has succeeded, so `stat` is written. A folder has two links of its own and one a thread.
    let links = unsafe { stat.assume_init() }.st_nlink;
    links.saturating_sub(2)
}

/// Waits until the process has no more than `start` threads, at most `limit`. Returns whether it got there.
///
/// Two equal readings in a row are asked for: a single one can come up short while a thread is ending.
pub(crate) fn settle(start: u64, limit: Duration) -> bool {
    let begin = Instant::now();
    let mut round = 0_u32;
    loop {
        if count() <= start && count() <= start {
            return true;
        }
        if begin.elapsed() >= limit {
            return false;
        }
        round = round.saturating_add(1);
        if round < 20 {
            std::thread::yield_now();
        } else {
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

/// The system's number of the calling thread.
pub(crate) fn id() -> i32 {
    // SAFETY: the call has no arguments and no effects.
    unsafe { libc::gettid() }
}

/// Whether the thread of this process with that number still runs.
pub(crate) fn is_alive(id: i32) -> bool {
    std::fs::metadata(format!("/proc/self/task/{id}")).is_ok()
}
