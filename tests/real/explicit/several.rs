//! A map with one allocator whose values have another.
//!
//! Expected: each is a space of points by itself, swept while the other never fails; and a value that goes to the map's allocator is
//! found.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::hint::black_box;

use allocator_api2_02::alloc::AllocError;
use allocator_api2_02::boxed::Box as Box2;
use allocator_api2_02::vec::Vec as Vec2;
use hashbrown::HashMap;
use oomsweep::{Sweep, TestAlloc, alloc_test};

use crate::expect;

type Map = HashMap<u32, Vec2<u8, TestAlloc>, BuildHasherDefault<DefaultHasher>, TestAlloc>;

/// Five values in tables for 3 and 7.
fn fill(map: TestAlloc, values: TestAlloc) -> Result<Map, AllocError> {
    let mut filled = Map::with_hasher_in(BuildHasherDefault::default(), map);
    for i in 0..5 {
        let mut value = Vec2::new_in(values);
        value.try_reserve(20).map_err(|_| AllocError)?;
        value.push(1);
        filled.try_reserve(1).map_err(|_| AllocError)?;
        filled.insert(i, value);
    }
    Ok(filled)
}

#[test]
fn each_fails_by_itself() {
    let sweep = |engine| {
        let sweep = Sweep::new("explicit::several::each_fails_by_itself").engine(engine);
        sweep.run_alloc(["map", "values"], |[map, values]| fill(map, values).map(|map| drop(black_box(map))))
    };
    let report = expect(sweep, &["once: 2 error", "persistent: 2 error", "once: 5 error", "persistent: 5 error"], &[]);
    let spaces: Vec<_> = report.spaces.iter().map(|space| (space.name.as_str(), space.points)).collect();
    assert_eq!(spaces, [("map", 2), ("values", 5)], "{report}");
}

/// The value's block, taken apart and put together again with the map's allocator.
#[test]
fn a_value_goes_to_the_map() {
    let sweep = |engine| {
        let sweep = Sweep::new("explicit::several::a_value_goes_to_the_map").engine(engine);
        sweep.run_alloc(["map", "values"], |[map, values]| -> Result<(), AllocError> {
            let mut filled = fill(map, values)?;
            let (pointer, len, capacity, _) = filled.remove(&3).ok_or(AllocError)?.into_raw_parts_with_alloc();
            // SAFETY: it came from `values`: that it goes to `map` is the error, which is found before anything comes of it.
            drop(unsafe { Vec2::from_raw_parts_in(pointer, len, capacity, map) });
            Ok(())
        })
    };
    let report = expect(sweep, &[], &["1 mixed-allocators"]);
    let text = report.to_string();
    assert!(text.contains("`map`") && text.contains("`values`"), "{text}");
}

/// With what neither of them gave, as the third.
#[alloc_test(global = "swept")]
fn three(map: TestAlloc, values: TestAlloc) -> Result<(), AllocError> {
    let mut names = String::new();
    names.try_reserve(10).map_err(|_| AllocError)?;
    black_box((fill(map, values)?, Box2::try_new_in(names, map)?));
    Ok(())
}
