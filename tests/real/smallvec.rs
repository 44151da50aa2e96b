//! smallvec 1.x: a vector that keeps its first elements in place.
//!
//! Expected: nothing is asked for while the elements fit in place; spilling and growing by `try_reserve` and `try_grow` answer
//! `CollectionAllocErr` with the elements where they were; `try_grow` back to the inline size frees and asks for nothing.

use std::hint::black_box;

use oomsweep::{Sweep, alloc_test, exempt};
use smallvec::{CollectionAllocErr, SmallVec};

use crate::{expect, keeps};

/// Inline up to 4, then 8, 16 and 32: one `alloc` and two `realloc`s.
#[test]
fn spill_and_grow() {
    let sweep = |engine| {
        Sweep::new("smallvec::spill_and_grow").engine(engine).run(|| -> Result<(), CollectionAllocErr> {
            let mut v: SmallVec<[u32; 4]> = SmallVec::new();
            for i in 0..20 {
                keeps(v.try_reserve(1), || v.iter().copied().eq(0..i))?;
                v.push(i);
            }
            black_box(&v);
            Ok(())
        })
    };
    expect(sweep, &["once: 3 error", "persistent: 3 error"], &[]);
}

/// Elements that own memory: a failed spill must neither lose nor double them.
#[alloc_test]
fn elements_that_own() -> Result<(), CollectionAllocErr> {
    let mut v: SmallVec<[Box<u32>; 2]> = SmallVec::new();
    for i in 0..10 {
        keeps(v.try_reserve(1), || v.iter().map(|b| **b).eq(0..i))?;
        v.push(exempt(|| Box::new(i)));
    }
    black_box(&v);
    Ok(())
}

#[test]
fn back_inline() {
    let sweep = |engine| {
        Sweep::new("smallvec::back_inline").engine(engine).run(|| -> Result<(), CollectionAllocErr> {
            let mut v: SmallVec<[u32; 4]> = SmallVec::new();
            v.extend([1, 2, 3]);
            keeps(v.try_grow(10), || v.as_slice() == [1, 2, 3] && !v.spilled())?;
            assert!(v.spilled());
            v.try_grow(4)?;
            assert!(!v.spilled() && v.as_slice() == [1, 2, 3]);
            keeps(v.try_reserve_exact(5), || v.as_slice() == [1, 2, 3])?;
            black_box(&v);
            Ok(())
        })
    };
    expect(sweep, &["once: 2 error", "persistent: 2 error"], &[]);
}

/// Without `try_` in front it aborts, whatever the way in.
#[test]
fn infallible() {
    let sweep = |engine| {
        Sweep::new("smallvec::infallible").engine(engine).run(|| {
            let mut v: SmallVec<[u8; 4]> = SmallVec::from_slice(&[0; 8]);
            v.extend_from_slice(&[1; 8]);
            v.insert_many(3, [2; 16]);
            v.shrink_to_fit();
            black_box(&v);
        })
    };
    expect(sweep, &["once: 3 abort", "persistent: 3 abort"], &["6 abort"]);
}
