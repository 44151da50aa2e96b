//! An arena: blocks side by side in a few chunks of a backing allocator, all given back at once.
//!
//! 1. A block is a few instructions; the backing allocator is asked for one chunk at a time, each twice as large as the one before.
//! 2. The last block can be given back, and grows and shrinks where it lies. Any other block's room comes back with all the rest.
//! 3. A request that the backing allocator refuses is refused, after one attempt, and nothing has changed.
//! 4. When the arena is dropped, emptied or reset, the backing allocator has its chunks back, each by the layout that it was asked with.
//! 5. No block outlives the arena, and none is there while it is emptied or reset: the borrow checker sees to it.

use std::alloc::Layout;
use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;

use super::adapt::Global;
use super::foreign::speaks;
use super::room::{self, Room};
use super::seam::{AllocError, Allocator, moved, no_bytes, zero_beyond};

/// Puts blocks side by side in chunks of a backing allocator, and gives all of them back at once: for a request, a parse, a batch,
/// whatever has a clear end.
///
/// `&ArenaAllocator` is the [`Allocator`], not the arena itself: what was allocated borrows it, so nothing can outlive it, or be there
/// when it is [reset](ArenaAllocator::reset).
///
/// Giving back a block has an effect if it is the last that was taken of those still there: its room is used again. Growing
/// the last block, and shrinking it, happens in place as far as its chunk goes. All other blocks shrink in place, grow by moving,
/// and leave their room behind until the arena is emptied.
///
/// **Chunks.** The first is 1 KiB, and every further one is twice as large as the one before, up to 16 MiB. A request that needs more gets
/// a chunk that it fills. Of each chunk 32 bytes are the arena's own. A chunk is aligned to 16 bytes, or as the request is
/// that it was made for. What was left in the chunk before is not used any more. The backing allocator is asked once for a
/// chunk: if it refuses, so does the arena, and it does not try a smaller one; whoever tests what happens at a refused request, sees it
/// happen.
///
/// **Threads.** `Send` if the backing allocator is; not `Sync`: one thread at a time, without locks or atomics.
///
/// **Peers.** `bumpalo` has no backing allocator to choose, so nothing behind it can count, limit or fail its chunks. `bump-scope` has
/// one, and more than this arena, nested scopes above all; here the chunks are exactly those described above, so that a test can count
/// on them, and what the crate exists for needs no dependency.
///
/// # Examples
///
/// ```
/// use allocator_api2_02::vec::Vec;
/// use oomsweep::heap::{ArenaAllocator, Keep};
///
/// let mut arena = ArenaAllocator::new();
/// for request in 1..=3 {
///     let mut lines = Vec::new_in(&arena);
///     for line in 0..request * 100 {
///         lines.push(line);
///     }
///     assert_eq!(lines.len(), request * 100);
///     drop(lines);
///     arena.reset(Keep::Capacity)?;
///     assert_eq!(arena.used(), 0);
/// }
/// # Ok::<(), oomsweep::heap::AllocError>(())
/// ```
pub struct ArenaAllocator<A: Allocator = Global> {
    room: Cell<Room>,
    /// The chunk that the room is in.
    chunk: Cell<Option<NonNull<Chunk>>>,
    /// Of all chunks, without what is the arena's own.
    capacity: Cell<usize>,
    /// Of the chunks before this one.
    used_before: Cell<usize>,
    backing: A,
}

/// What a chunk ends with.
struct Chunk {
    before: Option<NonNull<Chunk>>,
    start: NonNull<u8>,
    layout: Layout,
}

impl Chunk {
    fn capacity(&self) -> usize {
        self.layout.size() - OWN
    }
}

/// Bytes of a chunk that are the arena's own.
const OWN: usize = size_of::<Chunk>();
/// Chunks begin at multiples of this, and so do their ends.
const ALIGN: usize = 16;
/// Bytes of the first chunk.
const FIRST: usize = 1024;
/// Chunks grow no further by themselves.
const MOST: usize = 16 << 20;

const _: () = assert!(OWN.is_multiple_of(ALIGN) && align_of::<Chunk>() <= ALIGN);

/// What an arena keeps of its chunks when it is [reset](ArenaAllocator::reset).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The backing allocator gets all of them back.
    Nothing,
    /// One chunk stays, with the capacity of all.
    Capacity,
    /// One chunk stays, with the capacity of all, but no more than so many bytes.
    AtMost(usize),
}

impl ArenaAllocator {
    /// An empty arena over the program's global allocator, which is not asked for anything yet.
    #[must_use]
    pub const fn new() -> ArenaAllocator {
        ArenaAllocator::new_in(Global)
    }

    /// An arena over the program's global allocator with a first chunk of at least so many bytes.
    ///
    /// # Errors
    ///
    /// If the global allocator refuses the chunk.
    pub fn with_capacity(bytes: usize) -> Result<ArenaAllocator, AllocError> {
        ArenaAllocator::with_capacity_in(bytes, Global)
    }
}

impl<A: Allocator> ArenaAllocator<A> {
    /// An empty arena over `backing`, which is not asked for anything yet.
    #[must_use]
    pub const fn new_in(backing: A) -> ArenaAllocator<A> {
        ArenaAllocator {
            room: Cell::new(Room::EMPTY),
            chunk: Cell::new(None),
            capacity: Cell::new(0),
            used_before: Cell::new(0),
            backing,
        }
    }

    /// An arena over `backing` with a first chunk of at least so many bytes: the next multiple of 16. With 0 there is no chunk yet.
    ///
    /// # Errors
    ///
    /// If `backing` refuses the chunk, or no block can be so large.
    pub fn with_capacity_in(bytes: usize, backing: A) -> Result<ArenaAllocator<A>, AllocError> {
        let arena = ArenaAllocator::new_in(backing);
        if bytes > 0 {
            arena.add_chunk(bytes.checked_next_multiple_of(ALIGN).ok_or(AllocError)?, ALIGN)?;
        }
        Ok(arena)
    }

    /// The allocator behind it.
    #[must_use]
    pub fn backing(&self) -> &A {
        &self.backing
    }

    /// How many bytes all its chunks have for blocks.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity.get()
    }

    /// How many bytes blocks take up: those that are there, those that are gone and whose room can't be used again yet, and what lies
    /// between them for the sake of alignment. Room that was left behind at a chunk's end is not among them.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used_before.get() + self.used_here()
    }

    /// How many bytes are left in the chunk that the next block comes from, if there is room for it.
    #[must_use]
    pub fn left(&self) -> usize {
        self.room.get().left()
    }

    /// Gives all chunks back to the backing allocator. The arena is as new, and can be used again.
    ///
    /// The values in it are not dropped: containers drop theirs before, since they borrow the arena.
    pub fn free_all(&mut self) {
        self.free_all_but(None);
    }

    /// Empties the arena, and keeps one chunk as `keep` says; the backing allocator gets the others back.
    ///
    /// If the largest chunk has not the wanted capacity, the others go first, and the backing allocator is asked once for a chunk that
    /// has. An arena that is reset with [`Keep::Capacity`] in a loop soon asks for nothing any more. What fitted in several chunks fits
    /// in the one again, unless their alignments skip more bytes there; then the next time around it does.
    ///
    /// # Errors
    ///
    /// If the backing allocator refuses that chunk. The arena is empty then as well, and keeps the largest of the
    /// chunks that it had, even if that is more than it should keep.
    pub fn reset(&mut self, keep: Keep) -> Result<(), AllocError> {
        let wanted = match keep {
            Keep::Nothing => 0,
            Keep::Capacity => self.capacity(),
            Keep::AtMost(limit) => usize::min(limit, self.capacity()) & !(ALIGN - 1),
        };
        if wanted == 0 {
            self.free_all();
            return Ok(());
        }
        // SAFETY: chunks are there until they are given back.
        let largest = self.chunks().max_by_key(|chunk| unsafe { chunk.as_ref() }.capacity());
        self.free_all_but(largest);
        if self.capacity() != wanted {
            self.add_chunk(wanted, ALIGN)?;
            let merged = self.chunk.get();
            self.free_all_but(merged);
        }
        Ok(())
    }

    /// The chunks, newest first.
    fn chunks(&self) -> impl Iterator<Item = NonNull<Chunk>> {
        // SAFETY: chunks are there until they are given back.
        std::iter::successors(self.chunk.get(), |chunk| unsafe { chunk.as_ref() }.before)
    }

    fn used_here(&self) -> usize {
        // SAFETY: as above.
        self.chunk
            .get()
            .map_or(0, |chunk| self.room.get().at().addr().get() - unsafe { chunk.as_ref() }.start.addr().get())
    }

    /// Empties the arena; of the chunks only `kept` stays, which is one of them.
    fn free_all_but(&mut self, kept: Option<NonNull<Chunk>>) {
        let mut next = self.chunk.take();
        self.room.set(Room::EMPTY);
        self.capacity.set(0);
        self.used_before.set(0);
        while let Some(chunk) = next {
            // SAFETY: a chunk ends with this, until it is given back.
            let Chunk { before, start, layout } = unsafe { chunk.read() };
            next = before;
            if kept == Some(chunk) {
                // SAFETY: as above, and all of it is free.
                unsafe { self.enter(chunk, None) };
            } else {
                // SAFETY: it came from the backing allocator with this layout, and no block is left: they borrow the arena.
                unsafe { self.backing.deallocate(start, layout) };
            }
        }
    }

    /// Makes a chunk the one that blocks come from.
    ///
    /// # Safety
    /// It is a chunk of this arena's which no block is in.
    unsafe fn enter(&self, mut chunk: NonNull<Chunk>, before: Option<NonNull<Chunk>>) {
        // SAFETY: by the obligation of this function; what is before the chunk's last bytes is free.
        unsafe {
            chunk.as_mut().before = before;
            let Chunk { start, .. } = *chunk.as_ref();
            self.room.set(Room::of(start, chunk.as_ref().capacity()));
            self.capacity.set(self.capacity.get() + chunk.as_ref().capacity());
        }
        self.chunk.set(Some(chunk));
    }

    /// A block in a chunk of its own, which others may follow in.
    #[cold]
    #[inline(never)]
    fn take_from_new_chunk(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the chunk is there until it is given back.
        let last = self.chunk.get().map(|chunk| unsafe { chunk.as_ref() }.layout.size());
        let next = last.map_or(FIRST, |last| last.saturating_mul(2).min(MOST)) - OWN;
        // A layout's size is in the range of `isize`.
        let needed = layout.size().next_multiple_of(ALIGN);
        self.add_chunk(usize::max(next, needed), layout.align())?;
        let mut room = self.room.get();
        let block = room.take(layout).ok_or(AllocError)?;
        self.room.set(room);
        Ok(block)
    }

    /// Asks the backing allocator for a chunk, and makes it the one that blocks come from. `capacity` is a multiple of [`ALIGN`].
    fn add_chunk(&self, capacity: usize, align: usize) -> Result<(), AllocError> {
        let size = capacity.checked_add(OWN).ok_or(AllocError)?;
        let layout = Layout::from_size_align(size, usize::max(align, ALIGN)).map_err(|_| AllocError)?;
        let start = self.backing.allocate(layout)?.cast::<u8>();
        self.used_before.set(self.used());
        // SAFETY: the block has `capacity` bytes and those of a `Chunk`, which is aligned, since both ends of the capacity are.
        unsafe {
            let chunk = start.add(capacity).cast::<Chunk>();
            chunk.write(Chunk { before: None, start, layout });
            self.enter(chunk, self.chunk.get());
        }
        Ok(())
    }
}

impl<A: Allocator + Default> Default for ArenaAllocator<A> {
    fn default() -> ArenaAllocator<A> {
        ArenaAllocator::new_in(A::default())
    }
}

impl<A: Allocator> fmt::Debug for ArenaAllocator<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut of = f.debug_struct("ArenaAllocator");
        of.field("chunks", &self.chunks().count()).field("capacity", &self.capacity()).field("used", &self.used());
        of.finish_non_exhaustive()
    }
}

impl<A: Allocator> Drop for ArenaAllocator<A> {
    fn drop(&mut self) {
        self.free_all();
    }
}

// SAFETY: blocks lie side by side in chunks, which stay until the arena is borrowed exclusively or dropped, which this borrow rules out.
// The slices have exactly the size that was asked for, so only one size fits.
unsafe impl<A: Allocator> Allocator for &ArenaAllocator<A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(no_bytes(layout));
        }
        let mut room = self.room.get();
        let block = match room.take(layout) {
            Some(block) => {
                self.room.set(room);
                block
            }
            None => self.take_from_new_chunk(layout)?,
        };
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let block = self.allocate(layout)?;
        // SAFETY: it is new, and has so many bytes.
        unsafe { block.cast::<u8>().write_bytes(0, layout.size()) };
        Ok(block)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let mut room = self.room.get();
        if layout.size() != 0 && room.is_behind(block, layout.size()) {
            // SAFETY: as asked, and by the caller's obligations.
            unsafe { room.give_back(block) };
            self.room.set(room);
        }
    }

    #[inline]
    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        // SAFETY: by the caller's obligations; the new size is no smaller.
        if let Some(grown) = unsafe { room::resize_in_place(&self.room, block, old, new) } {
            return Ok(grown);
        }
        // SAFETY: by the caller's obligations.
        unsafe { moved(self, block, old, new) }
    }

    unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations; the grown block has the bytes of the new size.
        unsafe {
            let grown = self.grow(block, old, new)?;
            zero_beyond(grown, old.size(), new.size());
            Ok(grown)
        }
    }

    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if new.size() == 0 {
            // SAFETY: by the caller's obligations.
            unsafe { self.deallocate(block, old) };
            return Ok(no_bytes(new));
        }
        // SAFETY: by the caller's obligations, nobody uses what lies beyond the new size.
        if let Some(shrunk) = unsafe { room::resize_in_place(&self.room, block, old, new) } {
            return Ok(shrunk);
        }
        // SAFETY: by the caller's obligations.
        unsafe { moved(self, block, old, new) }
    }
}

speaks!([A: Allocator] &ArenaAllocator<A>);

// SAFETY: the chunks belong to the arena as a Vec's buffer does.
unsafe impl<A: Allocator + Send> Send for ArenaAllocator<A> {}

#[cfg(test)]
mod tests;
