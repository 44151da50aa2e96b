//! Allocators behind allocators: `cargo run --example allocators_logging`.
//!
//! One that tells of every call stands before one that has a limit, which stands before one that counts. Each does its one thing and
//! hands the call on; what is put in front changes nothing of what stands behind.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use allocator_api2_02::vec::Vec;
use oomsweep::heap::adapt::Global;
use oomsweep::heap::{AllocEvent, CountingAllocator, LimitAllocator, LoggingAllocator};

fn main() {
    let counting = CountingAllocator::new(Global);
    let limited = LimitAllocator::new(&counting, 64);
    let logging = LoggingAllocator::with(&limited, |event: &AllocEvent| println!("  {}", line(event)));

    println!("A list of u32 grows until it is refused:");
    let mut numbers: Vec<u32, _> = Vec::new_in(&logging);
    while numbers.try_reserve(1).is_ok() {
        numbers.resize(numbers.capacity(), 7);
    }
    println!("and is dropped:");
    drop(numbers);

    println!("\nWhat got through to the counter: {}", counting.stats());
    println!(
        "A program with a logger has `LoggingAllocator::new(heap)`: to `log`, `tracing`, or both, at `debug` and `warn`."
    );
}

/// An event without its addresses, which `AllocEvent`'s own text has.
fn line(event: &AllocEvent) -> String {
    let from = event.old.map_or(String::new(), |old| format!("{} bytes to ", old.size));
    let failed = if event.is_failure() { ": failed" } else { "" };
    format!("{}: {from}{} bytes, alignment {}{failed}", event.call, event.size, event.align)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn every_call_is_told_of_and_the_refused_one_too() {
        let told = RefCell::new(std::vec::Vec::new());
        let limited = LimitAllocator::new(Global, 10);
        let logging = LoggingAllocator::with(&limited, |event: &AllocEvent| told.borrow_mut().push(line(event)));
        let mut bytes: Vec<u8, _> = Vec::new_in(&logging);
        bytes.try_reserve_exact(10).unwrap();
        assert!(bytes.try_reserve_exact(20).is_err());
        drop(bytes);
        let expected = [
            "allocate: 10 bytes, alignment 1",
            "grow: 10 bytes to 20 bytes, alignment 1: failed",
            "deallocate: 10 bytes, alignment 1",
        ];
        assert_eq!(*told.borrow(), expected);
    }
}
