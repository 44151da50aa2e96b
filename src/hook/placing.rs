//! Which kind of place a block gets: between zones, or, in a run that asks for it, between guard pages.

use std::ptr;
use std::sync::atomic::Ordering;

use super::blocks::birth::Birth;
use super::blocks::guarded::Placement;
use super::blocks::meta::{GUARDED, Meta};
use super::blocks::shard::Shard;
use super::calls::shard_of;
use super::core::Core;
use super::gate;
use super::local::Local;
use crate::sys::pages;

impl Core {
    /// Says what stands round the blocks of the runs that follow.
    pub(crate) fn place_blocks(&self, placement: Placement) {
        if placement != Placement::Zones && self.placement.swap(placement as u8, Ordering::AcqRel) == 0 {
            let _harness = gate::harness();
            self.store.fences.admit(pages::room_for_guarded());
        }
        self.placement.store(placement as u8, Ordering::Release);
    }

    /// Blocks of the open run stand between guard pages, and on which side they touch them.
    #[inline(always)]
    pub(crate) fn guards(&self) -> bool {
        // SAFETY: a byte of this value.
        unsafe { (&raw const self.placement as *const u8).read_volatile() != Placement::Zones as u8 }
    }
}

/// Puts a block into the store; null if there is no room.
///
/// # Safety
/// Both are valid, and `local` is the calling thread's, which is inside; size and alignment keep to the contract.
#[inline(always)]
pub(super) unsafe fn place(
    core: *const Core,
    local: *const Local,
    size: usize,
    align: usize,
    birth: &Birth,
) -> *mut u8 {
    // SAFETY: by the obligations of this function: the shard is this thread's, and it is not inside it.
    unsafe {
        let store = (*core).store;
        let shard = shard_of(core, local);
        Shard::enter(shard, store.common());
        let mut meta = ptr::null_mut();
        if (*core).guards() && birth.counted {
            meta = place_guarded(core, shard, size, align, birth);
        }
        if meta.is_null() {
            meta = store.take(shard, size, align, birth.session);
            if !meta.is_null() {
                store.begin(shard, meta, size, align, birth);
            }
        }
        let block = if meta.is_null() { ptr::null_mut() } else { (*meta).address as *mut u8 };
        Shard::leave(shard, store.common());
        block
    }
}

/// The same between guard pages; null if no block can stand there any more, which is counted.
///
/// # Safety
/// As for [`place`]; the shard is the calling thread's and was entered.
#[cold]
#[inline(never)]
unsafe fn place_guarded(core: *const Core, shard: *mut Shard, size: usize, align: usize, birth: &Birth) -> *mut Meta {
    // SAFETY: by the obligations of this function; the journal outlives the session, and these words of it are atomic.
    unsafe {
        let at_start = (*core).placement.load(Ordering::Relaxed) == Placement::AtStart as u8;
        let placement = if at_start { Placement::AtStart } else { Placement::AtEnd };
        let store = (*core).store;
        let meta = store.take_guarded(shard, size, align, placement);
        if !meta.is_null() {
            store.begin(shard, meta, size, align, &Birth { marks: birth.marks | GUARDED, ..*birth });
        }
        let journal = (*core).journal();
        if !journal.is_null() {
            let counted = if meta.is_null() { &(*journal).unguarded } else { &(*journal).guarded };
            counted.fetch_add(1, Ordering::Relaxed);
        }
        meta
    }
}
