//! The plain run fails: there is nothing to sweep.

use std::collections::TryReserveError;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use oomsweep::alloc_test;

use super::kit::{Oom, bytes};

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn error() -> Result<(), Oom> {
    drop(bytes!(8)?);
    Err(Oom)
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn panics() -> Result<(), Oom> {
    drop(bytes!(8)?);
    panic!("the plain run panics"); // HERE: panic
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn aborts() -> Result<(), Oom> {
    let everything: Vec<u8> = Vec::with_capacity(black_box(isize::MAX as usize)); // HERE: absurd
    drop(black_box(everything));
    Ok(())
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn crashes() -> Result<(), Oom> {
    drop(bytes!(8)?);
    // SAFETY: no memory is involved.
    unsafe { libc::raise(libc::SIGTERM) };
    Ok(())
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn exits() -> Result<(), Oom> {
    drop(bytes!(8)?);
    std::process::exit(0)
}

#[alloc_test(timeout = "250ms")]
#[ignore = "seeded bug: run by the table"]
fn hangs() -> Result<(), Oom> {
    drop(bytes!(8)?);
    std::thread::sleep(Duration::from_secs(3600));
    Ok(())
}

/// One request more in every other run.
#[alloc_test(engine = "replay")]
#[ignore = "seeded bug: run by the table"]
fn never_settles() -> Result<(), TryReserveError> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, SeqCst);
    let first = bytes!(10)?;
    if run % 2 == 1 {
        drop(bytes!(20)?);
    }
    drop(first);
    Ok(())
}

/// As many requests in every run, never of the same size: accepted, and noted.
#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn sizes_vary() -> Result<(), TryReserveError> {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let run = RUNS.fetch_add(1, SeqCst);
    let first = bytes!(100 + run)?;
    drop((first, bytes!(30)?));
    Ok(())
}

/// A cache that fills for five runs: the sweep starts when it is full.
#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn settles_late() -> Result<(), TryReserveError> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, SeqCst);
    let first = bytes!(10)?;
    for number in run..5 {
        drop(bytes!(20 + number as usize)?);
    }
    drop(first);
    Ok(())
}
