//! The error path ends the process by itself.

use std::process;

use oomsweep::alloc_test;

use super::kit::{Oom, bytes};

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn with_success() -> Result<(), Oom> {
    let room = bytes!(64); // HERE: zero
    room.map_or_else(|_| process::exit(0), drop);
    Ok(())
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn with_three() -> Result<(), Oom> {
    let room = bytes!(64); // HERE: three
    room.map_or_else(|_| process::exit(3), drop);
    Ok(())
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn without_handlers() -> Result<(), Oom> {
    let room = bytes!(64); // HERE: raw
    // SAFETY: no memory is involved.
    room.map_or_else(|_| unsafe { libc::_exit(0) }, drop);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn returns() -> Result<(), Oom> {
    let room = bytes!(64);
    room.map_err(|_| Oom).map(drop)
}
