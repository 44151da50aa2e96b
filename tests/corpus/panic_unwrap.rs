//! The body unwraps the injected error.

use std::collections::TryReserveError;

use oomsweep::alloc_test;

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn unwraps() -> Result<(), TryReserveError> {
    let mut first: Vec<u64> = Vec::new();
    first.try_reserve(8)?;
    let mut second: Vec<u64> = std::hint::black_box(first);
    second.try_reserve(800).unwrap(); // HERE: panic
    std::hint::black_box(&second);
    Ok(())
}

#[alloc_test(panics = "allow")]
#[ignore = "clean twin: run by the table"]
fn allowed() {
    let mut items: Vec<u64> = Vec::new();
    items.try_reserve(8).unwrap();
    std::hint::black_box(&items);
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn asks() -> Result<(), TryReserveError> {
    let mut first: Vec<u64> = Vec::new();
    first.try_reserve(8)?;
    let mut second: Vec<u64> = std::hint::black_box(first);
    second.try_reserve(800)?;
    std::hint::black_box(&second);
    Ok(())
}
