//! hashbrown's map takes the trait of allocator-api2 0.2, which is the standard library's if that crate's `nightly` is on.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::hint::black_box;

use hashbrown::{HashMap, TryReserveError};
use oomsweep::{Sweep, TestAlloc};

use crate::expect;

/// Tables for 3, 7 and 14 entries.
#[test]
fn map() {
    let sweep = |engine| {
        Sweep::new("nightly::map").engine(engine).run_alloc(["alloc"], |[alloc]| -> Result<(), TryReserveError> {
            let hasher = BuildHasherDefault::<DefaultHasher>::default();
            let mut map: HashMap<u32, u32, _, TestAlloc> = HashMap::with_hasher_in(hasher, alloc);
            for i in 0..10 {
                map.try_reserve(1)?;
                map.insert(i, i);
            }
            black_box(&map);
            Ok(())
        })
    };
    let faults = ["once@0", "once@1", "once@2", "persistent@0", "persistent@1", "persistent@2"];
    expect(sweep, &faults.map(|fault| format!("{fault} error")).each_ref().map(String::as_str));
}
