//! blink-alloc 0.4 over a handle, by allocator-api2 0.4: an arena that grows by chunks, and `Blink`, which drops what it holds.
//!
//! Expected: a request for each chunk; the value that a `try_` call could not take comes back, or is dropped; what was taken before is
//! dropped with the arena.

use std::hint::black_box;

use allocator_api2_04::alloc::AllocError;
use allocator_api2_04::boxed::Box as Box4;
use allocator_api2_04::vec::Vec as Vec4;
use blink_alloc::{Blink, BlinkAlloc};
use oomsweep::{TestAlloc, alloc_test};

use super::expect;
use crate::keeps;

/// A vector over the arena.
#[test]
fn vec() {
    let body = |alloc: TestAlloc| -> Result<(), AllocError> {
        let blink = BlinkAlloc::new_in(alloc);
        let mut v: Vec4<u64, _> = Vec4::new_in(&blink);
        for i in 0..100 {
            keeps(v.try_reserve(1), || v.iter().copied().eq(0..i)).map_err(|_| AllocError)?;
            v.push(i);
        }
        black_box(&v);
        Ok(())
    };
    expect("explicit::blink_alloc::vec", body, &["once: 3 error", "persistent: 3 error"], &[]);
}

/// Values that own blocks of the same allocator: one that is refused comes back and is dropped here, the others with the arena.
#[alloc_test]
fn values(alloc: TestAlloc) -> Result<(), AllocError> {
    let blink = Blink::new_in(BlinkAlloc::new_in(alloc));
    for i in 0..30 {
        let value = Box4::try_new_in(i, alloc)?;
        let taken = blink.emplace().try_value(value).map_err(|_| AllocError)?;
        assert_eq!(**taken, i);
    }
    Ok(())
}

/// As much as was taken of an iterator stays in the arena, and is dropped with it.
#[alloc_test]
fn from_iter(alloc: TestAlloc) -> Result<(), AllocError> {
    let blink = Blink::new_in(BlinkAlloc::new_in(alloc));
    let values = (0..50).map_while(|i| Box4::try_new_in(i, alloc).ok());
    let taken = blink.emplace().try_from_iter(values).map_err(|_| AllocError)?;
    if taken.len() < 50 { Err(AllocError) } else { Ok(()) }
}

/// Of `emplace_shared` the documentation says that its values may be dropped on reset; it has them never dropped, as `emplace_no_drop`
/// has. What they own is lost, here in the plain run.
#[test]
fn shared_values_are_never_dropped() {
    let body = |alloc: TestAlloc| -> Result<(), AllocError> {
        let blink = Blink::new_in(BlinkAlloc::new_in(alloc));
        let value = Box4::try_new_in(7, alloc)?;
        let taken: &Box4<i32, TestAlloc> = blink.emplace_shared().try_value(value).map_err(|_| AllocError)?;
        assert_eq!(**taken, 7);
        Ok(())
    };
    expect("explicit::blink_alloc::shared_values_are_never_dropped", body, &[], &["1 leak"]);
}

/// After a reset the last chunk is used again.
#[alloc_test]
fn reset(alloc: TestAlloc) -> Result<(), AllocError> {
    let mut blink = Blink::new_in(BlinkAlloc::new_in(alloc));
    for _ in 0..3 {
        black_box(blink.try_copy_slice(&[1_u8; 1000]).ok_or(AllocError)?);
        black_box(blink.try_copy_str("text").ok_or(AllocError)?);
        blink.reset();
    }
    Ok(())
}

/// What `put` can't have ends the process.
#[test]
fn put() {
    let body = |alloc: TestAlloc| {
        let blink = Blink::new_in(BlinkAlloc::new_in(alloc));
        black_box(blink.put(1_u32));
    };
    expect("explicit::blink_alloc::put", body, &["once: 1 abort", "persistent: 1 abort"], &["2 abort"]);
}

/// `emplace_no_drop` takes room for the value, and `try_with_fallible` writes there the whole of the closure's `Result`, which is
/// larger. That of the last value in a chunk goes beyond the chunk.
#[test]
fn a_result_in_the_room_of_its_value() {
    let body = |alloc: TestAlloc| -> Result<(), AllocError> {
        let blink = Blink::new_in(BlinkAlloc::new_in(alloc));
        for i in 0..100_u64 {
            let value = blink.emplace_no_drop().try_with_fallible(|| Ok::<u64, u64>(i)).map_err(|_| AllocError)?;
            black_box(value);
        }
        Ok(())
    };
    expect("explicit::blink_alloc::a_result_in_the_room_of_its_value", body, &[], &["1 overflow"]);
}
