//! The first failure of a process leaves something behind that hides the next leak. Who tries many faults in one process
//! sees the hidden picture; what counts is the run that knows of no earlier fault.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use oomsweep::{alloc_test, exempt};

use super::kit::{Oom, give, take};

/// Two requests. `failed` hears of a failure and says whether it was the first; a first failure at the second request leaks.
#[inline(always)]
fn two(failed: impl Fn() -> bool) -> Result<(), Oom> {
    let a = take!(64); // HERE: birth
    if a.is_null() {
        failed();
        return Err(Oom);
    }
    let b = take!(32); // HERE: failed
    if b.is_null() {
        if !failed() {
            give!(a, 64);
        }
        return Err(Oom);
    }
    give!(b, 32);
    give!(a, 64);
    Ok(())
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn in_a_static() -> Result<(), Oom> {
    static FAILED: AtomicBool = AtomicBool::new(false);
    two(|| !FAILED.swap(true, SeqCst))
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn in_a_thread_local() -> Result<(), Oom> {
    thread_local!(static FAILED: Cell<bool> = const { Cell::new(false) });
    two(|| !FAILED.replace(true))
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn on_the_heap() -> Result<(), Oom> {
    static NOTES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    let mut notes = NOTES.lock().map_err(|_| Oom)?;
    if notes.is_empty() {
        exempt(|| notes.resize(4096, 0));
    }
    let cell = Cell::from_mut(notes.as_mut_slice()).as_slice_of_cells();
    two(|| cell[2000].replace(1) == 0)
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn in_the_environment() -> Result<(), Oom> {
    const NAME: &str = "CORPUS_STICKY";
    two(|| {
        exempt(|| {
            let first = std::env::var_os(NAME).is_none();
            // SAFETY: the body has no other thread.
            unsafe { std::env::set_var(NAME, "1") };
            first
        })
    })
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn in_the_kernel() -> Result<(), Oom> {
    // SAFETY: no memory is involved.
    two(|| unsafe { libc::umask(0o007) } != 0o007)
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn only_in_the_third_run() -> Result<(), Oom> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, SeqCst) + 1;
    two(|| run == 3)
}

/// The easy ones: here the next plain run betrays that something has stayed.
#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn fewer_points_afterwards() -> Result<(), Oom> {
    static FAILED: AtomicBool = AtomicBool::new(false);
    if black_box(FAILED.load(SeqCst)) {
        let only = take!(16);
        give!(only, 16);
        return Ok(());
    }
    two(|| !FAILED.swap(true, SeqCst))
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn an_error_afterwards() -> Result<(), Oom> {
    static FAILED: AtomicBool = AtomicBool::new(false);
    if black_box(FAILED.load(SeqCst)) {
        return Err(Oom);
    }
    two(|| !FAILED.swap(true, SeqCst))
}

/// Remembers its failures, and leaks nothing.
#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn harmless() -> Result<(), Oom> {
    static FAILED: AtomicBool = AtomicBool::new(false);
    two(|| {
        FAILED.store(true, SeqCst);
        false
    })
}
