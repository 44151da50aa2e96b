//! Reading and writing through `std::io`.
//!
//! Expected: `read_to_end`, `read_to_string` and their kin in `std::fs` ask for memory by `try_reserve` and answer
//! `ErrorKind::OutOfMemory`, a kind without a payload, so that the error itself needs no memory. They do, but for one request,
//! the first growth: see `read_to_end_into_an_empty_buffer`. The rest of the module makes no such promise:
//! `read_until`, `read_line`, `Write for Vec<u8>` and `BufReader::new` abort.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read, Write};

use oomsweep::{Sweep, alloc_test};

use crate::expect;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

/// Every error must be the one for a lack of memory; any other panics, which is a finding.
fn out_of_memory<T>(result: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &result {
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    }
    result
}

/// A reader that does not know how much it holds, so that the buffer has to grow step by step.
struct Sizeless(u64);

impl Read for Sizeless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let some = self.0.min(100).min(buffer.len() as u64);
        buffer[..some as usize].fill(b'x');
        self.0 -= some;
        Ok(some as usize)
    }
}

/// The size is known from the file's metadata. A descriptor that stays open on the error path would be a finding as well.
#[alloc_test]
fn fs_read_to_string() -> io::Result<()> {
    let text = out_of_memory(fs::read_to_string(FILE))?;
    black_box(&text);
    Ok(())
}

#[alloc_test]
fn fs_read() -> io::Result<()> {
    let bytes = out_of_memory(fs::read(FILE))?;
    black_box(&bytes);
    Ok(())
}

#[alloc_test]
fn file_read_to_end() -> io::Result<()> {
    let mut bytes = Vec::new();
    out_of_memory(File::open(FILE)?.read_to_end(&mut bytes))?;
    black_box(&bytes);
    Ok(())
}

/// A slice knows its length and reserves it.
#[alloc_test]
fn slice_read_to_end() -> io::Result<()> {
    let mut bytes = Vec::new();
    out_of_memory([7_u8; 200].as_slice().read_to_end(&mut bytes))?;
    assert_eq!(bytes.len(), 200);
    Ok(())
}

/// A reader that stays within the buffer that it was given.
#[alloc_test]
fn read_to_end_within_the_buffer() -> io::Result<()> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(100)?;
    out_of_memory(Sizeless(100).read_to_end(&mut bytes))?;
    assert_eq!(bytes.len(), 100);
    Ok(())
}

/// The hole: the first growth is infallible. A buffer with less than 32 bytes to spare, or one that is filled to the last byte,
/// is not grown at once, for there may be nothing more to read. `read_to_end` reads 32 bytes into an array of its own, and what
/// came is appended by `extend_from_slice`, which aborts. Only from then on is it `try_reserve`. So the usual
/// `let mut bytes = Vec::new(); reader.read_to_end(&mut bytes)` may abort for a reader that does not know its size.
#[test]
fn read_to_end_into_an_empty_buffer() {
    let sweep = |engine| {
        Sweep::new("std_io::read_to_end_into_an_empty_buffer").engine(engine).run(|| -> io::Result<()> {
            let mut bytes = Vec::new();
            out_of_memory(Sizeless(40).read_to_end(&mut bytes))?;
            assert_eq!(bytes.len(), 40);
            Ok(())
        })
    };
    expect(sweep, &["once: 1 abort, 1 error", "persistent: 1 abort, 1 error"], &["2 abort"]);
}

/// The same with a buffer that was reserved and turns out too small: the reservation, the infallible growth, a fallible one.
/// On the error path what was read so far stays in the string.
#[test]
fn read_to_string_beyond_the_buffer() {
    let sweep = |engine| {
        Sweep::new("std_io::read_to_string_beyond_the_buffer").engine(engine).run(|| -> io::Result<()> {
            let mut text = String::new();
            text.try_reserve_exact(64)?;
            let result = out_of_memory(Sizeless(150).read_to_string(&mut text));
            assert_eq!(text.len(), if result.is_ok() { 150 } else { 128 });
            result?;
            Ok(())
        })
    };
    expect(sweep, &["once: 1 error, 1 abort, 1 error", "persistent: 1 error, 1 abort, 1 error"], &["2 abort"]);
}

/// `read_until` and `read_line` return a `Result` and yet append by `Vec::extend_from_slice`, which aborts.
#[test]
fn read_line() {
    let sweep = |engine| {
        Sweep::new("std_io::read_line").engine(engine).run(|| -> io::Result<()> {
            let mut line = String::new();
            Cursor::new("a line\nand another\n").read_line(&mut line)?;
            black_box(&line);
            Ok(())
        })
    };
    expect(sweep, &["once: 1 abort", "persistent: 1 abort"], &["2 abort"]);
}

/// `Write for Vec<u8>` cannot fail, as its documentation says: without memory it aborts.
#[test]
fn write_to_vec() {
    let sweep = |engine| {
        Sweep::new("std_io::write_to_vec").engine(engine).run(|| -> io::Result<()> {
            let mut bytes = Vec::new();
            bytes.write_all(b"some")?;
            bytes.write_all(&[0; 100])?;
            black_box(&bytes);
            Ok(())
        })
    };
    expect(sweep, &["once: 2 abort", "persistent: 2 abort"], &["4 abort"]);
}

/// The buffer of a `BufReader` is an infallible allocation, and reading a slice through it a fallible one.
#[test]
fn buf_reader() {
    let sweep = |engine| {
        Sweep::new("std_io::buf_reader").engine(engine).run(|| -> io::Result<()> {
            let mut reader = BufReader::with_capacity(16, [7_u8; 24].as_slice());
            let mut bytes = Vec::new();
            out_of_memory(reader.read_to_end(&mut bytes))?;
            assert_eq!(bytes.len(), 24);
            Ok(())
        })
    };
    expect(sweep, &["once: 1 abort, 1 error", "persistent: 1 abort, 1 error"], &["2 abort"]);
}

/// An `io::Error` with a message is boxed, so saying "out of memory" in words needs the memory that is not there. The first
/// failure alone is reported; with the memory gone for good, the report of it aborts.
#[test]
fn error_with_a_message() {
    let sweep = |engine| {
        Sweep::new("std_io::error_with_a_message").engine(engine).run(|| -> io::Result<()> {
            let mut bytes: Vec<u8> = Vec::new();
            bytes.try_reserve_exact(100).map_err(|_| io::Error::other("out of memory"))?;
            black_box(&bytes);
            Ok(())
        })
    };
    expect(sweep, &["once: 1 error", "persistent: 1 abort"], &["1 abort"]);
}
