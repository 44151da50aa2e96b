//! A destructor that needs memory panics when there is none: alone, and while another panic unwinds.

use oomsweep::alloc_test;

use super::kit::{Oom, bytes};

/// Writes its tail when it is dropped.
struct Log;

impl Drop for Log {
    fn drop(&mut self) {
        let tail = bytes!(24); // HERE: in drop
        tail.expect("room for the tail"); // HERE: drop panics
    }
}

/// Refuses to be dropped by unwinding.
struct Strict;

impl Drop for Strict {
    fn drop(&mut self) {
        assert!(!std::thread::panicking(), "dropped without being closed");
    }
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn alone() -> Result<(), Oom> {
    let log = Log;
    let room = bytes!(12)?;
    drop(room);
    drop(log);
    Ok(())
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn while_unwinding() -> Result<(), Oom> {
    let strict = Strict;
    let room = bytes!(12).expect("room"); // HERE: first panic
    drop(room);
    drop(strict);
    Ok(())
}

/// Nothing may unwind out of a function with the C interface.
#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn out_of_c() -> Result<(), Oom> {
    extern "C" fn callback() {
        let room = bytes!(12).expect("room for C"); // HERE: in c
        drop(room);
    }
    callback();
    Ok(())
}

struct Quiet;

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Ok(tail) = oomsweep::benign(|| bytes!(24)) {
            drop(tail);
        }
    }
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn handled() -> Result<(), Oom> {
    let log = Quiet;
    let room = bytes!(12)?;
    drop(room);
    drop(log);
    Ok(())
}
