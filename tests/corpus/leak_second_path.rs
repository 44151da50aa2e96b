//! The first error path is right, the second one forgets the older block.

use oomsweep::alloc_test;

use super::kit::{Oom, give, take};

fn build(forgets: bool) -> Result<(), Oom> {
    let a = take!(10); // HERE: first
    if a.is_null() {
        return Err(Oom);
    }
    let b = take!(20);
    if b.is_null() {
        give!(a, 10);
        return Err(Oom);
    }
    let c = take!(30); // HERE: third
    if c.is_null() {
        give!(b, 20);
        if !forgets {
            give!(a, 10);
        }
        return Err(Oom);
    }
    give!(c, 30);
    give!(b, 20);
    give!(a, 10);
    Ok(())
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn forgets() -> Result<(), Oom> {
    build(true)
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn remembers() -> Result<(), Oom> {
    build(false)
}
