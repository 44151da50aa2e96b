//! Blocks side by side in a buffer of the caller's: no heap at all.
//!
//! 1. Nothing is asked of anybody: what the buffer has no room for is refused, and the refusal says how long it would have to be.
//! 2. The last block can be given back, and grows and shrinks where it lies. Any other block's room comes back with a reset.
//! 3. No block outlives the allocator, nor the allocator the buffer, and none is there while it is reset: the borrow checker sees to it.

use std::alloc::Layout;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use super::foreign::speaks;
use super::room::{self, Room};
use super::seam::{AllocError, Allocator, moved, no_bytes, zero_beyond};

mod sync;

pub use sync::SyncFixedBufferAllocator;

/// Puts blocks side by side in a buffer, on the stack or wherever else it lies.
///
/// `&FixedBufferAllocator` is the [`Allocator`], not the value itself: what was allocated borrows it, so nothing can outlive it, or be there
/// when it is [reset](FixedBufferAllocator::reset).
///
/// Giving back a block has an effect if it is the last that was taken of those still there: its room is used again. Growing
/// the last block, and shrinking it, happens in place as far as the buffer goes. All other blocks shrink in place, grow by moving,
/// and leave their room behind until the reset. Alignments are those of addresses: how many bytes they skip depends on
/// where the buffer lies.
///
/// **Threads.** `Send`; not `Sync`: [`SyncFixedBufferAllocator`] is the same for several threads.
///
/// # Examples
///
/// ```
/// use std::mem::MaybeUninit;
/// use allocator_api2_02::vec::Vec;
/// use oomsweep::heap::FixedBufferAllocator;
///
/// let mut buffer = [MaybeUninit::uninit(); 256];
/// let fixed = FixedBufferAllocator::new(&mut buffer);
/// let mut bytes = Vec::new_in(&fixed);
/// bytes.try_reserve_exact(200)?;
/// bytes.extend_from_slice(&[7_u8; 200]);
///
/// assert!(bytes.try_reserve_exact(200).is_err());
/// let shortage = fixed.needed().expect("something was refused");
/// assert_eq!(shortage.to_string(), "400 bytes aligned to 1 need a buffer of 400 bytes, and this one has 256");
/// # Ok::<(), allocator_api2_02::collections::TryReserveError>(())
/// ```
pub struct FixedBufferAllocator<'b> {
    start: NonNull<u8>,
    len: usize,
    room: Cell<Room>,
    shortage: Cell<Option<Shortage>>,
    buffer: PhantomData<&'b mut [MaybeUninit<u8>]>,
}

/// A request that a buffer had no room for.
///
/// Shown, it is a sentence: what was asked for, how long the buffer would have to be for it, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shortage {
    /// What was asked for.
    pub request: Layout,
    /// How many bytes long the buffer would have to be, at the address where it lies and with what was in it then.
    pub needed: usize,
    /// How many bytes long it is.
    pub capacity: usize,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, align) = (self.request.size(), self.request.align());
        let bytes = if size == 1 { "byte" } else { "bytes" };
        let need = if size == 1 { "needs" } else { "need" };
        let Shortage { needed, capacity, .. } = self;
        write!(f, "{size} {bytes} aligned to {align} {need} a buffer of {needed} bytes, and this one has {capacity}")
    }
}

impl Shortage {
    /// The greater of what there was and this one.
    fn or(self, known: Option<Shortage>) -> Shortage {
        known.filter(|known| known.needed >= self.needed).unwrap_or(self)
    }
}

impl<'b> FixedBufferAllocator<'b> {
    /// An allocator of the bytes of `buffer`, all of them free. It need not be aligned to anything.
    #[must_use]
    pub const fn new(buffer: &'b mut [MaybeUninit<u8>]) -> FixedBufferAllocator<'b> {
        let len = buffer.len();
        // SAFETY: a reference leads to something.
        let start = unsafe { NonNull::new_unchecked(buffer.as_mut_ptr().cast::<u8>()) };
        FixedBufferAllocator {
            start,
            len,
            // SAFETY: the buffer is ours as long as the borrow.
            room: Cell::new(unsafe { Room::of(start, len) }),
            shortage: Cell::new(None),
            buffer: PhantomData,
        }
    }

    /// The same for a buffer of bytes, all of which are written. What they are is lost.
    ///
    /// # Safety
    ///
    /// After the borrow no byte of `buffer` is read before it is written anew: a block may have been left with bytes in it that were
    /// never written, such as the padding of a struct, and those are no `u8`.
    ///
    /// # Examples
    ///
    /// ```
    /// use oomsweep::heap::FixedBufferAllocator;
    ///
    /// let mut buffer = [0; 64];
    /// {
    ///     // SAFETY: the buffer is written anew before it is read again.
    ///     let fixed = unsafe { FixedBufferAllocator::from_bytes(&mut buffer) };
    ///     assert_eq!(fixed.left(), 64);
    /// }
    /// buffer.fill(0);
    /// ```
    #[must_use]
    pub const unsafe fn from_bytes(buffer: &'b mut [u8]) -> FixedBufferAllocator<'b> {
        // SAFETY: nothing that is not a `u8` is read as one, by the obligation of this function.
        FixedBufferAllocator::new(unsafe { &mut *(ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) })
    }

    /// How many bytes long the buffer is.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.len
    }

    /// How many bytes blocks take up: those that are there, those that are gone and whose room can't be used again yet, and what lies
    /// between them for the sake of alignment.
    #[must_use]
    pub fn used(&self) -> usize {
        self.len - self.left()
    }

    /// How many bytes are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.room.get().left()
    }

    /// Whether a pointer leads into the buffer, used or not.
    #[must_use]
    pub fn owns<T>(&self, pointer: *const T) -> bool {
        pointer.addr().wrapping_sub(self.start.addr().get()) < self.len
    }

    /// Which refused request would have needed the longest buffer; `None` if none was refused. A reset does not forget it.
    #[must_use]
    pub fn needed(&self) -> Option<Shortage> {
        self.shortage.get()
    }

    /// Empties the buffer.
    ///
    /// The values in it are not dropped: containers drop theirs before, since they borrow the allocator.
    pub fn reset(&mut self) {
        // SAFETY: the buffer is ours, and no block is left: they borrow the allocator.
        self.room.set(unsafe { Room::of(self.start, self.len) });
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, request: Layout, needed: usize) -> AllocError {
        let shortage = Shortage { request, needed, capacity: self.len };
        self.shortage.set(Some(shortage.or(self.shortage.get())));
        AllocError
    }
}

impl fmt::Debug for FixedBufferAllocator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut of = f.debug_struct("FixedBufferAllocator");
        of.field("capacity", &self.capacity()).field("used", &self.used()).field("needed", &self.needed());
        of.finish_non_exhaustive()
    }
}

// SAFETY: blocks lie side by side in the buffer, which is ours until the allocator is gone, and which nobody empties while it is
// borrowed here. The slices have exactly the size that was asked for, so only one size fits.
unsafe impl Allocator for &FixedBufferAllocator<'_> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(no_bytes(layout));
        }
        let mut room = self.room.get();
        let Some(block) = room.take(layout) else { return Err(self.refuse(layout, self.used() + room.cost(layout))) };
        self.room.set(room);
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
        if self.room.get().is_behind(block, old.size()) && room::padding(block.addr().get(), new.align()) == 0 {
            // It would stay where it is, and elsewhere it would need more.
            let before = block.addr().get() - self.start.addr().get();
            return Err(self.refuse(new, before + new.size()));
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

speaks!([] &FixedBufferAllocator<'_>);

// SAFETY: the buffer is borrowed for nobody else.
unsafe impl Send for FixedBufferAllocator<'_> {}

#[cfg(test)]
mod tests;
