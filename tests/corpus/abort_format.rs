//! `format!` asks for its `String` infallibly.

use std::collections::TryReserveError;
use std::hint::black_box;

use oomsweep::alloc_test;

use super::kit::bytes;

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn formats() -> Result<(), TryReserveError> {
    let room = bytes!(12)?;
    let label = format!("{}", black_box(7_u64)); // HERE: format
    drop((room, black_box(label)));
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn writes() -> Result<(), TryReserveError> {
    use std::fmt::Write;
    let room = bytes!(12)?;
    let mut label = String::new();
    label.try_reserve(20)?;
    let _ = write!(label, "{}", black_box(7_u64));
    drop((room, black_box(label)));
    Ok(())
}
