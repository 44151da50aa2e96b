//! The pointer is used before anyone looks at it.

use oomsweep::alloc_test;

use super::kit::{Oom, give, take};

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn fills() -> Result<(), Oom> {
    let block = take!(64); // HERE: failed
    // SAFETY: none, that is the bug: the block may be null. (`libc`, because the standard library checks in debug builds.)
    unsafe { libc::memset(block.cast(), 0x5a, 64) };
    give!(block, 64);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn looks() -> Result<(), Oom> {
    let block = take!(64);
    if block.is_null() {
        return Err(Oom);
    }
    // SAFETY: the block is there, and has 64 bytes.
    unsafe { libc::memset(block.cast(), 0x5a, 64) };
    give!(block, 64);
    Ok(())
}
