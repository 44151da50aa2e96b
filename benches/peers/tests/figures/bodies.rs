//! Bodies that are swept by oomsweep alone.

use std::alloc::{alloc, dealloc, handle_alloc_error};
use std::hint::black_box;

use crate::body::{BLOCK, Refused};

/// `N` blocks of 32 bytes, each freed before the next is made: nothing is left to do when one is refused. `before` is called before each
/// request.
pub(crate) fn passing<const N: usize>(mut before: impl FnMut()) -> Result<(), Refused> {
    let mut made = 0;
    while made < N {
        before();
        // SAFETY: the layout is not of size 0.
        let block = black_box(unsafe { alloc(BLOCK) });
        if block.is_null() {
            return Err(Refused);
        }
        // SAFETY: made just now with this layout.
        unsafe { dealloc(block, BLOCK) };
        made += 1;
    }
    Ok(())
}

/// As [`passing`], but where one is refused the process ends.
pub(crate) fn aborting<const N: usize>() {
    if passing::<N>(|| ()).is_err() {
        handle_alloc_error(BLOCK);
    }
}

/// `N` blocks, freed at the end; when one is refused, those that were made before it never are.
pub(crate) fn forgetting<const N: usize>() -> Result<(), Refused> {
    let mut blocks = [std::ptr::null_mut::<u8>(); N];
    for place in &mut blocks {
        // SAFETY: the layout is not of size 0.
        *place = black_box(unsafe { alloc(BLOCK) });
        if place.is_null() {
            return Err(Refused);
        }
    }
    for block in blocks {
        // SAFETY: made above with this layout, and freed once.
        unsafe { dealloc(block, BLOCK) };
    }
    Ok(())
}
