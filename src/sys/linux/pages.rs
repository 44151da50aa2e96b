//! Pages of our own, straight from the system: never through the allocator that is watched.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

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
    if at == libc::MAP_FAILED {
        return None;
    }
    remember(at as usize, bytes);
    NonNull::new(at.cast())
}

/// Reserves `bytes` zeroed bytes, paid for page by page when they are touched; `None` when the system refuses. Never made of large
/// pages, which would be paid for whole, and copied whole after a fork.
pub(crate) fn reserve(bytes: usize) -> Option<NonNull<u8>> {
    let at = map(bytes, Share::Private)?;
    // SAFETY: advice on a mapping that was made just now; it changes nobody's bytes.
    unsafe {
        libc::madvise(at.as_ptr().cast(), bytes, libc::MADV_NOHUGEPAGE);
        libc::madvise(at.as_ptr().cast(), bytes, libc::MADV_DONTDUMP);
    }
    Some(at)
}

/// Whether the system would give so many bytes at once, as it does for C's `malloc`.
pub(crate) fn would_give(bytes: usize) -> bool {
    // SAFETY: an anonymous mapping at an address of the kernel's choice, which goes at once.
    unsafe {
        let how = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let at = libc::mmap(ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, how, -1, 0);
        at != libc::MAP_FAILED && libc::munmap(at, bytes) == 0
    }
}

const MADV_GUARD_INSTALL: i32 = 102;
const MADV_GUARD_REMOVE: i32 = 103;

/// Puts whole pages out of reach and gives their memory back: any access ends in a fault. False if the system can't.
///
/// By guard pages where the kernel has them (Linux 6.13), which split no mapping; else by their protection.
///
/// # Safety
/// The pages belong to a mapping of [`reserve`], and nobody uses what they hold.
pub(crate) unsafe fn forbid(from: usize, len: usize) -> bool {
    let at = from as *mut libc::c_void;
    // SAFETY: by the obligation of this function.
    unsafe {
        if libc::madvise(at, len, MADV_GUARD_INSTALL) == 0 {
            return true;
        }
        libc::madvise(at, len, libc::MADV_DONTNEED) == 0 && libc::mprotect(at, len, libc::PROT_NONE) == 0
    }
}

/// Puts pages in reach again that [`forbid`] has put out of it; they hold zeros.
///
/// # Safety
/// These very pages were put out of reach, and nobody uses them.
pub(crate) unsafe fn allow(from: usize, len: usize) -> bool {
    let at = from as *mut libc::c_void;
    // SAFETY: by the obligation of this function.
    unsafe {
        if libc::madvise(at, len, MADV_GUARD_REMOVE) == 0 {
            return true;
        }
        libc::mprotect(at, len, libc::PROT_READ | libc::PROT_WRITE) == 0
    }
}

/// How many mappings of ours are remembered; later ones are not known to be ours.
const KNOWN: usize = 256;

/// First byte and length of each mapping of ours; 0: a free place.
static OURS: [(AtomicUsize, AtomicUsize); KNOWN] = [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; KNOWN];

fn remember(from: usize, bytes: usize) {
    for (start, len) in &OURS {
        if start.compare_exchange(0, from, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            len.store(bytes, Ordering::Release);
            return;
        }
    }
}

/// Whether a range lies in mappings of ours, which neighbours of ours may have grown together with.
pub(crate) fn is_ours(from: usize, bytes: usize) -> bool {
    OURS.iter().any(|(start, len)| {
        let (start, len) = (start.load(Ordering::Acquire), len.load(Ordering::Acquire));
        start != 0 && start < from.saturating_add(bytes) && from < start.saturating_add(len)
    })
}

/// Gives a mapping back.
///
/// # Safety
/// 1. `at` and `bytes` are those of one call of [`map`].
/// 2. Nobody uses the mapping any more.
pub(crate) unsafe fn unmap(at: NonNull<u8>, bytes: usize) {
    for (start, _) in &OURS {
        if start.compare_exchange(at.as_ptr() as usize, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            break;
        }
    }
    // SAFETY: by the obligations of this function.
    unsafe { libc::munmap(at.as_ptr().cast(), bytes) };
}

/// Makes a private page read as zeros in every child of a fork. False if the kernel can't.
pub(crate) fn wipe_on_fork(at: NonNull<u8>, bytes: usize) -> bool {
    const MADV_WIPEONFORK: i32 = 18;
    // SAFETY: the advice changes what *children* read; the caller's page stays as it is.
    unsafe { libc::madvise(at.as_ptr().cast(), bytes, MADV_WIPEONFORK) == 0 }
}
