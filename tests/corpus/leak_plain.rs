//! A leak without any fault.

use std::collections::TryReserveError;
use std::mem;

use oomsweep::alloc_test;

use super::kit::bytes;

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn forgotten() -> Result<(), TryReserveError> {
    let kept = bytes!(48)?; // HERE: birth
    let dropped = bytes!(20)?;
    mem::forget(kept);
    drop(dropped);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn dropped() -> Result<(), TryReserveError> {
    let one = bytes!(48)?;
    let other = bytes!(20)?;
    drop((one, other));
    Ok(())
}
