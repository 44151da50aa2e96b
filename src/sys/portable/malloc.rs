//! The system's allocator, where C's has no name: on most platforms they are one and the same.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::{self, NonNull};

/// A block; `None` if there is none. The size is not zero.
#[inline]
pub(crate) fn allocate(layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { if zeroed { System.alloc_zeroed(layout) } else { System.alloc(layout) } })
}

/// Gives a block back.
///
/// # Safety
/// `block` came from [`allocate`] or [`resize`] with this layout, and nobody uses it any more.
#[inline]
pub(crate) unsafe fn deallocate(block: NonNull<u8>, layout: Layout) {
    // SAFETY: by the obligations of this function.
    unsafe { System.dealloc(block.as_ptr(), layout) };
}

/// Gives a block another size; if the alignment changes, a new one, into which the old one is copied. `None` if there is none; the old
/// one is what it was then. Neither size is zero.
///
/// # Safety
/// 1. `block` came from these functions with the layout `old`.
/// 2. Nobody uses it when there is a new one.
#[inline]
pub(crate) unsafe fn resize(block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
    // SAFETY: by the obligations of this function; both blocks have the bytes that are copied, and are apart.
    unsafe {
        if old.align() == new.align() {
            return NonNull::new(System.realloc(block.as_ptr(), old, new.size()));
        }
        let fresh = allocate(new, false)?;
        ptr::copy_nonoverlapping(block.as_ptr(), fresh.as_ptr(), usize::min(old.size(), new.size()));
        deallocate(block, old);
        Some(fresh)
    }
}
