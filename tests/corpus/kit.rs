//! What the bodies are made of: fallible requests without a frame of their own, so that the line of a request is the line
//! that a body wrote. Every pointer goes through `black_box`, or the optimiser would remove block and bug together.

use std::alloc::Layout;
use std::collections::TryReserveError;

/// No memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Oom;

impl From<TryReserveError> for Oom {
    fn from(_: TryReserveError) -> Oom {
        Oom
    }
}

/// The layout of a raw block.
pub(crate) const fn room(size: usize) -> Layout {
    assert!(size > 0, "a raw block has a size");
    match Layout::from_size_align(size, 1) {
        Ok(layout) => layout,
        Err(_) => panic!("no such layout"),
    }
}

/// Asks for a raw block, as C-like code does: null if there is none.
#[collapse_debuginfo(yes)]
macro_rules! take {
    ($size:expr) => {{
        let layout = $crate::kit::room($size);
        // SAFETY: `room` refuses a size of zero.
        std::hint::black_box(unsafe { std::alloc::alloc(layout) })
    }};
}

/// Gives a block of `take!` back.
#[collapse_debuginfo(yes)]
macro_rules! give {
    ($block:expr, $size:expr) => {{
        let (block, layout) = (std::hint::black_box($block), $crate::kit::room($size));
        // SAFETY: the bodies give back what they took, once, with its size.
        unsafe { std::alloc::dealloc(block, layout) }
    }};
}

/// An empty `Vec<u8>` with room, or a `TryReserveError`.
#[collapse_debuginfo(yes)]
macro_rules! bytes {
    ($size:expr) => {{
        let mut room: Vec<u8> = Vec::new();
        match room.try_reserve_exact(std::hint::black_box($size)) {
            Ok(()) => Ok(std::hint::black_box(room)),
            Err(error) => Err(error),
        }
    }};
}

pub(crate) use {bytes, give, take};
