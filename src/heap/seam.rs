//! The seam: the trait that every allocator here implements, and takes its backing allocator by.
//!
//! It asks for what the `Allocator` traits of allocator-api2 and of the nightly standard library ask for, so an implementation of
//! it becomes one of theirs by handing its calls over.

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::fmt;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::Arc;

/// An allocator could not do what it was asked for: it has no memory left, does not serve such a layout, or was told to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AllocError;

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory allocation failed")
    }
}

impl Error for AllocError {}

/// Gives out memory, and takes it back.
///
/// The seam of this crate: every allocator in [`heap`](crate::heap) implements it, and takes the allocator behind it by it. Behind
/// the features `allocator-api2-02`, `allocator-api2-03`, `allocator-api2-04` and `allocator-api` they also implement the traits of that
/// name, for collections that take those; [`adapt`](super::adapt) turns an allocator of any of those traits, or any
/// [`GlobalAlloc`], into one of these, and an implementation of this trait into one of all of them.
///
/// A block *is currently allocated* from when a call returned it until it is given to [`deallocate`](Allocator::deallocate), or to one of
/// the three that change its size and succeed. A layout *fits* a block if it has the alignment that the block was asked for with, and
/// a size between the one that was asked for and the length of the slice that came back. A request of no bytes succeeds
/// without memory, with a pointer of the right alignment.
///
/// # Safety
///
/// 1. A returned slice is valid for reads and writes, has at least the size that was asked for, and begins at a multiple of the
///    alignment; it stays valid until it is given back, or until the allocator and all its clones and copies are gone, or a borrow
///    that they hold ends.
/// 2. To move, clone or copy the allocator invalidates no block, and a clone or copy behaves as the same allocator.
/// 3. A pointer to a block that is currently allocated may be given to any method, on any clone or copy of the allocator.
///
/// # Examples
///
/// An allocator of one's own need say only how it gives out and takes back:
///
/// ```
/// use std::alloc::{Layout, System};
/// use std::cell::Cell;
/// use std::ptr::NonNull;
/// use oomsweep::heap::{AllocError, Allocator};
///
/// struct Counted<A> { backing: A, live: Cell<usize> }
///
/// // SAFETY: every call is the backing allocator's, which keeps to the contract.
/// unsafe impl<A: Allocator> Allocator for Counted<A> {
///     fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
///         let block = self.backing.allocate(layout)?;
///         self.live.set(self.live.get() + 1);
///         Ok(block)
///     }
///
///     unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
///         self.live.set(self.live.get() - 1);
///         // SAFETY: by the caller's obligations.
///         unsafe { self.backing.deallocate(block, layout) }
///     }
/// }
///
/// let counted = Counted { backing: System, live: Cell::new(0) };
/// let layout = Layout::new::<u64>();
/// let block = counted.allocate(layout)?;
/// assert_eq!(counted.live.get(), 1);
/// // SAFETY: allocated just now, with this layout.
/// unsafe { counted.deallocate(block.cast(), layout) };
/// assert_eq!(counted.live.get(), 0);
/// # Ok::<(), AllocError>(())
/// ```
pub unsafe trait Allocator {
    /// A block that fits `layout`. What is in it is not to be read before it is written.
    ///
    /// # Errors
    ///
    /// If there is no memory, or no such block can be had.
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError>;

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// 1. `block` is currently allocated by this allocator.
    /// 2. `layout` fits it.
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout);

    /// The same as [`allocate`](Allocator::allocate), and all of the block is zeros.
    ///
    /// # Errors
    ///
    /// As there.
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let block = self.allocate(layout)?;
        // SAFETY: the allocator has just returned it, so it is valid for writes of its length.
        unsafe { block.cast::<u8>().write_bytes(0, block.len()) };
        Ok(block)
    }

    /// Makes a block larger, in place or elsewhere: what was in it stays, as far as `old` goes, and the pointer that comes back takes
    /// the place of the one that was given.
    ///
    /// # Errors
    ///
    /// As for [`allocate`](Allocator::allocate). The block is then what it was.
    ///
    /// # Safety
    ///
    /// 1. `block` is currently allocated by this allocator.
    /// 2. `old` fits it.
    /// 3. `new.size()` is at least `old.size()`. The alignments may differ.
    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the obligations of this function.
        unsafe { moved(self, block, old, new) }
    }

    /// The same as [`grow`](Allocator::grow), and what lies beyond `old.size()` is zeros.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// As there.
    unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let fresh = self.allocate_zeroed(new)?;
        // SAFETY: by the obligations of this function, the old block has `old.size()` bytes, and so has the new one, which no other
        // pointer leads to yet.
        unsafe { move_block(self, block, old, fresh, old.size()) };
        Ok(fresh)
    }

    /// Makes a block smaller, in place or elsewhere: what was in it stays, as far as `new` goes, and the pointer that comes back
    /// takes the place of the one that was given.
    ///
    /// # Errors
    ///
    /// As for [`allocate`](Allocator::allocate). The block is then what it was.
    ///
    /// # Safety
    ///
    /// 1. `block` is currently allocated by this allocator.
    /// 2. `old` fits it.
    /// 3. `new.size()` is at most `old.size()`. The alignments may differ.
    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the obligations of this function.
        unsafe { moved(self, block, old, new) }
    }
}

/// Gives a block another layout by a fresh one in its place, which gets what was in it, as far as both go.
///
/// # Safety
/// Those of [`Allocator::grow`] or [`Allocator::shrink`].
#[inline]
pub(super) unsafe fn moved<A: Allocator + ?Sized>(
    from: &A,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Result<NonNull<[u8]>, AllocError> {
    let fresh = from.allocate(new)?;
    // SAFETY: by the obligations of this function, both blocks have at least the smaller of the two sizes, and no other pointer
    // leads to the new one yet.
    unsafe { move_block(from, block, old, fresh, usize::min(old.size(), new.size())) };
    Ok(fresh)
}

/// Makes zeros of what is new in a block that had `old` bytes and has `new`.
///
/// # Safety
/// The block is valid for writes of `new` bytes, which are no fewer than `old`.
#[inline]
pub(super) unsafe fn zero_beyond(block: NonNull<[u8]>, old: usize, new: usize) {
    // SAFETY: by the obligation of this function.
    unsafe { block.cast::<u8>().add(old).write_bytes(0, new - old) };
}

/// Copies `len` bytes of a block into a fresh one, and gives the old one back.
///
/// # Safety
/// 1. `block` is currently allocated by `from`, and `old` fits it.
/// 2. Both blocks have at least `len` bytes, and do not overlap.
unsafe fn move_block<A: Allocator + ?Sized>(
    from: &A,
    block: NonNull<u8>,
    old: Layout,
    fresh: NonNull<[u8]>,
    len: usize,
) {
    // SAFETY: by the obligations of this function.
    unsafe {
        ptr::copy_nonoverlapping(block.as_ptr(), fresh.cast::<u8>().as_ptr(), len);
        from.deallocate(block, old);
    }
}

/// A block of no bytes: a pointer of the right alignment, to no memory.
pub(super) fn no_bytes(layout: Layout) -> NonNull<[u8]> {
    let dangling = ptr::without_provenance_mut::<u8>(layout.align());
    // SAFETY: an alignment is not zero.
    NonNull::slice_from_raw_parts(unsafe { NonNull::new_unchecked(dangling) }, 0)
}

/// Hands every call over to what `$self` leads to.
macro_rules! hand_over {
    ([$($generics:tt)*] $type:ty) => {
        // SAFETY: every call is that of the allocator behind the pointer, which keeps to the contract; copies and clones of the pointer
        // lead to the same one.
        unsafe impl<$($generics)*> Allocator for $type {
            fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                (**self).allocate(layout)
            }

            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                // SAFETY: by the caller's obligations.
                unsafe { (**self).deallocate(block, layout) }
            }

            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                (**self).allocate_zeroed(layout)
            }

            unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: by the caller's obligations.
                unsafe { (**self).grow(block, old, new) }
            }

            unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: by the caller's obligations.
                unsafe { (**self).grow_zeroed(block, old, new) }
            }

            unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: by the caller's obligations.
                unsafe { (**self).shrink(block, old, new) }
            }
        }
    };
}

hand_over!([A: Allocator + ?Sized] &A);
hand_over!([A: Allocator + ?Sized] Rc<A>);
hand_over!([A: Allocator + ?Sized] Arc<A>);

/// What a [`GlobalAlloc`] comes to at the seam.
///
/// # Safety
/// `zeroed` or not, the layout may have any size.
pub(super) fn allocate_from(
    from: &(impl GlobalAlloc + ?Sized),
    layout: Layout,
    zeroed: bool,
) -> Result<NonNull<[u8]>, AllocError> {
    if layout.size() == 0 {
        return Ok(no_bytes(layout));
    }
    // SAFETY: the size is not zero.
    let block = unsafe { if zeroed { from.alloc_zeroed(layout) } else { from.alloc(layout) } };
    NonNull::new(block).map(|block| NonNull::slice_from_raw_parts(block, layout.size())).ok_or(AllocError)
}

/// # Safety
/// Those of [`Allocator::deallocate`], for blocks that came by these functions.
pub(super) unsafe fn deallocate_to(to: &(impl GlobalAlloc + ?Sized), block: NonNull<u8>, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: by the obligations of this function, the block came from `to` with this layout.
        unsafe { to.dealloc(block.as_ptr(), layout) };
    }
}

/// Gives a block another size: a `realloc` where it can be one. `zeroed`: what is new is zeros.
///
/// # Safety
/// Those of [`Allocator::grow`] or [`Allocator::shrink`], for blocks that came by these functions.
pub(super) unsafe fn resize_in(
    from: &(impl GlobalAlloc + ?Sized),
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
    zeroed: bool,
) -> Result<NonNull<[u8]>, AllocError> {
    let kept = usize::min(old.size(), new.size());
    // SAFETY: by the obligations of this function; a block of no bytes is no memory of `from`'s, and goes to neither of its methods.
    unsafe {
        if old.align() == new.align() && old.size() != 0 && new.size() != 0 {
            let moved = NonNull::new(from.realloc(block.as_ptr(), old, new.size())).ok_or(AllocError)?;
            if zeroed {
                moved.add(kept).write_bytes(0, new.size() - kept);
            }
            return Ok(NonNull::slice_from_raw_parts(moved, new.size()));
        }
        let fresh = allocate_from(from, new, zeroed)?;
        ptr::copy_nonoverlapping(block.as_ptr(), fresh.cast::<u8>().as_ptr(), kept);
        deallocate_to(from, block, old);
        Ok(fresh)
    }
}

/// Implements the seam for a type whose expression `$to` is a [`GlobalAlloc`].
macro_rules! by_global_alloc {
    ([$($generics:tt)*] $type:ty, $this:ident => $to:expr) => {
        // SAFETY: every block comes from the `GlobalAlloc` with the caller's layout and goes back to it with one that fits; the slices
        // have exactly the size that was asked for, so only one size fits.
        unsafe impl<$($generics)*> $crate::heap::Allocator for $type {
            fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                let $this = self;
                $crate::heap::seam::allocate_from($to, layout, false)
            }

            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                let $this = self;
                // SAFETY: by the caller's obligations.
                unsafe { $crate::heap::seam::deallocate_to($to, block, layout) }
            }

            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                let $this = self;
                $crate::heap::seam::allocate_from($to, layout, true)
            }

            unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                let $this = self;
                // SAFETY: by the caller's obligations.
                unsafe { $crate::heap::seam::resize_in($to, block, old, new, false) }
            }

            unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                let $this = self;
                // SAFETY: by the caller's obligations.
                unsafe { $crate::heap::seam::resize_in($to, block, old, new, true) }
            }

            unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                let $this = self;
                // SAFETY: by the caller's obligations.
                unsafe { $crate::heap::seam::resize_in($to, block, old, new, false) }
            }
        }
    };
}
pub(super) use by_global_alloc;

by_global_alloc!([] System, this => this);
