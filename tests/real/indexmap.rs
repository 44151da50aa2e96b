//! indexmap 2.14: a hash table of indices beside a vector of entries.
//!
//! Expected: two requests a growth, the table's and the vector's. The second one has a fallback: `try_reserve` first asks for as
//! many entries as the table has room for, and if that fails for just as many as were asked for. A single failure there is
//! swallowed by design; a persistent one comes back. `try_reserve_exact` has no fallback.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::hint::black_box;

use indexmap::TryReserveError;
use oomsweep::{Rule, Sweep, alloc_test};

use crate::{expect, keeps};

type Fixed = BuildHasherDefault<DefaultHasher>;
type IndexMap<K, V> = indexmap::IndexMap<K, V, Fixed>;
type IndexSet<K> = indexmap::IndexSet<K, Fixed>;

#[alloc_test]
fn exact() -> Result<(), TryReserveError> {
    let mut map: IndexMap<u32, u32> = IndexMap::default();
    for i in 0..30 {
        keeps(map.try_reserve_exact(1), || map.keys().copied().eq(0..i))?;
        map.insert(i, i);
    }
    black_box(&map);
    Ok(())
}

fn fill() -> Result<(), TryReserveError> {
    let mut map: IndexMap<u32, u32> = IndexMap::default();
    map.try_reserve(10)?;
    for i in 0..10 {
        map.insert(i, i);
    }
    keeps(map.try_reserve(10), || map.keys().copied().eq(0..10))?;
    for i in 10..20 {
        map.insert(i, i);
    }
    black_box(&map);
    Ok(())
}

/// Room for 10 is a table for 14: table, entries; then the same for 28. The strict question finds the fallback twice.
#[test]
fn fallback_is_swallowed() {
    let sweep = |engine| Sweep::new("indexmap::fallback_is_swallowed").engine(engine).run(fill);
    expect(sweep, &["once: 1 error, 1 swallowed, 1 error, 1 swallowed", "persistent: 4 error"], &["2 swallowed"]);
}

/// The same body with a word for it: a success in spite of the failure is what the library promises here.
#[test]
fn fallback_is_allowed() {
    let sweep = |engine| Sweep::new("indexmap::fallback_is_allowed").engine(engine).swallowed(Rule::Allow).run(fill);
    expect(sweep, &["once: 1 error, 1 tolerated, 1 error, 1 tolerated", "persistent: 4 error"], &[]);
}

/// `insert` has the fallback as well, and behind it the infallible request: a single failure is swallowed, all failing aborts.
#[test]
fn insert() {
    let sweep = |engine| {
        Sweep::new("indexmap::insert").engine(engine).run(|| {
            let mut map: IndexMap<u32, u32> = IndexMap::default();
            map.insert(1, 1);
            black_box(&map);
        })
    };
    expect(sweep, &["once: 1 abort, 1 tolerated", "persistent: 2 abort"], &["3 abort"]);
}

#[alloc_test]
fn set() -> Result<(), TryReserveError> {
    let mut set: IndexSet<u32> = IndexSet::default();
    set.try_reserve_exact(10)?;
    for i in 0..10 {
        set.insert(i);
    }
    keeps(set.try_reserve_exact(100), || set.iter().copied().eq(0..10))?;
    black_box(&set);
    Ok(())
}
