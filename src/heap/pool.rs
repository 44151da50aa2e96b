//! A pool: slots for values of one type, taken and given back in any order, in a few instructions each.
//!
//! 1. What is given back is taken next; the list of free slots lies in the slots themselves.
//! 2. The backing allocator is asked for a chunk of slots at a time, and has all of them back when the pool is dropped.
//! 3. A request that the backing allocator refuses is refused, after one attempt, and nothing has changed.
//! 4. No pooled value outlives the pool, and none is there while it is reset: the borrow checker sees to it.

use std::alloc::Layout;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

use super::adapt::Global;
use super::foreign::speaks;
use super::room::Room;
use super::seam::{AllocError, Allocator, no_bytes, zero_beyond};

mod pooled;

pub use pooled::Pooled;

/// Slots for values of type `T`, in chunks of a backing allocator.
///
/// [`create`](PoolAllocator::create) puts a value into a slot, and the slot comes back when the value is dropped;
/// [`acquire`](PoolAllocator::acquire) and [`release`](PoolAllocator::release) do it by hand. `&PoolAllocator` is an [`Allocator`] too, for every layout that
/// fits a slot: its size and its alignment are no larger. It refuses all others. A block grows and shrinks in place, as long as
/// it fits.
///
/// **Slots.** A slot is as large and as aligned as `T`, and no less than a pointer, which lies in it while it is free.
///
/// **Chunks.** The first has as many slots as go into 1 KiB, at least one and at most 64; each further one has as many as there are
/// already, but no more than go into 16 MiB. Of each chunk some bytes behind the slots are the pool's own. The backing allocator is
/// asked once for a chunk: if it refuses, so does the pool, and it does not try a smaller one.
/// [`with_capacity`](PoolAllocator::with_capacity) and [`reserve`](PoolAllocator::reserve) ask beforehand, [`limit`](PoolAllocator::limit) says
/// where it ends.
///
/// **Threads.** `Send` if the backing allocator is; not `Sync`: one thread at a time, without locks or atomics.
///
/// # Examples
///
/// ```
/// use oomsweep::heap::PoolAllocator;
///
/// let pool = PoolAllocator::with_capacity(2)?.limit(2);
/// let (mut red, green) = (pool.create("red".to_owned())?, pool.create("green".to_owned())?);
/// red.push('!');
/// assert_eq!((red.as_str(), green.as_str()), ("red!", "green"));
///
/// assert!(pool.create("blue".to_owned()).is_err());
/// drop(green);
/// assert_eq!(pool.free(), 1);
/// let blue = pool.create("blue".to_owned())?;
/// # drop(blue);
/// # Ok::<(), oomsweep::heap::AllocError>(())
/// ```
pub struct PoolAllocator<T, A: Allocator = Global> {
    /// The slot that was given back last; it holds where the one before it is.
    free: Cell<Option<NonNull<Slot<T>>>>,
    /// Slots of the newest chunk of `begun` that nobody has had yet.
    room: Cell<Room>,
    /// Chunks whose slots were given out, newest first.
    begun: Cell<Option<NonNull<Chunk>>>,
    /// Chunks whose slots nobody has had yet.
    untouched: Cell<Option<NonNull<Chunk>>>,
    live: Cell<usize>,
    capacity: Cell<usize>,
    limit: usize,
    backing: A,
    /// The values are their owners', not the pool's.
    items: PhantomData<fn() -> T>,
}

union Slot<T> {
    next: Option<NonNull<Slot<T>>>,
    _item: ManuallyDrop<MaybeUninit<T>>,
}

/// What a chunk ends with.
struct Chunk {
    next: Option<NonNull<Chunk>>,
    start: NonNull<u8>,
    slots: usize,
    layout: Layout,
}

/// Bytes of slots in the first chunk, if one slot is no larger.
const FIRST: usize = 1024;
/// Slots in the first chunk, at most.
const FIRST_SLOTS: usize = 64;
/// Chunks grow no further by themselves.
const MOST: usize = 16 << 20;

impl<T> PoolAllocator<T> {
    /// An empty pool over the program's global allocator, which is not asked for anything yet.
    #[must_use]
    pub const fn new() -> PoolAllocator<T> {
        PoolAllocator::new_in(Global)
    }

    /// A pool over the program's global allocator with so many slots.
    ///
    /// # Errors
    ///
    /// If the global allocator refuses them.
    pub fn with_capacity(slots: usize) -> Result<PoolAllocator<T>, AllocError> {
        PoolAllocator::with_capacity_in(slots, Global)
    }
}

impl<T, A: Allocator> PoolAllocator<T, A> {
    const SLOT: Layout = Layout::new::<Slot<T>>();

    /// An empty pool over `backing`, which is not asked for anything yet.
    #[must_use]
    pub const fn new_in(backing: A) -> PoolAllocator<T, A> {
        PoolAllocator {
            free: Cell::new(None),
            room: Cell::new(Room::EMPTY),
            begun: Cell::new(None),
            untouched: Cell::new(None),
            live: Cell::new(0),
            capacity: Cell::new(0),
            limit: usize::MAX,
            backing,
            items: PhantomData,
        }
    }

    /// A pool over `backing` with so many slots, in one chunk. It grows beyond them, unless it is [limited](PoolAllocator::limit).
    ///
    /// # Errors
    ///
    /// If `backing` refuses them, or no block can be so large.
    pub fn with_capacity_in(slots: usize, backing: A) -> Result<PoolAllocator<T, A>, AllocError> {
        let pool = PoolAllocator::new_in(backing);
        pool.reserve(slots)?;
        Ok(pool)
    }

    /// The same pool, which never grows beyond so many slots in all. Slots that it has already it keeps.
    #[must_use]
    pub fn limit(mut self, slots: usize) -> PoolAllocator<T, A> {
        self.limit = slots;
        self
    }

    /// The allocator behind it.
    #[must_use]
    pub fn backing(&self) -> &A {
        &self.backing
    }

    /// How many slots there are.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity.get()
    }

    /// How many slots are taken.
    #[must_use]
    pub fn live(&self) -> usize {
        self.live.get()
    }

    /// How many slots can be taken before the backing allocator is asked.
    #[must_use]
    pub fn free(&self) -> usize {
        self.capacity() - self.live()
    }

    /// Sees to it that so many slots are free, if need be by one more chunk.
    ///
    /// # Errors
    ///
    /// If the pool's limit or the backing allocator refuses them, or no block can be so large.
    pub fn reserve(&self, slots: usize) -> Result<(), AllocError> {
        match slots.checked_sub(self.free()) {
            None | Some(0) => Ok(()),
            Some(missing) if missing > self.limit.saturating_sub(self.capacity()) => Err(AllocError),
            Some(missing) => self.add_chunk(missing),
        }
    }

    /// Takes a slot. What is in it is not to be read before it is written. It is the pool's until it is released, or until
    /// the pool is reset or dropped.
    ///
    /// # Errors
    ///
    /// If none is free, and the pool's limit or the backing allocator refuses more.
    #[inline]
    pub fn acquire(&self) -> Result<NonNull<MaybeUninit<T>>, AllocError> {
        Ok(self.take()?.cast())
    }

    /// Takes a slot back. A value in it is not dropped.
    ///
    /// # Safety
    ///
    /// 1. `slot` was [acquired](PoolAllocator::acquire) from this pool, and has been neither released since, nor lost to a reset.
    /// 2. Nobody uses it any more.
    ///
    /// # Examples
    ///
    /// ```
    /// use oomsweep::heap::PoolAllocator;
    ///
    /// let pool = PoolAllocator::<u64>::new();
    /// let slot = pool.acquire()?;
    /// // SAFETY: the slot is ours, and given back once.
    /// unsafe {
    ///     slot.cast::<u64>().write(7);
    ///     pool.release(slot);
    /// }
    /// assert_eq!(pool.acquire()?, slot);
    /// # Ok::<(), oomsweep::heap::AllocError>(())
    /// ```
    #[inline]
    pub unsafe fn release(&self, slot: NonNull<MaybeUninit<T>>) {
        // SAFETY: by the obligations of this function.
        unsafe { self.give_back(slot.cast()) };
    }

    /// Puts a value into a slot.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](PoolAllocator::acquire). The value is dropped then.
    #[inline]
    pub fn create(&self, value: T) -> Result<Pooled<'_, T, A>, AllocError> {
        let slot = self.acquire()?;
        // SAFETY: the slot is new, and nobody else's.
        Ok(unsafe { Pooled::put(self, slot, value) })
    }

    /// Makes all slots free, and keeps them.
    ///
    /// Values that are in slots are not dropped: a [`Pooled`] one was before, since it borrows the pool.
    pub fn reset(&mut self) {
        while let Some(mut chunk) = self.begun.take() {
            // SAFETY: chunks are there until they are given back, and each is in one list.
            let next = unsafe { chunk.as_mut() };
            self.begun.set(next.next);
            next.next = self.untouched.replace(Some(chunk));
        }
        self.room.set(Room::EMPTY);
        self.free.set(None);
        self.live.set(0);
    }

    /// Makes all slots free, and gives them back to the backing allocator. The pool is as new, and can be used again.
    ///
    /// Values that are in slots are not dropped, as in a [`reset`](PoolAllocator::reset).
    pub fn free_all(&mut self) {
        self.reset();
        self.capacity.set(0);
        while let Some(chunk) = self.untouched.take() {
            // SAFETY: a chunk ends with this, until it is given back.
            let Chunk { next, start, layout, .. } = unsafe { chunk.read() };
            self.untouched.set(next);
            // SAFETY: it came from the backing allocator with this layout, and nobody uses its slots.
            unsafe { self.backing.deallocate(start, layout) };
        }
    }

    #[inline]
    fn take(&self) -> Result<NonNull<Slot<T>>, AllocError> {
        let slot = match self.free.get() {
            Some(slot) => {
                // SAFETY: a free slot holds where the next one is.
                self.free.set(unsafe { slot.as_ref().next });
                slot
            }
            None => self.take_untouched()?,
        };
        self.live.set(self.live.get() + 1);
        Ok(slot)
    }

    /// A slot that nobody has had yet.
    #[inline]
    fn take_untouched(&self) -> Result<NonNull<Slot<T>>, AllocError> {
        let mut room = self.room.get();
        let slot = match room.take(Self::SLOT) {
            Some(slot) => slot,
            None => {
                room = self.begin_chunk()?;
                room.take(Self::SLOT).ok_or(AllocError)?
            }
        };
        self.room.set(room);
        Ok(slot.cast())
    }

    /// # Safety
    /// The slot is taken, and nobody uses it any more.
    #[inline]
    unsafe fn give_back(&self, slot: NonNull<Slot<T>>) {
        // SAFETY: by the obligation of this function.
        unsafe { slot.write(Slot { next: self.free.get() }) };
        self.free.set(Some(slot));
        self.live.set(self.live.get() - 1);
    }

    /// All the slots of a chunk that nobody has had yet, which is one of the begun ones from now on.
    #[cold]
    #[inline(never)]
    fn begin_chunk(&self) -> Result<Room, AllocError> {
        if self.untouched.get().is_none() {
            let slot = Self::SLOT.size();
            let first = (FIRST / slot).clamp(1, FIRST_SLOTS);
            let most = usize::max(MOST / slot, 1);
            let left = self.limit.saturating_sub(self.capacity());
            match self.capacity().clamp(first, most).min(left) {
                0 => return Err(AllocError),
                slots => self.add_chunk(slots)?,
            }
        }
        let mut chunk = self.untouched.get().ok_or(AllocError)?;
        // SAFETY: chunks are there until they are given back, each is in one list, and nobody has the slots of this one.
        unsafe {
            let begun = chunk.as_mut();
            self.untouched.set(begun.next);
            begun.next = self.begun.replace(Some(chunk));
            Ok(Room::of(begun.start, begun.slots * Self::SLOT.size()))
        }
    }

    /// Asks the backing allocator for one more chunk, of so many slots.
    fn add_chunk(&self, slots: usize) -> Result<(), AllocError> {
        let all = Layout::array::<Slot<T>>(slots).map_err(|_| AllocError)?;
        let (layout, behind) = all.extend(Layout::new::<Chunk>()).map_err(|_| AllocError)?;
        let start = self.backing.allocate(layout)?.cast::<u8>();
        // SAFETY: the block was made for this, and is nobody else's.
        unsafe {
            let chunk = start.add(behind).cast::<Chunk>();
            chunk.write(Chunk { next: self.untouched.get(), start, slots, layout });
            self.untouched.set(Some(chunk));
        }
        self.capacity.set(self.capacity.get() + slots);
        Ok(())
    }

    fn has_slots_for(layout: Layout) -> bool {
        layout.size() <= Self::SLOT.size() && layout.align() <= Self::SLOT.align()
    }
}

impl<T, A: Allocator + Default> Default for PoolAllocator<T, A> {
    fn default() -> PoolAllocator<T, A> {
        PoolAllocator::new_in(A::default())
    }
}

impl<T, A: Allocator> fmt::Debug for PoolAllocator<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut of = f.debug_struct("PoolAllocator");
        of.field("live", &self.live()).field("capacity", &self.capacity());
        of.finish_non_exhaustive()
    }
}

impl<T, A: Allocator> Drop for PoolAllocator<T, A> {
    fn drop(&mut self) {
        self.free_all();
    }
}

// SAFETY: a block is a slot, which is nobody else's until it is given back, or the pool is borrowed exclusively or dropped, which this
// borrow rules out. Only layouts are served that fit a slot. The slices have exactly the size that was asked for, so only one size
// fits.
unsafe impl<T, A: Allocator> Allocator for &PoolAllocator<T, A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(no_bytes(layout));
        }
        if !PoolAllocator::<T, A>::has_slots_for(layout) {
            return Err(AllocError);
        }
        Ok(NonNull::slice_from_raw_parts(self.take()?.cast(), layout.size()))
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
            // SAFETY: by the caller's obligations, it is a slot that was taken.
            unsafe { self.give_back(block.cast()) };
        }
    }

    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        let fits = PoolAllocator::<T, A>::has_slots_for(new);
        fits.then(|| NonNull::slice_from_raw_parts(block, new.size())).ok_or(AllocError)
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
        let fits = PoolAllocator::<T, A>::has_slots_for(new);
        fits.then(|| NonNull::slice_from_raw_parts(block, new.size())).ok_or(AllocError)
    }
}

speaks!([T, A: Allocator] &PoolAllocator<T, A>);

// SAFETY: the chunks belong to the pool as a Vec's buffer does; values that are still in slots are never touched again by the pool, and
// whoever else could borrow it.
unsafe impl<T, A: Allocator + Send> Send for PoolAllocator<T, A> {}

#[cfg(test)]
mod tests;
