//! `Vec`, `Box`, `Rc`, `Arc`, `VecDeque` and `BTreeMap`, each with its allocator.

use std::alloc::AllocError;
use std::collections::{BTreeMap, TryReserveError, VecDeque};
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use oomsweep::heap::Allocator;
use oomsweep::{Sweep, TestAlloc, alloc_test};

use crate::expect;

/// Room for 4, 8 and 16.
#[test]
fn vec() {
    let sweep = |engine| {
        Sweep::new("nightly::vec").engine(engine).run_alloc(["alloc"], |[alloc]| -> Result<(), TryReserveError> {
            let mut v: Vec<u32, TestAlloc> = Vec::new_in(alloc);
            for i in 0..10 {
                v.try_reserve(1)?;
                v.push(i);
            }
            black_box(&v);
            Ok(())
        })
    };
    let faults = ["once@0", "once@1", "once@2", "persistent@0", "persistent@1", "persistent@2"];
    expect(sweep, &faults.map(|fault| format!("{fault} error")).each_ref().map(String::as_str));
}

/// A box in a box: the value of a `try_new_in` that fails is dropped.
#[alloc_test]
fn boxes(alloc: TestAlloc) -> Result<(), AllocError> {
    let inner = Box::try_new_in(7_u64, alloc)?;
    let outer = Box::try_new_in(inner, alloc)?;
    let zeroed = Box::<[u8; 100], _>::try_new_zeroed_in(alloc)?;
    black_box((&outer, &zeroed));
    Ok(())
}

#[alloc_test]
fn shared(one: impl std::alloc::Allocator + Copy, other: TestAlloc) -> Result<(), AllocError> {
    let rc = Rc::try_new_in(1_u8, one)?;
    let arc = Arc::try_new_in(rc.clone(), other)?;
    black_box((&rc, &arc));
    Ok(())
}

/// A trait object of oomsweep's own trait has the standard library's as well.
#[alloc_test]
fn dynamic(alloc: &dyn Allocator) -> Result<(), TryReserveError> {
    let mut queue: VecDeque<u8, &dyn Allocator> = VecDeque::new_in(alloc);
    queue.try_reserve(10)?;
    queue.push_back(1);
    queue.try_reserve(100)?;
    black_box(&queue);
    Ok(())
}

/// No call of a `BTreeMap`'s can fail: every node that is refused ends the process.
#[test]
fn tree() {
    let sweep = |engine| {
        Sweep::new("nightly::tree").engine(engine).run_alloc(["alloc"], |[alloc]| {
            let mut map = BTreeMap::new_in(alloc);
            for i in 0..12 {
                map.insert(i, i);
            }
            black_box(&map);
        })
    };
    let faults = ["once@0", "once@1", "once@2", "persistent@0", "persistent@1", "persistent@2"];
    expect(sweep, &faults.map(|fault| format!("{fault} abort")).each_ref().map(String::as_str));
}

/// From the standard library's trait to oomsweep's, and back.
#[cfg(feature = "std-trait")]
#[alloc_test(global = "swept")]
fn adapted(alloc: TestAlloc) -> Result<(), TryReserveError> {
    use oomsweep::heap::adapt;

    let mut v = Vec::new_in(adapt::Api(adapt::Std(alloc)));
    v.try_reserve(1)?;
    v.push(1);
    let mut w = Vec::new_in(adapt::Api(adapt::Std(std::alloc::Global)));
    w.try_reserve(1)?;
    w.push(1);
    black_box((&v, &w));
    Ok(())
}

/// A block that comes from one and goes back to the other.
#[test]
fn a_wrong_one_is_given_back() {
    let report =
        Sweep::new("nightly::a_wrong_one_is_given_back").run_alloc(["a", "b"], |[a, b]| -> Result<(), AllocError> {
            let (pointer, _) = Box::into_raw_with_allocator(Box::try_new_in(1_u64, a)?);
            // SAFETY: it came from `a`: that it goes to `b` is the error, which is found before anything comes of it.
            drop(unsafe { Box::from_raw_in(pointer, b) });
            Ok(())
        });
    let codes: Vec<_> = report.findings().iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["mixed-allocators"], "{report}");
}
