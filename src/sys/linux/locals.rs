//! The thread pointer, and what lies around it: a thread's locals, its record in the C library, its stack.
//!
//! The layouts are those of glibc, and where a layout has to be known it is checked on the memory itself. On other C libraries
//! only the calling thread's locals are found, as the loader names them.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::modules;
use super::state::Range;
use crate::sys::words;

const WORD: usize = size_of::<usize>();

/// No more than this of a thread's record is looked at; glibc's have had this size for long, or a larger one.
const RECORD: usize = 2304;

/// How many pthread keys there may be.
#[cfg(target_env = "gnu")]
pub(super) const KEYS: u32 = 1024;
/// How many pthread keys there may be; asking for a later one would read beyond a table.
#[cfg(not(target_env = "gnu"))]
pub(super) const KEYS: u32 = 128;

/// On which side of the thread pointer the locals lie.
const LOCALS_BELOW: bool = cfg!(target_arch = "x86_64");

/// Bytes between the locals of this machine and the thread pointer, on the side where they lie.
const GAP: usize = if LOCALS_BELOW { 0 } else { 2 * WORD };

/// How far from the thread pointer the static thread-locals reach, the same in every thread; 0: not measured.
static REACH: AtomicUsize = AtomicUsize::new(0);

/// The calling thread's pointer to its record; 0 if this machine's is not known.
#[inline(always)]
pub(crate) fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: the word at the thread pointer's start is the pointer itself, by the machine's ABI.
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    unsafe {
        std::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) pointer, options(nostack, readonly, preserves_flags));
    }
    // SAFETY: copies a register.
    #[cfg(all(target_arch = "aarch64", target_pointer_width = "64"))]
    unsafe {
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), target_pointer_width = "64")))]
    {
        pointer = 0;
    }
    pointer
}

/// The values of the calling thread's pthread keys that are not null. Takes no lock. May be called in a signal handler.
pub(super) fn each_key(mut each: impl FnMut(usize)) {
    for key in 0..KEYS {
        // SAFETY: a key that was never made, or is gone, has a null value.
        let value = unsafe { libc::pthread_getspecific(key) } as usize;
        if value != 0 {
            each(value);
        }
    }
}

/// Measures how far the static thread-locals reach, from the modules that were learnt of.
pub(super) fn measure() {
    let pointer = thread_pointer();
    if pointer == 0 || !cfg!(target_env = "gnu") {
        return;
    }
    // Modules that were loaded with the program stand side by side, so that the reach grows from one to the next; what was
    // loaded later may have its locals anywhere.
    let mut reach = 0;
    let mut grown = true;
    while grown {
        grown = false;
        for part in modules::locals().filter(|part| part.range.from != 0) {
            let slack = part.align.saturating_add(256);
            let (near, far) = if LOCALS_BELOW {
                (pointer.checked_sub(part.range.end()), pointer.checked_sub(part.range.from))
            } else {
                (part.range.from.checked_sub(pointer), part.range.end().checked_sub(pointer))
            };
            if let (Some(near), Some(far)) = (near, far)
                && far > reach
                && near <= reach.saturating_add(slack)
            {
                reach = far;
                grown = true;
            }
        }
    }
    REACH.store(reach, Ordering::Release);
}

/// Whether an address lies among the calling thread's static thread-locals, which lie equally far from every thread's pointer.
pub(crate) fn is_fixed(address: usize) -> bool {
    fixed(thread_pointer()).holds(address)
}

/// The static thread-locals of the thread with this pointer; empty if they were not measured. Inside the allocator call and in
/// a signal handler too.
pub(super) fn fixed(pointer: usize) -> Range {
    let reach = REACH.load(Ordering::Acquire);
    if reach == 0 || pointer < reach {
        Range { from: pointer, len: 0 }
    } else if LOCALS_BELOW {
        Range { from: pointer - reach, len: reach }
    } else {
        Range { from: pointer.saturating_add(GAP), len: reach.saturating_sub(GAP) }
    }
}

/// What a thread's record may cover, the part of it that is no stack of its and holds none of its locals.
pub(super) fn record(pointer: usize) -> Range {
    if LOCALS_BELOW {
        Range { from: pointer, len: RECORD }
    } else {
        Range { from: pointer.saturating_sub(RECORD), len: RECORD.saturating_add(GAP) }
    }
}

/// Where the stack of a thread that the C library made ends.
pub(super) fn stack_end(pointer: usize) -> usize {
    // A record is no shorter than this where it lies between the stack and the thread pointer. What it is longer by is the
    // library's.
    const SHORTEST: usize = 1776;
    if LOCALS_BELOW { fixed(pointer).from } else { pointer.saturating_sub(SHORTEST) }
}

/// The memory that the C library took for the thread with this pointer: its stack with the guard, its locals and its record, as
/// the record says. None for the first thread of the process, and if this is no record (any more).
///
/// `readable`: whether a range can be read.
pub(super) fn block(pointer: usize, readable: &dyn Fn(Range) -> bool) -> Option<Range> {
    if !cfg!(target_env = "gnu") || !pointer.is_multiple_of(2 * WORD) {
        return None;
    }
    let record = record(pointer);
    // What lies beyond the end of the mapping can't be the record's.
    let len = (1..=RECORD / 256).rev().map(|part| part * 256).find(|&len| {
        readable(if LOCALS_BELOW {
            Range { from: pointer, len }
        } else {
            Range { from: pointer.saturating_sub(len), len: len.saturating_add(GAP) }
        })
    })?;
    let first = if LOCALS_BELOW { record.from } else { pointer.saturating_sub(len) };
    let word = |number: usize| {
        // SAFETY: the caller says that these can be read, and the pointer is aligned.
        unsafe { words::read(first.saturating_add(number.saturating_mul(WORD))) }
    };
    // A record of this machine begins with its own address, and has it again two words on.
    if cfg!(target_arch = "x86_64") && (word(0) != pointer || word(2) != pointer) {
        return None;
    }
    (0..len / WORD - 1).find_map(|number| {
        let (from, len) = (word(number), word(number + 1));
        let end = from.checked_add(len)?;
        let fits = from != 0 && from.is_multiple_of(4096) && len.is_multiple_of(4096) && from < record.from;
        (fits && end > pointer && end - pointer <= 1 << 16).then_some(Range { from, len })
    })
}

/// Calls `each` with the thread-locals of modules that were loaded later, as far as the thread with this pointer has any.
///
/// `readable`: whether a range can be read.
pub(super) fn dynamic(pointer: usize, readable: &dyn Fn(Range) -> bool, each: &mut dyn FnMut(Range)) {
    let fixed = fixed(pointer);
    if !cfg!(target_env = "gnu") {
        if pointer == thread_pointer() {
            modules::locals().map(|part| part.range).filter(|range| range.from != 0).for_each(each);
        }
        return;
    }
    let at = pointer.wrapping_add(if LOCALS_BELOW { WORD } else { 0 });
    if pointer == 0 || !readable(Range { from: at, len: WORD }) {
        return;
    }
    // SAFETY: just asked for.
    let vector = unsafe { words::read(at) };
    // Two words an entry, the first of which is the address; the entry before the first says how many there are.
    const ENTRY: usize = 2 * WORD;
    let length = vector.wrapping_sub(ENTRY);
    if !vector.is_multiple_of(WORD) || !readable(Range { from: length, len: ENTRY }) {
        return;
    }
    // SAFETY: just asked for.
    let entries = unsafe { words::read(length) };
    for part in modules::locals().filter(|part| part.module <= entries) {
        let entry = vector.wrapping_add(part.module.wrapping_mul(ENTRY));
        if !readable(Range { from: entry, len: ENTRY }) {
            continue;
        }
        // SAFETY: just asked for.
        let range = Range { from: unsafe { words::read(entry) }, len: part.range.len };
        if range.from != 0 && range.from != usize::MAX && !fixed.holds(range.from) && readable(range) {
            each(range);
        }
    }
}
