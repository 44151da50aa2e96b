//! A request fails, and the body says that all is well.

use std::collections::TryReserveError;

use oomsweep::{alloc_test, benign};

use super::kit::bytes;

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn ignored() -> Result<(), TryReserveError> {
    let first = bytes!(30)?;
    let _ = bytes!(64); // HERE: failed
    drop(first);
    Ok(())
}

/// A fallback to a smaller buffer.
#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn fallback() -> Result<(), TryReserveError> {
    let buffer = bytes!(4096).or_else(|_| bytes!(16))?; // HERE: fallback
    drop(buffer);
    Ok(())
}

#[alloc_test(swallowed = "allow")]
#[ignore = "clean twin: run by the table"]
fn allowed() -> Result<(), TryReserveError> {
    let first = bytes!(30)?;
    let _ = bytes!(64);
    drop(first);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn passed_on() -> Result<(), TryReserveError> {
    let first = bytes!(30)?;
    let second = bytes!(64)?;
    drop((first, second));
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn benign_fallback() -> Result<(), TryReserveError> {
    let buffer = match benign(|| bytes!(4096)) {
        Ok(buffer) => buffer,
        Err(_) => bytes!(16)?,
    };
    drop(buffer);
    Ok(())
}
