//! Innocent: what is made once and kept for ever, on the good path and on the error path.
#![allow(clippy::vec_box, reason = "a block behind a block is what the cache is about")]

use std::cell::RefCell;
use std::collections::{HashMap, TryReserveError};
use std::hint::black_box;
use std::rc::{Rc, Weak};
use std::sync::{LazyLock, Mutex, OnceLock};

use oomsweep::{alloc_test, exempt};

use super::kit::bytes;

#[alloc_test(infallible = "skip")]
#[ignore = "innocent: run by the table"]
fn once_lock() -> Result<(), TryReserveError> {
    static TABLE: OnceLock<Vec<u32>> = OnceLock::new();
    let table = TABLE.get_or_init(|| (0..100).map(black_box).collect());
    bytes!(table.len()).map(drop)
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn once_lock_on_the_error_path() -> Result<(), TryReserveError> {
    static MESSAGES: OnceLock<Vec<String>> = OnceLock::new();
    let room = bytes!(10);
    if room.is_err() {
        exempt(|| black_box(MESSAGES.get_or_init(|| vec!["no room".to_owned()]).len()));
    }
    room.map(drop)
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn lazy_lock_on_the_error_path() -> Result<(), TryReserveError> {
    static SEEN: LazyLock<Mutex<HashMap<u32, String>>> = LazyLock::new(Mutex::default);
    let room = bytes!(10);
    if room.is_err() {
        exempt(|| SEEN.lock().map(|mut seen| seen.insert(1, "no room".to_owned())).is_ok());
    }
    room.map(drop)
}

thread_local!(static SCRATCH: RefCell<Vec<u8>> = RefCell::default());

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn thread_local() -> Result<(), TryReserveError> {
    SCRATCH.with_borrow_mut(|scratch| scratch.try_reserve(300))?;
    bytes!(10).map(drop)
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn thread_local_on_the_error_path() -> Result<(), TryReserveError> {
    let room = bytes!(10);
    if room.is_err() {
        exempt(|| SCRATCH.with_borrow_mut(|scratch| scratch.resize(5000, 1)));
    }
    room.map(drop)
}

/// A cache that grows at every use is reachable, so no leak.
#[alloc_test]
#[ignore = "innocent: run by the table"]
fn growing_static() -> Result<(), TryReserveError> {
    static LOG: Mutex<Vec<Box<u64>>> = Mutex::new(Vec::new());
    exempt(|| LOG.lock().map(|mut log| log.push(Box::new(5))).is_ok());
    bytes!(10).map(drop)
}

/// Entries come in another order in every map, so the requests come in another order too.
#[alloc_test]
#[ignore = "innocent: run by the table"]
fn random_state() -> Result<(), TryReserveError> {
    let mut words: HashMap<&str, usize> = HashMap::new();
    words.try_reserve(5)?;
    words.extend([("a", 10), ("b", 20), ("c", 30), ("d", 40), ("e", 50)]);
    words.values().try_for_each(|&size| bytes!(size).map(drop))
}

struct Node {
    parent: RefCell<Weak<Node>>,
    children: RefCell<Vec<Rc<Node>>>,
}

fn node() -> Rc<Node> {
    Rc::new(Node { parent: RefCell::default(), children: RefCell::default() })
}

#[alloc_test]
#[ignore = "innocent: run by the table"]
fn weak_cycle() -> Result<(), TryReserveError> {
    let (parent, child) = exempt(|| (node(), node()));
    *child.parent.borrow_mut() = Rc::downgrade(&parent);
    let mut children = parent.children.borrow_mut();
    children.try_reserve(1)?;
    children.push(Rc::clone(&child));
    drop(children);
    assert!(child.parent.borrow().upgrade().is_some(), "the parent lives");
    bytes!(10).map(drop)
}
