//! What the allocators that only watch have in common: one order of steps round every call of the allocator behind them.
//!
//! A call is told by what it does. One without bytes asks nobody; to grow a block of no bytes is to allocate, and to shrink one to
//! no bytes is to free it, which cannot fail. What comes back has exactly the size that was asked for, so what is
//! given back later is what was counted.

use std::alloc::Layout;
use std::ptr::NonNull;

use super::seam::{AllocError, Allocator, no_bytes};
use crate::model::event::Kind;

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Allocate,
    AllocateZeroed,
    Grow,
    GrowZeroed,
    Shrink,
}

/// A call that may come back empty-handed, and is about some bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) way: Way,
    /// What is wanted; at least a byte.
    pub(super) new: Layout,
    /// The block that changes its size, of at least a byte.
    pub(super) old: Option<(NonNull<u8>, Layout)>,
}

impl Ask {
    /// The size of the block before; 0 if there is none.
    pub(super) fn old_size(&self) -> usize {
        self.old.map_or(0, |(_, layout)| layout.size())
    }

    /// By how many bytes there would be more.
    pub(super) fn growth(&self) -> usize {
        self.new.size().saturating_sub(self.old_size())
    }

    /// By how many bytes there would be fewer.
    pub(super) fn decline(&self) -> usize {
        self.old_size().saturating_sub(self.new.size())
    }

    /// What the rest of the crate calls it.
    pub(super) fn kind(&self) -> Kind {
        match self.way {
            Way::Allocate => Kind::Alloc,
            Way::AllocateZeroed => Kind::Zeroed,
            Way::Grow | Way::GrowZeroed | Way::Shrink => Kind::of_realloc(self.old_size(), self.new.size()),
        }
    }

    /// Asks the allocator behind.
    ///
    /// # Safety
    /// If there is an old block, it is currently allocated by `backing`, its layout fits it, and `new` is as the way demands.
    unsafe fn make(&self, backing: &impl Allocator) -> Result<NonNull<[u8]>, AllocError> {
        match (self.way, self.old) {
            (Way::AllocateZeroed, _) => backing.allocate_zeroed(self.new),
            (Way::Allocate, _) | (_, None) => backing.allocate(self.new),
            // SAFETY: by the obligations of this function.
            (Way::Grow, Some((block, old))) => unsafe { backing.grow(block, old, self.new) },
            // SAFETY: as above.
            (Way::GrowZeroed, Some((block, old))) => unsafe { backing.grow_zeroed(block, old, self.new) },
            // SAFETY: as above.
            (Way::Shrink, Some((block, old))) => unsafe { backing.shrink(block, old, self.new) },
        }
    }
}

/// An allocator that watches the calls of another.
///
/// # Safety
/// `backing` leads to the same allocator every time, whose blocks nobody else gives back.
pub(super) unsafe trait Watch {
    /// The allocator behind.
    type Backing: Allocator;
    /// What is remembered from before a request until after it.
    type Pass;

    /// The allocator behind.
    fn backing(&self) -> &Self::Backing;

    /// Before a request: an error refuses it, and the allocator behind is not asked.
    fn before(&self, ask: &Ask) -> Result<Self::Pass, AllocError>;

    /// After a request: what the allocator behind answered; an error too if it unwound.
    fn after(&self, ask: &Ask, pass: &Self::Pass, answer: Result<NonNull<u8>, AllocError>);

    /// Before a block goes back.
    fn freeing(&self, block: NonNull<u8>, layout: Layout);

    /// After it went back.
    fn freed(&self, layout: Layout);
}

/// A request under way: whatever becomes of it, it is told.
struct UnderWay<'w, W: Watch> {
    watch: &'w W,
    ask: Ask,
    pass: W::Pass,
    answer: Result<NonNull<u8>, AllocError>,
}

impl<W: Watch> Drop for UnderWay<'_, W> {
    fn drop(&mut self) {
        self.watch.after(&self.ask, &self.pass, self.answer);
    }
}

/// One request, all steps.
///
/// # Safety
/// As for [`Ask::make`] with the allocator behind `watch`.
unsafe fn request(watch: &impl Watch, ask: Ask) -> Result<NonNull<[u8]>, AllocError> {
    let pass = watch.before(&ask)?;
    let mut under_way = UnderWay { watch, ask, pass, answer: Err(AllocError) };
    // SAFETY: by the obligations of this function.
    let block = unsafe { ask.make(watch.backing()) }?.cast();
    under_way.answer = Ok(block);
    Ok(NonNull::slice_from_raw_parts(block, ask.new.size()))
}

/// `allocate`, or `allocate_zeroed`.
pub(super) fn allocate(watch: &impl Watch, way: Way, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
    if layout.size() == 0 {
        return Ok(no_bytes(layout));
    }
    // SAFETY: there is no old block.
    unsafe { request(watch, Ask { way, new: layout, old: None }) }
}

/// `grow`, `grow_zeroed` or `shrink`.
///
/// # Safety
/// Those of these methods, for blocks that came by the functions of this module.
pub(super) unsafe fn resize(
    watch: &impl Watch,
    way: Way,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Result<NonNull<[u8]>, AllocError> {
    if old.size() == 0 {
        let way = if way == Way::GrowZeroed { Way::AllocateZeroed } else { Way::Allocate };
        return allocate(watch, way, new);
    }
    // SAFETY: by the obligations of this function; the block has bytes, so it is one of the allocator behind.
    unsafe {
        if new.size() == 0 {
            deallocate(watch, block, old);
            return Ok(no_bytes(new));
        }
        request(watch, Ask { way, new, old: Some((block, old)) })
    }
}

/// # Safety
/// Those of [`Allocator::deallocate`], for blocks that came by the functions of this module.
pub(super) unsafe fn deallocate(watch: &impl Watch, block: NonNull<u8>, layout: Layout) {
    if layout.size() == 0 {
        return;
    }
    watch.freeing(block, layout);
    // SAFETY: by the obligations of this function; the block has bytes, so it is one of the allocator behind.
    unsafe { watch.backing().deallocate(block, layout) };
    watch.freed(layout);
}

/// Implements the seam for a type that watches another allocator: every method, none left to a default.
macro_rules! watches {
    ([$($generics:tt)*] $type:ty) => {
        // SAFETY: every block of some bytes is the allocator's behind, which keeps to the contract, and goes back to it with the layout
        // that it was asked for with: the slices that come back are no longer than that.
        unsafe impl<$($generics)*> $crate::heap::Allocator for $type {
            fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                $crate::heap::watched::allocate(self, $crate::heap::watched::Way::Allocate, layout)
            }

            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                // SAFETY: by the caller's obligations.
                unsafe { $crate::heap::watched::deallocate(self, block, layout) }
            }

            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                $crate::heap::watched::allocate(self, $crate::heap::watched::Way::AllocateZeroed, layout)
            }

            unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: by the caller's obligations.
                unsafe { $crate::heap::watched::resize(self, $crate::heap::watched::Way::Grow, block, old, new) }
            }

            unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: by the caller's obligations.
                unsafe { $crate::heap::watched::resize(self, $crate::heap::watched::Way::GrowZeroed, block, old, new) }
            }

            unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: by the caller's obligations.
                unsafe { $crate::heap::watched::resize(self, $crate::heap::watched::Way::Shrink, block, old, new) }
            }
        }

        $crate::heap::foreign::speaks!([$($generics)*] $type);
    };
}
pub(super) use watches;

#[cfg(test)]
pub(super) mod tests;
