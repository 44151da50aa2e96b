//! A lock for what an allocator keeps: it allocates nothing, is never poisoned, and is held for a few instructions.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

/// A value behind a lock. Nobody calls another allocator, or anything of a user's, while it is held.
pub(super) struct Lock<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by whoever holds the lock, one at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock.
    pub(super) const fn new(value: T) -> Lock<T> {
        Lock { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Waits until the lock is free, and holds it.
    pub(super) fn hold(&self) -> Held<'_, T> {
        let mut spins = 0_u32;
        while self.held.swap(true, Ordering::Acquire) {
            spins = spins.wrapping_add(1);
            if spins & 63 == 0 {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
        Held { lock: self }
    }

    /// The value itself, for who has the lock alone.
    pub(super) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

/// A lock that is held until this is dropped.
pub(super) struct Held<'l, T> {
    lock: &'l Lock<T>,
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        self.lock.held.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let lock = Lock::new((0_u64, 0_u64));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let mut held = lock.hold();
                        assert_eq!(held.0, held.1);
                        held.0 += 1;
                        std::hint::black_box(&mut *held);
                        held.1 += 1;
                    }
                });
            }
        });
        assert_eq!(lock.hold().0, 40_000);
    }

    #[test]
    fn a_panic_leaves_it_free() {
        let lock = Lock::new(0);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            *lock.hold() = 1;
            let _held = lock.hold();
            panic!("while it is held");
        }));
        assert!(caught.is_err());
        assert_eq!(*lock.hold(), 1);
    }
}
