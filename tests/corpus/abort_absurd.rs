//! The error path computes a size that no machine has: the abort is real, and nobody injected it.

use std::collections::TryReserveError;
use std::hint::black_box;

use oomsweep::alloc_test;

use super::kit::bytes;

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn asks_for_everything() -> Result<(), TryReserveError> {
    let room = bytes!(24); // HERE: failed
    if room.is_err() {
        let everything: Vec<u8> = Vec::with_capacity(black_box(isize::MAX as usize)); // HERE: absurd
        drop(black_box(everything));
    }
    room.map(drop)
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn asks_politely() -> Result<(), TryReserveError> {
    let room = bytes!(24);
    if room.is_err() {
        let everything = bytes!(isize::MAX as usize);
        assert!(everything.is_err(), "no machine has so much");
    }
    room.map(drop)
}
