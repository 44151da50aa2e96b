//! Sleeping on a word in shared pages.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::clock::timespec;

/// Sleeps while `word` is `expected`, at most `limit`; may wake early.
pub(crate) fn wait(word: &AtomicU32, expected: u32, limit: Duration) {
    let time = timespec(limit);
    // SAFETY: the word outlives the call, and FUTEX_WAIT only reads it; the time is a valid timespec on our stack.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, &raw const time, 0, 0) };
}

/// Wakes everybody who sleeps on `word`, in whatever process.
pub(crate) fn wake(word: &AtomicU32) {
    // SAFETY: FUTEX_WAKE uses the address only as a name.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX, 0, 0, 0) };
}
