//! What the bodies are made of: raw blocks whose requests and frees stand on the line that a body wrote, and bytes that are
//! written where nobody may write. Every pointer goes through `black_box`, or the optimiser would remove block and bug together;
//! and no two frees on other threads are of one size, or it would make one function of two.

use std::alloc::Layout;
use std::hint::black_box;
use std::mem::MaybeUninit;

use oomsweep::exempt;

/// No memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Oom;

/// What a bad byte is written with: no pattern of the checker's.
pub(crate) const BAD: u8 = 0x41;

/// The layout of a raw block.
pub(crate) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(black_box(size), align).expect("a layout that there is")
}

/// A layout that breaks the promises of one: what `from_size_align_unchecked` makes, which looks first in a debug build.
pub(crate) fn forged(size: usize, align: usize) -> Layout {
    let (one, other) = (24, 8);
    let mut made = MaybeUninit::new(layout(one, other));
    let words = made.as_mut_ptr().cast::<usize>();
    for place in 0..size_of::<Layout>() / size_of::<usize>() {
        // SAFETY: a layout is a size and an alignment, told apart by their values.
        unsafe {
            let word = words.add(place);
            word.write_volatile(black_box(if word.read_volatile() == one { size } else { align }));
        }
    }
    // SAFETY: both words are written.
    black_box(unsafe { made.assume_init() })
}

/// Asks for a raw block; null if there is none.
#[collapse_debuginfo(yes)]
macro_rules! take {
    ($size:expr) => {
        $crate::kit::take!($size, 1)
    };
    ($size:expr, $align:expr) => {{
        let layout = $crate::kit::layout($size, $align);
        // SAFETY: the size is above zero.
        std::hint::black_box(unsafe { std::alloc::alloc(layout) })
    }};
}

/// Gives a block back, as one of this size and alignment.
#[collapse_debuginfo(yes)]
macro_rules! give {
    ($block:expr, $size:expr) => {
        $crate::kit::give!($block, $size, 1)
    };
    ($block:expr, $size:expr, $align:expr) => {{
        let (block, layout) = (std::hint::black_box($block), $crate::kit::layout($size, $align));
        // SAFETY: that it is right is what the twins of the bugs keep to; the checker stops the bugs.
        unsafe { std::alloc::dealloc(block, layout) }
    }};
}

/// Gives a block another size.
#[collapse_debuginfo(yes)]
macro_rules! resize {
    ($block:expr, $size:expr, $new:expr) => {
        $crate::kit::resize!($block, $size, 1, $new)
    };
    ($block:expr, $size:expr, $align:expr, $new:expr) => {{
        let (block, layout) = (std::hint::black_box($block), $crate::kit::layout($size, $align));
        // SAFETY: as above.
        std::hint::black_box(unsafe { std::alloc::realloc(block, layout, std::hint::black_box($new)) })
    }};
}

/// Makes of every function of the module that is named a test that calls it in the plain run, and one that calls it only where
/// the second of two requests was refused.
macro_rules! bodies {
    ($($body:ident)*) => {$(
        mod $body {
            #[oomsweep::alloc_test]
            #[ignore = "run by the table"]
            fn plain() -> Result<(), crate::kit::Oom> {
                crate::kit::at_once(super::$body)
            }

            #[oomsweep::alloc_test]
            #[ignore = "run by the table"]
            fn on_the_error_path() -> Result<(), crate::kit::Oom> {
                crate::kit::after_a_failure(super::$body)
            }
        }
    )*};
}

/// Makes of every function of the module that is named a test whose plain run is looked at, and nothing else. The function keeps a
/// frame of its own, also in an optimised build.
macro_rules! plain_bodies {
    ($($body:ident)*) => {$(
        mod $body {
            #[oomsweep::alloc_test(leaks_only)]
            #[ignore = "run by the table"]
            fn alone() {
                super::$body();
            }
        }
    )*};
}

pub(crate) use {bodies, give, plain_bodies, resize, take};

/// One request that is swept, and the body, whose requests are not.
pub(crate) fn at_once(body: fn()) -> Result<(), Oom> {
    let room = take!(32);
    if room.is_null() {
        return Err(Oom);
    }
    exempt(body);
    give!(room, 32);
    Ok(())
}

/// Two requests; the body is on the error path of the second.
pub(crate) fn after_a_failure(body: fn()) -> Result<(), Oom> {
    let first = take!(64);
    if first.is_null() {
        return Err(Oom);
    }
    let second = take!(32);
    give!(first, 64);
    if second.is_null() {
        exempt(body);
        return Err(Oom);
    }
    give!(second, 32);
    Ok(())
}

/// A pointer that a thread may take along.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carried(pub(crate) *mut u8);

// SAFETY: the bodies hand it over and use it on one thread at a time.
unsafe impl Send for Carried {}

impl Carried {
    /// The pointer; a method, so that a closure takes all of it along.
    pub(crate) fn get(self) -> *mut u8 {
        self.0
    }
}

/// Writes bytes, the first so far from the block's first byte.
#[inline(never)]
pub(crate) fn spoil(block: *mut u8, at: isize, count: usize) {
    for byte in 0..count {
        // SAFETY: a byte of the block, of what is guarded round it, or of a block that is kept after its free.
        unsafe { black_box(block).wrapping_offset(at).wrapping_add(byte).write_volatile(BAD) };
    }
}

/// Reads a byte, whether it was ever written or not.
pub(crate) fn peek(block: *mut u8, at: usize) -> u8 {
    // SAFETY: a byte of the block; every value is one of `MaybeUninit`'s.
    unsafe { black_box(block).add(at).cast::<MaybeUninit<u8>>().read_volatile().assume_init() }
}

/// Frees so many small blocks that none which was freed before is watched any more.
pub(crate) fn pass_the_time() {
    let blocks: Vec<*mut u8> = (0..400).map(|_| take!(40)).collect();
    for block in blocks {
        give!(block, 40);
    }
}
