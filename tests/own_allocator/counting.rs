//! The allocator of the program's own: it counts, and has not much.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr;

/// More than this the allocator has not.
pub(crate) const MOST: usize = 16 << 20;

/// Counts the calls of each thread, and the blocks that it was given and has not given back; keeps the last call.
pub(crate) struct Counting<A>(pub(crate) A);

/// How often which method was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Calls {
    pub(crate) alloc: u64,
    pub(crate) zeroed: u64,
    pub(crate) realloc: u64,
    pub(crate) dealloc: u64,
}

/// What a call was given, and what it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) layout: Layout,
    pub(crate) block: *mut u8,
    pub(crate) new_size: usize,
    pub(crate) answer: *mut u8,
}

thread_local! {
    static CALLS: Cell<Calls> = const { Cell::new(Calls { alloc: 0, zeroed: 0, realloc: 0, dealloc: 0 }) };
    pub(crate) static LAST: Cell<Option<Last>> = const { Cell::new(None) };
    pub(crate) static LIVE: Cell<i64> = const { Cell::new(0) };
}

impl<A> Counting<A> {
    fn note(&self, count: impl FnOnce(&mut Calls), last: Last) -> *mut u8 {
        let mut calls = CALLS.get();
        count(&mut calls);
        CALLS.set(calls);
        LAST.set(Some(last));
        last.answer
    }

    fn given(&self, block: *mut u8) {
        LIVE.set(LIVE.get() + i64::from(!block.is_null()));
    }
}

fn unless_absurd(size: usize, answer: impl FnOnce() -> *mut u8) -> *mut u8 {
    if size > MOST { ptr::null_mut() } else { answer() }
}

// SAFETY: every call is passed on as it is, or answered null; nothing here allocates or unwinds.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's obligations are those of the allocator inside; so below.
        let answer = unless_absurd(layout.size(), || unsafe { self.0.alloc(layout) });
        self.given(answer);
        self.note(|calls| calls.alloc += 1, Last { layout, block: ptr::null_mut(), new_size: 0, answer })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let answer = unless_absurd(layout.size(), || unsafe { self.0.alloc_zeroed(layout) });
        self.given(answer);
        self.note(|calls| calls.zeroed += 1, Last { layout, block: ptr::null_mut(), new_size: 0, answer })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        let answer = unless_absurd(new_size, || unsafe { self.0.realloc(block, layout, new_size) });
        self.note(|calls| calls.realloc += 1, Last { layout, block, new_size, answer })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.0.dealloc(block, layout) };
        LIVE.set(LIVE.get() - 1);
        self.note(|calls| calls.dealloc += 1, Last { layout, block, new_size: 0, answer: ptr::null_mut() });
    }
}

/// What a call of the program's came to inside: the answer, and the calls that were made there.
pub(crate) fn counted<T>(call: impl FnOnce() -> T) -> (T, Calls) {
    let before = CALLS.get();
    let answer = call();
    let after = CALLS.get();
    let calls = Calls {
        alloc: after.alloc - before.alloc,
        zeroed: after.zeroed - before.zeroed,
        realloc: after.realloc - before.realloc,
        dealloc: after.dealloc - before.dealloc,
    };
    (answer, calls)
}

pub(crate) const NONE: Calls = Calls { alloc: 0, zeroed: 0, realloc: 0, dealloc: 0 };
pub(crate) const ALLOC: Calls = Calls { alloc: 1, ..NONE };
pub(crate) const ZEROED: Calls = Calls { zeroed: 1, ..NONE };
pub(crate) const REALLOC: Calls = Calls { realloc: 1, ..NONE };
pub(crate) const DEALLOC: Calls = Calls { dealloc: 1, ..NONE };
