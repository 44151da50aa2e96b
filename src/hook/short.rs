//! The door to the short way of an allocation: [`fast`](super::fast), compiled with this crate, or by itself with optimisation.

use std::alloc::Layout;

use super::core;
use super::fast::Fast;
use super::gate::{self, State};
use super::local::Local;
use crate::model::event::Kind;
use crate::sys::words;

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
    fn allocate_alone(fast: *const Fast, local: *const Local, size: usize, align: usize, kind: u8) -> *mut u8;
    #[link_name = named!("free")]
    fn free_alone(fast: *const Fast, local: *const Local, address: usize, size: usize, align: usize) -> bool;
}
#[cfg(not(oomsweep_fast))]
use super::fast::{allocate as allocate_alone, free as free_alone};

/// What the short way must know, if it is open to anybody.
#[inline(always)]
fn open() -> *const Fast {
    let core = core::quick();
    if core.is_null() || gate::state() != State::Session as u32 {
        return std::ptr::null();
    }
    // SAFETY: the core is never freed; the first word is written by a thread that is not inside.
    unsafe {
        let fast = (&raw const (*core).fast) as *const Fast;
        if words::read((&raw const (*fast).key) as usize) == 0 { std::ptr::null() } else { fast }
    }
}

/// A block for an ordinary request; null: take the long way.
#[inline(always)]
pub(super) fn allocate(layout: Layout, kind: Kind) -> *mut u8 {
    let fast = open();
    if fast.is_null() || std::thread::panicking() {
        return std::ptr::null_mut();
    }
    // SAFETY: a run is open, and this is the calling thread's place.
    unsafe { allocate_alone(fast, gate::here(), layout.size(), layout.align(), kind as u8) }
}

/// Frees a block in an ordinary way; false: take the long way.
#[inline(always)]
pub(super) fn free(address: usize, layout: Layout) -> bool {
    let fast = open();
    // SAFETY: as above.
    !fast.is_null() && unsafe { free_alone(fast, gate::here(), address, layout.size(), layout.align()) }
}
