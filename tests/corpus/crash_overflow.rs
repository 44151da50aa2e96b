//! The error path tries again by calling itself, for ever.

use std::hint::black_box;

use oomsweep::alloc_test;

use super::kit::{Oom, bytes};

#[inline(never)]
fn again(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if black_box(true) { again(depth + 1) + frame[black_box(7)] } else { 0 }
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn recurses() -> Result<(), Oom> {
    let room = bytes!(64); // HERE: failed
    if room.is_err() {
        black_box(again(0));
    }
    room.map(drop).map_err(Oom::from)
}

/// Deep, but not too deep.
#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn ends() -> Result<(), Oom> {
    #[inline(never)]
    fn down(depth: u32) -> Result<u32, Oom> {
        if depth == 0 {
            return Ok(bytes!(64)?.capacity() as u32);
        }
        Ok(black_box(down(depth - 1)?) + 1)
    }
    assert_eq!(down(200)?, 264);
    Ok(())
}
