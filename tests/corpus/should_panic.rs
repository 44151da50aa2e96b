//! A test that is expected to panic is judged by the sweep, not by libtest: a finding is never the panic that was expected.

use oomsweep::alloc_test;

use super::kit::{Oom, bytes, give, take};

#[alloc_test]
#[should_panic(expected = "as planned")]
#[ignore = "clean twin: run by the table"]
fn planned() {
    if let Ok(room) = bytes!(16) {
        drop(room);
        panic!("as planned");
    }
}

#[alloc_test]
#[should_panic]
#[ignore = "clean twin: run by the table"]
fn any_panic() -> Result<(), Oom> {
    let room = bytes!(16);
    panic!("room: {}", room.is_ok());
}

#[alloc_test]
#[should_panic(expected = "as planned")]
#[ignore = "seeded bug: run by the table"]
fn another_panic() {
    let room = bytes!(16).expect("room"); // HERE: unplanned
    drop(room);
    panic!("as planned");
}

#[alloc_test]
#[should_panic(expected = "as planned")]
#[ignore = "seeded bug: run by the table"]
fn leaks() {
    let first = take!(61); // HERE: birth
    if first.is_null() {
        return;
    }
    let second = take!(62); // HERE: failed
    if second.is_null() {
        return;
    }
    give!(second, 62);
    give!(first, 61);
    panic!("as planned");
}

/// The plain run must panic.
#[alloc_test]
#[should_panic(expected = "as planned")]
#[ignore = "seeded bug: run by the table"]
fn never_panics() {
    drop(bytes!(16));
}

/// And with these words.
#[alloc_test]
#[should_panic(expected = "as planned")]
#[ignore = "seeded bug: run by the table"]
fn panics_otherwise() {
    drop(bytes!(16));
    panic!("in another way");
}
