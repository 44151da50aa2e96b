//! Threads are numbered, but cannot be counted: the standard library knows of no thread but the calling one.

use std::cell::Cell;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

static NEXT: AtomicI32 = AtomicI32::new(1);

thread_local! {
    static ID: Cell<i32> = const { Cell::new(0) };
}

/// How many threads this process has; 0: the system does not tell.
pub(crate) fn count() -> u64 {
    0
}

/// Whether there is only one: not known.
pub(crate) fn are_one() -> bool {
    false
}

/// Threads can't be marked.
pub(crate) fn mark() -> bool {
    false
}

/// There is no mark.
pub(crate) fn unmark() {}

/// Nobody is marked.
pub(crate) fn marked() -> u64 {
    0
}

/// Nobody is marked.
pub(crate) fn surely_marked() -> u64 {
    0
}

/// Would wait for threads; none is known of that could be waited for.
pub(crate) fn settle(_count: fn() -> u64, _start: u64, _limit: Duration) -> bool {
    true
}

/// A number of the calling thread, which no other thread of this process ever has.
pub(crate) fn id() -> i32 {
    ID.with(|id| {
        if id.get() == 0 {
            id.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        id.get()
    })
}

/// Whether the thread with that number still runs: not known, so nobody may be accused of it.
pub(crate) fn is_alive(_id: i32) -> bool {
    false
}

/// Whether the thread with that number has ended: not known, so what is its own is left alone.
pub(crate) fn has_ended(_id: i32) -> bool {
    false
}

/// There is no mark.
pub(crate) fn is_marked() -> bool {
    false
}

/// Would list the threads of this process: none is known of.
pub(crate) fn ids(_into: &mut [i32]) -> usize {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_has_a_number_of_its_own() {
        let here = id();
        let there = std::thread::spawn(|| (id(), id())).join().expect("the thread ends");
        assert_eq!(id(), here);
        assert_eq!(there.0, there.1);
        assert_ne!(here, there.0);
    }
}
