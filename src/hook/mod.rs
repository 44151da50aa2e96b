//! INSIDE THE CALL: nothing here allocates, unwinds, or waits for a lock that the interrupted code may hold.
//!
//! The order of the steps of one request: gate (whose allocation is this?), trigger (pass or fail), then the store, in which a
//! test's blocks stand, or the backing allocator, from which all others come. Which of the two a block came from is told by its
//! address.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "the rules are for the allocation path, and tests are not on it"
    )
)]

pub(crate) mod accuse;
pub(crate) mod arena;
pub(crate) mod asks;
pub(crate) mod blocks;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
pub(crate) mod branch;
#[cfg(not(all(target_os = "linux", not(oomsweep_portable))))]
#[path = "no_branch.rs"]
pub(crate) mod branch;
mod calls;
pub(crate) mod checks;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
pub(crate) mod copies;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
pub(crate) mod early;
pub(crate) mod core;
#[cfg_attr(
    not(all(target_os = "linux", not(oomsweep_portable))),
    allow(dead_code, reason = "signals are not seen there")
)]
pub(crate) mod explain;
#[cfg_attr(oomsweep_fast, allow(dead_code, reason = "compiled by itself, with optimisation"))]
mod fast;
pub(crate) mod gate;
pub(crate) mod handles;
pub(crate) mod journal;
pub(crate) mod local;
mod moves;
pub(crate) mod pages_vec;
pub(crate) mod points;
mod placing;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod price;
pub(crate) mod regions;
mod short;
pub(crate) mod stack_log;
pub(crate) mod trigger;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::Ordering;

use self::gate::State;
use crate::model::event::Kind;

/// A global allocator that leaves every request to `A`, but for those of a test: these it serves itself, from a place of its own where
/// it watches every block, and fails when the sweep wants them failed.
///
/// A test's block stands between guarded bytes, or guard pages, and a call that frees or resizes one is compared with what is known of
/// it: one that is wrong is a finding, and is not made. The README tells what is found, and when.
///
/// A block goes back to where it came from, whenever that is: one that a test leaves in a static, and that is freed after the
/// test, too. `A` is asked for nothing by a test's body (unless all the addresses that are reserved for tests are taken), and of
/// pointers is given those alone that do not stand in the testing allocator's own place.
///
/// The default feature `global` installs `TestingAllocator<System>`. To wrap an allocator of your own, turn the feature off:
///
/// ```
/// use std::alloc::System;
///
/// # #[cfg(not(feature = "global"))]
/// #[global_allocator]
/// static ALLOCATOR: oomsweep::TestingAllocator<System> = oomsweep::TestingAllocator::new(System);
/// # fn main() {}
/// ```
///
/// Outside a test a call costs a read of a static and a branch.
#[derive(Debug, Clone, Copy, Default)]
pub struct TestingAllocator<A: GlobalAlloc = System> {
    backing: A,
}

impl<A: GlobalAlloc> TestingAllocator<A> {
    /// Wraps a backing allocator.
    pub const fn new(backing: A) -> Self {
        TestingAllocator { backing }
    }
}

// SAFETY: every block comes from `backing` with the caller's own layout and goes back to it with the same, or stands in the store,
// which tells by the address that it is its own; a null that was not the backing allocator's leaves it untouched; nothing
// unwinds.
unsafe impl<A: GlobalAlloc> GlobalAlloc for TestingAllocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if gate::state() == State::Off as u32 {
            // SAFETY: the caller's obligations are the backing allocator's.
            return unsafe { self.backing.alloc(layout) };
        }
        // SAFETY: as above.
        unsafe {
            let block = short::allocate(layout, Kind::Alloc);
            if block as usize == 0 { calls::allocate(&self.backing, layout, Kind::Alloc) } else { block }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if gate::state() == State::Off as u32 {
            if !core::is_ours(block as usize) {
                // SAFETY: as above.
                return unsafe { self.backing.dealloc(block, layout) };
            }
        } else if short::free(block as usize, layout) {
            return;
        }
        // SAFETY: as above.
        unsafe { calls::free(&self.backing, block, layout) };
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if gate::state() == State::Off as u32 {
            // SAFETY: as above.
            return unsafe { self.backing.alloc_zeroed(layout) };
        }
        // SAFETY: as above.
        unsafe {
            let block = short::allocate(layout, Kind::Zeroed);
            if block as usize == 0 { calls::allocate(&self.backing, layout, Kind::Zeroed) } else { block }
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if gate::state() == State::Off as u32 && !core::is_ours(block as usize) {
            // SAFETY: as above.
            return unsafe { self.backing.realloc(block, layout, new_size) };
        }
        // SAFETY: as above.
        unsafe { moves::reallocate(&self.backing, block, layout, new_size) }
    }
}

/// Where a debugger stops in a replay: called right before the failed request comes back empty-handed.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn oomsweep_break_here() {
    std::hint::black_box(());
}

/// Whether the testing allocator is the global allocator of this program.
pub(crate) fn is_installed() -> bool {
    let before = gate::state();
    if before == State::Off as u32 && !gate::set(State::Between) {
        return false;
    }
    gate::local(|local| local.seen.set(false));
    // The optimiser may remove a pair of calls whose block is not used.
    drop(std::hint::black_box(Box::new(std::hint::black_box(0x5EED_u64))));
    let seen = gate::local(|local| local.seen.get());
    if before == State::Off as u32 {
        gate::set(State::Off);
    }
    seen
}

/// Learns in which block a test harness captures what is printed on this thread: the one that `print` made, or made larger. From
/// now on its growth is nobody's request, for in which run a line does not fit any more is chance. Where nothing is captured, or
/// the block had room, nothing is learnt.
pub(crate) fn learn_capture(print: impl FnOnce()) {
    let (before, Some(core)) = (gate::state(), self::core::core_or_make()) else { return };
    if before == State::Off as u32 && !gate::set(State::Between) {
        return;
    }
    let _harness = gate::harness();
    gate::local(|local| local.latest.set(!0));
    print();
    core.capture.store(!gate::local(|local| local.latest.replace(0)), Ordering::Relaxed);
    if before == State::Off as u32 {
        gate::set(State::Off);
    }
}

/// The harness takes back what it has captured when the test ends.
pub(crate) fn forget_capture() {
    if let Some(core) = self::core::core() {
        core.capture.store(0, Ordering::Relaxed);
    }
}
