//! Which allocators are telling of a call on this thread. A logger that allocates through the allocator that it logs for must not make it
//! tell of that too, for ever.

use std::cell::Cell;
use std::ptr;

/// An allocator that is telling, and the one during whose telling it began.
struct Telling {
    who: usize,
    outer: *const Telling,
}

thread_local! {
    /// The innermost one. Without a destructor, so it is there to the thread's very end, and is never allocated where the
    /// platform has thread-locals of its own.
    static INNERMOST: Cell<*const Telling> = const { Cell::new(ptr::null()) };
}

/// Puts the outer one back, however the inner one ends.
struct Ended(*const Telling);

impl Drop for Ended {
    fn drop(&mut self) {
        INNERMOST.set(self.0);
    }
}

/// Calls `tell`, unless `who` is telling already on this thread.
pub(super) fn once_at_a_time(who: usize, tell: impl FnOnce()) {
    let outer = INNERMOST.get();
    if is_telling(who, outer) {
        return;
    }
    let telling = Telling { who, outer };
    let _ended = Ended(outer);
    INNERMOST.set(&raw const telling);
    tell();
}

fn is_telling(who: usize, mut at: *const Telling) -> bool {
    // SAFETY: what the list leads to are locals of calls of `once_at_a_time` further out on this thread's stack, none of which has
    // returned: each takes its own one out of the list first.
    while let Some(telling) = unsafe { at.as_ref() } {
        if telling.who == who {
            return true;
        }
        at = telling.outer;
    }
    false
}
