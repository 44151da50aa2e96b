//! A shrinking `realloc` may fail too, and `shrink_to_fit` cannot say so.

use std::collections::TryReserveError;

use oomsweep::alloc_test;

use super::kit::bytes;

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn fits() -> Result<(), TryReserveError> {
    let mut room = bytes!(400)?;
    room.extend_from_slice(b"few");
    room.shrink_to_fit(); // HERE: shrink
    drop(std::hint::black_box(room));
    Ok(())
}

#[alloc_test(shrink = "skip")]
#[ignore = "clean twin: run by the table"]
fn skipped() -> Result<(), TryReserveError> {
    let mut room = bytes!(400)?;
    room.extend_from_slice(b"few");
    room.shrink_to_fit();
    drop(std::hint::black_box(room));
    Ok(())
}
