//! A benign region allows a failure to be swallowed, but an infallible request cannot swallow it.

use std::collections::TryReserveError;
use std::hint::black_box;

use oomsweep::{alloc_test, benign};

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn pushes() -> Result<(), TryReserveError> {
    let mut cache: Vec<u32> = Vec::new();
    benign(|| cache.push(black_box(3))); // HERE: push
    black_box(&cache);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn tries() -> Result<(), TryReserveError> {
    let mut cache: Vec<u32> = Vec::new();
    if benign(|| cache.try_reserve(4)).is_ok() {
        cache.push(black_box(3));
    }
    black_box(&cache);
    Ok(())
}
