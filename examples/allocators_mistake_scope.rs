//! The first mistake, an arena that ends too soon: `cargo run --example allocators_mistake_scope`.
//!
//! A function makes an arena, allocates from it, and returns what it allocated: the arena is gone by then. In Rust that does not
//! compile, for the blocks borrow the arena: `tests/ui/refused/arena_outlived.rs` has the program, and beside it what the compiler says.
//! But a raw pointer borrows nothing. Then it is a use after free like any other, and found as one: with red zones when the run is over,
//! with guard pages, as here, at the instruction.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use std::hint::black_box;

use allocator_api2_02::alloc::Allocator;
use allocator_api2_02::collections::TryReserveError;
use allocator_api2_02::vec::Vec;
use oomsweep::Sweep;
use oomsweep::heap::{Allocator as Backing, ArenaAllocator};

fn main() {
    println!("The arena ends in the function, and a pointer into it gets out:\n");
    let report = Sweep::new("numbers_of_a_dead_arena").guard_pages().run_alloc(["alloc"], |[alloc]| {
        let numbers = wrong(alloc)?;
        // SAFETY: none: the arena has given its chunk back.
        unsafe { black_box(numbers).write(42) };
        Ok::<(), TryReserveError>(())
    });
    println!("{report}");

    println!("The caller says where the numbers are to be:\n");
    let report = Sweep::new("numbers_of_the_caller").run_alloc(["alloc"], |[alloc]| {
        let arena = ArenaAllocator::new_in(alloc);
        let mut numbers = right(&arena)?;
        numbers[0] = 42;
        Ok::<(), TryReserveError>(())
    });
    println!("{report}");
}

/// The first of a hundred numbers, which are gone.
fn wrong(backing: impl Backing) -> Result<*mut u64, TryReserveError> {
    let arena = ArenaAllocator::new_in(backing);
    let mut numbers = right(&arena)?;
    Ok(numbers.as_mut_ptr())
}

/// A hundred numbers.
fn right<A: Allocator>(alloc: A) -> Result<Vec<u64, A>, TryReserveError> {
    let mut numbers = Vec::new_in(alloc);
    numbers.try_reserve_exact(100)?;
    numbers.extend(0..100);
    Ok(numbers)
}
