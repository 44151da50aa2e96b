//! Bugs, one a function, each with what its twin without the bug would do: the lines that reports name.

use std::alloc::Layout;
use std::hint::black_box;
use std::ptr::NonNull;

use oomsweep::heap::Allocator;

/// The layout of a raw block.
pub(crate) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(black_box(size), align).expect("a layout that there is")
}

/// A block that nobody has written to.
pub(crate) fn take(heap: &dyn Allocator, size: usize) -> NonNull<u8> {
    black_box(heap.allocate(layout(size, 8)).expect("memory").cast())
}

/// Gives a block back.
pub(crate) fn give(heap: &dyn Allocator, block: NonNull<u8>, size: usize) {
    // SAFETY: that this is right is what the callers that are no bugs keep to; the allocator stops the others.
    unsafe { heap.deallocate(black_box(block), layout(size, 8)) }
}

/// Writes a byte at so many from the start of a block.
pub(crate) fn poke(block: NonNull<u8>, at: isize) {
    // SAFETY: the allocator under test keeps guarded bytes there, or the freed block.
    unsafe { black_box(block.as_ptr()).offset(at).write_volatile(0x41) }
}

pub(crate) fn double_free(heap: &dyn Allocator) {
    let block = take(heap, 48);
    give(heap, block, 48);
    give(heap, block, 48);
}

pub(crate) fn leak_three(heap: &dyn Allocator) {
    for _ in 0..3 {
        take(heap, 32);
    }
}

pub(crate) fn leak_one(heap: &dyn Allocator) {
    take(heap, 100);
}
