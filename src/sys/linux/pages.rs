//! Pages of our own, straight from the system: never through the allocator that is watched.

use std::ptr::{self, NonNull};

/// Who sees what is written after a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Each process has its own copy.
    Private,
    /// All processes see the same bytes.
    Shared,
}

/// Maps `bytes` zeroed bytes, paid for only when touched; `None` when the system refuses.
///
/// May be called inside the allocator call. The pages are never given back.
pub(crate) fn map(bytes: usize, share: Share) -> Option<NonNull<u8>> {
    let how = match share {
        Share::Private => libc::MAP_PRIVATE,
        Share::Shared => libc::MAP_SHARED,
    };
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory of anybody's.
    let at = unsafe {
        libc::mmap(
            ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            how | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if at == libc::MAP_FAILED { None } else { NonNull::new(at.cast()) }
}

/// Gives a mapping back.
///
/// # Safety
/// 1. `at` and `bytes` are those of one call of [`map`].
/// 2. Nobody uses the mapping any more.
pub(crate) unsafe fn unmap(at: NonNull<u8>, bytes: usize) {
    // SAFETY: by the obligations of this function.
    unsafe { libc::munmap(at.as_ptr().cast(), bytes) };
}

/// Makes a private page read as zeros in every child of a fork. False if the kernel can't.
pub(crate) fn wipe_on_fork(at: NonNull<u8>, bytes: usize) -> bool {
    const MADV_WIPEONFORK: i32 = 18;
    // SAFETY: the advice changes what *children* read; the caller's page stays as it is.
    unsafe { libc::madvise(at.as_ptr().cast(), bytes, MADV_WIPEONFORK) == 0 }
}
