//! bumpalo 3.20 takes its chunks from the global allocator and from no other, so its own requests are points only as those of the global
//! one. It is an allocator itself, of allocator-api2 0.2: collections over it, and one of ours over it.
//!
//! Expected: an arena takes no block back, so its chunks must all be gone when it is, whatever failed before.

use std::alloc::Layout;
use std::hint::black_box;

use allocator_api2_02::alloc::AllocError;
use allocator_api2_02::boxed::Box as Box2;
use allocator_api2_02::vec::Vec as Vec2;
use bumpalo::Bump;
use oomsweep::heap::{self, Allocator, adapt};
use oomsweep::{Sweep, TestAlloc, alloc_test};

use crate::{expect, keeps};

/// A vector over the arena. The first chunk, of 512 bytes less its footer, holds it up to 32 elements of 8 bytes, the second up to 64, the
/// third the rest: each is as large as it must be, so nothing smaller would do.
#[test]
fn vec() {
    let sweep = |engine| {
        Sweep::new("explicit::bumpalo::vec").engine(engine).run(|| -> Result<(), AllocError> {
            let bump = Bump::new();
            let mut v: Vec2<u64, &Bump> = Vec2::new_in(&bump);
            for i in 0..100 {
                keeps(v.try_reserve(1), || v.iter().copied().eq(0..i)).map_err(|_| AllocError)?;
                v.push(i);
            }
            black_box(&v);
            Ok(())
        })
    };
    expect(sweep, &["once: 3 error", "persistent: 3 error"], &[]);
}

/// The arena behind oomsweep's own trait: what a block's change comes to there.
#[test]
fn adapted() {
    let sweep = |engine| {
        Sweep::new("explicit::bumpalo::adapted").engine(engine).run(|| -> Result<(), heap::AllocError> {
            let bump = Bump::new();
            let arena = adapt::Api02(&bump);
            let (small, large) = (Layout::new::<[u8; 10]>(), Layout::new::<[u8; 5000]>());
            let block = arena.allocate_zeroed(small)?.cast::<u8>();
            // SAFETY: allocated above, with this layout; each pointer takes the place of the last.
            unsafe {
                block.write(7);
                let grown = keeps(arena.grow_zeroed(block, small, large), || block.read() == 7)?.cast::<u8>();
                assert_eq!((grown.read(), grown.add(10).read(), grown.add(4999).read()), (7, 0, 0));
                let shrunk = arena.shrink(grown, large, small)?;
                arena.deallocate(shrunk.cast(), small);
            }
            Ok(())
        })
    };
    expect(sweep, &["once: 2 error", "persistent: 2 error"], &[]);
}

/// One body, two allocators: the arena's chunks are requests to the global one, its contents own blocks of the handle.
#[test]
fn beside_a_handle() {
    let sweep = |engine| {
        let sweep = Sweep::new("explicit::bumpalo::beside_a_handle").engine(engine).global_swept();
        sweep.run_alloc(["alloc"], |[alloc]| -> Result<(), AllocError> {
            let bump = Bump::new();
            let mut v: Vec2<Box2<u32, TestAlloc>, &Bump> = Vec2::new_in(&bump);
            for i in 0..3 {
                v.try_reserve(1).map_err(|_| AllocError)?;
                v.push(Box2::try_new_in(i, alloc)?);
            }
            black_box(&v);
            Ok(())
        })
    };
    let rows = ["once: 3 error", "persistent: 3 error", "once: 1 error", "persistent: 1 error"];
    expect(sweep, &rows, &[]);
}

/// The same with the arena's own vector, which drops its elements though their room stays where it is.
#[alloc_test(global = "swept")]
fn own_vec(alloc: TestAlloc) -> Result<(), AllocError> {
    let bump = Bump::new();
    let mut v: bumpalo::collections::Vec<'_, Box2<u32, TestAlloc>> = bumpalo::collections::Vec::new_in(&bump);
    for i in 0..10 {
        let value = Box2::try_new_in(i, alloc)?;
        keeps(v.try_reserve(1), || v.iter().map(|b| **b).eq(0..i)).map_err(|_| AllocError)?;
        v.push(value);
    }
    black_box(&v);
    Ok(())
}

/// A box in an arena is given back to the arena; what it owns goes to the handle.
#[alloc_test]
fn boxes(alloc: TestAlloc) -> Result<(), AllocError> {
    let bump = Bump::new();
    let inner = Box2::try_new_in(1_u8, alloc)?;
    let outer = Box2::try_new_in(inner, &bump)?;
    black_box(Box2::try_new_in(outer, alloc)?);
    Ok(())
}
