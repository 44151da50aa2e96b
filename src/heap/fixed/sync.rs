//! The buffer for several threads at once: one atomic number says how much of it is taken.

use std::alloc::Layout;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::foreign::speaks;
use super::super::lock::Lock;
use super::super::room::padding;
use super::super::seam::{AllocError, Allocator, moved, no_bytes, zero_beyond};
use super::Shortage;

/// Puts blocks side by side in a buffer, for any number of threads at once, without a lock.
///
/// As [`FixedBufferAllocator`](super::FixedBufferAllocator), of which it is the counterpart: `&SyncFixedBufferAllocator` is the [`Allocator`].
/// What gives back, grows and shrinks does so in place for the last block of *all* threads. So a block that its thread
/// took last is seldom the last where several threads allocate: then giving it back frees nothing, and growing it moves it. Which
/// blocks come to lie where is the threads' race; that they never overlap is not.
///
/// **Threads.** `Send` and `Sync`. No thread waits for another, except that two refusals at once take turns in writing
/// down what was needed.
///
/// # Examples
///
/// ```
/// use std::mem::MaybeUninit;
/// use allocator_api2_02::boxed::Box;
/// use oomsweep::heap::SyncFixedBufferAllocator;
///
/// let mut buffer = [MaybeUninit::uninit(); 256];
/// let fixed = SyncFixedBufferAllocator::new(&mut buffer);
/// std::thread::scope(|scope| {
///     for n in 0..4_u64 {
///         let fixed = &fixed;
///         scope.spawn(move || assert_eq!(*Box::new_in(n, fixed), n));
///     }
/// });
/// assert!(fixed.used() <= 4 * 8 + 7);
/// ```
pub struct SyncFixedBufferAllocator<'b> {
    start: NonNull<u8>,
    len: usize,
    used: AtomicUsize,
    shortage: Lock<Option<Shortage>>,
    buffer: PhantomData<&'b mut [MaybeUninit<u8>]>,
}

impl<'b> SyncFixedBufferAllocator<'b> {
    /// An allocator of the bytes of `buffer`, all of them free. It need not be aligned to anything.
    #[must_use]
    pub const fn new(buffer: &'b mut [MaybeUninit<u8>]) -> SyncFixedBufferAllocator<'b> {
        let len = buffer.len();
        SyncFixedBufferAllocator {
            // SAFETY: a reference leads to something.
            start: unsafe { NonNull::new_unchecked(buffer.as_mut_ptr().cast::<u8>()) },
            len,
            used: AtomicUsize::new(0),
            shortage: Lock::new(None),
            buffer: PhantomData,
        }
    }

    /// The same for a buffer of bytes, all of which are written. What they are is lost.
    ///
    /// # Safety
    ///
    /// After the borrow no byte of `buffer` is read before it is written anew: a block may have been left with bytes in it that were
    /// never written, such as the padding of a struct, and those are no `u8`.
    #[must_use]
    pub const unsafe fn from_bytes(buffer: &'b mut [u8]) -> SyncFixedBufferAllocator<'b> {
        // SAFETY: nothing that is not a `u8` is read as one, by the obligation of this function.
        SyncFixedBufferAllocator::new(unsafe { &mut *(ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) })
    }

    /// How many bytes long the buffer is.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.len
    }

    /// How many bytes blocks take up at this moment, as [there](super::FixedBufferAllocator::used).
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How many bytes are left at this moment.
    #[must_use]
    pub fn left(&self) -> usize {
        self.len - self.used()
    }

    /// Whether a pointer leads into the buffer, used or not.
    #[must_use]
    pub fn owns<T>(&self, pointer: *const T) -> bool {
        pointer.addr().wrapping_sub(self.start.addr().get()) < self.len
    }

    /// Which refused request would have needed the longest buffer; `None` if none was refused. A reset does not forget it.
    #[must_use]
    pub fn needed(&self) -> Option<Shortage> {
        *self.shortage.hold()
    }

    /// Empties the buffer.
    ///
    /// The values in it are not dropped: containers drop theirs before, since they borrow the allocator.
    pub fn reset(&mut self) {
        *self.used.get_mut() = 0;
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, request: Layout, needed: usize) -> AllocError {
        let shortage = Shortage { request, needed, capacity: self.len };
        let mut known = self.shortage.hold();
        *known = Some(shortage.or(*known));
        AllocError
    }

    /// Where in the buffer a block ends.
    #[inline]
    fn end_of(&self, block: NonNull<u8>, size: usize) -> usize {
        block.addr().get() - self.start.addr().get() + size
    }

    /// Moves the end of what is taken, if it is where the block ends: then the block is the last one, however often blocks have come
    /// and gone behind it. To who takes those bytes next, what was done with them has been done.
    #[inline]
    fn move_end(&self, block: NonNull<u8>, from: usize, to: usize) -> bool {
        let (old, new) = (self.end_of(block, from), self.end_of(block, to));
        self.used.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Gives a block another size where it lies; `None` if it can't stay there.
    ///
    /// # Safety
    /// 1. The block is one of this buffer's, `old` is its layout, and neither size is zero.
    /// 2. Nobody uses bytes beyond the new size.
    unsafe fn resize_in_place(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<[u8]>> {
        if padding(block.addr().get(), new.align()) != 0 {
            return None;
        }
        let fits = new.size() <= self.len - self.end_of(block, 0);
        let moved = fits && self.move_end(block, old.size(), new.size());
        (moved || new.size() <= old.size()).then(|| NonNull::slice_from_raw_parts(block, new.size()))
    }
}

impl fmt::Debug for SyncFixedBufferAllocator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut of = f.debug_struct("SyncFixedBufferAllocator");
        of.field("capacity", &self.capacity()).field("used", &self.used()).field("needed", &self.needed());
        of.finish_non_exhaustive()
    }
}

// SAFETY: a block is the range of the buffer by which one thread, and no other, moved the end of what is taken; it stays until that
// thread's block is given back, or the allocator is borrowed exclusively, which this borrow rules out. The slices have
// exactly the size that was asked for, so only one size fits.
unsafe impl Allocator for &SyncFixedBufferAllocator<'_> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(no_bytes(layout));
        }
        let mut used = self.used();
        loop {
            // A layout's size stays in the range of `isize` also when it is rounded up to its alignment: this does not overflow.
            let from = used + padding(self.start.addr().get() + used, layout.align());
            let end = from + layout.size();
            if end > self.len {
                return Err(self.refuse(layout, end));
            }
            match self.used.compare_exchange_weak(used, end, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    // SAFETY: the range ends in the buffer.
                    let block = unsafe { self.start.add(from) };
                    return Ok(NonNull::slice_from_raw_parts(block, layout.size()));
                }
                Err(now) => used = now,
            }
        }
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
        if layout.size() != 0 {
            // If it is not the last one, its room comes back with a reset.
            self.move_end(block, layout.size(), 0);
        }
    }

    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        // SAFETY: by the caller's obligations; the new size is no smaller.
        if let Some(grown) = unsafe { self.resize_in_place(block, old, new) } {
            return Ok(grown);
        }
        let stays = padding(block.addr().get(), new.align()) == 0 && self.used() == self.end_of(block, old.size());
        if stays && self.end_of(block, new.size()) > self.len {
            // It would stay where it is, and elsewhere it would need more.
            return Err(self.refuse(new, self.end_of(block, new.size())));
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
        if let Some(shrunk) = unsafe { self.resize_in_place(block, old, new) } {
            return Ok(shrunk);
        }
        // SAFETY: by the caller's obligations.
        unsafe { moved(self, block, old, new) }
    }
}

speaks!([] &SyncFixedBufferAllocator<'_>);

// SAFETY: the buffer is borrowed for nobody else, and threads agree by one atomic number on whose each byte is.
unsafe impl Send for SyncFixedBufferAllocator<'_> {}
// SAFETY: as above.
unsafe impl Sync for SyncFixedBufferAllocator<'_> {}
