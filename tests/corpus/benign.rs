//! What may be swallowed: a region, or every request with a frame of a named path.

use std::collections::TryReserveError;

use oomsweep::{alloc_test, benign};

use super::kit::bytes;

mod cache {
    use super::bytes;

    #[inline(never)]
    pub(super) fn grow() -> bool {
        bytes!(std::hint::black_box(500)).is_ok() // HERE: cache
    }
}

mod cached {
    #[inline(never)]
    pub(super) fn look_up() -> bool {
        super::bytes!(std::hint::black_box(501)).is_ok() // HERE: other
    }
}

#[alloc_test(benign("corpus::benign::cache::"))]
#[ignore = "clean twin: run by the table"]
fn by_path() -> Result<(), TryReserveError> {
    let room = bytes!(10)?;
    std::hint::black_box(cache::grow());
    drop(room);
    Ok(())
}

/// `cached` only begins like `cache`: another module, so no excuse.
#[alloc_test(benign("corpus::benign::cache::"))]
#[ignore = "seeded bug: run by the table"]
fn by_half_a_name() -> Result<(), TryReserveError> {
    let room = bytes!(10)?;
    std::hint::black_box(cached::look_up());
    drop(room);
    Ok(())
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn nothing_named() -> Result<(), TryReserveError> {
    std::hint::black_box(cache::grow());
    Ok(())
}

/// Only what fails inside the region is excused, not what fails beside it.
#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn beside_the_region() -> Result<(), TryReserveError> {
    let inside = benign(cache::grow);
    let outside = bytes!(20).is_ok(); // HERE: outside
    std::hint::black_box((inside, outside));
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn nested() -> Result<(), TryReserveError> {
    let room = bytes!(10)?;
    let both = benign(|| benign(|| bytes!(20).is_ok()) && bytes!(30).is_ok());
    std::hint::black_box(both);
    drop(room);
    Ok(())
}
