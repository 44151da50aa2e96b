//! The error path sends a signal: to itself, to its whole group, and the one of `abort`.

use oomsweep::alloc_test;

use super::kit::{Oom, bytes};

fn on_failure(act: impl FnOnce()) -> Result<(), Oom> {
    let room = bytes!(64); // HERE: failed
    if room.is_err() {
        act();
    }
    room.map(drop).map_err(Oom::from)
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn raise_sigterm() -> Result<(), Oom> {
    on_failure(|| {
        // SAFETY: no memory is involved.
        unsafe { libc::raise(libc::SIGTERM) };
    })
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn kill_the_group() -> Result<(), Oom> {
    on_failure(|| {
        // SAFETY: no memory is involved.
        unsafe { libc::kill(0, libc::SIGTERM) };
    })
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn plain_abort() -> Result<(), Oom> {
    on_failure(|| std::process::abort())
}

/// A signal that is ignored ends nobody.
#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn raise_sigurg() -> Result<(), Oom> {
    on_failure(|| {
        // SAFETY: no memory is involved.
        unsafe { libc::raise(libc::SIGURG) };
    })
}
