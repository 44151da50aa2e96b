//! The book that is kept of an examined allocator: its live blocks, and a copy of what must be in each.
//!
//! It is the obvious second implementation: every block's contents are written down beside it, and every call is checked as it
//! returns — the pointer is aligned, the slice as long as was asked, no byte of it belongs to another live block, zeros are zeros, and
//! what was there before is there still.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::slice;

use oomsweep::heap::{AllocError, Allocator};

/// A layout of these numbers.
#[track_caller]
pub(crate) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a layout")
}

/// Which of the sizes that fit a block is given with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The one that was asked for.
    Asked,
    /// The length of the slice that came back.
    Room,
}

/// One live block.
#[derive(Debug)]
struct Block {
    start: NonNull<u8>,
    /// As it was asked for.
    layout: Layout,
    /// What must be in it, to the end of the slice.
    bytes: Vec<u8>,
}

// SAFETY: a block is a piece of memory that whoever holds this has alone.
unsafe impl Send for Block {}

impl Block {
    fn address(&self) -> usize {
        self.start.as_ptr().addr()
    }

    /// A layout that fits, by the contract.
    fn fitting(&self, fit: Fit) -> Layout {
        match fit {
            Fit::Asked => self.layout,
            Fit::Room => layout(self.bytes.len(), self.layout.align()),
        }
    }

    fn contents(&self) -> &[u8] {
        // SAFETY: the block is live, was written to its end, and is written by nobody while this is borrowed.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.bytes.len()) }
    }

    #[track_caller]
    fn check(&self) {
        if self.contents() != self.bytes {
            let at = self.contents().iter().zip(&self.bytes).position(|(is, was)| is != was);
            panic!("a block of {:?} is not what was written to it, from byte {at:?} on", self.layout);
        }
    }

    fn overlaps(&self, start: usize, room: usize) -> bool {
        !self.bytes.is_empty()
            && room != 0
            && self.address() < start + room
            && start < self.address() + self.bytes.len()
    }
}

/// The live blocks of one allocator, in the order in which they were entered.
pub(crate) struct Book<'h> {
    heap: &'h dyn Allocator,
    blocks: Vec<Block>,
    written: u8,
}

impl<'h> Book<'h> {
    /// A book without blocks.
    pub(crate) fn new(heap: &'h dyn Allocator) -> Book<'h> {
        Book { heap, blocks: Vec::new(), written: 0 }
    }

    /// How many blocks are live.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// How many blocks that have bytes are live, and how many bytes they have, as was asked for.
    pub(crate) fn live(&self) -> (usize, usize) {
        let sizes = self.blocks.iter().map(|block| block.layout.size());
        (sizes.clone().filter(|&size| size > 0).count(), sizes.sum())
    }

    /// Where the block at `index` begins.
    pub(crate) fn address(&self, index: usize) -> usize {
        self.blocks[index].address()
    }

    /// The layout that the block at `index` was asked for with.
    pub(crate) fn layout(&self, index: usize) -> Layout {
        self.blocks[index].layout
    }

    /// The size that `fit` chooses for the block at `index`.
    pub(crate) fn size(&self, index: usize, fit: Fit) -> usize {
        self.blocks[index].fitting(fit).size()
    }

    /// How long the slice of the block at `index` is.
    pub(crate) fn room(&self, index: usize) -> usize {
        self.blocks[index].bytes.len()
    }

    /// Asks for a block, and writes to all of it. It becomes the last one.
    #[track_caller]
    pub(crate) fn allocate(&mut self, layout: Layout) -> Result<(), AllocError> {
        let slice = self.heap.allocate(layout)?;
        self.enter(slice, layout, &[], false);
        Ok(())
    }

    /// Asks for a block of zeros, looks whether it is one, and writes to all of it. It becomes the last one.
    #[track_caller]
    pub(crate) fn allocate_zeroed(&mut self, layout: Layout) -> Result<(), AllocError> {
        let slice = self.heap.allocate_zeroed(layout)?;
        self.enter(slice, layout, &[], true);
        Ok(())
    }

    /// Gives the block at `index` back; the last one takes its place.
    #[track_caller]
    pub(crate) fn free(&mut self, index: usize, fit: Fit) {
        let block = self.blocks.swap_remove(index);
        block.check();
        // SAFETY: the block is live, and is not used again.
        unsafe { self.heap.deallocate(block.start, block.fitting(fit)) };
    }

    /// Gives all blocks back, the last first.
    #[track_caller]
    pub(crate) fn free_all(&mut self) {
        while let Some(last) = self.blocks.len().checked_sub(1) {
            self.free(last, Fit::Asked);
        }
    }

    /// Makes the block at `index` as large as `new`, which is not smaller than the size that `fit` chooses.
    ///
    /// An error must leave it what it was.
    #[track_caller]
    pub(crate) fn grow(&mut self, index: usize, fit: Fit, new: Layout, zeroed: bool) -> Result<(), AllocError> {
        let (start, old) = (self.blocks[index].start, self.blocks[index].fitting(fit));
        assert!(new.size() >= old.size(), "the exam asks for what it may");
        // SAFETY: the block is live, `old` fits it, and `new` is no smaller; if it succeeds, the old pointer is not used again.
        let grown =
            unsafe { if zeroed { self.heap.grow_zeroed(start, old, new) } else { self.heap.grow(start, old, new) } };
        self.replace(index, grown, old.size(), new, zeroed)
    }

    /// Makes the block at `index` as small as `new`, which is not larger than the size that `fit` chooses.
    ///
    /// An error must leave it what it was.
    #[track_caller]
    pub(crate) fn shrink(&mut self, index: usize, fit: Fit, new: Layout) -> Result<(), AllocError> {
        let (start, old) = (self.blocks[index].start, self.blocks[index].fitting(fit));
        assert!(new.size() <= old.size(), "the exam asks for what it may");
        // SAFETY: the block is live, `old` fits it, and `new` is no larger; if it succeeds, the old pointer is not used again.
        let shrunk = unsafe { self.heap.shrink(start, old, new) };
        self.replace(index, shrunk, new.size(), new, false)
    }

    /// Looks at every byte of every live block.
    #[track_caller]
    pub(crate) fn check(&self) {
        for block in &self.blocks {
            block.check();
        }
    }

    /// Lets two blocks change their places in the book.
    pub(crate) fn swap(&mut self, one: usize, other: usize) {
        self.blocks.swap(one, other);
    }

    /// The blocks alone, to be sent to another thread.
    pub(crate) fn into_parts(self) -> Parts {
        Parts { blocks: self.blocks, written: self.written }
    }

    #[track_caller]
    fn replace(
        &mut self,
        index: usize,
        answer: Result<NonNull<[u8]>, AllocError>,
        kept: usize,
        new: Layout,
        zeroed: bool,
    ) -> Result<(), AllocError> {
        let Ok(slice) = answer else {
            self.blocks[index].check();
            return Err(AllocError);
        };
        let old = self.blocks.swap_remove(index);
        self.enter(slice, new, &old.bytes[..kept], zeroed);
        Ok(())
    }

    /// Writes down a block that was returned just now, `kept` being what must be at its beginning.
    #[track_caller]
    fn enter(&mut self, slice: NonNull<[u8]>, layout: Layout, kept: &[u8], zeroed: bool) {
        let (start, room) = (slice.cast::<u8>(), slice.len());
        let address = start.as_ptr().addr();
        assert_eq!(address % layout.align(), 0, "{address:#x} is not aligned for {layout:?}");
        assert!(room >= layout.size(), "{room} bytes for {layout:?}");
        if let Some(other) = self.blocks.iter().find(|block| block.overlaps(address, room)) {
            panic!("{room} bytes at {address:#x} for {layout:?} overlap those at {:#x}, {other:?}", other.address());
        }
        // SAFETY: the allocator has just returned it; what was not zeroed or kept is not read.
        unsafe {
            let is = slice::from_raw_parts(start.as_ptr(), kept.len());
            assert!(is == kept, "the first {} bytes of a block did not survive its new size, {layout:?}", kept.len());
            if zeroed {
                let new = slice::from_raw_parts(start.as_ptr().add(kept.len()), room - kept.len());
                assert!(new == vec![0; new.len()], "what is new is not zeros, in {room} bytes for {layout:?}");
            }
        }
        let bytes = self.pattern(room);
        // SAFETY: a returned slice is valid for writes to its end.
        unsafe { start.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), room) };
        self.blocks.push(Block { start, layout, bytes });
    }

    /// Bytes that no other block has, and none of them zero.
    fn pattern(&mut self, len: usize) -> Vec<u8> {
        self.written = self.written.wrapping_add(29);
        let period: Vec<u8> = (0..251_u8).map(|at| at.wrapping_add(self.written).max(1)).collect();
        let mut bytes = period.repeat(len.div_ceil(period.len()));
        bytes.truncate(len);
        bytes
    }
}

/// The blocks of a book, without the allocator.
pub(crate) struct Parts {
    blocks: Vec<Block>,
    written: u8,
}

impl Parts {
    /// The book again, of the same allocator.
    pub(crate) fn with(self, heap: &dyn Allocator) -> Book<'_> {
        Book { heap, blocks: self.blocks, written: self.written }
    }
}
