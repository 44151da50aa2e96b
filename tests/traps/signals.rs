//! Traps that come with signals and dumps.

use std::fs;
use std::io;
use std::ptr;

use oomsweep::alloc_test;
use rstest::rstest;

use crate::assert_finds;
use crate::common::{Run, run_self};
use crate::kit::{Oom, bytes, give, take};

/// Writes through a null pointer.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn crashes() -> Result<(), Oom> {
    write_null()
}

fn write_null() -> Result<(), Oom> {
    let block = take!(64);
    // SAFETY: none, that is the trap. The call is made in C, for the standard library checks in debug builds.
    unsafe { libc::memset(block.cast(), 1, 64) };
    give!(block, 64);
    Ok(())
}

/// With every signal blocked.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn crashes_blocked() -> Result<(), Oom> {
    // SAFETY: the set is initialised by `sigfillset`.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, ptr::null_mut());
    }
    write_null()
}

/// With the alternative signal stack switched off.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn crashes_without_altstack() -> Result<(), Oom> {
    let off = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: `off` is ours.
    unsafe { libc::sigaltstack(&off, ptr::null_mut()) };
    write_null()
}

/// With a handler of its own that does not come back.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn crashes_into_a_default_handler() -> Result<(), Oom> {
    // SAFETY: no memory is involved.
    unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
    write_null()
}

#[rstest]
fn crash(
    #[values(
        "signals::crashes",
        "signals::crashes_blocked",
        "signals::crashes_without_altstack",
        "signals::crashes_into_a_default_handler"
    )]
    path: &str,
) {
    assert_finds(&run_self(path, &[]), &["crash"; 2], &["crash"]);
}

/// Asks for dumps without a limit, in a folder of its own.
fn unlimited_core() -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is ours; who may not raise it keeps what there is.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &limit) };
    Ok(())
}

#[test]
fn no_core_dumps() {
    let here = fs::canonicalize(env!("CARGO_MANIFEST_DIR")).expect("the package's folder");
    let dumps = || {
        let entries = fs::read_dir(&here).expect("the package's folder can be read").flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("core")).count()
    };
    let before = dumps();
    for path in ["signals::crashes", "verdicts::forty_aborts", "verdicts::many_ways_to_abort"] {
        let ran = Run::new(path).setup(unlimited_core).go();
        ran.assert_nothing_left();
        assert!(ran.failed(), "{}", ran.output());
    }
    assert_eq!(dumps(), before, "core dumps were written");
}

/// A signal that stops a process is no end, but no progress either.
#[alloc_test(timeout = "250ms")]
#[ignore = "trap: run by the test beside it"]
fn stops_itself() -> Result<(), Oom> {
    let room = bytes!(10);
    if room.is_err() {
        // SAFETY: no memory is involved.
        unsafe { libc::raise(libc::SIGSTOP) };
    }
    room.map(drop).map_err(Oom::from)
}

#[test]
fn stopped_is_a_hang() {
    assert_finds(&run_self("signals::stops_itself", &[]), &["hang"; 2], &["hang"]);
}
