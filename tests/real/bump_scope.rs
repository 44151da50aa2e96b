//! bump-scope 2.4: an arena that grows by chunks, with scopes, and with a `try_` form of every call.
//!
//! Expected: a request only for a new chunk, and an `AllocError` when that fails, once or persistently: it does not try for a
//! smaller chunk, so nothing is swallowed. What was allocated before stays as it was, and values that are boxed in the arena are
//! dropped on the error path.

use std::hint::black_box;

use bump_scope::alloc::AllocError;
use bump_scope::{Bump, BumpVec};
use oomsweep::{Sweep, alloc_test, exempt};

use crate::{expect, keeps};

/// One chunk to begin with and one made for a large value.
#[test]
fn chunks() {
    let sweep = |engine| {
        Sweep::new("bump_scope::chunks").engine(engine).run(|| -> Result<(), AllocError> {
            let bump: Bump = Bump::try_new()?;
            let small = bump.try_alloc(7_u32)?;
            let large = keeps(bump.try_alloc_slice_fill(5000, 1_u8), || *small == 7)?;
            black_box((small, large));
            Ok(())
        })
    };
    expect(sweep, &["once: 2 error", "persistent: 2 error"], &[]);
}

#[alloc_test]
fn ways_in() -> Result<(), AllocError> {
    let bump: Bump = Bump::try_with_size(512)?;
    black_box(bump.try_alloc_str("some text")?);
    black_box(bump.try_alloc_fmt(format_args!("{} and {}", 1, 2))?);
    black_box(bump.try_alloc_iter(0..100)?);
    black_box(bump.try_alloc_slice_copy(&[1_u64; 100])?);
    black_box(bump.try_alloc_cstr_fmt(format_args!("{}", 3))?);
    Ok(())
}

/// Formatting text longer than any chunk so far: the text moves from chunk to chunk while it is written.
#[alloc_test]
fn long_text() -> Result<(), AllocError> {
    let bump: Bump = Bump::try_new()?;
    let text = bump.try_alloc_fmt(format_args!("{:>400}|{:>2000}|{:>9000}", 1, 2, 3))?;
    assert_eq!(text.len(), 11402);
    Ok(())
}

/// Elements that own memory: a growth that fails drops each of them once.
#[alloc_test]
fn vec() -> Result<(), AllocError> {
    let bump: Bump = Bump::try_new()?;
    let mut v: BumpVec<Box<u32>, &Bump> = BumpVec::new_in(&bump);
    for i in 0..200 {
        let value = exempt(|| Box::new(i));
        keeps(v.try_push(value), || v.iter().map(|b| **b).eq(0..i))?;
    }
    black_box(&v);
    Ok(())
}

/// The chunks of a scope are kept for the next one: the second round makes no request.
#[test]
fn scopes() {
    let sweep = |engine| {
        Sweep::new("bump_scope::scopes").engine(engine).run(|| -> Result<(), AllocError> {
            let mut bump: Bump = Bump::try_new()?;
            for _ in 0..2 {
                bump.scoped(|scope| -> Result<(), AllocError> {
                    black_box(scope.try_alloc_slice_fill(1000, 1_u8)?);
                    Ok(())
                })?;
            }
            Ok(())
        })
    };
    expect(sweep, &["once: 2 error", "persistent: 2 error"], &[]);
}
