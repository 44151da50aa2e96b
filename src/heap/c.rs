//! C's allocator: `malloc`, `calloc`, `realloc`, `free`, and `posix_memalign` for what is aligned beyond theirs.
//!
//! 1. A request is one of C's, and a block can be handed to C code, which frees it.
//! 2. A request of no bytes is none of C's: it has a pointer to no memory, which C never sees.
//! 3. Nothing is checked, and nothing is kept.

use std::alloc::Layout;
use std::ptr::NonNull;

use super::foreign::speaks;
use super::seam::{AllocError, Allocator, no_bytes};
use crate::sys::malloc;

/// Gives out what C's `malloc` gives out.
///
/// Zeroed blocks come from `calloc`, which knows which memory is zero already. Blocks aligned to more than 16 bytes, or to more than
/// their size, come from `posix_memalign`, and are zeroed by writing. Growing and shrinking is `realloc`, which keeps no
/// alignment but `malloc`'s: to a layout that needs more, a block is moved.
///
/// Every block can be given to C's `free`, in place of [`deallocate`](Allocator::deallocate), and a block of C's `malloc` is one of this
/// allocator's, by a layout of its size and an alignment up to 16.
///
/// Not the program's global allocator ([`Global`](super::adapt::Global)): what is allocated here is not counted, and is no point.
///
/// **Platforms.** Everywhere but on Linux it is the standard library's [`System`](std::alloc::System), which may or may not be C's: there, hand
/// no block to C.
///
/// **Threads.** `Send` and `Sync`; all values of this type are the same allocator.
///
/// # Examples
///
/// ```
/// use allocator_api2_02::vec::Vec;
/// use oomsweep::heap::CAllocator;
///
/// let mut numbers = Vec::new_in(CAllocator);
/// numbers.extend(0..100);
/// assert_eq!(numbers.iter().sum::<i32>(), 4950);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CAllocator;

// SAFETY: a block is C's until it is given back, whichever value it is given to. The slices have exactly the size that was
// asked for, so only one size fits.
unsafe impl Allocator for CAllocator {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(no_bytes(layout));
        }
        let block = malloc::allocate(layout, false).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(no_bytes(layout));
        }
        let block = malloc::allocate(layout, true).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: by the caller's obligations, it is one of C's.
            unsafe { malloc::deallocate(block, layout) };
        }
    }

    #[inline]
    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        // SAFETY: by the caller's obligations; the new size is no smaller, so it is not zero.
        let grown = unsafe { malloc::resize(block, old, new) }.ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(grown, new.size()))
    }

    unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return self.allocate_zeroed(new);
        }
        // SAFETY: by the caller's obligations; the grown block has the bytes of the new size.
        unsafe {
            let grown = self.grow(block, old, new)?;
            grown.cast::<u8>().add(old.size()).write_bytes(0, new.size() - old.size());
            Ok(grown)
        }
    }

    #[inline]
    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if new.size() == 0 {
            // SAFETY: by the caller's obligations.
            unsafe { self.deallocate(block, old) };
            return Ok(no_bytes(new));
        }
        // SAFETY: by the caller's obligations; neither size is zero.
        let shrunk = unsafe { malloc::resize(block, old, new) }.ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(shrunk, new.size()))
    }
}

speaks!([] CAllocator);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::heap::drill::{self, Held, collections, is, layout};

    #[test]
    fn what_every_allocator_does() {
        drill::alignments(&CAllocator, 1 << 20);
        drill::nothing(&CAllocator);
        drill::sizes_change(&CAllocator, 300_000);
        for layouts in [[(8, 8); 4], [(1, 1), (100, 64), (3, 2), (200_000, 8)]] {
            drill::every_order(&CAllocator, &layouts.map(|(size, align)| layout(size, align)));
        }
    }

    #[test]
    fn collections_of_each_api() {
        collections!(CAllocator);
    }

    #[test]
    fn what_c_does_not_have_is_refused() {
        let mut held = Held::take(&CAllocator, layout(100, 8), 1).unwrap();
        for (size, align) in [(isize::MAX as usize, 1), (isize::MAX as usize - 4095, 4096), (1 << 62, 1 << 62)] {
            let layout = layout(size, align);
            assert_eq!(CAllocator.allocate(layout), Err(AllocError));
            assert_eq!(CAllocator.allocate_zeroed(layout), Err(AllocError));
            assert!(held.resize(&CAllocator, layout, true).is_err());
            assert!(held.resize(&CAllocator, layout, false).is_err());
        }
        held.give(&CAllocator);
    }

    #[cfg(all(target_os = "linux", not(oomsweep_portable)))]
    #[test]
    fn blocks_cross_over_to_c_and_back() {
        let from_c = layout(100, 16);
        // SAFETY: a block of C's, of this size; then blocks of ours, whatever their alignment, each freed once.
        unsafe {
            let block = NonNull::new(libc::malloc(100).cast::<u8>()).unwrap();
            let grown = CAllocator.grow(block, from_c, layout(1000, 16)).unwrap();
            CAllocator.deallocate(grown.cast(), layout(1000, 16));
            for align in [1, 16, 64, 8192] {
                libc::free(CAllocator.allocate(layout(33, align)).unwrap().as_ptr().cast());
            }
        }
    }

    #[test]
    fn who_may_send_and_share_it() {
        assert!(is!(CAllocator, Send) && is!(CAllocator, Sync) && is!(CAllocator, Copy));
    }

    proptest! {
        #[test]
        fn any_steps(steps in drill::steps(100_000, 16)) {
            drill::take_steps(&CAllocator, &steps);
        }
    }
}
