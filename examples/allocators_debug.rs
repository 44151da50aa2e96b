//! The allocator for finding bugs, its options, and its end: `cargo run --example allocators_debug`.
//!
//! A debug allocator stands in for any other: it guards both sides of every block, keeps what is freed for a while, and remembers where
//! each block was born and freed. What is wrong at a call is a panic that carries the report; what is left at the end is the value that
//! `deinit` returns.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use std::alloc::{Layout, System};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use allocator_api2_02::boxed::Box;
use allocator_api2_02::vec::Vec;
use oomsweep::heap::{Allocator, DebugAllocator, DebugOptions};

/// Every option that there is, with what it is if nothing is said.
fn options(name: &'static str) -> DebugOptions {
    DebugOptions::new()
        .name(name)
        .safety(true)
        .stack_frames(24)
        .canary(16)
        .quarantine(1024)
        .never_reuse(false)
        .retain_metadata(false)
        .thread_safe(true)
        .verbose_log(false)
}

fn main() {
    println!("What goes well has nothing to tell: {:?}\n", squares());
    println!("{}", forgets());
    println!("{}", writes_too_far());
    println!("{}", frees_twice());
    println!("{}", asks_for_too_much());
}

/// A collection takes the allocator by reference; `deinit` is the last that is heard of it.
fn squares() -> Result<u64, String> {
    let heap = DebugAllocator::with(System, options("squares"));
    let mut squares = Vec::new_in(&heap);
    squares.extend((1..=10_u64).map(|n| n * n));
    let sum = squares.iter().sum();
    drop(squares);
    heap.deinit().map(|()| sum).map_err(|leaks| leaks.to_string())
}

/// Two of three boxes are never dropped.
fn forgets() -> String {
    let heap = DebugAllocator::with(System, options("a forgetful heap").stack_frames(8));
    for number in 0..3_u64 {
        let boxed = Box::new_in(number, &heap);
        if number != 1 {
            black_box(Box::into_raw(boxed));
        }
    }
    heap.deinit().expect_err("two boxes are left").to_string()
}

/// Text for C, without room for the zero at its end. `check` looks at once.
fn writes_too_far() -> String {
    let heap = DebugAllocator::with(System, options("a guarded heap"));
    let mut text = Vec::new_in(&heap);
    text.extend_from_slice(b"C wants one more");
    text.shrink_to_fit();
    // SAFETY: none: the text fills its block.
    unsafe { black_box(text.as_mut_ptr()).add(text.len()).write(0) };
    let found = heap.check().expect_err("a byte was written behind the block").to_string();
    drop(text);
    // What was told once stays on record.
    assert_eq!(heap.deinit().map_err(|leaks| leaks.errors().len()), Err(1));
    found
}

/// The second free panics, and the panic carries the report.
fn frees_twice() -> String {
    let heap = DebugAllocator::with(System, options("a watchful heap"));
    let layout = Layout::new::<[u32; 5]>();
    let block = heap.allocate(layout).expect("memory").cast();
    set_hook(std::boxed::Box::new(|_| {})); // It is printed here, and need not be printed there as well.
    let caught = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..2 {
            // SAFETY: none: the second time it is no longer there.
            unsafe { heap.deallocate(block, layout) };
        }
    }));
    drop(std::panic::take_hook());
    assert!(heap.deinit().is_err(), "it stays on record");
    let report = caught.expect_err("the second free panics");
    report.downcast_ref::<String>().expect("the report is text").clone()
}

/// Not an error, but a refusal: what asks for more than the limit must do without.
fn asks_for_too_much() -> String {
    let heap = DebugAllocator::with(System, options("a small heap").memory_limit(100));
    let mut bytes = Vec::<u8, _>::new_in(&heap);
    let refused = bytes.try_reserve_exact(101).is_err();
    let granted = bytes.try_reserve_exact(100).is_ok();
    drop(bytes);
    let peak = heap.peak_bytes();
    heap.deinit().expect("nothing is left");
    format!(
        "Of a limit of 100 bytes, 101 were refused ({refused}), 100 were granted ({granted}), and the peak was {peak}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_is_told_by_the_name_of_its_heap() {
        assert_eq!(squares(), Ok(385));
        assert!(forgets().contains("a forgetful heap"));
        assert!(writes_too_far().contains("a guarded heap"));
    }
}
