//! bumpalo 3.20: an arena that grows by chunks.
//!
//! Expected: with memory gone for good every `try_` call answers `AllocErr` and the arena stays usable. A single failure is
//! another matter: asked for a new chunk, bumpalo tries twice the size of the last one, and half as much again and again, down to
//! what is needed. So a failure for which a smaller chunk would do is swallowed by design.

use std::hint::black_box;

use bumpalo::collections::{CollectionAllocErr, Vec as BumpVec};
use bumpalo::{AllocErr, AllocOrInitError, Bump};
use oomsweep::{Rule, Sweep, alloc_test};

use crate::{expect, keeps};

/// An empty arena has no chunk, one with a capacity has one; there is nothing smaller that would do.
#[test]
fn with_capacity() {
    let sweep = |engine| {
        Sweep::new("bumpalo::with_capacity").engine(engine).run(|| -> Result<(), AllocErr> {
            black_box(Bump::try_new()?);
            let bump = Bump::try_with_capacity(1000)?;
            black_box(bump.try_alloc([0_u8; 900])?);
            Ok(())
        })
    };
    expect(sweep, &["once: 1 error", "persistent: 1 error"], &[]);
}

/// The first chunk is as small as chunks get; the second could be smaller than it wants to be, but not the third: it is made for
/// one large value.
fn three_chunks() -> Result<(), AllocErr> {
    let bump = Bump::new();
    let first = bump.try_alloc([1_u8; 400])?;
    let second = bump.try_alloc_slice_copy(&[2_u8; 400])?;
    let large = keeps(bump.try_alloc_slice_fill_copy(5000, 3_u8), || {
        first.iter().all(|b| *b == 1) && second.iter().all(|b| *b == 2)
    })?;
    black_box((first, second, large));
    Ok(())
}

#[test]
fn fallback_is_swallowed() {
    let sweep = |engine| Sweep::new("bumpalo::fallback_is_swallowed").engine(engine).run(three_chunks);
    expect(sweep, &["once: 1 error, 1 swallowed, 1 error", "persistent: 3 error"], &["1 swallowed"]);
}

#[test]
fn fallback_is_allowed() {
    let sweep =
        |engine| Sweep::new("bumpalo::fallback_is_allowed").engine(engine).swallowed(Rule::Allow).run(three_chunks);
    expect(sweep, &["once: 1 error, 1 tolerated, 1 error", "persistent: 3 error"], &[]);
}

/// The other ways in, each with an arena of its own and one request.
#[alloc_test]
fn ways_in() -> Result<(), AllocErr> {
    black_box(Bump::new().try_alloc_str("some text")?);
    black_box(Bump::new().try_alloc_with(|| [0_u64; 10])?);
    black_box(Bump::new().try_alloc_slice_clone(&[Some(1), None])?);
    black_box(Bump::new().try_alloc_slice_fill_iter(0..10)?);
    black_box(Bump::new().try_alloc_slice_fill_default::<u32>(10)?);
    Ok(())
}

/// A value that could not be made gives its room back; the failure of either kind is told apart.
#[test]
fn try_alloc_try_with() {
    let sweep = |engine| {
        Sweep::new("bumpalo::try_alloc_try_with").engine(engine).run(|| -> Result<(), AllocOrInitError<()>> {
            let bump = Bump::new();
            let refused = bump.try_alloc_try_with(|| Err::<[u8; 10], ()>(()));
            match refused {
                Err(AllocOrInitError::Init(())) => {}
                Err(AllocOrInitError::Alloc(error)) => return Err(AllocOrInitError::Alloc(error)),
                Ok(_) => unreachable!("the value was refused"),
            }
            black_box(bump.try_alloc_try_with(|| Ok::<[u8; 10], ()>([1; 10]))?);
            Ok(())
        })
    };
    expect(sweep, &["once: 1 error", "persistent: 1 error"], &[]);
}

/// A vector in an arena: its growth is the arena's, and only a new chunk is a request. The second chunk is asked for by a vector
/// of 512 bytes, for which half as much would not do; so here nothing is swallowed.
#[test]
fn vec() {
    let sweep = |engine| {
        Sweep::new("bumpalo::vec").engine(engine).run(|| -> Result<(), CollectionAllocErr> {
            let bump = Bump::new();
            let mut v: BumpVec<'_, u32> = BumpVec::new_in(&bump);
            for i in 0..100 {
                keeps(v.try_reserve(1), || v.iter().copied().eq(0..i))?;
                v.push(i);
            }
            black_box(&v);
            Ok(())
        })
    };
    expect(sweep, &["once: 2 error", "persistent: 2 error"], &[]);
}
