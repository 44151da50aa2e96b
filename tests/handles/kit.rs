//! Raw blocks of a handle, whose requests and frees stand on the line that a body wrote.

use std::alloc::Layout;
use std::hint::black_box;

pub(crate) use oomsweep::heap::{AllocError, Allocator};

/// A layout that the compiler does not see through.
pub(crate) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(black_box(size), align).expect("a layout that there is")
}

/// A block of this size, and alignment if it is given.
#[collapse_debuginfo(yes)]
macro_rules! take {
    ($alloc:expr, $size:expr) => {
        $crate::kit::take!($alloc, $size, 8)
    };
    ($alloc:expr, $size:expr, $align:expr) => {
        std::hint::black_box($alloc.allocate($crate::kit::layout($size, $align)).map(|block| block.cast::<u8>()))
    };
}
pub(crate) use take;

/// Gives a block back.
#[collapse_debuginfo(yes)]
macro_rules! give {
    ($alloc:expr, $block:expr, $size:expr) => {
        $crate::kit::give!($alloc, $block, $size, 8)
    };
    ($alloc:expr, $block:expr, $size:expr, $align:expr) => {{
        let (block, layout) = (std::hint::black_box($block), $crate::kit::layout($size, $align));
        // SAFETY: that it is right is what the twins of the bugs keep to; the checker stops the bugs.
        unsafe { $alloc.deallocate(block, layout) }
    }};
}
pub(crate) use give;
