//! An allocator of one's own: `cargo run --example allocators_custom`.
//!
//! An implementation of `oomsweep::heap::Allocator` is two functions, and four more if it wants to pass on how blocks grow. In `adapt::Api` it
//! is an allocator for every collection whose trait is enabled. This one keeps a histogram of the sizes that it is asked for.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use std::alloc::Layout;
use std::array;
use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;

use allocator_api2_02::collections::TryReserveError;
use allocator_api2_02::vec::Vec;
use oomsweep::Sweep;
use oomsweep::heap::adapt::{Api, Global};
use oomsweep::heap::{AllocError, Allocator, CAllocator, FailingAllocator};

fn main() {
    let sizes = Sizes::new(Global);
    println!("{:?}\n", fill(&sizes));
    println!("{sizes}");

    let over_c = Sizes::new(FailingAllocator::fail_index(CAllocator, 1));
    println!(
        "The same over an allocator that has one block and no more: {}",
        fill(&over_c).expect_err("no second block")
    );
    println!("{over_c}");

    println!("An allocator is tested like any other code, over one whose requests fail:\n");
    let report = Sweep::new("fills_two_lists").run_alloc(["backing"], |[backing]| fill(&Sizes::new(backing)));
    println!("{report}");
}

/// What some program does: a list that grows, and one that has its size from the beginning.
fn fill<A: Allocator>(sizes: &Sizes<A>) -> Result<usize, TryReserveError> {
    let mut grows = Vec::new_in(Api(sizes));
    for number in 0..20_u64 {
        grows.try_reserve(1)?;
        grows.push(number);
    }
    let mut fixed: Vec<u8, _> = Vec::new_in(Api(sizes));
    fixed.try_reserve_exact(100)?;
    fixed.extend(0..100);
    Ok(grows.len() + fixed.len())
}

/// Counts the requests to another allocator by their size, and its blocks.
struct Sizes<A> {
    backing: A,
    /// The place `n` is for sizes from `2^n` on, up to the next power of two.
    requests: [Cell<u32>; 16],
    refused: Cell<u32>,
    live: Cell<u32>,
}

impl<A: Allocator> Sizes<A> {
    fn new(backing: A) -> Sizes<A> {
        Sizes { backing, requests: array::from_fn(|_| Cell::new(0)), refused: Cell::new(0), live: Cell::new(0) }
    }

    /// Counts when the backing allocator has answered, and not before: a request that was refused is no block.
    fn note(&self, layout: Layout, answer: Result<NonNull<[u8]>, AllocError>) -> Result<NonNull<[u8]>, AllocError> {
        let place = layout.size().checked_ilog2().map_or(0, |log| log.min(15) as usize);
        add(&self.requests[place], 1);
        add(&self.refused, i32::from(answer.is_err()));
        answer
    }

    fn born(&self, answer: Result<NonNull<[u8]>, AllocError>) -> Result<NonNull<[u8]>, AllocError> {
        add(&self.live, i32::from(answer.is_ok()));
        answer
    }
}

fn add(to: &Cell<u32>, what: i32) {
    to.set(to.get().wrapping_add_signed(what));
}

// SAFETY: every call is the backing allocator's, which keeps to the contract.
unsafe impl<A: Allocator> Allocator for Sizes<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.born(self.note(layout, self.backing.allocate(layout)))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        add(&self.live, -1);
        // SAFETY: by the caller's obligations.
        unsafe { self.backing.deallocate(block, layout) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.born(self.note(layout, self.backing.allocate_zeroed(layout)))
    }

    // Left to their defaults, these three would be a new block, a copy and `deallocate`: right, but never in place.

    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        self.note(new, unsafe { self.backing.grow(block, old, new) })
    }

    unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        self.note(new, unsafe { self.backing.grow_zeroed(block, old, new) })
    }

    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        self.note(new, unsafe { self.backing.shrink(block, old, new) })
    }
}

impl<A> fmt::Display for Sizes<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (log, requests) in self.requests.iter().map(Cell::get).enumerate().filter(|(_, requests)| *requests > 0) {
            writeln!(f, "  {:>5} to {:>5} bytes: {}", 1 << log, (2 << log) - 1, "#".repeat(requests as usize))?;
        }
        writeln!(f, "  {} refused, {} blocks live", self.refused.get(), self.live.get())
    }
}

#[cfg(test)]
mod tests {
    use oomsweep::{TestAlloc, alloc_test};

    use super::*;

    #[alloc_test]
    fn nothing_is_lost_on_the_way(backing: TestAlloc) -> Result<(), TryReserveError> {
        let sizes = Sizes::new(backing);
        let filled = fill(&sizes);
        assert_eq!(sizes.live.get(), 0);
        assert_eq!(sizes.refused.get(), u32::from(filled.is_err()));
        filled.map(drop)
    }

    #[test]
    fn requests_are_counted_by_their_size() {
        let sizes = Sizes::new(Global);
        fill(&sizes).unwrap();
        let counted: std::vec::Vec<u32> = sizes.requests.iter().map(Cell::get).collect();
        // 32, 64, 128 and 256 bytes for the list that grows, and 100.
        assert_eq!(counted[5..9], [1, 2, 1, 1]);
        assert_eq!(counted.iter().sum::<u32>(), 5);
    }
}
