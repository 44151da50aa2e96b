//! An allocator that fails what it is told to: `cargo run --example allocators_failing`.
//!
//! With it an ordinary test gets to an error path: it says which request fails, and looks at what comes of it. Where every request is to
//! fail once, a loop does it; `#[alloc_test]` and `Sweep` do the same, and find out by themselves how many there are.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use allocator_api2_02::alloc::Allocator;
use allocator_api2_02::collections::TryReserveError;
use allocator_api2_02::vec::Vec;
use oomsweep::heap::adapt::Global;
use oomsweep::heap::{FailPlan, FailingAllocator};
use oomsweep::model::fault::Fault;

fn main() {
    let failing = FailingAllocator::fail_index(Global, 2);
    println!(
        "The third allocation fails, and all after it: {}",
        transposed(ROWS, &failing).expect_err("no third column")
    );
    println!("What was failed:\n{}\n", failing.induced_failure().expect("it came to it"));

    println!("One after the other fails:");
    let failed = each_alone(|heap| transposed(ROWS, heap).map(drop));
    println!("{failed} of {failed} came back as errors, and left nothing behind.");
}

const ROWS: [[u8; 3]; 2] = [[1, 2, 3], [4, 5, 6]];

/// The columns of these rows.
fn transposed<A: Allocator + Copy>(rows: [[u8; 3]; 2], heap: A) -> Result<Vec<Vec<u8, A>, A>, TryReserveError> {
    let mut columns = Vec::new_in(heap);
    columns.try_reserve_exact(3)?;
    for at in 0..3 {
        let mut column = Vec::new_in(heap);
        column.try_reserve_exact(rows.len())?;
        column.extend(rows.map(|row| row[at]));
        columns.push(column);
    }
    Ok(columns)
}

/// Calls a body with an allocator of which the first request fails, then the second, and so on, until it does not come to the one that
/// should. Says how many failed. What `#[alloc_test]` does in processes of their own, with the stacks of what goes wrong.
fn each_alone<E>(mut body: impl FnMut(&FailingAllocator) -> Result<(), E>) -> u64 {
    let failing = FailingAllocator::new(Global);
    for point in 0.. {
        failing.reset(FailPlan::new().requests(Fault::Once(point)));
        let result = body(&failing);
        assert_eq!(failing.stats().live_blocks(), 0, "a leak when request {point} fails");
        match failing.induced_failure() {
            Some(failure) => {
                println!("  {}", failure.to_string().lines().next().unwrap_or_default());
                assert!(result.is_err(), "request {point} failed, and nobody noticed");
            }
            None => {
                assert!(result.is_ok(), "nothing failed, and it came back with an error");
                return point;
            }
        }
    }
    unreachable!("a body has an end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_allocation_fails() {
        let failing = FailingAllocator::fail_index(Global, 2);
        assert!(transposed(ROWS, &failing).is_err());
        assert_eq!((failing.stats().allocations, failing.stats().live_blocks()), (2, 0));
    }

    #[test]
    fn every_allocation_fails() {
        assert_eq!(each_alone(|heap| transposed(ROWS, heap).map(drop)), 4);
    }
}
