//! A sweep that was cut is no pass.

use std::collections::TryReserveError;
use std::time::Duration;

use oomsweep::alloc_test;

use super::kit::bytes;

fn blocks(number: usize) -> Result<(), TryReserveError> {
    (1..=number).try_for_each(|number| bytes!(number).map(drop))
}

fn slow_blocks(number: usize) -> Result<(), TryReserveError> {
    std::thread::sleep(Duration::from_millis(30));
    blocks(number)
}

#[alloc_test(max_points = 2)]
#[ignore = "seeded bug: run by the table"]
fn by_points() -> Result<(), TryReserveError> {
    blocks(5)
}

#[alloc_test(max_time = "300ms", engine = "replay")]
#[ignore = "seeded bug: run by the table"]
fn by_time() -> Result<(), TryReserveError> {
    slow_blocks(40)
}

#[alloc_test(max_points = 2, incomplete = "allow")]
#[ignore = "clean twin: run by the table"]
fn allowed() -> Result<(), TryReserveError> {
    blocks(5)
}

#[alloc_test(max_points = 5, max_time = "60s")]
#[ignore = "clean twin: run by the table"]
fn just_enough() -> Result<(), TryReserveError> {
    blocks(5)
}

/// Cut only by a variable.
#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn unlimited() -> Result<(), TryReserveError> {
    blocks(5)
}
