//! The allocator that a test is called with: it is checked and made to fail in place of the global one.

use std::alloc::{Layout, System};
use std::fmt;
use std::ptr::NonNull;

use super::foreign::speaks;
use super::seam::{AllocError, Allocator, allocate_from, deallocate_to, no_bytes, resize_in};
use crate::hook;
use crate::hook::handles::{Answers, Handle};
use crate::model::event::Kind;

/// The allocator that a test under `#[alloc_test]` is called with, in place of which it may also name a trait: `impl Allocator + Copy`.
///
/// It is the handle of a heap that lives as long as one run of the test's body. Every request of it is a point of the sweep (those of
/// the global allocator are not, in such a body, unless `global = "swept"` says so), and whatever is wrong with its blocks is a
/// finding under its parameter's name: a leak, a double free, another layout, a write beside a block or after its free, and a
/// block that is given to another allocator than its own (`mixed-allocators`).
///
/// Its memory comes from the testing allocator's own place, never from the global allocator, so no request counts twice. When
/// its run is over it answers every request with an error, and what is given back to it then is put aside: that was reported
/// as a leak, unless something led to it, such as a static.
///
/// Collections ask for another `Allocator` than that of [`heap`](crate::heap): it implements allocator-api2's and the standard
/// library's too, each behind [a feature](crate::heap#which-trait-which-feature).
///
/// It is a number: copy it, send it, share it, keep it. Two are equal if they are handles of one heap. In a process that the body has
/// forked, and under `OOMSWEEP=off`, the system's allocator serves it, and nothing is checked.
///
/// # Examples
///
/// ```no_run
/// use std::alloc::Layout;
///
/// use oomsweep::heap::{AllocError, Allocator};
/// use oomsweep::{TestAlloc, alloc_test};
///
/// #[alloc_test]
/// fn two_words(alloc: TestAlloc) -> Result<(), AllocError> {
///     let layout = Layout::new::<u64>();
///     let first = alloc.allocate(layout)?;
///     let second = alloc.allocate(layout).inspect_err(|_| {
///         // SAFETY: allocated above, with this layout. Without this, the sweep finds a leak at `once@1`.
///         unsafe { alloc.deallocate(first.cast(), layout) };
///     })?;
///     // SAFETY: as above, each once.
///     unsafe {
///         alloc.deallocate(first.cast(), layout);
///         alloc.deallocate(second.cast(), layout);
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TestAlloc {
    handle: Handle,
}

impl fmt::Debug for TestAlloc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestAlloc").field(&self.handle.number()).finish()
    }
}

impl TestAlloc {
    /// The handle with this number, from 1, of the run that is open on this thread.
    pub(crate) fn of_this_run(number: u8) -> TestAlloc {
        TestAlloc { handle: Handle::of_this_run(number) }
    }

    fn give(self, layout: Layout, kind: Kind) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(no_bytes(layout));
        }
        match self.handle.answers() {
            Answers::Store => block(self.handle.allocate(layout, kind), layout),
            Answers::System => allocate_from(&System, layout, kind == Kind::Zeroed),
            Answers::Nobody => self.nobody(),
        }
    }

    /// Its run is over.
    fn nobody(self) -> Result<NonNull<[u8]>, AllocError> {
        self.handle.count_unanswered();
        Err(AllocError)
    }

    /// Whether this is a block of no bytes. Where a block begins it is none, and what its caller says of it is found to be wrong.
    fn is_nothing(self, block: NonNull<u8>, layout: Layout) -> bool {
        let is_block = || self.handle.answers() == Answers::Store && self.handle.is_block(block.as_ptr() as usize);
        layout.size() == 0 && !is_block()
    }

    /// # Safety
    /// Those of [`Allocator::grow`] or [`Allocator::shrink`].
    unsafe fn change(
        self,
        old_block: NonNull<u8>,
        old: Layout,
        new: Layout,
        zeroed: bool,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if new.size() == 0 {
            // SAFETY: by the obligations of this function.
            unsafe { self.deallocate(old_block, old) };
            return Ok(no_bytes(new));
        }
        let address = old_block.as_ptr();
        match self.handle.answers() {
            Answers::Store if self.is_nothing(old_block, old) => block(self.handle.grow_from_nothing(new, zeroed), new),
            // SAFETY: by the obligations of this function.
            Answers::Store => block(unsafe { self.handle.resize(address, old, new, zeroed) }, new),
            // A block of the store's, in a process that the body has forked: nobody may change it there.
            Answers::System if hook::core::is_ours(address as usize) => {
                let fresh = allocate_from(&System, new, zeroed)?;
                let kept = usize::min(old.size(), new.size());
                // SAFETY: by the obligations of this function, and the new block has just been allocated.
                unsafe {
                    fresh.cast::<u8>().copy_from_nonoverlapping(old_block, kept);
                    self.deallocate(old_block, old);
                }
                Ok(fresh)
            }
            // SAFETY: by the obligations of this function.
            Answers::System => unsafe { resize_in(&System, old_block, old, new, zeroed) },
            Answers::Nobody => self.nobody(),
        }
    }
}

/// What the hook answered; `None`: this thread is in the middle of another call, as a signal's handler may find it.
fn block(answer: Option<*mut u8>, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
    let block = answer.and_then(NonNull::new).ok_or(AllocError)?;
    Ok(NonNull::slice_from_raw_parts(block, layout.size()))
}

// SAFETY: a block is the store's slot, or the system's, until it is given back; copies of a handle are one number, so they behave as
// one allocator. When its run is over the blocks stay where they are.
unsafe impl Allocator for TestAlloc {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.give(layout, Kind::Alloc)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.give(layout, Kind::Zeroed)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if self.is_nothing(block, layout) {
            return;
        }
        let address = block.as_ptr();
        let is_systems = !hook::core::is_ours(address as usize);
        match self.handle.answers() {
            // SAFETY: by the caller's obligations: it came from there.
            Answers::System if is_systems => unsafe { deallocate_to(&System, block, layout) },
            Answers::Nobody if is_systems => {}
            // SAFETY: by the caller's obligations; what breaks them is found there.
            Answers::System | Answers::Nobody | Answers::Store => unsafe { self.handle.free(address, layout) },
        }
    }

    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        unsafe { self.change(block, old, new, false) }
    }

    unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        unsafe { self.change(block, old, new, true) }
    }

    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        unsafe { self.change(block, old, new, false) }
    }
}

speaks!([] TestAlloc);

#[cfg(test)]
mod tests {
    use super::*;

    fn anywhere<T: Copy + Clone + fmt::Debug + Eq + Send + Sync + 'static>() {}

    #[test]
    fn a_handle_is_a_number() {
        anywhere::<TestAlloc>();
        assert!(size_of::<TestAlloc>() <= 8);
        let (one, two) = (TestAlloc::of_this_run(1), TestAlloc::of_this_run(2));
        assert_eq!(one, { one });
        assert_ne!(one, two);
        assert_eq!(format!("{one:?}"), "TestAlloc(1)");
    }

    #[test]
    fn outside_a_run_the_system_serves_it() {
        let alloc = TestAlloc::of_this_run(1);
        let (small, large) = (Layout::new::<[u8; 3]>(), Layout::from_size_align(5000, 4096).unwrap());
        let block = alloc.allocate_zeroed(small).unwrap();
        // SAFETY: allocated above, with this layout; each new pointer takes the old one's place.
        unsafe {
            assert_eq!(block.as_ref(), [0; 3]);
            block.cast::<u8>().write_bytes(7, 3);
            let grown = alloc.grow_zeroed(block.cast(), small, large).unwrap();
            assert_eq!(grown.cast::<u8>().as_ptr() as usize % 4096, 0);
            assert_eq!(&grown.as_ref()[..4], [7, 7, 7, 0]);
            let nothing = alloc.shrink(grown.cast(), large, Layout::new::<[u64; 0]>()).unwrap();
            assert_eq!(nothing.len(), 0);
            assert_eq!(nothing.cast::<u8>().as_ptr() as usize % 8, 0);
            alloc.deallocate(nothing.cast(), Layout::new::<[u64; 0]>());
        }
    }
}
