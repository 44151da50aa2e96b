//! The allocator for finding bugs: it says what was leaked, freed twice, freed wrongly, or written beside, and by whom.
//!
//! Every block stands between guarded bytes, a ledger apart from all memory of blocks knows each of them with the stacks of its
//! birth and its free, and what is freed is held back and watched for a while. What is wrong is told when it is noticed, by a panic
//! that carries the whole report; what is left at the end is told by [`DebugAllocator::deinit`].

use std::alloc::Layout;
use std::fmt;
use std::ptr::NonNull;

use super::adapt::Global;
use super::foreign::speaks;
use super::seam::{AllocError, Allocator};
use crate::model::stack::RawStack;
use crate::sys::stacks;

mod guards;
mod leaks;
mod ledger;
mod noted;
mod options;
mod say;
mod threads;
mod told;
mod watch;

#[cfg(test)]
mod tests;

pub use leaks::{Leak, Leaks, MemoryErrors};
pub use options::DebugOptions;

use say::Said;
use watch::{To, Watch};

/// Finds leaks, double frees, invalid frees, wrong layouts, and writes beside a block or after its free, in whatever takes its memory
/// from here.
///
/// # What is found, and when
///
/// | what | when |
/// |---|---|
/// | a block is freed twice, or used after a `grow` or `shrink` has moved it | at that call, while the block is in quarantine; later with [`retain_metadata`](DebugOptions::retain_metadata) |
/// | a pointer is freed that is no block's start | at that call |
/// | a block is freed or resized with another layout than its own | at that call |
/// | bytes before or behind a block are written | when the block is freed or resized, by [`check`](Self::check), at the end |
/// | a freed block is written to | when it leaves the quarantine, by `check`, at the end |
/// | a block is never freed | at the end, and by [`leaks`](Self::leaks) |
/// | a second thread calls, with [`thread_safe(false)`](DebugOptions::thread_safe) | at that call |
///
/// A wrong call is never passed on. One with a wrong layout, or whose block was damaged, is made as if it had been right; then it
/// **panics** with the report: the stacks of the birth, of the first free, and of the call. A thread that panics already prints the
/// report instead, and goes on. Either way the allocator is in order afterwards, and the error stays on record for
/// [`deinit`](Self::deinit).
///
/// # The end
///
/// [`deinit`](Self::deinit) returns what was left behind. Dropped without it, the allocator **panics** with the same list while blocks
/// are live, or when the drop itself finds damage; a thread that panics already prints it. What leaked is not given back to the
/// backing allocator, then or later, so whoever still uses it does no harm.
///
/// # Memory, time, threads
///
/// A request asks the backing allocator once, for a block that is larger by the guarded bytes. Freed blocks go back after the
/// quarantine. `shrink` stays in place unless the alignment asks for more, and so does `grow` as far as the block was larger before;
/// else it moves, and the old place is quarantined, so that who still uses it is found. The block that comes back has exactly the size
/// that was asked for. Bookkeeping lies in pages of the system's own, for each block some hundred bytes, most of it
/// stacks; a request for which there are none left comes back empty-handed, and nothing has changed.
///
/// It is `Send` and `Sync` if the backing allocator is. Calls of several threads wait for each other for the length of a look at the
/// ledger; no lock is held while the backing allocator is called or a stack is taken.
///
/// # Examples
///
/// A collection takes it by reference:
///
/// ```
/// use oomsweep::heap::DebugAllocator;
/// # #[cfg(feature = "allocator-api2-02")]
/// # {
/// use allocator_api2_02::vec::Vec;
///
/// let heap: DebugAllocator = DebugAllocator::default();
/// let mut squares = Vec::new_in(&heap);
/// squares.extend((0..100_u64).map(|n| n * n));
/// assert_eq!(heap.live_blocks(), 1);
/// drop(squares);
/// heap.deinit().unwrap();
/// # }
/// ```
///
/// A block that is freed twice:
///
/// ```should_panic
/// use oomsweep::heap::{Allocator, DebugAllocator};
/// use std::alloc::{Layout, System};
///
/// let heap = DebugAllocator::new(System);
/// let layout = Layout::new::<u64>();
/// let block = heap.allocate(layout).unwrap().cast();
/// // SAFETY: allocated just now, with this layout.
/// unsafe { heap.deallocate(block, layout) };
/// // Not safe at all: this panics, and says where the block was born and where it was freed before.
/// unsafe { heap.deallocate(block, layout) };
/// ```
pub struct DebugAllocator<A: Allocator = Global> {
    watch: Watch,
    backing: A,
}

impl<A: Allocator> DebugAllocator<A> {
    /// One that takes its memory from `backing`, with the default [options](DebugOptions::new). Asks for nothing yet.
    ///
    /// ```
    /// use oomsweep::heap::DebugAllocator;
    /// use std::alloc::System;
    ///
    /// static HEAP: DebugAllocator<System> = DebugAllocator::new(System);
    /// assert_eq!(HEAP.live_bytes(), 0);
    /// ```
    pub const fn new(backing: A) -> DebugAllocator<A> {
        DebugAllocator::with(backing, DebugOptions::new())
    }

    /// One that takes its memory from `backing`, with these options.
    ///
    /// ```
    /// use oomsweep::heap::{DebugAllocator, DebugOptions};
    /// use std::alloc::System;
    ///
    /// let heap = DebugAllocator::with(System, DebugOptions::new().never_reuse(true).retain_metadata(true));
    /// assert!(heap.deinit().is_ok());
    /// ```
    pub const fn with(backing: A, options: DebugOptions) -> DebugAllocator<A> {
        DebugAllocator { watch: Watch::new(options), backing }
    }

    /// The allocator behind this one.
    pub const fn backing(&self) -> &A {
        &self.backing
    }

    /// How many blocks are live.
    pub fn live_blocks(&self) -> usize {
        self.watch.ledger.hold().counts.live_blocks
    }

    /// How many bytes they have, as was asked for.
    pub fn live_bytes(&self) -> usize {
        self.watch.ledger.hold().counts.live_bytes
    }

    /// The most that these bytes ever were.
    ///
    /// ```
    /// use oomsweep::heap::{Allocator, DebugAllocator};
    /// use std::alloc::{Layout, System};
    ///
    /// let heap = DebugAllocator::new(System);
    /// let layout = Layout::new::<[u8; 100]>();
    /// let block = heap.allocate(layout).unwrap().cast();
    /// // SAFETY: allocated just now, with this layout.
    /// unsafe { heap.deallocate(block, layout) };
    /// assert_eq!((heap.live_bytes(), heap.peak_bytes()), (0, 100));
    /// assert_eq!((heap.total_blocks(), heap.total_bytes()), (1, 100));
    /// ```
    pub fn peak_bytes(&self) -> usize {
        self.watch.ledger.hold().counts.peak_bytes
    }

    /// How many blocks were ever made. One that changes its size is the same block.
    pub fn total_blocks(&self) -> u64 {
        self.watch.ledger.hold().counts.total_blocks
    }

    /// How many bytes were ever given out: those of all births, and those by which blocks grew.
    pub fn total_bytes(&self) -> u64 {
        self.watch.ledger.hold().counts.total_bytes
    }

    /// Looks at the guarded bytes round every live block, and into every block that is in quarantine, now. What it finds is put
    /// right, so that it is told once, and stays on record for [`deinit`](Self::deinit). Calls between the steps of a program tell
    /// which of them did the damage.
    ///
    /// # Errors
    ///
    /// With what was written since the last look.
    ///
    /// ```
    /// use oomsweep::heap::{Allocator, DebugAllocator};
    /// use std::alloc::{Layout, System};
    ///
    /// let heap = DebugAllocator::new(System);
    /// let layout = Layout::new::<[u8; 24]>();
    /// let block = heap.allocate(layout).unwrap().cast::<u8>();
    /// assert!(heap.check().is_ok());
    /// // SAFETY: of the bytes, this is not the block's: a bug, but it lies in memory that the allocator guards.
    /// unsafe { block.add(24).write(7) };
    /// let errors = heap.check().unwrap_err();
    /// assert!(errors.to_string().contains("1 byte was written directly behind a block of 24 bytes"));
    /// # // SAFETY: allocated above, with this layout.
    /// # unsafe { heap.deallocate(block, layout) };
    /// # assert_eq!(heap.deinit().unwrap_err().errors().len(), 1);
    /// ```
    #[inline(never)]
    pub fn check(&self) -> Result<(), MemoryErrors> {
        let mut stack = RawStack::EMPTY;
        stacks::capture_above(&mut stack, stacks::pointer(), usize::MAX);
        self.watch.check(&stack)
    }

    /// The blocks that are live now, as leaks: what [`deinit`](Self::deinit) would return, without memory errors. Other threads
    /// may go on meanwhile.
    ///
    /// ```
    /// use oomsweep::heap::{Allocator, DebugAllocator};
    /// use std::alloc::{Layout, System};
    ///
    /// let heap = DebugAllocator::new(System);
    /// let layout = Layout::new::<u64>();
    /// let block = heap.allocate(layout).unwrap().cast();
    /// assert_eq!(heap.leaks().blocks(), 1);
    /// // SAFETY: allocated just now, with this layout.
    /// unsafe { heap.deallocate(block, layout) };
    /// assert!(heap.leaks().is_empty());
    /// ```
    pub fn leaks(&self) -> Leaks {
        self.watch.leaks()
    }

    /// Ends it: looks at everything for the last time, gives back what is in quarantine, and says what is left. Live blocks are not
    /// given back, unless dropping the backing allocator does so.
    ///
    /// # Errors
    ///
    /// If blocks are live, or memory errors are on record, those that were told before included.
    pub fn deinit(mut self) -> Result<(), Leaks> {
        let leaks = self.end(true);
        if leaks.is_empty() { Ok(()) } else { Err(leaks) }
    }

    fn end(&mut self, all: bool) -> Leaks {
        // SAFETY: all memory of the ledger came from this allocator; nobody else can call while it is borrowed so.
        unsafe { self.watch.end(&self.backing, all) }
    }

    fn say(&self, said: Said) {
        if self.watch.options.verbose_log {
            say::call(self.watch.options.name, &said);
        }
    }

    fn ask(&self, call: &'static str, layout: Layout, zeroed: bool, sp: usize) -> Result<NonNull<[u8]>, AllocError> {
        let got = self.watch.give_out(&self.backing, layout, zeroed, sp);
        self.say(Said { call, block: None, layout, new: None, got: Some(outcome(&got)) });
        got
    }

    /// # Safety
    /// Those of [`Allocator::grow`] or [`Allocator::shrink`].
    unsafe fn resize(
        &self,
        call: &'static str,
        block: NonNull<u8>,
        old: Layout,
        to: To,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the obligations of this function.
        let got = unsafe { self.watch.resize(&self.backing, block, old, to) };
        let from = Some(block.as_ptr() as usize);
        self.say(Said { call, block: from, layout: old, new: Some(to.layout), got: Some(outcome(&got)) });
        got
    }
}

fn outcome(got: &Result<NonNull<[u8]>, AllocError>) -> Result<usize, ()> {
    got.map(|block| block.cast::<u8>().as_ptr() as usize).map_err(|_| ())
}

// Each of these takes its own stack pointer, by which stacks are cut off: so none of them may become a part of its caller.
//
// SAFETY: each block lies inside one that the backing allocator gave and that is not given back before the block is, at a distance
// from its start that is a multiple of the alignment; the ledger, which does not move with the allocator, knows each; there are no
// clones.
unsafe impl<A: Allocator> Allocator for DebugAllocator<A> {
    #[inline(never)]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.ask("allocate", layout, false, stacks::pointer())
    }

    #[inline(never)]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let from = Some(block.as_ptr() as usize);
        self.say(Said { call: "deallocate", block: from, layout, new: None, got: None });
        // SAFETY: by the caller's obligations.
        unsafe { self.watch.take_back(&self.backing, block, layout, stacks::pointer()) };
    }

    #[inline(never)]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.ask("allocate_zeroed", layout, true, stacks::pointer())
    }

    #[inline(never)]
    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let to = To { layout: new, zeroed: false, sp: stacks::pointer() };
        // SAFETY: by the caller's obligations.
        unsafe { self.resize("grow", block, old, to) }
    }

    #[inline(never)]
    unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let to = To { layout: new, zeroed: true, sp: stacks::pointer() };
        // SAFETY: by the caller's obligations.
        unsafe { self.resize("grow_zeroed", block, old, to) }
    }

    #[inline(never)]
    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let to = To { layout: new, zeroed: false, sp: stacks::pointer() };
        // SAFETY: by the caller's obligations.
        unsafe { self.resize("shrink", block, old, to) }
    }
}

speaks!([A: Allocator] DebugAllocator<A>);

impl<A: Allocator + Default> Default for DebugAllocator<A> {
    fn default() -> DebugAllocator<A> {
        DebugAllocator::new(A::default())
    }
}

impl<A: Allocator> fmt::Debug for DebugAllocator<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DebugAllocator")
            .field("live_blocks", &self.live_blocks())
            .field("live_bytes", &self.live_bytes())
            .field("options", &self.watch.options)
            .finish_non_exhaustive()
    }
}

impl<A: Allocator> Drop for DebugAllocator<A> {
    fn drop(&mut self) {
        if self.watch.ledger.get_mut().ended {
            return;
        }
        let leaks = self.end(false);
        if !leaks.is_empty() {
            told::loudly(&leaks.to_string());
        }
    }
}
