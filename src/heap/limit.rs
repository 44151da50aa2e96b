//! An allocator with an upper bound: the bytes that it has given out are never more than its limit, however many threads ask.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::adapt::Global;
use super::seam::{AllocError, Allocator};
use super::watched::{Ask, Watch, watches};

/// Refuses what would lift the live bytes above a limit.
///
/// Bytes are those that were asked for; what the allocator behind sets aside for them, or needs twice for a moment while it moves
/// a block, is its own. A block that grows needs room for the difference alone, and one that shrinks or keeps its size needs none. What
/// is refused never gets to the allocator behind, and a block whose growth was refused stays as it was.
///
/// Room is taken before the allocator behind is asked, and given back if it refuses: a request may therefore be refused for the
/// sake of one that is under way on another thread, but the limit is never passed. It is [`Send`] and [`Sync`] if `A` is.
///
/// # Examples
///
/// ```
/// use std::alloc::Layout;
/// use oomsweep::heap::{AllocError, Allocator, LimitAllocator, adapt::Global};
///
/// let small = LimitAllocator::new(Global, 100);
/// let block = small.allocate(Layout::new::<[u8; 80]>())?;
/// assert_eq!((small.used(), small.left()), (80, 20));
/// assert_eq!(small.allocate(Layout::new::<[u8; 21]>()), Err(AllocError));
/// // SAFETY: allocated just now, with this layout.
/// unsafe { small.deallocate(block.cast(), Layout::new::<[u8; 80]>()) };
/// assert_eq!(small.left(), 100);
/// # Ok::<(), AllocError>(())
/// ```
#[derive(Debug)]
pub struct LimitAllocator<A = Global> {
    backing: A,
    limit: AtomicUsize,
    used: AtomicUsize,
}

impl<A> LimitAllocator<A> {
    /// Gives out at most `limit` bytes of `backing` at one time; [`usize::MAX`] is no limit.
    pub const fn new(backing: A, limit: usize) -> LimitAllocator<A> {
        LimitAllocator { backing, limit: AtomicUsize::new(limit), used: AtomicUsize::new(0) }
    }

    /// The allocator behind. What is asked of it directly has no limit.
    pub fn backing(&self) -> &A {
        &self.backing
    }

    /// The limit, in bytes.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// How many bytes are given out now, with those of requests under way.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How many bytes are left; none if the limit was set below what is in use.
    pub fn left(&self) -> usize {
        self.limit().saturating_sub(self.used())
    }

    /// Sets another limit, in bytes. Below what is in use it takes nothing away: until enough has come back, whatever needs room is refused.
    ///
    /// ```
    /// use std::alloc::Layout;
    /// use oomsweep::heap::{Allocator, LimitAllocator, adapt::Global};
    ///
    /// let limited = LimitAllocator::new(Global, 0);
    /// assert!(limited.allocate(Layout::new::<u8>()).is_err());
    /// limited.set_limit(1);
    /// let block = limited.allocate(Layout::new::<u8>())?;
    /// # // SAFETY: allocated just now, with this layout.
    /// # unsafe { limited.deallocate(block.cast(), Layout::new::<u8>()) };
    /// # Ok::<(), oomsweep::heap::AllocError>(())
    /// ```
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

// SAFETY: the field is private, and is given away by shared reference only.
unsafe impl<A: Allocator> Watch for LimitAllocator<A> {
    type Backing = A;
    type Pass = ();

    fn backing(&self) -> &A {
        &self.backing
    }

    fn before(&self, ask: &Ask) -> Result<(), AllocError> {
        let growth = ask.growth();
        if growth == 0 {
            return Ok(());
        }
        let room = |used: usize| used.checked_add(growth).filter(|after| *after <= self.limit());
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).map(drop).map_err(|_| AllocError)
    }

    fn after(&self, ask: &Ask, _pass: &(), answer: Result<NonNull<u8>, AllocError>) {
        self.give_back(if answer.is_ok() { ask.decline() } else { ask.growth() });
    }

    fn freeing(&self, _block: NonNull<u8>, _layout: Layout) {}

    fn freed(&self, layout: Layout) {
        self.give_back(layout.size());
    }
}

watches!([A: Allocator] LimitAllocator<A>);

#[cfg(test)]
mod tests;
