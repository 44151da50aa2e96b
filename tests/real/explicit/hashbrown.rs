//! hashbrown 0.17 over a handle, by allocator-api2 0.2.
//!
//! Expected: as over the global allocator. A resize takes a new table and gives the old one back; it never grows one.

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::hint::black_box;

use allocator_api2_02::alloc::{AllocError, Allocator};
use allocator_api2_02::boxed::Box as Box2;
use hashbrown::{HashTable, TryReserveError};
use oomsweep::{TestAlloc, alloc_test};

use super::expect;
use crate::keeps;

type Fixed = BuildHasherDefault<DefaultHasher>;
type HashMap<K, V, A> = hashbrown::HashMap<K, V, Fixed, A>;
type HashSet<K, A> = hashbrown::HashSet<K, Fixed, A>;

/// One reservation, and then nothing may fail any more; `try_insert` does not allocate then either.
#[test]
fn insert_after_try_reserve() {
    let body = |alloc: TestAlloc| -> Result<(), TryReserveError> {
        let mut map: HashMap<u32, u32, _> = HashMap::with_hasher_in(Fixed::default(), alloc);
        map.try_reserve(100)?;
        for i in 0..100 {
            assert!(map.try_insert(i, i).is_ok());
        }
        black_box(&map);
        Ok(())
    };
    expect("explicit::insert_after_try_reserve", body, &["once: 1 error", "persistent: 1 error"], &[]);
}

/// Tables for 3, 7, 14 and 28 entries, and a block for each of the twenty values.
#[test]
fn growth() {
    let body = |alloc: TestAlloc| -> Result<(), AllocError> {
        let mut map: HashMap<u32, Box2<u32, TestAlloc>, _> = HashMap::with_hasher_in(Fixed::default(), alloc);
        for i in 0..20 {
            keeps(map.try_reserve(1), || (0..i).all(|k| map.get(&k).is_some_and(|v| **v == k)))
                .map_err(|_| AllocError)?;
            map.insert(i, Box2::try_new_in(i, alloc)?);
        }
        black_box(&map);
        Ok(())
    };
    expect("explicit::growth", body, &["once: 24 error", "persistent: 24 error"], &[]);
}

#[alloc_test]
fn set(alloc: impl Allocator + Copy) -> Result<(), TryReserveError> {
    let mut set: HashSet<u64, _> = HashSet::with_hasher_in(Fixed::default(), alloc);
    for i in 0..50 {
        keeps(set.try_reserve(1), || set.len() == i as usize)?;
        set.insert(i);
    }
    black_box(&set);
    Ok(())
}

#[alloc_test]
fn table(alloc: TestAlloc) -> Result<(), TryReserveError> {
    let hasher = Fixed::default();
    let mut table: HashTable<u64, TestAlloc> = HashTable::new_in(alloc);
    for i in 0..50 {
        keeps(table.try_reserve(1, |k| hasher.hash_one(k)), || table.len() == i as usize)?;
        table.insert_unique(hasher.hash_one(i), i, |k| hasher.hash_one(k));
    }
    black_box(&table);
    Ok(())
}

/// The clone, and the smaller table that a shrink makes: a map that could keep the table it has ends the process instead.
#[test]
fn what_has_no_try_in_front() {
    let body = |alloc: TestAlloc| -> Result<(), TryReserveError> {
        let mut map: HashMap<u32, u32, _> = HashMap::with_hasher_in(Fixed::default(), alloc);
        map.try_reserve(100)?;
        map.insert(1, 1);
        black_box(map.clone());
        map.shrink_to_fit();
        Ok(())
    };
    let verdicts = ["once: 1 error, 2 abort", "persistent: 1 error, 2 abort"];
    expect("explicit::what_has_no_try_in_front", body, &verdicts, &["4 abort"]);
}
