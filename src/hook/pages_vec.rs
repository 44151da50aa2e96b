//! A growing array in pages of our own: what the hook uses in place of a `Vec`.

use std::marker::PhantomData;
use std::mem::size_of;
use std::ptr::{self, NonNull};

use crate::sys::pages::{self, Share};

/// A growing array of plain values. Never asks an allocator for anything.
#[repr(C)]
pub(crate) struct PagesVec<T: Copy> {
    at: Option<NonNull<T>>,
    len: usize,
    capacity: usize,
    plain: PhantomData<T>,
}

// SAFETY: the pages belong to the value as a Vec's buffer does.
unsafe impl<T: Copy + Send> Send for PagesVec<T> {}

/// Bytes of the first mapping.
const FIRST: usize = 64 * 1024;

impl<T: Copy> PagesVec<T> {
    /// An empty one; maps nothing.
    pub(crate) const fn new() -> Self {
        PagesVec { at: None, len: 0, capacity: 0, plain: PhantomData }
    }

    /// How many values there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a value; false if the system has no pages left.
    #[inline]
    pub(crate) fn push(&mut self, value: T) -> bool {
        if self.len == self.capacity && !self.grow() {
            return false;
        }
        match self.at {
            Some(at) => {
                // SAFETY: len < capacity, so the place lies in our mapping.
                unsafe { at.as_ptr().add(self.len).write(value) };
                self.len = self.len.wrapping_add(1);
                true
            }
            None => false,
        }
    }

    /// Where the first value lies; dangling while nothing is mapped.
    ///
    /// For the paths that every request takes: without optimisation a slice costs more than the whole look-up.
    #[inline(always)]
    pub(crate) fn base(&self) -> *mut T {
        match self.at {
            Some(at) => at.as_ptr(),
            None => NonNull::dangling().as_ptr(),
        }
    }

    /// The value at `index`.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.as_slice().get(index)
    }

    /// All values.
    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        match self.at {
            // SAFETY: the first `len` values are written, and borrowed as long as we are.
            Some(at) => unsafe { std::slice::from_raw_parts(at.as_ptr(), self.len) },
            None => &[],
        }
    }

    /// All values, to be put in another order.
    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self.at {
            // SAFETY: as in `as_slice`, and borrowed for nobody else.
            Some(at) => unsafe { std::slice::from_raw_parts_mut(at.as_ptr(), self.len) },
            None => &mut [],
        }
    }

    /// Takes the last value out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: the value was written, and lies behind the last one from now on.
        Some(unsafe { self.base().add(self.len).read() })
    }

    /// Forgets all values and keeps the pages.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    #[cold]
    fn grow(&mut self) -> bool {
        let wanted = if self.capacity == 0 {
            usize::max(1, FIRST.checked_div(size_of::<T>()).unwrap_or(1))
        } else {
            self.capacity.saturating_mul(2)
        };
        let Some(bytes) = wanted.checked_mul(size_of::<T>()) else { return false };
        let Some(fresh) = pages::map(bytes, Share::Private) else { return false };
        let fresh: NonNull<T> = fresh.cast();
        if let Some(old) = self.at {
            // SAFETY: both ranges are ours and apart; the old one holds `len` values, and nobody keeps a reference into it
            // while we are borrowed exclusively.
            unsafe {
                ptr::copy_nonoverlapping(old.as_ptr(), fresh.as_ptr(), self.len);
                pages::unmap(old.cast(), self.capacity.wrapping_mul(size_of::<T>()));
            }
        }
        self.at = Some(fresh);
        self.capacity = wanted;
        true
    }
}

impl<T: Copy> Drop for PagesVec<T> {
    fn drop(&mut self) {
        if let Some(at) = self.at.take() {
            // SAFETY: the mapping is ours alone.
            unsafe { pages::unmap(at.cast(), self.capacity.wrapping_mul(size_of::<T>())) };
        }
    }
}
