//! What is left of a piece of memory whose front is given out, block after block.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

/// The bytes that nobody has yet. The block before them is the last one that was taken, and ends where they begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    at: NonNull<u8>,
    end: NonNull<u8>,
}

impl Room {
    /// No bytes at all.
    pub(super) const EMPTY: Room = Room { at: NonNull::dangling(), end: NonNull::dangling() };

    /// All of a piece of memory.
    ///
    /// # Safety
    /// 1. `start` leads to `len` bytes of one allocation.
    /// 2. They belong to whoever uses the room, for as long.
    pub(super) const unsafe fn of(start: NonNull<u8>, len: usize) -> Room {
        // SAFETY: by obligation 1.
        Room { at: start, end: unsafe { start.add(len) } }
    }

    /// Where it begins.
    pub(super) fn at(&self) -> NonNull<u8> {
        self.at
    }

    /// How many bytes are left.
    #[inline]
    pub(super) fn left(&self) -> usize {
        self.end.addr().get() - self.at.addr().get()
    }

    /// How many bytes a block of this layout takes: its own, and those before it that its alignment skips.
    #[inline]
    pub(super) fn cost(&self, layout: Layout) -> usize {
        // A layout's size stays in the range of `isize` also when it is rounded up to its alignment, so this does not overflow.
        padding(self.at.addr().get(), layout.align()) + layout.size()
    }

    /// A block of this layout; `None` if there is no room for it.
    #[inline]
    pub(super) fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let cost = self.cost(layout);
        if cost > self.left() {
            return None;
        }
        // SAFETY: `cost` bytes are left in this piece of memory, and the block is the end of them.
        unsafe {
            self.at = self.at.add(cost);
            Some(self.at.sub(layout.size()))
        }
    }

    /// Whether a block was the last to be taken, of those that have not been given back.
    #[inline]
    pub(super) fn is_behind(&self, block: NonNull<u8>, size: usize) -> bool {
        block.addr().get() + size == self.at.addr().get()
    }

    /// Takes the last block back. Bytes that its alignment skipped stay lost.
    ///
    /// # Safety
    /// [`is_behind`](Room::is_behind) said yes, and nobody uses the block any more.
    #[inline]
    pub(super) unsafe fn give_back(&mut self, block: NonNull<u8>) {
        self.at = block;
    }

    /// Gives the last block another size, if there is room for it.
    ///
    /// # Safety
    /// [`is_behind`](Room::is_behind) said yes, and nobody uses bytes beyond the new size.
    #[inline]
    unsafe fn resize_last(&mut self, block: NonNull<u8>, size: usize) -> bool {
        if size > self.end.addr().get() - block.addr().get() {
            return false;
        }
        // SAFETY: the end of the memory is no nearer.
        self.at = unsafe { block.add(size) };
        true
    }
}

/// How many bytes lie before the next multiple of an alignment.
#[inline]
pub(super) fn padding(address: usize, align: usize) -> usize {
    address.wrapping_neg() & (align - 1)
}

/// Gives a block another size where it lies; `None` if it can't stay there. A last block's room changes with it; any other becomes
/// smaller only, and the rest of it is lost.
///
/// # Safety
/// 1. `block` was taken from the memory of the room's owner, `old` is its layout, and neither size is zero.
/// 2. Nobody uses bytes beyond the new size.
#[inline]
pub(super) unsafe fn resize_in_place(
    room: &Cell<Room>,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<[u8]>> {
    if padding(block.addr().get(), new.align()) != 0 {
        return None;
    }
    let mut changed = room.get();
    if changed.is_behind(block, old.size()) {
        // SAFETY: it is the last block, and by obligation 2.
        if !unsafe { changed.resize_last(block, new.size()) } {
            return None;
        }
        room.set(changed);
    } else if new.size() > old.size() {
        return None;
    }
    Some(NonNull::slice_from_raw_parts(block, new.size()))
}
