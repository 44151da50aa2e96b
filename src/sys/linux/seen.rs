//! Every thread that was ever seen, by its thread pointer: the C library keeps the stacks of ended threads for later ones, and
//! what is on them is not reachable any more.

use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use super::pages::{self, Share};
use super::state::Range;

/// How many thread pointers are kept; those of ended threads are used again. Later ones are not kept.
const PLACES: usize = 1 << 14;

/// How far from its own place a pointer may stand.
const STEPS: usize = 64;

struct Table([Place; PLACES]);

struct Place {
    pointer: AtomicUsize,
    /// How many forks there had been when the thread was last seen.
    forks: AtomicU32,
}

static TABLE: AtomicPtr<Table> = AtomicPtr::new(std::ptr::null_mut());
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Where the words above lie.
pub(super) fn bookkeeping() -> [Range; 2] {
    [Range::of(&TABLE), Range::of(&FORKS)]
}

/// Notes that the thread with this pointer lives. Takes no lock, and may be called inside the allocator call.
pub(crate) fn note_thread(pointer: usize) {
    if pointer == 0 {
        return;
    }
    let Some(table) = table_or_new() else { return };
    let forks = FORKS.load(Ordering::Relaxed);
    let first = (pointer >> 6).wrapping_mul(0x9E37_79B9) >> 4;
    for step in 0..STEPS {
        let Some(place) = table.0.get(first.wrapping_add(step) % PLACES) else { return };
        let claimed = place.pointer.compare_exchange(0, pointer, Ordering::AcqRel, Ordering::Acquire);
        if claimed.is_ok() || claimed == Err(pointer) {
            place.forks.store(forks, Ordering::Release);
            return;
        }
    }
}

/// Called in the child of a fork: the threads that were noted before are not there, but those that lived have not ended, and
/// their stacks may hold what the body works on. They don't count as ended until they are noted again.
pub(crate) fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// The pointers of the threads that were noted since the last fork.
pub(super) fn threads() -> impl Iterator<Item = usize> {
    // SAFETY: only `table_or_new` stores here, and what it stores stays mapped.
    let table = unsafe { TABLE.load(Ordering::Acquire).as_ref() };
    let forks = FORKS.load(Ordering::Relaxed);
    let places = table.into_iter().flat_map(|table| &table.0);
    places.filter(move |place| place.forks.load(Ordering::Acquire) == forks).filter_map(|place| {
        let pointer = place.pointer.load(Ordering::Acquire);
        (pointer != 0).then_some(pointer)
    })
}

fn table_or_new() -> Option<&'static Table> {
    let known = TABLE.load(Ordering::Acquire);
    // SAFETY: what was stored stays mapped, and zeros are a valid table.
    if let Some(table) = unsafe { known.as_ref() } {
        return Some(table);
    }
    let at = pages::map(size_of::<Table>(), Share::Private)?;
    let stored = TABLE.compare_exchange(known, at.as_ptr().cast(), Ordering::AcqRel, Ordering::Acquire);
    if stored.is_err() {
        // SAFETY: another thread was faster, and nobody has seen these pages.
        unsafe { pages::unmap(at, size_of::<Table>()) };
    }
    // SAFETY: as above.
    unsafe { TABLE.load(Ordering::Acquire).as_ref() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_kept_once_however_often_it_is_noted() {
        // Addresses that no thread can have.
        let pointers = [0xFFFF_8000_0000_0040_usize, 0xFFFF_8000_0000_0080, 0xFFFF_8000_0010_0040];
        for _ in 0..3 {
            pointers.into_iter().for_each(note_thread);
        }
        note_thread(0);
        for pointer in pointers {
            assert_eq!(threads().filter(|&seen| seen == pointer).count(), 1);
        }
        assert!(threads().all(|seen| seen != 0));
    }
}
