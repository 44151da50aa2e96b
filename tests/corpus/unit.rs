//! A body that returns nothing cannot tell of a failure: what it swallows is tolerated, and the report says so.

use oomsweep::alloc_test;

use super::kit::{bytes, give, take};

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn swallows() {
    drop(bytes!(16));
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn leaks() {
    let a = take!(31); // HERE: birth
    let b = take!(32); // HERE: failed
    if !b.is_null() {
        give!(b, 32);
        if !a.is_null() {
            give!(a, 31);
        }
    }
}
