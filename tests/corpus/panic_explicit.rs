//! The error path panics with words of its own.

use oomsweep::alloc_test;

use super::kit::{Oom, bytes};

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn gives_up() -> Result<(), Oom> {
    let index = bytes!(256); // HERE: failed
    let Ok(index) = index else {
        panic!("no memory for the index of {} words", std::hint::black_box(3)); // HERE: panic
    };
    drop(index);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn reports() -> Result<(), Oom> {
    let index = bytes!(256);
    let Ok(index) = index else { return Err(Oom) };
    drop(index);
    Ok(())
}
