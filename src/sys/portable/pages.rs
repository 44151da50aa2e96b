//! Memory of our own, straight from the system's allocator: never through the global one, which is watched.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::NonNull;

/// Who sees what is written after a fork. Here nobody forks, and it says only what the memory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Each process has its own copy.
    Private,
    /// All processes see the same bytes.
    Shared,
}

/// The largest alignment that C's `calloc` gives: a larger one would have the system's allocator write every byte to make it
/// zero, and so pay for memory that nobody touches.
const ALIGN: usize = 2 * size_of::<usize>();

/// Takes `bytes` zeroed bytes, `None` when the system refuses. They are aligned for everything that is kept here, not to a page.
///
/// May be called inside the allocator call: the system's allocator is not the one that is watched.
pub(crate) fn map(bytes: usize, _share: Share) -> Option<NonNull<u8>> {
    let layout = layout(bytes)?;
    // SAFETY: the layout is not empty.
    NonNull::new(unsafe { System.alloc_zeroed(layout) })
}

/// Takes `bytes` zeroed bytes that are paid for when they are touched, where the system's allocator works so; no more than it
/// takes lightly.
pub(crate) fn reserve(bytes: usize) -> Option<NonNull<u8>> {
    if bytes > 2 << 30 { None } else { map(bytes, Share::Private) }
}

/// Whether the system would give so many bytes at once: not known before it is asked.
pub(crate) fn would_give(_bytes: usize) -> bool {
    true
}

/// Pages can't be put out of reach here.
///
/// # Safety
/// None: nothing is done.
pub(crate) unsafe fn forbid(_from: usize, _len: usize) -> bool {
    false
}

/// Nor in reach again.
///
/// # Safety
/// None: nothing is done.
pub(crate) unsafe fn allow(_from: usize, _len: usize) -> bool {
    false
}

/// Nor for ever.
///
/// # Safety
/// None: nothing is done.
pub(crate) unsafe fn forbid_for_ever(_from: usize, _len: usize) -> bool {
    false
}

/// So no block can be guarded.
pub(crate) fn room_for_guarded() -> usize {
    0
}

/// Whether a range lies in memory of ours: nobody looks through memory that is not known.
pub(crate) fn is_ours(_from: usize, _bytes: usize) -> bool {
    false
}

/// Gives them back.
///
/// # Safety
/// 1. `at` and `bytes` are those of one call of [`map`].
/// 2. Nobody uses the memory any more.
pub(crate) unsafe fn unmap(at: NonNull<u8>, bytes: usize) {
    if let Some(layout) = layout(bytes) {
        // SAFETY: by the obligations of this function; `map` used the same layout.
        unsafe { System.dealloc(at.as_ptr(), layout) };
    }
}

/// A page that reads as zeros in every child of a fork can't be had here.
pub(crate) fn wipe_on_fork(_at: NonNull<u8>, _bytes: usize) -> bool {
    false
}

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes, ALIGN).ok().filter(|layout| layout.size() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zeroed_aligned_and_given_back() {
        for bytes in [1, 4096, 96 << 20] {
            let at = map(bytes, Share::Shared).expect("the system has this much");
            assert_eq!(at.as_ptr() as usize % ALIGN, 0);
            // SAFETY: both bytes lie in what was taken just now, and it is given back once.
            unsafe {
                assert_eq!((at.read(), at.add(bytes - 1).read()), (0, 0));
                at.write(1);
                unmap(at, bytes);
            }
        }
        assert_eq!(map(0, Share::Private), None);
        assert_eq!(map(usize::MAX, Share::Private), None);
    }
}
