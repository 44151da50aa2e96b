//! bump-scope 2.4 over a handle: it takes a base allocator by each of its adapters, for allocator-api2 0.2, 0.3 and 0.4.
//!
//! Expected: as over the global allocator: a request for each new chunk and nothing else; a chunk that is refused is an `AllocError`.

use std::hint::black_box;

use bump_scope::alloc::AllocError;
use bump_scope::alloc::compat::{AllocatorApi2V02Compat, AllocatorApi2V03Compat, AllocatorApi2V04Compat};
use bump_scope::{Bump, BumpVec};
use oomsweep::{TestAlloc, alloc_test};

use super::expect;
use crate::keeps;

/// One chunk to begin with and one made for a large value, whichever the adapter.
#[test]
fn chunks() {
    macro_rules! by {
        ($adapter:ident) => {{
            let body = |alloc: TestAlloc| -> Result<(), AllocError> {
                let bump: Bump<_> = Bump::try_new_in($adapter(alloc))?;
                let small = bump.try_alloc(7_u32)?;
                let large = keeps(bump.try_alloc_slice_fill(5000, 1_u8), || *small == 7)?;
                black_box((small, large));
                Ok(())
            };
            let name = concat!("explicit::bump_scope::chunks::", stringify!($adapter));
            expect(name, body, &["once: 2 error", "persistent: 2 error"], &[]);
        }};
    }
    by!(AllocatorApi2V02Compat);
    by!(AllocatorApi2V03Compat);
    by!(AllocatorApi2V04Compat);
}

#[alloc_test]
fn ways_in(alloc: TestAlloc) -> Result<(), AllocError> {
    let bump: Bump<_> = Bump::try_with_size_in(512, AllocatorApi2V04Compat(alloc))?;
    black_box(bump.try_alloc_str("some text")?);
    black_box(bump.try_alloc_fmt(format_args!("{} and {}", 1, 2))?);
    black_box(bump.try_alloc_iter(0..100)?);
    black_box(bump.try_alloc_slice_copy(&[1_u64; 100])?);
    Ok(())
}

/// Elements that own a block of the same allocator: a growth that fails drops each of them once.
#[alloc_test]
fn vec(alloc: TestAlloc) -> Result<(), AllocError> {
    use allocator_api2_04::boxed::Box as Box4;

    let bump: Bump<_> = Bump::try_new_in(AllocatorApi2V04Compat(alloc))?;
    let mut v = BumpVec::new_in(&bump);
    for i in 0..100 {
        let value = Box4::try_new_in(i, alloc)?;
        keeps(v.try_push(value), || v.iter().map(|b: &Box4<_, _>| **b).eq(0..i))?;
    }
    black_box(&v);
    Ok(())
}

/// The chunks of a scope are kept for the next one: the second round makes no request.
#[test]
fn scopes() {
    let body = |alloc: TestAlloc| -> Result<(), AllocError> {
        let mut bump: Bump<_> = Bump::try_new_in(AllocatorApi2V02Compat(alloc))?;
        for _ in 0..2 {
            bump.scoped(|scope| -> Result<(), AllocError> {
                black_box(scope.try_alloc_slice_fill(1000, 1_u8)?);
                Ok(())
            })?;
        }
        Ok(())
    };
    expect("explicit::bump_scope::scopes", body, &["once: 2 error", "persistent: 2 error"], &[]);
}
