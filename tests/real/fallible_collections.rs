//! fallible_collections 0.4: wrappers that allocate fallibly, on stable without help from std: it calls the allocator itself.
//!
//! Expected: every call answers `TryReserveError`, and nothing is lost, for that is what the crate is for. Three of its calls do
//! not keep the promise; the first two say so in their documentation, the third does not:
//! - `Rc::try_new` and `Arc::try_new` make a box fallibly and then move it into an `Rc` infallibly;
//! - `try_format` writes more than its `max_capacity` infallibly;
//! - `read_into_try_vec`, `try_read_to_end` and `Write for TryVec` report a failure by an `io::Error` with a message, which is
//!   boxed: with memory gone for good the report aborts.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::Arc;

use fallible_collections::{
    FallibleBox, FallibleVec, TryClone, TryCollect, TryHashMap, TryRead, TryReserveError, TryVec, tryformat,
};
use oomsweep::{Sweep, alloc_test};

use crate::{expect, keeps};

#[alloc_test]
fn vec() -> Result<(), TryReserveError> {
    let mut v: TryVec<u32> = TryVec::new();
    for i in 0..50 {
        keeps(v.push(i), || v.iter().copied().eq(0..i))?;
    }
    let mut other = TryVec::with_capacity(3)?;
    other.extend_from_slice(&[1, 2, 3])?;
    keeps(v.append(&mut other), || v.len() == 50 && other.len() == 3)?;
    v.resize_with(200, || 0)?;
    black_box(&v);
    Ok(())
}

/// The extension of std's own `Vec`.
#[alloc_test]
fn std_vec() -> Result<(), TryReserveError> {
    let mut v: Vec<u16> = FallibleVec::try_with_capacity(2)?;
    v.try_push(1)?;
    v.try_extend_from_slice(&[2, 3, 4])?;
    keeps(v.try_insert(1, 9).map_err(|(_, error)| error), || v == [1, 2, 3, 4])?;
    v.try_resize(100, 0)?;
    let evens: Vec<u16> = v.iter().copied().filter(|n| n % 2 == 0).try_collect()?;
    black_box((&v, &evens));
    Ok(())
}

/// Clones of clones: what was made before the failure must be dropped.
#[alloc_test]
fn nested_clone_and_concat() -> Result<(), TryReserveError> {
    let mut rows: TryVec<TryVec<u8>> = TryVec::new();
    for i in 0..5 {
        let mut row = TryVec::new();
        row.extend_from_slice(&[i; 10])?;
        rows.push(row)?;
    }
    let copy = rows.try_clone()?;
    let flat = copy.concat()?;
    assert_eq!(flat.len(), 50);
    Ok(())
}

/// Two tables, the clone's, ten values and their clones: what was cloned before the failure must be dropped.
#[alloc_test]
fn hash_map() -> Result<(), TryReserveError> {
    let mut map: TryHashMap<u32, Box<u32>> = TryHashMap::default();
    for i in 0..10 {
        let value = <Box<u32> as FallibleBox<u32>>::try_new(i)?;
        keeps(map.insert(i, value), || map.len() == i as usize)?;
    }
    let copy = map.try_clone()?;
    assert!((0..10).all(|i| copy.get(&i).is_some_and(|v| **v == i)));
    Ok(())
}

/// A box of a box: the inner one is dropped when the outer fails.
#[test]
fn boxes() {
    let sweep = |engine| {
        Sweep::new("fallible_collections::boxes").engine(engine).run(|| -> Result<(), TryReserveError> {
            let inner = <Box<u64> as FallibleBox<u64>>::try_new(7)?;
            let outer = <Box<Box<u64>> as FallibleBox<Box<u64>>>::try_new(inner)?;
            let copy = outer.try_clone()?;
            black_box((&outer, &copy));
            Ok(())
        })
    };
    expect(sweep, &["once: 4 error", "persistent: 4 error"], &[]);
}

/// Two requests each: the box, fallible, and the counted block that it is moved into, infallible.
#[test]
#[allow(deprecated, reason = "the deprecation says what the test shows")]
fn counted() {
    use fallible_collections::{FallibleArc, FallibleRc};
    let sweep = |engine| {
        Sweep::new("fallible_collections::counted").engine(engine).run(|| -> Result<(), TryReserveError> {
            let rc = <Rc<u64> as FallibleRc<u64>>::try_new(7)?;
            let arc = <Arc<u64> as FallibleArc<u64>>::try_new(7)?;
            black_box((&rc, &arc));
            Ok(())
        })
    };
    expect(
        sweep,
        &["once: 1 error, 1 abort, 1 error, 1 abort", "persistent: 1 error, 1 abort, 1 error, 1 abort"],
        &["4 abort"],
    );
}

/// Within its capacity a formatted string makes one request.
#[test]
fn format() {
    let sweep = |engine| {
        Sweep::new("fallible_collections::format").engine(engine).run(|| -> Result<(), TryReserveError> {
            let text = tryformat!(16, "{} and {}", black_box(1), black_box(2))?;
            assert_eq!(text, "1 and 2");
            Ok(())
        })
    };
    expect(sweep, &["once: 1 error", "persistent: 1 error"], &[]);
}

/// Beyond it the string grows by the infallible way.
#[test]
fn format_beyond_its_capacity() {
    let sweep = |engine| {
        Sweep::new("fallible_collections::format_beyond_its_capacity").engine(engine).run(
            || -> Result<(), TryReserveError> {
                let text = tryformat!(8, "{} and {}", black_box(1000), black_box(2000))?;
                assert_eq!(text, "1000 and 2000");
                Ok(())
            },
        )
    };
    expect(sweep, &["once: 1 error, 1 abort", "persistent: 1 error, 1 abort"], &["2 abort"]);
}

/// One failure is reported; when the next request fails as well, the report itself aborts.
#[test]
fn read_into_try_vec() {
    let sweep = |engine| {
        Sweep::new("fallible_collections::read_into_try_vec").engine(engine).run(|| -> io::Result<()> {
            let bytes = [7_u8; 100].as_slice().take(50).read_into_try_vec()?;
            assert_eq!(bytes.len(), 50);
            Ok(())
        })
    };
    expect(sweep, &["once: 1 error", "persistent: 1 abort"], &["1 abort"]);
}

#[test]
fn write_to_try_vec() {
    let sweep = |engine| {
        Sweep::new("fallible_collections::write_to_try_vec").engine(engine).run(|| -> io::Result<()> {
            let mut bytes = TryVec::new();
            bytes.write_all(&[1; 10])?;
            bytes.write_all(&[2; 100])?;
            assert_eq!(bytes.len(), 110);
            Ok(())
        })
    };
    expect(sweep, &["once: 2 error", "persistent: 2 abort"], &["2 abort"]);
}
