//! Whole pages for others to use, and pages beside them that nobody may touch.
//!
//! Unlike those of [`pages`](super::pages), which are the harness's, these are memory of the program's own. What is forbidden is so by its
//! protection: whoever looks through all that is mapped readable can see it.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::pages;

/// Whether pages can be forbidden.
pub(crate) const HAS_GUARDS: bool = true;

/// How many bytes a page has.
#[inline]
pub(crate) fn page_size() -> usize {
    static KNOWN: AtomicUsize = AtomicUsize::new(0);
    match KNOWN.load(Ordering::Relaxed) {
        0 => {
            let size = pages::page_size();
            KNOWN.store(size, Ordering::Relaxed);
            size
        }
        size => size,
    }
}

/// Maps `len` zeroed bytes, of which those behind the first `before` begin at a multiple of `align`; `None` when the system refuses.
/// Both lengths are those of whole pages.
pub(crate) fn map(before: usize, len: usize, align: usize) -> Option<NonNull<u8>> {
    let spare = align.saturating_sub(page_size());
    let all = len.checked_add(spare)?;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory of anybody's.
    let at = unsafe { libc::mmap(ptr::null_mut(), all, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
    if at == libc::MAP_FAILED {
        return None;
    }
    let at = NonNull::new(at.cast::<u8>())?;
    let skipped = if spare == 0 { 0 } else { (at.addr().get() + before).wrapping_neg() & (align - 1) };
    // SAFETY: both ends of the mapping, which nobody knows of yet. A kernel that can't take them back leaves them mapped, unused.
    unsafe {
        let start = at.add(skipped);
        if skipped > 0 {
            libc::munmap(at.as_ptr().cast(), skipped);
        }
        if spare > skipped {
            libc::munmap(start.add(len).as_ptr().cast(), spare - skipped);
        }
        Some(start)
    }
}

/// Gives pages back: whoever touches them dies.
///
/// # Safety
/// `at` and `len` are those of a mapping of [`map`], with this alignment, as [`remap`] has left it, and nobody uses it any more.
pub(crate) unsafe fn unmap(at: NonNull<u8>, len: usize, _align: usize) {
    // SAFETY: by the obligation of this function.
    unsafe { libc::munmap(at.as_ptr().cast(), len) };
}

/// Lets nobody touch these pages any more; they are unmapped with the rest. False if the system can't.
///
/// # Safety
/// They are whole pages at an end of a mapping of [`map`], and nobody uses them.
pub(crate) unsafe fn forbid(at: NonNull<u8>, len: usize) -> bool {
    // SAFETY: by the obligation of this function.
    unsafe { libc::mprotect(at.as_ptr().cast(), len, libc::PROT_NONE) == 0 }
}

/// Gives pages another length, where they are, or elsewhere if they `may_move`. What was in them stays, what is new is zeros. `None`
/// if that can't be done; they are what they were then.
///
/// # Safety
/// 1. They are all pages of a mapping of [`map`], with this alignment, that were not forbidden; `old` is their length.
/// 2. Nobody uses what lies beyond the new length.
pub(crate) unsafe fn remap(
    at: NonNull<u8>,
    old: usize,
    new: usize,
    _align: usize,
    may_move: bool,
) -> Option<NonNull<u8>> {
    let how = if may_move { libc::MREMAP_MAYMOVE } else { 0 };
    // SAFETY: by the obligations of this function.
    let moved = unsafe { libc::mremap(at.as_ptr().cast(), old, new, how) };
    if moved == libc::MAP_FAILED { None } else { NonNull::new(moved.cast()) }
}
