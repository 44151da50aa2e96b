//! A backing allocator that knows what it has given, and fails when it is told to.

use std::alloc::{Layout, System};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr::NonNull;
use std::rc::Rc;

use oomsweep::heap::{AllocError, Allocator};

/// See the module. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Backing {
    kept: Rc<RefCell<Kept>>,
}

#[derive(Default)]
struct Kept {
    blocks: HashMap<usize, Layout>,
    requests: usize,
    fails_from: Option<usize>,
    fails_to: usize,
}

impl Backing {
    /// One that never fails.
    pub(crate) fn new() -> Backing {
        Backing::default()
    }

    /// The requests from this number on fail, counted from those that come now, and so many of them.
    pub(crate) fn fail(&self, from: usize, count: usize) {
        let mut kept = self.kept.borrow_mut();
        kept.requests = 0;
        kept.fails_from = Some(from);
        kept.fails_to = from.saturating_add(count);
    }

    /// How many requests there were, since the last call of `fail`.
    pub(crate) fn requests(&self) -> usize {
        self.kept.borrow().requests
    }

    /// How many blocks it has given that have not come back.
    pub(crate) fn out(&self) -> usize {
        self.kept.borrow().blocks.len()
    }

    /// Whether an address lies in a block that it has given.
    pub(crate) fn holds(&self, address: NonNull<u8>) -> bool {
        let address = address.as_ptr() as usize;
        self.kept.borrow().blocks.iter().any(|(start, layout)| address.wrapping_sub(*start) < layout.size())
    }

    fn give(&self, layout: Layout, zeroed: bool) -> Result<NonNull<[u8]>, AllocError> {
        let fails = {
            let mut kept = self.kept.borrow_mut();
            let number = kept.requests;
            kept.requests += 1;
            kept.fails_from.is_some_and(|from| (from..kept.fails_to).contains(&number))
        };
        if fails {
            return Err(AllocError);
        }
        let place = placed(layout);
        let block = if zeroed { System.allocate_zeroed(place)? } else { System.allocate(place)? };
        if !zeroed {
            // SAFETY: new, and nobody's yet: what nobody wrote is not zero.
            unsafe { block.cast::<u8>().write_bytes(0x5C, layout.size()) };
        }
        let known = self.kept.borrow_mut().blocks.insert(block.cast::<u8>().as_ptr() as usize, layout);
        assert_eq!(known, None, "given twice");
        Ok(block)
    }
}

/// Blocks begin at multiples of this: whether one fits a larger alignment where it lies is then no chance.
const EVERY: usize = 512;

fn placed(layout: Layout) -> Layout {
    layout.align_to(EVERY).expect("a layout that there is")
}

// SAFETY: all blocks are the system's, and come back with the layout that they were given with; clones share them.
unsafe impl Allocator for Backing {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.give(layout, false)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.give(layout, true)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let known = self.kept.borrow_mut().blocks.remove(&(block.as_ptr() as usize));
        assert_eq!(known, Some(layout), "given back what was not given so");
        // SAFETY: given with this layout, and gone from the list.
        unsafe { System.deallocate(block, placed(layout)) };
    }
}
