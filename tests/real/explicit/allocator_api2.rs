//! allocator-api2 0.2, 0.3 and 0.4: their `Vec` and `Box` over a handle, three times the same.
//!
//! Expected: as over their own `Global`: `try_` answers the error, what a call owned is dropped, and the rest aborts.

/// The tests of one version.
macro_rules! version {
    ($version:ident, $name:literal) => {
        mod $version {
            use std::hint::black_box;

            use oomsweep::{TestAlloc, alloc_test};
            use $version::alloc::{AllocError, Allocator};
            use $version::boxed::Box;
            use $version::collections::TryReserveError;
            use $version::vec::Vec;

            use crate::explicit::expect;
            use crate::keeps;

            /// Room for 4, 8, 16, 32 and 64.
            #[test]
            fn vec() {
                let body = |alloc: TestAlloc| -> Result<(), TryReserveError> {
                    let mut v: Vec<u32, TestAlloc> = Vec::new_in(alloc);
                    for i in 0..50 {
                        keeps(v.try_reserve(1), || v.iter().copied().eq(0..i))?;
                        v.push(i);
                    }
                    black_box(&v);
                    Ok(())
                };
                let name = concat!($name, "::vec");
                expect(name, body, &["once: 5 error", "persistent: 5 error"], &[]);
            }

            /// Each element owns a block of the same allocator, and is dropped once.
            #[alloc_test]
            fn vec_of_boxes(alloc: impl Allocator + Copy) -> Result<(), AllocError> {
                let mut v = Vec::new_in(alloc);
                for i in 0..10 {
                    let value = Box::try_new_in(i, alloc)?;
                    keeps(v.try_reserve_exact(1), || v.iter().map(|b: &Box<_, _>| **b).eq(0..i))
                        .map_err(|_| AllocError)?;
                    v.push(value);
                }
                black_box(&v);
                Ok(())
            }

            /// The value handed to a `try_new_in` that fails is dropped: its own block would be a leak otherwise.
            #[test]
            fn box_try_new_in() {
                let body = |alloc: TestAlloc| -> Result<(), AllocError> {
                    let inner = Box::try_new_in(7_u64, alloc)?;
                    let outer = Box::try_new_in(inner, alloc)?;
                    let zeroed = Box::<[u8; 100], _>::try_new_zeroed_in(alloc)?;
                    black_box((&outer, &zeroed));
                    Ok(())
                };
                let name = concat!($name, "::box_try_new_in");
                expect(name, body, &["once: 3 error", "persistent: 3 error"], &[]);
            }

            /// The spare room is given back by a shrink, and that request is infallible.
            #[test]
            fn into_boxed_slice() {
                let body = |alloc: TestAlloc| -> Result<(), TryReserveError> {
                    let mut v: Vec<u8, TestAlloc> = Vec::new_in(alloc);
                    v.try_reserve_exact(10)?;
                    v.push(1);
                    black_box(v.into_boxed_slice());
                    Ok(())
                };
                let name = concat!($name, "::into_boxed_slice");
                expect(name, body, &["once: 1 error, 1 abort", "persistent: 1 error, 1 abort"], &["2 abort"]);
            }

            /// Nothing here has a `try_` in front: the growth of a `push`, and the clone.
            #[test]
            fn infallible() {
                let body = |alloc: TestAlloc| {
                    let mut v: Vec<u64, TestAlloc> = Vec::new_in(alloc);
                    v.push(1);
                    black_box(v.clone());
                };
                let name = concat!($name, "::infallible");
                expect(name, body, &["once: 2 abort", "persistent: 2 abort"], &["4 abort"]);
            }

            /// A block that another allocator gave out.
            #[test]
            fn a_wrong_one_is_given_back() {
                let sweep = |engine| {
                    let sweep = oomsweep::Sweep::new(concat!($name, "::a_wrong_one_is_given_back")).engine(engine);
                    sweep.run_alloc(["a", "b"], |[a, b]| -> Result<(), AllocError> {
                        let (pointer, _) = Box::into_raw_with_allocator(Box::try_new_in(1_u64, a)?);
                        // SAFETY: it came from `a`: that it goes to `b` is the error, which is found before anything comes of it.
                        drop(unsafe { Box::from_raw_in(pointer, b) });
                        Ok(())
                    })
                };
                crate::expect(sweep, &[], &["1 mixed-allocators"]);
            }
        }
    };
}

version!(allocator_api2_02, "explicit::allocator_api2_02");
version!(allocator_api2_03, "explicit::allocator_api2_03");
version!(allocator_api2_04, "explicit::allocator_api2_04");
