//! Innocent: threads that are waited for, and what they hand to one another.

use std::collections::TryReserveError;
use std::hint::black_box;
use std::sync::{Arc, Condvar, Mutex, RwLock, mpsc};
use std::thread;

use oomsweep::alloc_test;

use super::kit::bytes;

#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn spawn_and_join() -> Result<(), TryReserveError> {
    let room = bytes!(10)?;
    let worker = thread::spawn(|| black_box(vec![1_u8; 100]).len());
    let length = worker.join().unwrap_or_default();
    drop(room);
    bytes!(length).map(drop)
}

#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn scope() -> Result<(), TryReserveError> {
    let room = bytes!(10)?;
    let lengths = thread::scope(|scope| {
        let one = scope.spawn(|| black_box(vec![1_u8; 100]).len() + room.capacity());
        scope.spawn(|| black_box(vec![1_u8; 200]).len());
        one.join().unwrap_or_default()
    });
    bytes!(lengths).map(drop)
}

#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn channel() -> Result<(), TryReserveError> {
    let (sender, receiver) = mpsc::channel::<Vec<u8>>();
    let worker = thread::spawn(move || receiver.iter().map(|message| message.len()).sum::<usize>());
    for size in 1..40 {
        let _ = sender.send(black_box(vec![0; size]));
    }
    drop(sender);
    let sum = worker.join().unwrap_or_default();
    assert_eq!(sum, 780);
    bytes!(10).map(drop)
}

#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn locks() -> Result<(), TryReserveError> {
    let shared = Arc::new((Mutex::new(0), Condvar::new(), RwLock::new(Vec::new())));
    let theirs = Arc::clone(&shared);
    let worker = thread::spawn(move || {
        let (count, changed, log) = &*theirs;
        log.write().map(|mut log| log.push(1_u8)).unwrap_or_default();
        count.lock().map(|mut count| *count += 1).unwrap_or_default();
        changed.notify_one();
    });
    let (count, changed, log) = &*shared;
    let seen = count.lock().map(|count| changed.wait_while(count, |count| *count == 0).is_ok());
    let _ = worker.join();
    assert_eq!(seen.ok(), Some(true));
    assert_eq!(log.read().map_or(0, |log| log.len()), 1);
    bytes!(10).map(drop)
}

/// A panic on another thread is a value that `join` brings home.
#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn panic_on_another_thread() -> Result<(), TryReserveError> {
    let worker = thread::spawn(|| panic!("expected: {}", black_box(4)));
    assert!(worker.join().is_err(), "it panicked");
    bytes!(10).map(drop)
}
