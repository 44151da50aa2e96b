//! The bodies that are swept, by oomsweep and by its peers; `zig/sweep.zig` has the first of them over again. They are lean, for a
//! debug build runs every step of them.

use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;

/// A request was refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused;

/// The block of every request.
pub(crate) const BLOCK: Layout = match Layout::from_size_align(32, 1) {
    Ok(layout) => layout,
    Err(_) => panic!("a layout"),
};

/// `N` blocks of 32 bytes, kept in an array and freed at the end; when one is refused, all that were made before it are.
pub(crate) fn held<const N: usize>() -> Result<(), Refused> {
    let mut blocks = [std::ptr::null_mut::<u8>(); N];
    let mut made = 0;
    while made < N {
        // SAFETY: the layout is not of size 0.
        let block = black_box(unsafe { alloc(BLOCK) });
        if block.is_null() {
            break;
        }
        // SAFETY: the block's first byte.
        unsafe { *block = made as u8 };
        blocks[made] = block;
        made += 1;
    }
    let all = made == N;
    while made > 0 {
        made -= 1;
        // SAFETY: made above with this layout, and freed once.
        unsafe { dealloc(blocks[made], BLOCK) };
    }
    if all { Ok(()) } else { Err(Refused) }
}

/// Lets 100 milliseconds of this process's time go by.
pub(crate) fn work() {
    let begin = cpu_nanoseconds();
    while cpu_nanoseconds() - begin < 100_000_000 {
        for _ in 0..1_000 {
            black_box(begin);
        }
    }
}

fn cpu_nanoseconds() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is valid for writing.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
