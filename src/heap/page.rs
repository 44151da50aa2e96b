//! Pages straight from the system: a mapping for every block, and a page beside it that nobody may touch.
//!
//! 1. Whoever reads or writes beyond a block's end ([`Guard::Behind`]) or before its beginning ([`Guard::Before`]) dies at that instruction.
//! 2. Whoever touches a block that was given back dies too, for its pages are unmapped, until the system maps something else there.
//! 3. A zeroed block costs no more than another, and memory that is never touched costs nothing.
//! 4. Nothing is kept: where a block's pages are follows from where it lies and its layout.

use std::alloc::Layout;
use std::ptr::{self, NonNull};

use super::foreign::speaks;
use super::seam::{AllocError, Allocator, no_bytes};
use crate::sys::mapping;

/// Gives every block pages of its own, directly from the system.
///
/// For large blocks, and for blocks that somebody is suspected to run over: by default a page behind each can't be touched, and the
/// block ends where that begins, or as close to it as its alignment lets it. A block of one byte takes a page, and its guard another
/// of addresses, though not of memory.
///
/// **Resizing.** As long as a block needs as many pages as before, it stays in them; between two guards or before one it is moved
/// there, so that it always ends at its guard. To other numbers of pages, blocks without a guard are grown and shrunk by the
/// system's `mremap`, which copies nothing; blocks behind a guard if there is room for it; all others move.
///
/// **Refusals.** The system refuses when there are no addresses or no memory, and also when a process has too many mappings: a
/// guarded block needs two of the 65,530 that Linux allows by default.
///
/// **Time.** Each block is two calls of the system, with a guard three, and a fault for every page that is touched.
///
/// **Platforms.** Everywhere but on Linux the pages come from the standard library's [`System`](std::alloc::System), in multiples of 4096 bytes; there
/// are no guards, and what is given back may stay readable.
///
/// **Threads.** `Send` and `Sync`. All values with the same guard are the same allocator.
///
/// # Examples
///
/// ```
/// use allocator_api2_02::vec::Vec;
/// use oomsweep::heap::{Guard, PageAllocator};
///
/// let pages = PageAllocator::new().guard(Guard::None);
/// let mut table: Vec<u64, _> = Vec::with_capacity_in(1 << 20, pages);
/// table.resize(1 << 20, 7);
/// assert_eq!(table.as_ptr().addr() % PageAllocator::page_size(), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageAllocator {
    guard: Guard,
}

/// Where a [`PageAllocator`] puts the page that nobody may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guard {
    /// Behind the block, which ends there, if its size is a multiple of its alignment; else it ends less than its alignment
    /// before, and those bytes can be touched.
    #[default]
    Behind,
    /// Before the block, which begins there.
    Before,
    /// There is none. The block begins with its first page.
    None,
}

/// The pages of a block, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pages {
    /// Forbidden, in front.
    before: usize,
    /// Those that the block lies in.
    own: usize,
    /// Forbidden, behind.
    behind: usize,
}

impl Pages {
    fn all(self) -> usize {
        self.before + self.own + self.behind
    }
}

impl PageAllocator {
    /// With a guard page behind every block.
    #[must_use]
    pub const fn new() -> PageAllocator {
        PageAllocator { guard: Guard::Behind }
    }

    /// With the guard page elsewhere, or with none. Blocks of one kind are not to be given back to an allocator of another.
    #[must_use]
    pub const fn guard(self, guard: Guard) -> PageAllocator {
        PageAllocator { guard }
    }

    /// How many bytes a page has.
    #[must_use]
    pub fn page_size() -> usize {
        mapping::page_size()
    }

    /// Where the guard is, on a platform that has guards.
    fn effective(self) -> Guard {
        if mapping::HAS_GUARDS { self.guard } else { Guard::None }
    }

    /// The pages of a block of this layout.
    fn pages(self, layout: Layout) -> Pages {
        let page = mapping::page_size();
        let guard = self.effective();
        let guarded = |here: Guard| if guard == here { page } else { 0 };
        // A layout's size is in the range of `isize`.
        let own = layout.size().next_multiple_of(page);
        Pages { before: guarded(Guard::Before), own, behind: guarded(Guard::Behind) }
    }

    /// How far from the beginning of its pages a block begins.
    fn offset(self, layout: Layout) -> usize {
        match self.effective() {
            Guard::Behind => (self.pages(layout).own - layout.size()) & !(layout.align() - 1),
            Guard::Before | Guard::None => 0,
        }
    }

    /// Where a block's own pages begin. It begins in the first of them.
    ///
    /// # Safety
    /// The block is one of this allocator's.
    unsafe fn own_of(block: NonNull<u8>) -> NonNull<u8> {
        // SAFETY: by the obligation of this function.
        unsafe { block.sub(block.addr().get() & (mapping::page_size() - 1)) }
    }

    /// Maps the pages for a block, which are zeros.
    fn map(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let pages = self.pages(layout);
        let start = mapping::map(pages.before, pages.all(), layout.align()).ok_or(AllocError)?;
        // SAFETY: all of it is ours, and the guards are its first and its last page.
        unsafe {
            let own = start.add(pages.before);
            let guarded = (pages.before == 0 || mapping::forbid(start, pages.before))
                && (pages.behind == 0 || mapping::forbid(own.add(pages.own), pages.behind));
            if !guarded {
                mapping::unmap(start, pages.all(), layout.align());
                return Err(AllocError);
            }
            Ok(own.add(self.offset(layout)))
        }
    }

    /// Gives a block another size. Also says from which of its bytes on, beyond the old ones, all are zeros.
    ///
    /// # Safety
    /// 1. It is a block of this allocator's, `old` is its layout, and neither size is zero.
    /// 2. Nobody uses what lies beyond the new size.
    unsafe fn resize(self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(NonNull<u8>, usize), AllocError> {
        let kept = usize::min(old.size(), new.size());
        // SAFETY: by obligation 1.
        let own = unsafe { PageAllocator::own_of(block) };
        let (old_pages, new_pages) = (self.pages(old), self.pages(new));
        let aligned = own.addr().get().is_multiple_of(new.align());
        if aligned && old_pages == new_pages && PageAllocator::mapped_alike(old, new) {
            // SAFETY: both places lie in the block's own pages.
            unsafe {
                let moved = own.add(self.offset(new));
                ptr::copy(block.as_ptr(), moved.as_ptr(), kept);
                return Ok((moved, new.size()));
            }
        }
        if aligned && self.effective() != Guard::Behind && PageAllocator::mapped_alike(old, new) {
            let may_move = self.effective() == Guard::None && new.align() <= mapping::page_size();
            // SAFETY: without a guard behind them, they are all that can be touched of the mapping; and by obligation 2.
            let resized = unsafe { mapping::remap(own, old_pages.own, new_pages.own, old.align(), may_move) };
            if let Some(resized) = resized {
                return Ok((resized, usize::min(old_pages.own, new.size())));
            }
        }
        let fresh = self.map(new)?;
        // SAFETY: both have so many bytes, and are apart; then the old one is done with.
        unsafe {
            ptr::copy_nonoverlapping(block.as_ptr(), fresh.as_ptr(), kept);
            self.deallocate(block, old);
        }
        Ok((fresh, kept))
    }

    /// Whether pages that were mapped for the one layout may be unmapped as those of the other.
    fn mapped_alike(one: Layout, other: Layout) -> bool {
        let align = |layout: Layout| usize::max(layout.align(), mapping::page_size());
        mapping::HAS_GUARDS || align(one) == align(other)
    }
}

impl Default for PageAllocator {
    fn default() -> PageAllocator {
        PageAllocator::new()
    }
}

// SAFETY: a block's pages are its own until it is given back, to whichever value: the guard, by which they are found, is a part of the
// allocator and of its copies. The slices have exactly the size that was asked for, so only one size fits.
unsafe impl Allocator for PageAllocator {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(no_bytes(layout));
        }
        Ok(NonNull::slice_from_raw_parts(self.map(layout)?, layout.size()))
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        let pages = self.pages(layout);
        // SAFETY: by the caller's obligations: these are the pages that the block was given, or was moved to.
        unsafe {
            let start = PageAllocator::own_of(block).sub(pages.before);
            mapping::unmap(start, pages.all(), layout.align());
        }
    }

    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        // SAFETY: by the caller's obligations; the new size is no smaller, so it is not zero.
        let (grown, _) = unsafe { self.resize(block, old, new) }?;
        Ok(NonNull::slice_from_raw_parts(grown, new.size()))
    }

    unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        // SAFETY: as above; the grown block has the bytes of the new size.
        unsafe {
            let (grown, zeros) = self.resize(block, old, new)?;
            grown.add(old.size()).write_bytes(0, zeros.saturating_sub(old.size()));
            Ok(NonNull::slice_from_raw_parts(grown, new.size()))
        }
    }

    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if new.size() == 0 {
            // SAFETY: by the caller's obligations.
            unsafe { self.deallocate(block, old) };
            return Ok(no_bytes(new));
        }
        // SAFETY: by the caller's obligations; neither size is zero.
        let (shrunk, _) = unsafe { self.resize(block, old, new) }?;
        Ok(NonNull::slice_from_raw_parts(shrunk, new.size()))
    }
}

speaks!([] PageAllocator);

#[cfg(test)]
mod tests;
