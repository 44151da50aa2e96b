//! `leaks_only` looks at the plain run and nothing else.

use oomsweep::alloc_test;

use super::kit::{Oom, bytes, give, take};

#[alloc_test(leaks_only)]
#[ignore = "seeded bug: run by the table"]
fn forgets() -> Result<(), Oom> {
    std::mem::forget(bytes!(72)?); // HERE: birth
    Ok(())
}

/// Leaks on its error path only: nobody looks there.
#[alloc_test(leaks_only)]
#[ignore = "clean twin: run by the table"]
fn blind_to_error_paths() -> Result<(), Oom> {
    let a = take!(10);
    if a.is_null() {
        return Err(Oom);
    }
    let b = take!(20);
    if b.is_null() {
        return Err(Oom);
    }
    give!(b, 20);
    give!(a, 10);
    Ok(())
}
