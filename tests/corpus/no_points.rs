//! A body that asks for nothing tests nothing.

use std::collections::TryReserveError;
use std::sync::OnceLock;

use oomsweep::alloc_test;

use super::kit::bytes;

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn none() -> Result<(), TryReserveError> {
    let sum: u32 = std::hint::black_box([1, 2, 3]).iter().sum();
    assert_eq!(sum, 6);
    Ok(())
}

/// What the first run built has stayed.
#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn only_in_the_first_run() -> Result<(), TryReserveError> {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    if TABLE.get().is_none() {
        let _ = TABLE.set(bytes!(99)?);
    }
    Ok(())
}

#[alloc_test(no_points = "allow")]
#[ignore = "clean twin: run by the table"]
fn allowed() -> Result<(), TryReserveError> {
    let sum: u32 = std::hint::black_box([1, 2, 3]).iter().sum();
    assert_eq!(sum, 6);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn one() -> Result<(), TryReserveError> {
    bytes!(1).map(drop)
}
