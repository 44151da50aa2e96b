//! Traps that make a verdict wrong.

use std::hint::black_box;
use std::process::abort;
use std::time::Duration;

use oomsweep::{alloc_test, exempt};
use rstest::rstest;

use crate::common::{Ran, run_self};
use crate::kit::{Oom, bytes};
use crate::{assert_finds, assert_innocent, verdicts};

/// Each of the 40 requests aborts.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn forty_aborts() {
    let mut kept: Vec<Box<u64>> = exempt(|| Vec::with_capacity(40));
    (0..40).for_each(|number| kept.push(black_box(Box::new(number))));
}

#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn forty_panics() {
    let mut kept: Vec<Vec<u8>> = exempt(|| Vec::with_capacity(40));
    (0..40).for_each(|_| kept.push(bytes!(8).expect("eight bytes")));
}

/// Panics again while it is dropped by a panic.
struct Twice;

impl Drop for Twice {
    fn drop(&mut self) {
        assert!(!std::thread::panicking(), "the second panic");
    }
}

#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn forty_double_panics() {
    (0..40).for_each(|_| {
        let twice = Twice;
        drop(bytes!(8).expect("eight bytes"));
        drop(twice);
    });
}

#[track_caller]
fn assert_all(ran: &Ran, verdict: &str) {
    assert_finds(ran, &[verdict; 80], &[verdict]);
}

/// A backtrace for every abort and every panic takes long in a debug build; that is no hang.
#[rstest]
#[case::aborts("verdicts::forty_aborts", "abort")]
#[case::panics("verdicts::forty_panics", "panic")]
#[case::double_panics("verdicts::forty_double_panics", "panic")]
fn backtraces_are_no_hang(#[case] path: &str, #[case] verdict: &str, #[values("0", "1", "full")] backtrace: &str) {
    assert_all(&run_self(path, &[("RUST_BACKTRACE", backtrace)]), verdict);
}

/// The body itself asks for backtraces.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn asks_for_backtraces() {
    // SAFETY: the body has no other thread.
    exempt(|| unsafe { std::env::set_var("RUST_BACKTRACE", "full") });
    drop(bytes!(8).expect("eight bytes"));
    drop(black_box(Box::new(1)));
}

#[test]
fn asked_for_backtraces_are_no_hang() {
    let ran = run_self("verdicts::asks_for_backtraces", &[]);
    assert_finds(&ran, &["panic", "abort"].repeat(2), &["panic", "abort"]);
}

/// A hook of the body's own that is slow, and prints nothing.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn own_hook() {
    exempt(|| std::panic::set_hook(Box::new(|_| std::thread::sleep(Duration::from_millis(50)))));
    drop(bytes!(8).expect("eight bytes"));
    exempt(|| drop(std::panic::take_hook()));
}

#[test]
fn panic_with_a_hook_of_the_body() {
    assert_finds(&run_self("verdicts::own_hook", &[]), &["panic"; 2], &["panic"]);
}

/// SIGABRT has many senders. One of them is the allocation-error handler.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn many_ways_to_abort() {
    let first = bytes!(8);
    if first.is_err() {
        abort();
    }
    let second = black_box(Box::new(2_u16));
    let third = bytes!(9).expect("nine bytes");
    let fourth = bytes!(10);
    if fourth.is_err() {
        let _twice = Twice;
        panic!("the first panic");
    }
    drop((first, second, third, fourth));
}

#[test]
fn an_abort_is_told_from_others() {
    let ran = run_self("verdicts::many_ways_to_abort", &[]);
    ran.assert_nothing_left();
    let report = ran.expect_report();
    assert_eq!(verdicts(&report), ["crash", "abort", "panic", "panic"].repeat(2), "{report:#}");
}

/// The body takes the signal over; what was printed is the second witness.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn replaces_the_handler() {
    extern "C" fn leave(_: libc::c_int) {
        // SAFETY: no memory is involved.
        unsafe { libc::_exit(5) }
    }
    let handler: extern "C" fn(libc::c_int) = leave;
    // SAFETY: the handler only ends the process.
    unsafe { libc::signal(libc::SIGABRT, handler as libc::sighandler_t) };
    drop(black_box(Box::new(1)));
}

#[test]
fn an_abort_with_a_handler_of_the_body() {
    assert_finds(&run_self("verdicts::replaces_the_handler", &[]), &["abort"; 2], &["abort"]);
}

/// The first failure is allowed half a second, far more than a plain run takes.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn slow_error_path() -> Result<(), Oom> {
    let room = bytes!(8);
    if room.is_err() {
        std::thread::sleep(Duration::from_millis(500));
    }
    room.map(drop).map_err(Oom::from)
}

#[test]
fn slow_is_no_hang() {
    assert_innocent(&run_self("verdicts::slow_error_path", &[]));
}

/// The plain run ends the process: with success, and past every handler.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn exits_at_once() -> Result<(), Oom> {
    drop(bytes!(8)?);
    std::process::exit(0)
}

#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn leaves_at_once() -> Result<(), Oom> {
    drop(bytes!(8)?);
    // SAFETY: no memory is involved.
    unsafe { libc::_exit(0) }
}

#[rstest]
fn status_zero_is_no_success(#[values("verdicts::exits_at_once", "verdicts::leaves_at_once")] path: &str) {
    assert_finds(&run_self(path, &[]), &[], &["baseline"]);
}

/// Only the third run, and so every trial, ends the process with success.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn exits_in_the_third_run() -> Result<(), Oom> {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    static RUNS: AtomicU32 = AtomicU32::new(0);
    if RUNS.fetch_add(1, SeqCst) == 2 {
        std::process::exit(0);
    }
    bytes!(8).map(drop).map_err(Oom::from)
}

#[test]
fn a_trial_that_exits_with_zero() {
    assert_finds(&run_self("verdicts::exits_in_the_third_run", &[]), &["exit"; 2], &["exit"]);
}

/// A block of 300 MB, touched from end to end, beside three small ones.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn three_hundred_megabytes() -> Result<(), Oom> {
    let large = exempt(|| black_box(vec![1_u8; 300 << 20]));
    let one = bytes!(10)?;
    let other = bytes!(large.len())?;
    drop((one, other, bytes!(20)?, large));
    Ok(())
}

#[test]
fn large_blocks() {
    assert_innocent(&run_self("verdicts::three_hundred_megabytes", &[]));
}

/// More live blocks than any fixed table holds.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn many_blocks() -> Result<(), Oom> {
    let blocks: Vec<Box<u64>> = exempt(|| (0..200_000).map(|number| black_box(Box::new(number))).collect());
    let room = bytes!(10)?;
    drop((room, blocks));
    Ok(())
}

#[test]
fn many_live_blocks() {
    assert_innocent(&run_self("verdicts::many_blocks", &[]));
}

/// Requests and errors at the end of 5,000 calls.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn deep() -> Result<(), Oom> {
    #[inline(never)]
    fn down(depth: u32) -> Result<u32, Oom> {
        if depth == 0 { bottom() } else { Ok(black_box(down(depth - 1)?) + 1) }
    }
    #[inline(never)]
    fn bottom() -> Result<u32, Oom> {
        let first = bytes!(8)?;
        let second = bytes!(9);
        if second.is_err() {
            std::mem::forget(first);
        }
        Ok(second.map(|_| 0)?)
    }
    assert_eq!(down(5000)?, 5000);
    Ok(())
}

#[test]
fn deep_recursion() {
    assert_finds(&run_self("verdicts::deep", &[]), &["error", "leak", "error", "leak"], &["leak"]);
}
