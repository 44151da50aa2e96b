//! What is set up in `exempt` never fails, and is held to account all the same.

use std::collections::TryReserveError;
use std::hint::black_box;

use oomsweep::{alloc_test, benign, exempt};

use super::kit::bytes;

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn set_up() -> Result<(), TryReserveError> {
    let names: Vec<String> = exempt(|| vec![black_box("one").to_owned(), black_box("two").to_owned()]);
    let room = bytes!(10)?;
    drop((black_box(names), room));
    Ok(())
}

/// Exempt wins over benign, whichever stands outside.
#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn wins() -> Result<(), TryReserveError> {
    let inner = benign(|| exempt(|| black_box(Box::new(1_u64))));
    let outer = exempt(|| benign(|| black_box(Box::new(2_u64))));
    let room = bytes!(10)?;
    drop((inner, outer, room));
    Ok(())
}

/// The region ends when its closure unwinds.
#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn ends_by_unwinding() -> Result<(), TryReserveError> {
    let caught = std::panic::catch_unwind(|| exempt(|| -> u8 { std::panic::resume_unwind(Box::new(5_u8)) }));
    assert!(caught.is_err(), "it unwound");
    exempt(|| drop(caught));
    let _ = bytes!(10); // HERE: failed
    Ok(())
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn leaks_all_the_same() -> Result<(), TryReserveError> {
    let kept = exempt(|| black_box(Box::new([1_u8; 77]))); // HERE: birth
    let room = bytes!(10);
    if room.is_err() {
        std::mem::forget(black_box(kept));
    }
    room.map(drop)
}

/// A thread does not inherit the region: its requests are other threads' requests anyway.
#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn nothing_but_exempt_and_a_point() -> Result<(), TryReserveError> {
    let sum = exempt(|| std::thread::spawn(|| black_box(vec![1_u8; 10]).len()).join().unwrap_or_default());
    assert_eq!(sum, 10);
    bytes!(10).map(drop)
}
