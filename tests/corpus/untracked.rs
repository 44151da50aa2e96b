//! A block born in `untracked` is no leak, but its request is a point like any other.

use std::hint::black_box;
use std::mem;

use oomsweep::{alloc_test, untracked};

use super::kit::{Oom, bytes};

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn lost_on_purpose() -> Result<(), Oom> {
    let lost = untracked(|| bytes!(90))?;
    let room = bytes!(10);
    mem::forget(black_box(lost));
    Ok(room.map(drop)?)
}

/// The mark stays with the block through `realloc`.
#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn grown_outside() -> Result<(), Oom> {
    let mut lost = untracked(|| bytes!(90))?;
    let grown = lost.try_reserve_exact(black_box(9000));
    mem::forget(black_box(lost));
    Ok(grown?)
}

/// Born outside, grown inside: the birth decides.
#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn grown_inside() -> Result<(), Oom> {
    let mut lost = bytes!(91)?; // HERE: birth
    let grown = untracked(|| lost.try_reserve_exact(black_box(9000))); // HERE: failed
    match grown {
        Ok(()) => drop(black_box(lost)),
        Err(error) => {
            mem::forget(black_box(lost));
            return Err(error.into());
        }
    }
    Ok(())
}
