//! The forgotten `errdefer`: the second request fails, and nobody gives the first block back.

use oomsweep::alloc_test;

use super::kit::{Oom, give, take};

struct Thing {
    a: *mut u8,
    b: *mut u8,
}

impl Drop for Thing {
    fn drop(&mut self) {
        give!(self.a, 100);
        give!(self.b, 100);
    }
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn leaky() -> Result<(), Oom> {
    let a = take!(100); // HERE: first
    if a.is_null() {
        return Err(Oom);
    }
    let b = take!(100); // HERE: second
    if b.is_null() {
        return Err(Oom);
    }
    drop(Thing { a, b });
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn safe() -> Result<(), Oom> {
    let a = take!(100);
    if a.is_null() {
        return Err(Oom);
    }
    let b = take!(100);
    if b.is_null() {
        give!(a, 100);
        return Err(Oom);
    }
    drop(Thing { a, b });
    Ok(())
}
