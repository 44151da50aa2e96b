//! The `try_reserve` family of the standard library.
//!
//! Expected: every failed request comes back as `Err`, once and persistently, with the collection unchanged and nothing lost.
//! An insertion after a successful reservation must not allocate: if it did, it would abort, and the sweep would say so.
//! The number of points is std's growth policy and none of our business, so these tests ask for a clean report only.

use std::collections::{BinaryHeap, HashMap, HashSet, TryReserveError, VecDeque};
use std::ffi::OsString;
use std::hint::black_box;
use std::path::PathBuf;

use oomsweep::{Sweep, alloc_test};

use crate::{expect, keeps};

#[alloc_test]
fn vec() -> Result<(), TryReserveError> {
    let mut v: Vec<u32> = Vec::new();
    for i in 0..100 {
        keeps(v.try_reserve(1), || v.iter().copied().eq(0..i))?;
        v.push(i);
    }
    black_box(&v);
    Ok(())
}

#[alloc_test]
fn vec_exact() -> Result<(), TryReserveError> {
    let mut v: Vec<u32> = Vec::new();
    for i in 0..10 {
        keeps(v.try_reserve_exact(1), || v.iter().copied().eq(0..i))?;
        v.push(i);
    }
    black_box(&v);
    Ok(())
}

/// Vectors in a vector: the error path has something to drop.
#[alloc_test]
fn vec_of_vecs() -> Result<(), TryReserveError> {
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for i in 0..10 {
        let mut row = Vec::new();
        row.try_reserve(10)?;
        row.resize(10, i);
        rows.try_reserve(1)?;
        rows.push(row);
    }
    black_box(&rows);
    Ok(())
}

#[alloc_test]
fn string() -> Result<(), TryReserveError> {
    let mut s = String::new();
    for word in ["one", "two", "three", "a rather longer word", "and one that is much longer still"] {
        let before = s.len();
        keeps(s.try_reserve(word.len()), || s.len() == before)?;
        s.push_str(word);
    }
    s.try_reserve_exact(1000)?;
    black_box(&s);
    Ok(())
}

/// The ring is wrapped when it must grow: a failed growth may not tear its two halves apart.
#[alloc_test]
fn vec_deque_wrapped() -> Result<(), TryReserveError> {
    let mut ring: VecDeque<u32> = VecDeque::new();
    for i in 0..50 {
        let wrapped = |ring: &VecDeque<u32>| ring.iter().copied().eq((0..i).rev().chain(0..i));
        keeps(ring.try_reserve(2), || wrapped(&ring))?;
        ring.push_front(i);
        ring.push_back(i);
    }
    black_box(&ring);
    Ok(())
}

/// A growing table moves every entry to a new block, so a failure must leave them all in the old one.
#[alloc_test]
fn hash_map() -> Result<(), TryReserveError> {
    let mut map: HashMap<u32, Vec<u8>> = HashMap::new();
    for i in 0..60 {
        let mut value = Vec::new();
        value.try_reserve_exact(8)?;
        keeps(map.try_reserve(1), || (0..i).all(|k| map.contains_key(&k)) && map.len() == i as usize)?;
        map.insert(i, value);
    }
    black_box(&map);
    Ok(())
}

#[alloc_test]
fn hash_set() -> Result<(), TryReserveError> {
    let mut set: HashSet<u64> = HashSet::new();
    set.try_reserve(10)?;
    set.extend(0..10);
    keeps(set.try_reserve(1000), || (0..10).all(|k| set.contains(&k)))?;
    set.extend(0..1000);
    black_box(&set);
    Ok(())
}

#[alloc_test]
fn binary_heap() -> Result<(), TryReserveError> {
    let mut heap = BinaryHeap::new();
    for i in 0..40 {
        keeps(heap.try_reserve(1), || heap.len() == i)?;
        heap.push(i);
    }
    keeps(heap.try_reserve_exact(100), || heap.peek() == Some(&39))?;
    black_box(&heap);
    Ok(())
}

#[alloc_test]
fn os_string() -> Result<(), TryReserveError> {
    let mut name = OsString::new();
    name.try_reserve(4)?;
    name.push("name");
    keeps(name.try_reserve_exact(100), || name == "name")?;
    name.push(".with.a.longer.end");
    black_box(&name);
    Ok(())
}

#[alloc_test]
fn path_buf() -> Result<(), TryReserveError> {
    let mut path = PathBuf::new();
    path.try_reserve(4)?;
    path.push("/usr");
    keeps(path.try_reserve_exact(100), || path == *"/usr")?;
    path.push("share/doc");
    black_box(&path);
    Ok(())
}

/// The contrast: one insertion more than was reserved. The table of seven slots is full, the eighth insertion grows it by the
/// infallible way, and that is an `abort` at the second point; failing the first persistently never gets there.
#[test]
fn hash_map_one_more_than_reserved() {
    let sweep = |engine| {
        Sweep::new("std_collections::hash_map_one_more_than_reserved").engine(engine).run(
            || -> Result<(), TryReserveError> {
                let mut map: HashMap<u32, u32> = HashMap::new();
                map.try_reserve(7)?;
                for i in 0..8 {
                    map.insert(i, i);
                }
                black_box(&map);
                Ok(())
            },
        )
    };
    expect(sweep, &["once: 1 error, 1 abort", "persistent: 1 error, 1 abort"], &["2 abort"]);
}

/// `shrink_to_fit` returns nothing, so a `realloc` that refuses to shrink, as its contract allows, aborts.
#[test]
fn shrink_to_fit() {
    let sweep = |engine| {
        Sweep::new("std_collections::shrink_to_fit").engine(engine).run(|| -> Result<(), TryReserveError> {
            let mut v: Vec<u8> = Vec::new();
            v.try_reserve_exact(100)?;
            v.push(1);
            v.shrink_to_fit();
            black_box(&v);
            Ok(())
        })
    };
    expect(sweep, &["once: 1 error, 1 abort", "persistent: 1 error, 1 abort"], &["2 abort"]);
}
