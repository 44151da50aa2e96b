//! The door to the short way of an allocation: [`fast`](super::fast), compiled with this crate, or by itself with optimisation.

use std::alloc::Layout;
use std::ptr;

use super::blocks::meta::Meta;
use super::blocks::shard::Shard;
use super::calls;
use super::core::{self, Core, is_set};
use super::fast::{Fast, Log};
#[cfg(not(oomsweep_fast))]
use super::gate;
use super::handles::GLOBAL;
use super::journal::Journal;
use super::local::Local;
use crate::model::event::Kind;
use crate::sys::locals;

#[cfg(oomsweep_fast)]
include!(concat!(env!("OUT_DIR"), "/fast_alone_asm.rs"));

#[cfg(oomsweep_fast)]
macro_rules! named {
    ($name:literal) => {
        concat!(
            "oomsweep_fast_",
            $name,
            "_",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "_",
            env!("CARGO_PKG_VERSION_MINOR"),
            "_",
            env!("CARGO_PKG_VERSION_PATCH")
        )
    };
}

#[cfg(oomsweep_fast)]
unsafe extern "C" {
    #[link_name = named!("allocate")]
    fn allocate_alone(fast: *const Fast, size: usize, align: usize, kind: u8) -> *mut u8;
    #[link_name = named!("free")]
    fn free_alone(fast: *const Fast, address: usize, size: usize, align: usize) -> bool;
    #[link_name = named!("look_back")]
    fn look_back_alone(
        metas: *mut Meta,
        shard: *mut Shard,
        ring: *mut u32,
        kept: usize,
        next: usize,
        leaves: bool,
    ) -> usize;
}
#[cfg(not(oomsweep_fast))]
use super::fast::{self, look_back as look_back_alone};

/// # Safety
/// `fast` is valid, and the process is not one that the body has forked.
#[cfg(not(oomsweep_fast))]
#[inline(always)]
unsafe fn allocate_alone(fast: *const Fast, size: usize, align: usize, kind: u8) -> *mut u8 {
    // SAFETY: by the obligation of this function; this is the calling thread's place.
    unsafe { fast::allocate(fast, gate::here(), size, align, kind) }
}

/// # Safety
/// As for [`allocate_alone`].
#[cfg(not(oomsweep_fast))]
#[inline(always)]
unsafe fn free_alone(fast: *const Fast, address: usize, size: usize, align: usize) -> bool {
    // SAFETY: as above.
    unsafe { fast::free(fast, gate::here(), address, size, align) }
}

impl Core {
    /// Lets ordinary requests of the calling thread go the short way, if this run has nothing that asks for the long one. The
    /// thread is the body's own, and the body is about to run.
    pub(crate) fn open_fast(&self, local: &Local) {
        // SAFETY: no request is under way on this thread, which alone changes the own part and looks at `fast`.
        let (own, fast) = unsafe { (self.own(), &mut *self.fast.get()) };
        let asks = own.point_stacks || own.wants_demands || is_set(&self.frees_wanted) || is_set(&self.all_threads);
        if asks || self.guards() || self.journal().is_null() || !is_set(&self.everyone) && !local.own.get() {
            return;
        }
        // SAFETY: as above; the thread is not inside.
        let shard = unsafe { calls::shard_of(self, local) };
        if shard == self.store.common() {
            return;
        }
        let journal = self.journal();
        // SAFETY: the journal outlives the run.
        let (made, told) = unsafe {
            let beside = &raw mut (*journal).beside;
            if own.space == GLOBAL { (own.trigger.made(), &raw mut (*journal).made) } else { (beside, beside) }
        };
        *fast = Fast {
            key: ptr::from_ref(local) as usize,
            thread: locals::thread_pointer(),
            session: self.session_number(),
            compares: false,
            records: own.record && own.space == GLOBAL,
            fails_from: 0,
            made,
            told,
            base: (&raw const own.base).cast::<Log>(),
            log: (&raw mut own.log).cast::<Log>(),
            from: self.store.base,
            bytes: self.store.bytes,
            spans: self.store.spans,
            metas: self.store.metas,
        };
        // SAFETY: as above.
        unsafe { self.refresh_fast(&*journal) };
    }

    /// Tells the short way what the long one has learnt.
    ///
    /// # Safety
    /// The calling thread is the body's own.
    #[inline(always)]
    pub(crate) unsafe fn refresh_fast(&self, journal: &Journal) {
        // SAFETY: by the obligation of this function.
        unsafe {
            let (own, fast) = (&*self.own(), self.fast.get());
            let counts = own.space == GLOBAL;
            (*fast).compares = counts && own.compare && journal.delivered == 0 && journal.diverged.is_none();
            let until = u64::min(own.trigger.passes_until(), own.branch.next());
            (*fast).fails_from = match counts {
                // Where births have their stacks only frees go the short way.
                _ if is_set(&self.stacks_wanted) => 0,
                true => until,
                false => u64::MAX,
            };
        }
    }

    /// All requests go the long way.
    pub(crate) fn close_fast(&self) {
        // SAFETY: as in `open_fast`.
        unsafe { (*self.fast.get()).key = 0 };
    }
}

/// A block for an ordinary request; null: take the long way. The caller has seen that this process is not one that the body forked.
#[inline(always)]
pub(super) fn allocate(layout: Layout, kind: Kind) -> *mut u8 {
    let fast = core::quick_fast();
    if fast == 0 || std::thread::panicking() {
        return std::ptr::null_mut();
    }
    // SAFETY: once there, it is never freed; and the caller has looked.
    unsafe { allocate_alone(fast as *const Fast, layout.size(), layout.align(), kind as u8) }
}

/// Frees a block in an ordinary way; false: take the long way. As for [`allocate`].
#[inline(always)]
pub(super) fn free(address: usize, layout: Layout) -> bool {
    let fast = core::quick_fast();
    // SAFETY: as above.
    fast != 0 && unsafe { free_alone(fast as *const Fast, address, layout.size(), layout.align()) }
}

/// Looks at a ring of the quarantine (its places, how many, and which is the next), as far as what stands there is ordinary, and lets it
/// leave if `leaves`. Returns how many blocks there were.
///
/// # Safety
/// As for [`fast::look_back`](super::fast::look_back).
pub(super) unsafe fn look_back(
    metas: *mut Meta,
    shard: *mut Shard,
    (places, kept, next): (*mut u32, usize, usize),
    leaves: bool,
) -> usize {
    // SAFETY: by the obligation of this function.
    unsafe { look_back_alone(metas, shard, places, kept, next, leaves) }
}
