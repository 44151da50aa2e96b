//! Innocent: output, which is buffered for ever after its first use, and descriptors of the harness's own.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what these bodies are about")]

use std::collections::TryReserveError;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use oomsweep::{alloc_test, exempt};

use super::kit::bytes;

#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn println_with_newline() -> Result<(), TryReserveError> {
    println!("one line of {}", std::hint::black_box(3));
    bytes!(10).map(drop)
}

#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn print_without_newline() -> Result<(), TryReserveError> {
    print!("half a line");
    eprint!("half a line");
    bytes!(10).map(drop)
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn print_on_the_error_path() -> Result<(), TryReserveError> {
    let room = bytes!(10);
    if let Err(error) = &room {
        exempt(|| println!("no room: {error}"));
        eprintln!("no room: {error}");
    }
    room.map(drop)
}

#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn long_lines() -> Result<(), TryReserveError> {
    let mut line = exempt(String::new);
    exempt(|| (0..2000).for_each(|number| write!(line, "{number} ").unwrap_or_default()));
    println!("{line}");
    bytes!(10).map(drop)
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn closes_stdout() -> Result<(), TryReserveError> {
    // SAFETY: no memory is involved; Rust treats a closed standard descriptor as a sink.
    unsafe { libc::close(1) };
    bytes!(10).map(drop)
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn closes_stdout_and_stderr_when_it_fails() -> Result<(), TryReserveError> {
    let room = bytes!(10);
    if room.is_err() {
        // SAFETY: as above.
        let _ = unsafe { [libc::close(1), libc::close(2)] };
    }
    room.map(drop)
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn closes_every_other_descriptor() -> Result<(), TryReserveError> {
    // SAFETY: no memory is involved; the body itself owns none of these descriptors.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    bytes!(10).map(drop)
}

#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn flushes() -> io::Result<()> {
    io::stdout().flush()?;
    io::stderr().flush()?;
    Ok(bytes!(10).map(drop)?)
}
