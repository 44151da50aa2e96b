//! An allocator that counts what another gives out and takes back. It keeps no lock, and refuses nothing.

use std::alloc::Layout;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::adapt::Global;
use super::seam::{AllocError, Allocator};
use super::watched::{Ask, Watch, watches};

/// What was asked of an allocator, and what it gave.
///
/// Only requests of at least a byte count, and bytes are those that were asked for, not those that the allocator had to set aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AllocStats {
    /// Blocks that were given out.
    pub allocations: u64,
    /// Blocks that were given another size: larger, smaller or the same, in place or moved.
    pub reallocations: u64,
    /// Blocks that were taken back.
    pub frees: u64,
    /// Requests that came back empty-handed.
    pub failed: u64,
    /// All bytes that were ever given out: of new blocks, and what blocks grew by.
    pub bytes: u64,
    /// The most bytes that were live at one time.
    pub peak: u64,
}

impl AllocStats {
    /// Blocks that were given out and are not yet back.
    pub fn live_blocks(&self) -> u64 {
        self.allocations.saturating_sub(self.frees)
    }
}

impl fmt::Display for AllocStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AllocStats { allocations, reallocations, frees, failed, bytes, peak } = self;
        write!(
            f,
            "allocations: {allocations}, reallocations: {reallocations}, frees: {frees}, failed: {failed}, \
             bytes: {bytes}, peak: {peak}"
        )
    }
}

/// Counts what passes through it.
///
/// Every number is exact, and changes only when the allocator behind has answered. A call without bytes is not counted; to grow a block
/// of no bytes counts as an allocation, and to shrink one to no bytes as a free. It is [`Send`] and [`Sync`] if `A` is. While other
/// threads allocate, each number that is read is right for a moment of its own.
///
/// # Examples
///
/// ```
/// use std::alloc::Layout;
/// use oomsweep::heap::{Allocator, CountingAllocator, adapt::Global};
///
/// let counting = CountingAllocator::new(Global);
/// let block = counting.allocate(Layout::new::<[u8; 100]>())?;
/// assert_eq!(counting.live_bytes(), 100);
/// // SAFETY: allocated just now, with this layout.
/// unsafe { counting.deallocate(block.cast(), Layout::new::<[u8; 100]>()) };
///
/// let stats = counting.stats();
/// assert_eq!((stats.allocations, stats.frees, stats.peak), (1, 1, 100));
/// assert_eq!((counting.live_blocks(), counting.live_bytes()), (0, 0));
/// # Ok::<(), oomsweep::heap::AllocError>(())
/// ```
#[derive(Debug, Default)]
pub struct CountingAllocator<A = Global> {
    backing: A,
    allocations: AtomicU64,
    reallocations: AtomicU64,
    frees: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    live_blocks: AtomicU64,
    live_bytes: AtomicU64,
    peak: AtomicU64,
}

impl<A> CountingAllocator<A> {
    /// Counts what `backing` does, from zero.
    pub const fn new(backing: A) -> CountingAllocator<A> {
        CountingAllocator {
            backing,
            allocations: AtomicU64::new(0),
            reallocations: AtomicU64::new(0),
            frees: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            live_blocks: AtomicU64::new(0),
            live_bytes: AtomicU64::new(0),
            peak: AtomicU64::new(0),
        }
    }

    /// The allocator behind. What is asked of it directly is not counted.
    pub fn backing(&self) -> &A {
        &self.backing
    }

    /// The numbers up to now.
    ///
    /// ```
    /// use oomsweep::heap::CountingAllocator;
    ///
    /// assert_eq!(CountingAllocator::new(std::alloc::System).stats(), Default::default());
    /// ```
    pub fn stats(&self) -> AllocStats {
        // Frees first: of a block whose free is seen, the allocation is seen too.
        let frees = self.frees.load(Ordering::Acquire);
        AllocStats {
            allocations: self.allocations.load(Ordering::Relaxed),
            reallocations: self.reallocations.load(Ordering::Relaxed),
            frees,
            failed: self.failed.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            peak: self.peak.load(Ordering::Relaxed),
        }
    }

    /// How many blocks are given out now.
    pub fn live_blocks(&self) -> u64 {
        self.live_blocks.load(Ordering::Relaxed)
    }

    /// How many bytes are given out now.
    pub fn live_bytes(&self) -> u64 {
        self.live_bytes.load(Ordering::Relaxed)
    }

    /// Starts the peak anew, at what is live now.
    ///
    /// ```
    /// use std::alloc::Layout;
    /// use oomsweep::heap::{Allocator, CountingAllocator, adapt::Global};
    ///
    /// let counting = CountingAllocator::new(Global);
    /// let layout = Layout::new::<u64>();
    /// let block = counting.allocate(layout)?;
    /// // SAFETY: allocated just now, with this layout.
    /// unsafe { counting.deallocate(block.cast(), layout) };
    /// assert_eq!(counting.stats().peak, 8);
    /// counting.reset_peak();
    /// assert_eq!(counting.stats().peak, 0);
    /// # Ok::<(), oomsweep::heap::AllocError>(())
    /// ```
    pub fn reset_peak(&self) {
        // In this order: what another thread lifted the peak to before the store is in the live bytes that are read after it.
        self.peak.store(0, Ordering::SeqCst);
        self.peak.fetch_max(self.live_bytes.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    fn add(&self, bytes: usize) {
        let bytes = bytes as u64;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let live = self.live_bytes.fetch_add(bytes, Ordering::SeqCst) + bytes;
        self.peak.fetch_max(live, Ordering::SeqCst);
    }
}

// SAFETY: the field is private, and is given away by shared reference only.
unsafe impl<A: Allocator> Watch for CountingAllocator<A> {
    type Backing = A;
    type Pass = ();

    fn backing(&self) -> &A {
        &self.backing
    }

    fn before(&self, _ask: &Ask) -> Result<(), AllocError> {
        Ok(())
    }

    fn after(&self, ask: &Ask, _pass: &(), answer: Result<NonNull<u8>, AllocError>) {
        if answer.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match ask.old {
            None => {
                self.allocations.fetch_add(1, Ordering::Relaxed);
                self.live_blocks.fetch_add(1, Ordering::Relaxed);
            }
            Some(_) => {
                self.reallocations.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.add(ask.growth());
        self.live_bytes.fetch_sub(ask.decline() as u64, Ordering::SeqCst);
    }

    fn freeing(&self, _block: NonNull<u8>, _layout: Layout) {}

    fn freed(&self, layout: Layout) {
        self.live_bytes.fetch_sub(layout.size() as u64, Ordering::SeqCst);
        self.live_blocks.fetch_sub(1, Ordering::Relaxed);
        self.frees.fetch_add(1, Ordering::Release);
    }
}

watches!([A: Allocator] CountingAllocator<A>);

#[cfg(test)]
mod tests;
