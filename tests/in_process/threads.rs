//! Other threads ask for memory all the time: they are neither failed nor called a leak, and hide none.

use std::collections::TryReserveError;
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use oomsweep::{Faults, alloc_test};

use crate::{expect, reserve, sweep};

/// Runs `work` while other threads ask for memory, keep it for a while, and start threads that do the same.
fn in_a_crowd(work: impl FnOnce()) {
    let (done, failed) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut kept = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    match reserve(64) {
                        Ok(block) => kept.push(block),
                        Err(_) => _ = failed.fetch_add(1, Ordering::Relaxed),
                    }
                    if kept.len() == 100 {
                        kept.clear();
                    }
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let short = thread::spawn(|| drop(black_box(vec![0_u8; 64])));
                short.join().expect("it ends");
            }
        });
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Relaxed);
        if let Err(payload) = ended {
            std::panic::resume_unwind(payload);
        }
    });
    assert_eq!(failed.load(Ordering::Relaxed), 0, "requests of other threads were failed");
}

fn two() -> Result<(), TryReserveError> {
    drop(black_box((reserve(10)?, reserve(20)?)));
    Ok(())
}

#[test]
fn a_clean_body_stays_clean() {
    in_a_crowd(|| {
        for _ in 0..20 {
            expect(&sweep("clean").faults(Faults::ONCE).run(two), &["once@0 error", "once@1 error"], &[]);
        }
    });
}

#[test]
fn a_leak_is_found() {
    let body = || -> Result<(), TryReserveError> {
        let kept = ManuallyDrop::new(reserve(48)?);
        drop((reserve(100)?, ManuallyDrop::into_inner(kept)));
        Ok(())
    };
    in_a_crowd(|| {
        for _ in 0..10 {
            let report = sweep("leaks").faults(Faults::ONCE).run(body);
            expect(&report, &["once@0 error", "once@1 leak"], &["leak 1"]);
            assert_eq!((report.findings()[0].blocks[0].size, report.findings()[0].blocks[0].count), (48, 1));
        }
    });
}

/// Two sweeps at once wait for each other.
#[test]
fn sweeps_take_turns() {
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..5 {
                    expect(&sweep("clean").faults(Faults::ONCE).run(two), &["once@0 error", "once@1 error"], &[]);
                }
            });
        }
    });
}

#[alloc_test(engine = "in-process")]
fn the_attribute_beside_others() -> Result<(), TryReserveError> {
    two()
}

/// A body's own threads ask for memory too, which is not failed.
#[test]
fn threads_of_the_body() {
    let report = sweep("starts a thread").faults(Faults::ONCE).run(|| -> Result<(), TryReserveError> {
        let length = oomsweep::exempt(|| thread::spawn(|| reserve(30).map(|block| block.capacity())).join());
        let length = length.expect("the thread ends").expect("nobody fails it");
        reserve(length).map(drop)
    });
    expect(&report, &["once@0 error"], &[]);
}

/// What another thread has freed is looked at when the run is over, whether that thread has ended or goes on.
#[test]
fn a_write_after_a_thread_that_goes_on_has_freed_the_block() {
    let (done, handed) = (AtomicBool::new(false), AtomicPtr::new(ptr::null_mut::<u8>()));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let block = handed.load(Ordering::Acquire);
                if block.is_null() {
                    thread::sleep(Duration::from_micros(50));
                } else {
                    // SAFETY: the body's block, which it has handed over.
                    drop(unsafe { Vec::from_raw_parts(block, 0, 43) });
                    handed.store(ptr::null_mut(), Ordering::Release);
                }
            }
        });
        let body = || -> Result<(), TryReserveError> {
            let block = ManuallyDrop::new(reserve(43)?).as_mut_ptr();
            let second = reserve(20).map(drop);
            handed.store(block, Ordering::Release);
            while !handed.load(Ordering::Acquire).is_null() {
                thread::yield_now();
            }
            if second.is_err() {
                // SAFETY: none: the block is gone.
                unsafe { black_box(block).write_volatile(7) };
            }
            second
        };
        let reports: Vec<_> = (0..5).map(|_| sweep("writes late").run(body)).collect();
        done.store(true, Ordering::Relaxed);
        for report in reports {
            expect(
                &report,
                &["once@0 error", "once@1 use-after-free", "persistent@0 error", "persistent@1 use-after-free"],
                &["use-after-free 2"],
            );
        }
    });
}

/// Threads of others that begin while the body runs, and stay, hide nothing.
#[test]
fn a_leak_is_found_while_threads_begin() {
    let (done, wanted, begun) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if begun.load(Ordering::Relaxed) < wanted.load(Ordering::Relaxed) {
                    scope.spawn(|| {
                        begun.fetch_add(1, Ordering::Relaxed);
                        while !done.load(Ordering::Relaxed) {
                            thread::sleep(Duration::from_millis(5));
                        }
                    });
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        let body = || -> Result<(), TryReserveError> {
            let kept = ManuallyDrop::new(reserve(48)?);
            let number = wanted.fetch_add(1, Ordering::Relaxed) + 1;
            while begun.load(Ordering::Relaxed) < number {
                thread::yield_now();
            }
            drop((reserve(100)?, ManuallyDrop::into_inner(kept)));
            Ok(())
        };
        let report = sweep("leaks").faults(Faults::ONCE).run(body);
        done.store(true, Ordering::Relaxed);
        expect(&report, &["once@0 error", "once@1 leak"], &["leak 1"]);
    });
}

/// Files that others open are no descriptors that the body left open.
#[test]
fn files_of_others() {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let file = std::fs::File::open("/dev/null");
                    thread::sleep(Duration::from_micros(300));
                    drop(file);
                }
            });
        }
        let reports: Vec<_> = (0..50).map(|_| sweep("clean").faults(Faults::ONCE).run(two)).collect();
        done.store(true, Ordering::Relaxed);
        for report in reports {
            expect(&report, &["once@0 error", "once@1 error"], &[]);
        }
    });
}

/// What a thread of the body's own still holds is no leak, whatever the threads of others do meanwhile. Only where threads can
/// be counted: elsewhere this body is called leaky.
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
#[test]
fn what_a_thread_of_the_body_holds_is_no_leak() {
    in_a_crowd(|| {
        let report = sweep("detaches").faults(Faults::ONCE).run(|| -> Result<(), TryReserveError> {
            let block = reserve(30)?;
            oomsweep::exempt(|| {
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(20));
                    drop(block);
                });
            });
            Ok(())
        });
        expect(&report, &["once@0 error"], &[]);
    });
}
