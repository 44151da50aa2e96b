//! C's allocator, by its own names.

use std::alloc::Layout;
use std::ptr::{self, NonNull};

/// The alignment of everything that `malloc` gives, if it is as large as that: the one of C's `max_align_t`.
const ALIGN: usize = 16;

/// Whether `malloc` itself gives what the layout asks for.
#[inline]
fn is_plain(layout: Layout) -> bool {
    layout.align() <= ALIGN && layout.align() <= layout.size()
}

/// A block by `malloc`, `calloc` or `posix_memalign`; `None` if they have none. The size is not zero.
#[inline]
pub(crate) fn allocate(layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
    // SAFETY: they may be asked for any size.
    let block = unsafe {
        match (is_plain(layout), zeroed) {
            (true, false) => libc::malloc(layout.size()),
            (true, true) => libc::calloc(layout.size(), 1),
            (false, _) => return aligned(layout, zeroed),
        }
    };
    NonNull::new(block.cast())
}

fn aligned(layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
    let mut block = ptr::null_mut();
    let align = usize::max(layout.align(), size_of::<usize>());
    // SAFETY: the alignment is a power of two and no less than a pointer's.
    if unsafe { libc::posix_memalign(&mut block, align, layout.size()) } != 0 {
        return None;
    }
    let block = NonNull::new(block.cast::<u8>())?;
    if zeroed {
        // SAFETY: the block is new, and has so many bytes.
        unsafe { block.write_bytes(0, layout.size()) };
    }
    Some(block)
}

/// `free`.
///
/// # Safety
/// `block` came from [`allocate`] or [`resize`], and nobody uses it any more.
#[inline]
pub(crate) unsafe fn deallocate(block: NonNull<u8>, _layout: Layout) {
    // SAFETY: by the obligation of this function.
    unsafe { libc::free(block.as_ptr().cast()) };
}

/// `realloc`, where that keeps to the new alignment; else a new block, into which the old one is copied. `None` if there is none; the
/// old one is what it was then. Neither size is zero.
///
/// # Safety
/// 1. `block` came from these functions with the layout `old`.
/// 2. Nobody uses it when there is a new one.
#[inline]
pub(crate) unsafe fn resize(block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
    // SAFETY: by the obligations of this function; both blocks have the bytes that are copied, and are apart.
    unsafe {
        if is_plain(new) {
            return NonNull::new(libc::realloc(block.as_ptr().cast(), new.size()).cast());
        }
        let fresh = aligned(new, false)?;
        ptr::copy_nonoverlapping(block.as_ptr(), fresh.as_ptr(), usize::min(old.size(), new.size()));
        deallocate(block, old);
        Some(fresh)
    }
}
