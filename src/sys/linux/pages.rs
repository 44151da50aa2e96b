//! Pages of our own, straight from the system: never through the allocator that is watched.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering};

use super::state::Range;

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
/// May be called inside the allocator call. The pages stay until somebody gives them back ([`unmap`]).
pub(crate) fn map(bytes: usize, share: Share) -> Option<NonNull<u8>> {
    let how = match share {
        Share::Private => libc::MAP_PRIVATE,
        Share::Shared => libc::MAP_SHARED,
    };
    let at = map_raw(bytes, how)?;
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

/// The granularity in which the system gives memory out, where blocks can be guarded.
const PAGE: usize = 4096;
const MADV_GUARD_INSTALL: i32 = 102;
const MADV_GUARD_REMOVE: i32 = 103;

/// Not known yet, guard pages, protection: see [`has_guards`].
static GUARDS: AtomicU8 = AtomicU8::new(0);

/// Whether the kernel has guard pages (Linux 6.13), which split no mapping; else pages are put out of reach by their protection.
pub(crate) fn has_guards() -> bool {
    let known = GUARDS.load(Ordering::Relaxed);
    if known != 0 {
        return known == 1;
    }
    let has = map_raw(PAGE, libc::MAP_PRIVATE).is_some_and(|at| {
        // SAFETY: mapped just now, used by nobody else, and gone at once.
        unsafe {
            let has = libc::madvise(at, PAGE, MADV_GUARD_INSTALL) == 0;
            libc::munmap(at, PAGE);
            has
        }
    });
    GUARDS.store(if has { 1 } else { 2 }, Ordering::Relaxed);
    has
}

/// From now on this process does without guard pages, as on an older kernel.
#[cfg(test)]
pub(crate) fn without_guards() {
    GUARDS.store(2, Ordering::Relaxed);
}

/// Puts whole pages out of reach and gives their memory back: any access ends in a fault. False if the system can't.
///
/// # Safety
/// The pages belong to a mapping of [`reserve`], and nobody uses what they hold.
pub(crate) unsafe fn forbid(from: usize, len: usize) -> bool {
    let at = from as *mut libc::c_void;
    // SAFETY: by the obligation of this function.
    unsafe {
        if has_guards() {
            return libc::madvise(at, len, MADV_GUARD_INSTALL) == 0;
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
        if has_guards() {
            return libc::madvise(at, len, MADV_GUARD_REMOVE) == 0;
        }
        libc::mprotect(at, len, libc::PROT_READ | libc::PROT_WRITE) == 0
    }
}

/// Puts pages out of reach that lie between others which are, and will never be put in reach again. Without guard pages they are
/// mapped anew, for a mapping that was once writable never grows together with its neighbours again, and the kernel allows a
/// process so many mappings only.
///
/// # Safety
/// As for [`forbid`].
pub(crate) unsafe fn forbid_for_ever(from: usize, len: usize) -> bool {
    if has_guards() {
        // SAFETY: by the obligation of this function.
        return unsafe { forbid(from, len) };
    }
    let how = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    // SAFETY: as above: pages of ours take the place of pages of ours.
    unsafe { libc::mmap(from as *mut libc::c_void, len, libc::PROT_NONE, how, -1, 0) != libc::MAP_FAILED }
}

/// How many single pages can be put in reach between others that are not, before the system refuses mappings which others ask
/// it for: the program under test needs some for its threads and for large blocks of C's `malloc`.
pub(crate) fn room_for_guarded() -> usize {
    const LEFT_ALONE: usize = 8000;
    if page_size() != PAGE {
        return 0;
    }
    if has_guards() {
        return usize::MAX;
    }
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
    let present = std::fs::read_to_string("/proc/self/maps").map_or(0, |text| text.lines().count());
    most.unwrap_or(65_530_usize).saturating_sub(present).saturating_sub(LEFT_ALONE) / 2
}

/// How many bytes a page has. Asks each time: nothing is kept that a run would seem to have changed.
pub(super) fn page_size() -> usize {
    // SAFETY: asks for a number.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(PAGE)
}

fn map_raw(bytes: usize, how: i32) -> Option<*mut libc::c_void> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let how = how | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory of anybody's.
    let at = unsafe { libc::mmap(ptr::null_mut(), bytes, access, how, -1, 0) };
    (at != libc::MAP_FAILED).then_some(at)
}

/// How many mappings of ours one list holds.
const KNOWN: usize = 256;

/// First byte and length of mappings of ours; 0: a free place.
struct Ours {
    places: [(AtomicUsize, AtomicUsize); KNOWN],
    /// Where it goes on when these are taken: pages that are ours as well, and stand first in their own list.
    more: AtomicPtr<Ours>,
}

static OURS: Ours = Ours {
    places: [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; KNOWN],
    more: AtomicPtr::new(ptr::null_mut()),
};

/// Where the list above lies: it changes without the program's doing.
pub(super) fn bookkeeping() -> Range {
    Range::of(&OURS)
}

impl Ours {
    fn next(&self) -> Option<&'static Ours> {
        // SAFETY: only `or_next` stores here, and what it stores stays mapped.
        unsafe { self.more.load(Ordering::Acquire).as_ref() }
    }

    fn or_next(&self) -> Option<&'static Ours> {
        if self.next().is_none() {
            let at = map_raw(size_of::<Ours>(), libc::MAP_PRIVATE)?;
            let list: *mut Ours = at.cast();
            // SAFETY: the pages are new, large enough, and zeros are an empty list.
            unsafe { (*list).take_place(at as usize, size_of::<Ours>()) };
            let none = ptr::null_mut();
            if self.more.compare_exchange(none, list, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                // SAFETY: another thread was faster, and nobody has seen these pages.
                unsafe { libc::munmap(at, size_of::<Ours>()) };
            }
        }
        self.next()
    }

    fn take_place(&self, from: usize, bytes: usize) -> bool {
        let taken = self.places.iter().find(|(start, _)| {
            start.load(Ordering::Relaxed) == 0
                && start.compare_exchange(0, from, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        });
        if let Some((_, len)) = taken {
            len.store(bytes, Ordering::Release);
        }
        taken.is_some()
    }
}

fn remember(from: usize, bytes: usize) {
    let mut list = Some(&OURS);
    while let Some(here) = list {
        if here.take_place(from, bytes) {
            return;
        }
        list = here.or_next();
    }
}

fn lists() -> impl Iterator<Item = &'static Ours> {
    std::iter::successors(Some(&OURS), |list| list.next())
}

/// Every mapping of ours. The system may list neighbours as one mapping, also with what is not ours.
pub(super) fn ours() -> impl Iterator<Item = Range> {
    let places = lists().flat_map(|list| &list.places);
    let ranges =
        places.map(|(start, len)| Range { from: start.load(Ordering::Acquire), len: len.load(Ordering::Acquire) });
    ranges.filter(|range| range.from != 0 && range.len != 0)
}

/// Whether a range touches mappings of ours, which neighbours of ours may have grown together with.
pub(crate) fn is_ours(from: usize, bytes: usize) -> bool {
    ours().any(|range| range.touches(Range { from, len: bytes }))
}

/// Gives a mapping back.
///
/// # Safety
/// 1. `at` and `bytes` are those of one call of [`map`].
/// 2. Nobody uses the mapping any more.
pub(crate) unsafe fn unmap(at: NonNull<u8>, bytes: usize) {
    let from = at.as_ptr() as usize;
    if let Some((start, len)) =
        lists().flat_map(|list| &list.places).find(|(start, _)| start.load(Ordering::Relaxed) == from)
    {
        // Who takes the place next must not be seen with this length.
        len.store(0, Ordering::Release);
        start.store(0, Ordering::Release);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_mappings_is_remembered_and_forgotten() {
        // Nobody else maps ranges of this length.
        const ODD: usize = 37 * 4096;
        let known = || ours().filter(|range| range.len == ODD).count();
        let all: Vec<NonNull<u8>> = (0..1000).filter_map(|_| map(ODD, Share::Private)).collect();
        assert_eq!((all.len(), known()), (1000, 1000));
        assert!(all.iter().all(|at| is_ours(at.as_ptr() as usize + 100, 1)));
        for at in all {
            // SAFETY: mapped above, and not used any more.
            unsafe { unmap(at, ODD) };
        }
        assert_eq!(known(), 0);
    }
}
