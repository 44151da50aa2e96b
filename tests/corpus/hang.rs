//! The error path never comes back: it spins, it sleeps, it waits for a lock that it holds.

use std::sync::Mutex;
use std::time::Duration;

use oomsweep::alloc_test;

use super::kit::{Oom, bytes};

#[alloc_test(timeout = "250ms")]
#[ignore = "seeded bug: run by the table"]
fn spins() -> Result<(), Oom> {
    let room = bytes!(64); // HERE: spin
    while room.is_err() {
        std::hint::spin_loop();
    }
    room.map(drop).map_err(Oom::from)
}

#[alloc_test(timeout = "250ms")]
#[ignore = "seeded bug: run by the table"]
fn sleeps() -> Result<(), Oom> {
    let room = bytes!(64); // HERE: sleep
    if room.is_err() {
        std::thread::sleep(Duration::from_secs(3600));
    }
    room.map(drop).map_err(Oom::from)
}

#[alloc_test(timeout = "250ms")]
#[ignore = "seeded bug: run by the table"]
fn locks_twice() -> Result<(), Oom> {
    static LOCK: Mutex<u32> = Mutex::new(0);
    let held = LOCK.lock();
    let room = bytes!(64); // HERE: lock
    if room.is_err() {
        drop(std::hint::black_box(LOCK.lock()));
    }
    drop(held);
    room.map(drop).map_err(Oom::from)
}

/// Slow on its error path, within the limit.
#[alloc_test(timeout = "2s")]
#[ignore = "clean twin: run by the table"]
fn dawdles() -> Result<(), Oom> {
    let room = bytes!(64);
    if room.is_err() {
        std::thread::sleep(Duration::from_millis(60));
    }
    room.map(drop).map_err(Oom::from)
}
