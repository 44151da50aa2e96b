//! What the bugs are made of: raw blocks whose requests and frees stand on the line that a test wrote, and bytes that are written
//! where nobody may write. Every pointer goes through `black_box`, or the optimiser would remove block and bug together.

use std::alloc::Layout;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use oomsweep::heap::{DebugAllocator, Leaks, MemoryErrors};
use oomsweep::model::report::Finding;

/// What a bad byte is written with: no pattern of the allocator's.
pub(crate) const BAD: u8 = 0x41;

/// A block.
pub(crate) type Raw = NonNull<u8>;

/// The layout of a raw block.
pub(crate) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(black_box(size), align).expect("a layout that there is")
}

/// Asks for a raw block.
#[collapse_debuginfo(yes)]
macro_rules! take {
    ($heap:expr, $size:expr) => {
        $crate::seeds::take!($heap, $size, 1)
    };
    ($heap:expr, $size:expr, $align:expr) => {
        std::hint::black_box(
            oomsweep::heap::Allocator::allocate(&$heap, $crate::seeds::layout($size, $align))
                .expect("memory")
                .cast::<u8>(),
        )
    };
}

/// Gives a block back, as one of this size and alignment.
#[collapse_debuginfo(yes)]
macro_rules! give {
    ($heap:expr, $block:expr, $size:expr) => {
        $crate::seeds::give!($heap, $block, $size, 1)
    };
    ($heap:expr, $block:expr, $size:expr, $align:expr) => {{
        let (block, layout) = (std::hint::black_box($block), $crate::seeds::layout($size, $align));
        // SAFETY: that it is right is what the twins of the bugs keep to; the allocator stops the bugs.
        unsafe { oomsweep::heap::Allocator::deallocate(&$heap, block, layout) }
    }};
}

/// Gives a block of alignment 1 another size, by this method; `None` if there was no memory.
#[collapse_debuginfo(yes)]
macro_rules! resize {
    ($heap:expr, $how:ident, $block:expr, ($size:expr, $align:expr), ($new:expr, $new_align:expr)) => {{
        let (old, new) = ($crate::seeds::layout($size, $align), $crate::seeds::layout($new, $new_align));
        let block = std::hint::black_box($block);
        // SAFETY: as above.
        let moved = unsafe { oomsweep::heap::Allocator::$how(&$heap, block, old, new) };
        moved.ok().map(|block| block.cast::<u8>())
    }};
    ($heap:expr, $how:ident, $block:expr, $size:expr, $new:expr) => {
        $crate::seeds::resize!($heap, $how, $block, ($size, 1), ($new, 1))
    };
}

pub(crate) use {give, resize, take};

/// Writes a byte so many from the start of a block.
pub(crate) fn poke(block: Raw, at: isize) {
    // SAFETY: the allocator under test keeps guarded bytes there, or the freed block.
    unsafe { black_box(block.as_ptr()).offset(at).write_volatile(BAD) }
}

/// Writes other bytes to each place of a block.
pub(crate) fn write_all(block: Raw, size: usize) {
    for at in 0..size {
        // SAFETY: inside the block.
        unsafe { block.as_ptr().add(at).write_volatile((at % 251) as u8) }
    }
}

/// Whether a block holds what [`write_all`] wrote, from one place to another.
pub(crate) fn holds(block: Raw, size: usize) -> bool {
    // SAFETY: inside the block.
    (0..size).all(|at| unsafe { block.as_ptr().add(at).read_volatile() } == (at % 251) as u8)
}

/// What a call says that panics.
#[track_caller]
pub(crate) fn told(call: impl FnOnce()) -> String {
    let caught = catch_unwind(AssertUnwindSafe(call)).expect_err("an error that is told");
    *caught.downcast::<String>().expect("a text")
}

/// Code and headline of each finding.
pub(crate) fn lines(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}: {}", finding.code, finding.message)).collect()
}

/// The memory errors that an allocator has on record at its end, at which no block is left.
#[track_caller]
pub(crate) fn recorded<A: oomsweep::heap::Allocator>(heap: DebugAllocator<A>) -> Vec<String> {
    let leaks = heap.deinit().expect_err("errors on record");
    assert_eq!(leaks.blocks(), 0, "{leaks}");
    lines(leaks.errors())
}

/// What a check finds.
#[track_caller]
pub(crate) fn found(checked: Result<(), MemoryErrors>) -> Vec<String> {
    lines(checked.expect_err("something to be found").errors())
}

/// Size, alignment and number of each leak.
pub(crate) fn leaked(leaks: &Leaks) -> Vec<(usize, usize, usize)> {
    leaks.iter().map(|leak| (leak.size, leak.align, leak.count)).collect()
}
