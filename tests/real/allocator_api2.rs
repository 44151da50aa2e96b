//! allocator-api2 0.2: the unstable `Vec`, `Box` and `Allocator` of the standard library for stable Rust, here with its `Global`.
//!
//! Expected: `Vec::try_reserve` answers `TryReserveError` and keeps the elements, `Box::try_new` answers `AllocError` and drops
//! the value that it was to hold. `into_boxed_slice` has no fallible form and aborts when the shrink is refused.

use std::hint::black_box;

use allocator_api2_02::alloc::AllocError;
use allocator_api2_02::boxed::Box as Box2;
use allocator_api2_02::collections::TryReserveError;
use allocator_api2_02::vec::Vec as Vec2;
use oomsweep::{Sweep, alloc_test, exempt};

use crate::{expect, keeps};

/// Room for 4, 8, 16, 32 and 64.
#[test]
fn vec() {
    let sweep = |engine| {
        Sweep::new("allocator_api2::vec").engine(engine).run(|| -> Result<(), TryReserveError> {
            let mut v: Vec2<u32> = Vec2::new();
            for i in 0..50 {
                keeps(v.try_reserve(1), || v.iter().copied().eq(0..i))?;
                v.push(i);
            }
            black_box(&v);
            Ok(())
        })
    };
    expect(sweep, &["once: 5 error", "persistent: 5 error"], &[]);
}

#[alloc_test]
fn vec_exact() -> Result<(), TryReserveError> {
    let mut v: Vec2<Box<u32>> = Vec2::new();
    for i in 0..10 {
        keeps(v.try_reserve_exact(1), || v.iter().map(|b| **b).eq(0..i))?;
        v.push(exempt(|| Box::new(i)));
    }
    black_box(&v);
    Ok(())
}

/// The value handed to a `try_new` that fails is dropped: its own block would be a leak otherwise.
#[test]
fn box_try_new() {
    let sweep = |engine| {
        Sweep::new("allocator_api2::box_try_new").engine(engine).run(|| -> Result<(), AllocError> {
            let inner = Box2::try_new(7_u64)?;
            let outer = Box2::try_new(inner)?;
            let zeroed = Box2::<[u8; 100]>::try_new_zeroed()?;
            let slice = Box2::<[u16]>::try_new_uninit_slice(10)?;
            black_box((&outer, &zeroed, &slice));
            Ok(())
        })
    };
    expect(sweep, &["once: 4 error", "persistent: 4 error"], &[]);
}

/// A boxed slice must fit exactly, so the spare room is given back by a shrink, and that request is infallible.
#[test]
fn into_boxed_slice() {
    let sweep = |engine| {
        Sweep::new("allocator_api2::into_boxed_slice").engine(engine).run(|| -> Result<(), TryReserveError> {
            let mut v: Vec2<u8> = Vec2::new();
            v.try_reserve_exact(10)?;
            v.push(1);
            black_box(v.into_boxed_slice());
            Ok(())
        })
    };
    expect(sweep, &["once: 1 error, 1 abort", "persistent: 1 error, 1 abort"], &["2 abort"]);
}
