//! `Vec::push` has no way to say that there is no memory.
#![allow(clippy::vec_init_then_push, reason = "the push is the bug")]

use std::collections::TryReserveError;
use std::hint::black_box;

use oomsweep::alloc_test;

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn pushes() -> Result<(), TryReserveError> {
    let mut words: Vec<u64> = Vec::new();
    words.push(black_box(7)); // HERE: push
    black_box(&words);
    Ok(())
}

/// The same by policy: tried, and skipped.
#[alloc_test(infallible = "skip")]
#[ignore = "clean twin: run by the table"]
fn skipped() -> Result<(), TryReserveError> {
    let mut words: Vec<u64> = Vec::new();
    words.push(black_box(7));
    black_box(&words);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn reserves() -> Result<(), TryReserveError> {
    let mut words: Vec<u64> = Vec::new();
    words.try_reserve(1)?;
    words.push(black_box(7));
    black_box(&words);
    Ok(())
}
