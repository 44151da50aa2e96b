//! A value in a slot of a pool, and its owner.

use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::super::adapt::Global;
use super::super::seam::Allocator;
use super::PoolAllocator;

/// A value in a slot of a [pool](PoolAllocator), which owns it as a `Box` does. When it is dropped, the slot is free again.
///
/// Neither `Send` nor `Sync`, for it comes back to a pool that is one thread's.
pub struct Pooled<'p, T, A: Allocator = Global> {
    taken: Taken<'p, T, A>,
}

/// A slot that comes back to its pool, whatever becomes of the value in it.
struct Taken<'p, T, A: Allocator> {
    pool: &'p PoolAllocator<T, A>,
    slot: NonNull<MaybeUninit<T>>,
}

impl<T, A: Allocator> Drop for Taken<'_, T, A> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the slot was acquired from this pool for this value alone.
        unsafe { self.pool.release(self.slot) };
    }
}

impl<'p, T, A: Allocator> Pooled<'p, T, A> {
    /// Puts a value into a slot, and is its owner.
    ///
    /// # Safety
    /// The slot was acquired from this pool, and is nobody else's.
    #[inline]
    pub(super) unsafe fn put(
        pool: &'p PoolAllocator<T, A>,
        slot: NonNull<MaybeUninit<T>>,
        value: T,
    ) -> Pooled<'p, T, A> {
        // SAFETY: by the obligation of this function.
        unsafe { slot.cast::<T>().write(value) };
        Pooled { taken: Taken { pool, slot } }
    }

    /// Takes the value out. The slot is free again.
    #[must_use]
    pub fn into_inner(pooled: Pooled<'p, T, A>) -> T {
        let pooled = ManuallyDrop::new(pooled);
        // SAFETY: the value and the slot's guard are each taken over once; what they came from is not dropped.
        unsafe {
            let taken = std::ptr::read(&raw const pooled.taken);
            taken.slot.cast::<T>().read()
        }
    }
}

impl<T, A: Allocator> Drop for Pooled<'_, T, A> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: there is a value in the slot, and this is the end of it. Should its destructor panic, the slot comes back all the same.
        unsafe { self.taken.slot.cast::<T>().drop_in_place() };
    }
}

impl<T, A: Allocator> Deref for Pooled<'_, T, A> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: there is a value in the slot, and it is ours.
        unsafe { self.taken.slot.cast::<T>().as_ref() }
    }
}

impl<T, A: Allocator> DerefMut for Pooled<'_, T, A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and borrowed for nobody else.
        unsafe { self.taken.slot.cast::<T>().as_mut() }
    }
}

impl<T: fmt::Debug, A: Allocator> fmt::Debug for Pooled<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display, A: Allocator> fmt::Display for Pooled<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
