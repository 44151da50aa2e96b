//! Innocent: what a body does to its process.

use std::collections::TryReserveError;
use std::hint::black_box;
use std::io;
use std::panic;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use oomsweep::{alloc_test, exempt};

use super::kit::bytes;

#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn caught_panic() -> Result<(), TryReserveError> {
    let room = bytes!(10)?;
    let caught = panic::catch_unwind(|| panic!("caught: {}", black_box(5)));
    assert!(caught.is_err(), "it panicked");
    drop((room, caught));
    bytes!(20).map(drop)
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn panic_hook() -> Result<(), TryReserveError> {
    static PANICS: AtomicU32 = AtomicU32::new(0);
    exempt(|| panic::set_hook(Box::new(|_| PANICS.store(1, SeqCst))));
    let room = bytes!(10);
    let caught = panic::catch_unwind(|| panic!("counted"));
    exempt(|| drop(caught));
    assert!(PANICS.load(SeqCst) > 0, "the hook was called");
    exempt(|| drop(panic::take_hook()));
    room.map(drop)
}

#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn command() -> io::Result<()> {
    let room = bytes!(10)?;
    let output = Command::new("true").output()?;
    assert!(output.status.success(), "`true` is true");
    drop(room);
    Ok(())
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn current_dir() -> io::Result<()> {
    exempt(|| std::env::set_current_dir("/"))?;
    Ok(bytes!(10).map(drop)?)
}

static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, SeqCst);
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn signal_handler() -> Result<(), TryReserveError> {
    let handler: extern "C" fn(libc::c_int) = count;
    // SAFETY: the handler touches one atomic only.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    let before = SIGNALS.load(SeqCst);
    // SAFETY: no memory is involved.
    unsafe { libc::raise(libc::SIGUSR1) };
    assert_eq!(SIGNALS.load(SeqCst), before + 1);
    bytes!(10).map(drop)
}

/// An allocation that works leaves `errno` alone.
#[alloc_test]
#[ignore = "innocent: run by the table"]
fn errno() -> Result<(), TryReserveError> {
    // SAFETY: a bad descriptor is refused.
    assert_eq!(unsafe { libc::close(-1) }, -1);
    let room = bytes!(10)?;
    let more = bytes!(20)?;
    assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EBADF));
    drop((room, more));
    Ok(())
}

/// `io::Error::new` boxes its message: policy, or exempt.
#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn boxed_error() -> io::Result<()> {
    let room = bytes!(10).map_err(|_| io::Error::new(io::ErrorKind::OutOfMemory, "no room"))?;
    drop(room);
    Ok(())
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn boxed_error_exempt() -> io::Result<()> {
    let room = bytes!(10).map_err(|_| exempt(|| io::Error::new(io::ErrorKind::OutOfMemory, "no room")))?;
    drop(room);
    Ok(())
}

/// Time passes, and children know their parents: nothing here is the harness's business.
#[alloc_test]
#[ignore = "innocent: run by the table"]
fn environment() -> io::Result<()> {
    exempt(|| {
        // SAFETY: the body has no other thread.
        unsafe { std::env::set_var("CORPUS_STATE", "x") };
        assert_eq!(std::env::var("CORPUS_STATE").as_deref(), Ok("x"));
    });
    Ok(bytes!(10).map(drop)?)
}
