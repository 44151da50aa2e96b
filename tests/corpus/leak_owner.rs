//! A vector of boxes is lost: one root, and three blocks that only it reaches.

use std::collections::TryReserveError;
use std::hint::black_box;
use std::mem;

use oomsweep::{alloc_test, exempt};

use super::kit::bytes;

type Boxes = Vec<Box<[u8; 40]>>;

fn fill(owner: &mut Boxes) {
    exempt(|| (0..3).for_each(|number| owner.push(black_box(Box::new([number; 40])))));
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn lost() -> Result<(), TryReserveError> {
    let mut owner: Boxes = Vec::new();
    owner.try_reserve_exact(3)?; // HERE: birth
    fill(&mut owner);
    let last = bytes!(16); // HERE: failed
    match last {
        Ok(last) => drop((owner, last)),
        Err(error) => {
            mem::forget(black_box(owner));
            return Err(error);
        }
    }
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn kept() -> Result<(), TryReserveError> {
    let mut owner: Boxes = Vec::new();
    owner.try_reserve_exact(3)?;
    fill(&mut owner);
    let last = bytes!(16)?;
    drop((owner, last));
    Ok(())
}
