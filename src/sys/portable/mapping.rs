//! Whole pages for others to use, from the system's allocator. None can be forbidden, and what is given back may stay readable.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::NonNull;

/// Whether pages can be forbidden.
pub(crate) const HAS_GUARDS: bool = false;

/// How many bytes a page has, as far as the standard library knows.
#[inline]
pub(crate) fn page_size() -> usize {
    4096
}

/// Takes `len` zeroed bytes, which begin at a multiple of `align`; `None` when the system refuses. There is nothing to forbid before them.
pub(crate) fn map(_before: usize, len: usize, align: usize) -> Option<NonNull<u8>> {
    let layout = layout(len, align)?;
    // SAFETY: the layout is not empty.
    NonNull::new(unsafe { System.alloc_zeroed(layout) })
}

/// Gives pages back.
///
/// # Safety
/// `at` and `len` are those of a call of [`map`], with this alignment, as [`remap`] has left them, and nobody uses them any more.
pub(crate) unsafe fn unmap(at: NonNull<u8>, len: usize, align: usize) {
    if let Some(layout) = layout(len, align) {
        // SAFETY: by the obligation of this function; `map` used the same layout.
        unsafe { System.dealloc(at.as_ptr(), layout) };
    }
}

/// Pages can't be forbidden here.
///
/// # Safety
/// None: nothing is done.
pub(crate) unsafe fn forbid(_at: NonNull<u8>, _len: usize) -> bool {
    false
}

/// Gives pages another length, if they `may_move`. What was in them stays, what is new is zeros. `None` if that can't be done; they are
/// what they were then.
///
/// # Safety
/// 1. They are those of a call of [`map`], with this alignment; `old` is their length.
/// 2. Nobody uses what lies beyond the new length.
pub(crate) unsafe fn remap(
    at: NonNull<u8>,
    old: usize,
    new: usize,
    align: usize,
    may_move: bool,
) -> Option<NonNull<u8>> {
    if !may_move {
        return None;
    }
    let (before, _) = (layout(old, align)?, layout(new, align)?);
    // SAFETY: by obligation 1; the new length is one of a layout, and not zero.
    unsafe {
        let moved = NonNull::new(System.realloc(at.as_ptr(), before, new))?;
        if new > old {
            moved.add(old).write_bytes(0, new - old);
        }
        Some(moved)
    }
}

fn layout(len: usize, align: usize) -> Option<Layout> {
    Layout::from_size_align(len, usize::max(align, page_size())).ok().filter(|layout| layout.size() > 0)
}
