//! The third mistake, an error path that forgets: `cargo run --example allocators_mistake_cleanup`.
//!
//! Two blocks are made one after the other; when there is no memory for the second, the first is forgotten. Where blocks have owners,
//! their destructors see to it. Where they are raw, somebody must: in Zig an `errdefer`, in Rust a guard that is a value.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use std::alloc::Layout;
use std::hint::black_box;
use std::ptr::NonNull;

use oomsweep::Sweep;
use oomsweep::heap::{AllocError, Allocator};

fn main() {
    println!("The first block has no owner yet when the second is refused:\n");
    println!("{}", Sweep::new("a_ring_without_care").run_alloc(["alloc"], |[alloc]| Ring::forgetful(alloc).map(drop)));

    println!("Each block has an owner as soon as it is there:\n");
    println!("{}", Sweep::new("a_ring_with_care").run_alloc(["alloc"], |[alloc]| Ring::new(alloc).map(drop)));
}

const HEADER: Layout = Layout::new::<[u64; 4]>();
const BYTES: Layout = Layout::new::<[u8; 100]>();

/// A buffer for C: a header and bytes, which go together.
struct Ring<A: Allocator + Copy> {
    header: Raw<A>,
    bytes: Raw<A>,
}

/// A block and whose it is.
struct Raw<A: Allocator> {
    block: NonNull<u8>,
    layout: Layout,
    alloc: A,
}

impl<A: Allocator> Raw<A> {
    fn new(layout: Layout, alloc: A) -> Result<Raw<A>, AllocError> {
        let block = alloc.allocate(layout)?.cast();
        Ok(Raw { block, layout, alloc })
    }
}

impl<A: Allocator> Drop for Raw<A> {
    fn drop(&mut self) {
        // SAFETY: it came from this allocator with this layout, and this is the end of it.
        unsafe { self.alloc.deallocate(self.block, self.layout) };
    }
}

impl<A: Allocator + Copy> Ring<A> {
    /// The mistake: the second `?` leaves with a block that nobody will free.
    fn forgetful(alloc: A) -> Result<Ring<A>, AllocError> {
        let header = black_box(alloc.allocate(HEADER)?).cast();
        let bytes = black_box(alloc.allocate(BYTES)?).cast();
        let owned = |block, layout| Raw { block, layout, alloc };
        Ok(Ring { header: owned(header, HEADER), bytes: owned(bytes, BYTES) }.linked())
    }

    fn new(alloc: A) -> Result<Ring<A>, AllocError> {
        let header = Raw::new(HEADER, alloc)?;
        let bytes = Raw::new(BYTES, alloc)?;
        Ok(Ring { header, bytes }.linked())
    }

    /// The header says where the bytes are.
    fn linked(self) -> Ring<A> {
        // SAFETY: the header has room for a pointer, and is aligned for it.
        unsafe { self.header.block.cast().write(self.bytes.block) };
        self
    }
}
