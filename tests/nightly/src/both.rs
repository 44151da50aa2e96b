//! One allocator behind a map of hashbrown's, whose values are the standard library's vectors over the same one.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::hint::black_box;

use hashbrown::HashMap;
use oomsweep::heap::AllocError;
use oomsweep::heap::adapt::{Api, Api02, Std};
use oomsweep::{Sweep, TestAlloc};

use crate::expect;

/// A table for 3, and room for 10 twice.
fn lists(alloc: TestAlloc) -> Result<(), AllocError> {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut map: HashMap<u32, Vec<u8, TestAlloc>, _, TestAlloc> = HashMap::with_hasher_in(hasher, alloc);
    for i in 0..2 {
        map.try_reserve(1).map_err(|_| AllocError)?;
        let mut list = Vec::new_in(alloc);
        list.try_reserve(10).map_err(|_| AllocError)?;
        list.push(1);
        map.insert(i, list);
    }
    black_box(&map);
    Ok(())
}

#[test]
fn one_allocator_serves_both() {
    let sweep = |engine| Sweep::new("nightly::both").engine(engine).run_alloc(["alloc"], |[alloc]| lists(alloc));
    let faults = ["once@0", "once@1", "once@2", "persistent@0", "persistent@1", "persistent@2"];
    expect(sweep, &faults.map(|fault| format!("{fault} error")).each_ref().map(String::as_str));
}

fn has_allocator_api2_02(_: impl allocator_api2_02::alloc::Allocator) {}

fn has_std(_: impl std::alloc::Allocator) {}

/// Of one name or of two: everything of oomsweep's has both, generic or not.
#[test]
fn each_has_both_traits() {
    let system: &(dyn oomsweep::heap::Allocator + Send + Sync) = &std::alloc::System;
    has_allocator_api2_02(system);
    has_std(system);
    has_allocator_api2_02(oomsweep::heap::adapt::Global);
    has_std(oomsweep::heap::adapt::Global);
    has_allocator_api2_02(Api(Std(std::alloc::Global)));
    has_std(Api(Api02(allocator_api2_02::alloc::Global)));
}
