//! A backing that writes everything down: whoever gives back what was never given out, or as something else, is found here and not
//! in the system's allocator.

use std::alloc::{Layout, System};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Mutex;

use oomsweep::heap::{AllocError, Allocator};

use crate::book::layout;

/// What a block of a [`Ledger`] was asked for as, and how long it is.
type Entry = (Layout, usize);

/// The system's allocator behind a ledger.
///
/// A request of no bytes needs no memory, as everywhere. Blocks are filled with rubbish when they come and when they go. The default methods stand for growing and shrinking, so a block
/// moves at each of both.
pub(crate) struct Ledger {
    live: Mutex<HashMap<usize, Entry>>,
    /// How many bytes it gives beyond those that were asked for.
    beyond: usize,
    /// Which of the coming requests it refuses, the next one last.
    refuses: Mutex<Vec<bool>>,
}

impl Ledger {
    /// One whose slices are exactly as long as was asked.
    pub(crate) fn exact() -> Ledger {
        Ledger::with(0, Vec::new())
    }

    /// One whose slices are longer than was asked.
    pub(crate) fn generous() -> Ledger {
        Ledger::with(40, Vec::new())
    }

    /// A generous one that refuses requests: those for which there is a `true`, in order from the last on.
    pub(crate) fn refusing(refuses: Vec<bool>) -> Ledger {
        Ledger::with(40, refuses)
    }

    fn with(beyond: usize, refuses: Vec<bool>) -> Ledger {
        Ledger { live: Mutex::default(), beyond, refuses: Mutex::new(refuses) }
    }

    /// How many blocks were not given back.
    pub(crate) fn live(&self) -> usize {
        self.live.lock().expect("no ledger is held in a panic").len()
    }

    /// Gives back for their owners what was not given back, and says how many blocks there were.
    pub(crate) fn reclaim(&self) -> usize {
        let left = std::mem::take(&mut *self.live.lock().expect("no ledger is held in a panic"));
        for (&address, &(asked, room)) in &left {
            let block = NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("a block");
            // SAFETY: it is a block of this length, and its owner is gone.
            unsafe { System.deallocate(block, layout(room, asked.align())) };
        }
        left.len()
    }

    fn take(&self, asked: Layout, zeroed: bool) -> Result<NonNull<[u8]>, AllocError> {
        if asked.size() == 0 {
            return System.allocate(asked);
        }
        if self.refuses.lock().expect("no ledger is held in a panic").pop() == Some(true) {
            return Err(AllocError);
        }
        let room = asked.size().checked_add(self.beyond).ok_or(AllocError)?;
        let whole = Layout::from_size_align(room, asked.align()).map_err(|_| AllocError)?;
        let block = if zeroed { System.allocate_zeroed(whole)? } else { System.allocate(whole)? };
        if !zeroed {
            // SAFETY: the system has just returned it.
            unsafe { block.cast::<u8>().write_bytes(0xA5, room) };
        }
        let address = block.cast::<u8>().as_ptr().expose_provenance();
        let before = self.live.lock().expect("no ledger is held in a panic").insert(address, (asked, room));
        assert!(before.is_none(), "the system gave out a block twice");
        Ok(block)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.live(), 0, "blocks that were never given back to the backing");
        }
    }
}

// SAFETY: every block is one of the system's, of at least the layout that was asked for, and goes back to it as it came.
unsafe impl Allocator for Ledger {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.take(layout, false)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.take(layout, true)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, as_what: Layout) {
        if as_what.size() == 0 {
            return;
        }
        let entry = self.live.lock().expect("no ledger is held in a panic").remove(&block.as_ptr().addr());
        let Some((asked, room)) = entry else {
            panic!("{block:?} was given back as {as_what:?}, and is no live block of the backing");
        };
        let fits = as_what.align() == asked.align() && (asked.size()..=room).contains(&as_what.size());
        assert!(fits, "{block:?} was asked for as {asked:?}, has {room} bytes, and was given back as {as_what:?}");
        // SAFETY: it is a block of this length, and now nobody else's.
        unsafe {
            block.write_bytes(0xDD, room);
            System.deallocate(block, layout(room, asked.align()));
        }
    }
}

mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "blocks that were never given back")]
    fn what_was_not_given_back_is_found() {
        let ledger = Ledger::exact();
        let lost = ledger.allocate(layout(8, 8)).expect("the system has memory");
        std::hint::black_box(lost);
        drop(ledger);
    }

    #[test]
    #[should_panic(expected = "was given back as")]
    fn another_layout_is_found() {
        let ledger = Ledger::exact();
        let block = ledger.allocate(layout(8, 8)).expect("the system has memory");
        // SAFETY: the ledger looks at the layout before it does anything.
        unsafe { ledger.deallocate(block.cast(), layout(9, 8)) };
    }

    #[test]
    fn a_generous_one_takes_every_layout_that_fits() {
        let ledger = Ledger::generous();
        for size in [8, 30, 48] {
            let block = ledger.allocate(layout(8, 8)).expect("the system has memory");
            assert_eq!(block.len(), 48);
            // SAFETY: the layout fits.
            unsafe { ledger.deallocate(block.cast(), layout(size, 8)) };
        }
        assert_eq!(ledger.live(), 0);
    }
}
