//! Which thread calls.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::model::stack::RawStack;
use crate::sys::stacks;

thread_local! {
    /// 0: the thread has no number yet. It has no destructor, so it is there as long as the thread is.
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

static LATEST: AtomicU32 = AtomicU32::new(0);

/// The number of the calling thread: threads are counted from 1, in the order in which they first come to any debug allocator of the
/// process.
pub(super) fn number() -> u32 {
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(LATEST.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
        }
        number.get()
    })
}

/// How much of a thread's name is kept.
const NAME: usize = 64;

/// A call of a thread's that is remembered.
#[derive(Clone, Copy)]
pub(super) struct First {
    name: [u8; NAME],
    len: usize,
    number: u32,
    /// Where it was made.
    pub(super) stack: RawStack,
}

impl First {
    /// The one that is being made; the stack from above `sp`.
    pub(super) fn here(sp: usize) -> First {
        let mut first = First { name: [0; NAME], len: 0, number: number(), stack: RawStack::EMPTY };
        stacks::capture_above(&mut first.stack, sp, usize::MAX);
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("").as_bytes();
        first.len = name.len().min(NAME);
        first.name[..first.len].copy_from_slice(&name[..first.len]);
        first
    }

    /// What the thread is called: by its name, or by its number if it has none.
    pub(super) fn name(&self) -> String {
        match String::from_utf8_lossy(&self.name[..self.len]) {
            name if name.is_empty() => format!("thread {}", self.number),
            name => format!("thread `{name}`"),
        }
    }
}
