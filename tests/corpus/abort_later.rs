//! The fallback after the first failure is infallible: only a shortage that lasts shows it.

use std::collections::TryReserveError;
use std::hint::black_box;

use oomsweep::{alloc_test, benign};

use super::kit::bytes;

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn falls_back_on_push() -> Result<(), TryReserveError> {
    let big = benign(|| bytes!(4096)); // HERE: failed
    let mut small: Vec<u8> = Vec::new();
    match big {
        Ok(big) => drop(big),
        Err(_) => small.push(black_box(1)), // HERE: push
    }
    black_box(&small);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn falls_back_on_try() -> Result<(), TryReserveError> {
    let big = benign(|| bytes!(4096));
    let mut small: Vec<u8> = Vec::new();
    match big {
        Ok(big) => drop(big),
        Err(_) => small.try_reserve(1)?,
    }
    black_box(&small);
    Ok(())
}
