//! hashbrown 0.17: the table behind std's maps, used directly.
//!
//! Expected: `try_reserve` answers `TryReserveError` and leaves the table as it was; an insertion that was reserved for does not
//! allocate. What has no `try_` in front, and `try_insert`, whose `Err` means "occupied", aborts.
//!
//! The hasher is a fixed one: with random keys the tombstones of a table fall differently in every run, and with them the
//! moment at which it grows.

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::hint::black_box;

use hashbrown::{HashTable, TryReserveError};
use oomsweep::{Infallible, Sweep, alloc_test, exempt};

use crate::{expect, keeps};

type Fixed = BuildHasherDefault<DefaultHasher>;
type HashMap<K, V> = hashbrown::HashMap<K, V, Fixed>;
type HashSet<K> = hashbrown::HashSet<K, Fixed>;

/// One reservation, and then nothing may fail any more.
#[test]
fn insert_after_try_reserve() {
    let sweep = |engine| {
        Sweep::new("hashbrown::insert_after_try_reserve").engine(engine).run(|| -> Result<(), TryReserveError> {
            let mut map: HashMap<u32, u32> = HashMap::default();
            map.try_reserve(100)?;
            for i in 0..100 {
                map.insert(i, i);
            }
            black_box(&map);
            Ok(())
        })
    };
    expect(sweep, &["once: 1 error", "persistent: 1 error"], &[]);
}

/// Tables for 3, 7, 14, 28, 56 and 112 entries: six requests by the map, one for each of the hundred values.
#[test]
fn growth() {
    let sweep = |engine| {
        Sweep::new("hashbrown::growth").engine(engine).run(|| -> Result<(), TryReserveError> {
            let mut map: HashMap<u32, Box<u32>> = HashMap::default();
            for i in 0..100 {
                keeps(map.try_reserve(1), || (0..i).all(|k| map.get(&k).is_some_and(|v| **v == k)))?;
                map.insert(i, exempt(|| Box::new(i)));
            }
            black_box(&map);
            Ok(())
        })
    };
    let report = expect(sweep, &["once: 6 error", "persistent: 6 error"], &[]);
    assert_eq!(report.points.exempt, 100);
}

/// A table full of tombstones is cleaned in place: no request, hence no point beyond the first.
#[test]
fn rehash_in_place() {
    let sweep = |engine| {
        Sweep::new("hashbrown::rehash_in_place").engine(engine).run(|| -> Result<(), TryReserveError> {
            let mut map: HashMap<u32, u32> = HashMap::default();
            map.try_reserve(28)?;
            for i in 0..1000 {
                keeps(map.try_reserve(1), || map.len() == 10.min(i as usize))?;
                map.insert(i, i);
                if i >= 10 {
                    map.remove(&(i - 10));
                }
            }
            black_box(&map);
            Ok(())
        })
    };
    expect(sweep, &["once: 1 error", "persistent: 1 error"], &[]);
}

#[alloc_test]
fn set() -> Result<(), TryReserveError> {
    let mut set: HashSet<u64> = HashSet::default();
    for i in 0..50 {
        keeps(set.try_reserve(1), || set.len() == i as usize)?;
        set.insert(i);
    }
    black_box(&set);
    Ok(())
}

#[alloc_test]
fn table() -> Result<(), TryReserveError> {
    let hasher = Fixed::default();
    let mut table: HashTable<u64> = HashTable::new();
    for i in 0..50 {
        keeps(table.try_reserve(1, |k| hasher.hash_one(k)), || table.len() == i as usize)?;
        table.insert_unique(hasher.hash_one(i), i, |k| hasher.hash_one(k));
    }
    black_box(&table);
    Ok(())
}

/// A map that never held anything has no block, and so has its clone: the sweep has nothing to fail, and says so.
#[test]
fn clone_of_an_empty_map() {
    let sweep = |engine| {
        Sweep::new("hashbrown::clone_of_an_empty_map").engine(engine).run(|| {
            let map: HashMap<u32, u32> = HashMap::default();
            black_box(map.clone());
        })
    };
    expect(sweep, &[], &["1 no-points"]);
}

/// A map that is empty again has kept its block, and the clone gets one as large, by the infallible way: a surprise for who
/// relies on "an empty map does not allocate".
#[test]
fn clone_of_an_emptied_map() {
    let sweep = |engine| {
        Sweep::new("hashbrown::clone_of_an_emptied_map").engine(engine).run(|| -> Result<(), TryReserveError> {
            let mut map: HashMap<u32, u32> = HashMap::default();
            map.try_reserve(100)?;
            map.insert(1, 1);
            map.clear();
            black_box(map.clone());
            Ok(())
        })
    };
    expect(sweep, &["once: 1 error, 1 abort", "persistent: 1 error, 1 abort"], &["2 abort"]);
}

/// `try_insert` fails for a key that is there; for want of memory it aborts, as `insert` does.
#[test]
fn try_insert_is_not_about_memory() {
    let sweep = |engine| {
        Sweep::new("hashbrown::try_insert_is_not_about_memory").engine(engine).run(|| -> Result<(), &'static str> {
            let mut map: HashMap<u32, u32> = HashMap::default();
            map.try_insert(1, 1).map_err(|_| "occupied")?;
            black_box(&map);
            Ok(())
        })
    };
    expect(sweep, &["once: 1 abort", "persistent: 1 abort"], &["2 abort"]);
}

/// The same request where infallible allocation is the crate's policy: the trial is made and counted, and is no finding.
#[test]
fn infallible_by_policy() {
    let sweep = |engine| {
        Sweep::new("hashbrown::infallible_by_policy").engine(engine).infallible(Infallible::Skip).run(|| {
            let mut map: HashMap<u32, u32> = HashMap::default();
            for i in 0..20 {
                map.insert(i, i);
            }
            black_box(&map);
        })
    };
    expect(sweep, &["once: 4 skipped", "persistent: 4 skipped"], &[]);
}
