//! A panic that loses a raw block on its way: two findings.

use oomsweep::alloc_test;

use super::kit::{Oom, bytes, give, take};

/// Gives its block back, whatever happens.
struct Owned(*mut u8);

impl Drop for Owned {
    fn drop(&mut self) {
        give!(self.0, 56);
    }
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn loses() -> Result<(), Oom> {
    let raw = take!(56); // HERE: birth
    if raw.is_null() {
        return Err(Oom);
    }
    let room = bytes!(12).expect("room"); // HERE: panic
    drop(room);
    give!(raw, 56);
    Ok(())
}

#[alloc_test(panics = "allow")]
#[ignore = "seeded bug: run by the table"]
fn loses_even_where_panics_are_allowed() -> Result<(), Oom> {
    let raw = take!(57); // HERE: allowed birth
    if raw.is_null() {
        return Err(Oom);
    }
    let room = bytes!(12).expect("room");
    drop(room);
    give!(raw, 57);
    Ok(())
}

#[alloc_test(panics = "allow")]
#[ignore = "clean twin: run by the table"]
fn keeps() -> Result<(), Oom> {
    let raw = take!(56);
    if raw.is_null() {
        return Err(Oom);
    }
    let owned = Owned(raw);
    let room = bytes!(12).expect("room");
    drop(room);
    drop(owned);
    Ok(())
}
