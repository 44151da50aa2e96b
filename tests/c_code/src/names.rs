//! A list of names in C, which asks for memory while it holds a lock.

use std::ffi::{CStr, c_int};
use std::ptr;
use std::thread;

use oomsweep::{alloc_test, exempt};

/// What stands behind the pointers is C's.
#[repr(C)]
struct List {
    _private: [u8; 0],
}

unsafe extern "C" {
    static mut names_shared: List;
    static mut names_shared_normal: List;

    fn names_open(opened: *mut *mut List, kind: c_int) -> c_int;
    fn names_clear(names: *mut List);
    fn names_close(names: *mut List);
    fn names_add(names: *mut List, name: *const libc::c_char) -> c_int;
    fn names_add_leaky(names: *mut List, name: *const libc::c_char) -> c_int;
    fn names_add_forgetful(names: *mut List, name: *const libc::c_char) -> c_int;
    fn names_count(names: *mut List, count: *mut usize) -> c_int;
}

type Add = unsafe extern "C" fn(*mut List, *const libc::c_char) -> c_int;

/// The number of an error of C's.
#[derive(Debug, PartialEq, Eq)]
struct Errno(c_int);

fn checked(error: c_int) -> Result<(), Errno> {
    if error == 0 { Ok(()) } else { Err(Errno(error)) }
}

const RECURSIVE: c_int = 0;
const ERROR_CHECKING: c_int = 1;
const NORMAL: c_int = 2;

/// A list, open.
struct Names(*mut List);

// SAFETY: the list has a lock of its own; only `Drop` goes without it.
unsafe impl Sync for Names {}

impl Names {
    fn open(kind: c_int) -> Result<Names, Errno> {
        let mut list = ptr::null_mut();
        // SAFETY: the place is ours to be written.
        checked(unsafe { names_open(&raw mut list, kind) })?;
        Ok(Names(list))
    }

    fn add(&self, add: Add, name: &CStr) -> Result<(), Errno> {
        // SAFETY: the list is open, and the name ends in a zero.
        checked(unsafe { add(self.0, name.as_ptr()) })
    }

    fn add_all(&self, add: Add) -> Result<(), Errno> {
        [c"Ada", c"Grace Brewster", c"Barbara"].into_iter().try_for_each(|name| self.add(add, name))
    }

    fn count(&self) -> Result<usize, Errno> {
        let mut count = 0;
        // SAFETY: the list is open, and the place is ours.
        checked(unsafe { names_count(self.0, &raw mut count) })?;
        Ok(count)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        // SAFETY: it is open, and closed once.
        unsafe { names_close(self.0) };
    }
}

/// Adds the names and looks at the list afterwards, however that went.
fn add_and_look(kind: c_int, add: Add) -> Result<(), Errno> {
    let names = Names::open(kind)?;
    let added = names.add_all(add);
    let count = names.count()?;
    added?;
    assert_eq!(count, 3);
    Ok(())
}

/// No bug.
#[alloc_test(engine = "snapshot", error = Errno(libc::ENOMEM))]
#[ignore = "swept by the table"]
fn adds() -> Result<(), Errno> {
    add_and_look(RECURSIVE, names_add)
}

/// No bug; another thread looks at the list, and gets the lock.
#[alloc_test(timeout = "500ms", error = Errno(libc::ENOMEM))]
#[ignore = "swept by the table"]
fn another_thread_looks() -> Result<(), Errno> {
    look_from_another_thread(names_add)
}

fn look_from_another_thread(add: Add) -> Result<(), Errno> {
    let names = Names::open(RECURSIVE)?;
    let added = names.add_all(add);
    let count = exempt(|| thread::scope(|scope| scope.spawn(|| names.count()).join().expect("nobody panics")));
    added?;
    assert_eq!(count, Ok(3));
    Ok(())
}

/// The second failure path leaks.
#[alloc_test]
#[ignore = "swept by the table"]
fn leaks() -> Result<(), Errno> {
    add_and_look(RECURSIVE, names_add_leaky)
}

/// A lock stays locked, and the thread that has it can lock it again: nobody sees that here.
#[alloc_test(error = Errno(libc::ENOMEM))]
#[ignore = "swept by the table"]
fn forgets_a_recursive_lock() -> Result<(), Errno> {
    add_and_look(RECURSIVE, names_add_forgetful)
}

/// Another thread waits for it without end.
#[alloc_test(timeout = "250ms", faults(once))]
#[ignore = "swept by the table"]
fn forgets_a_recursive_lock_that_another_thread_wants() -> Result<(), Errno> {
    look_from_another_thread(names_add_forgetful)
}

/// The lock itself says that its thread has it already.
#[alloc_test(error = Errno(libc::ENOMEM))]
#[ignore = "swept by the table"]
fn forgets_an_error_checking_lock() -> Result<(), Errno> {
    add_and_look(ERROR_CHECKING, names_add_forgetful)
}

/// The thread waits for itself.
#[alloc_test(timeout = "250ms", faults(once))]
#[ignore = "swept by the table"]
fn forgets_a_normal_lock() -> Result<(), Errno> {
    add_and_look(NORMAL, names_add_forgetful)
}

/// A list that is there for the whole program; empty again when the closure has come back.
fn shared<R>(list: *mut List, work: impl FnOnce(&Names) -> R) -> R {
    let names = std::mem::ManuallyDrop::new(Names(list));
    let result = work(&names);
    // SAFETY: the list is always there, and this thread is the only one that has it.
    unsafe { names_clear(list) };
    result
}

/// No bug, and the lock lives on from run to run.
#[alloc_test(error = Errno(libc::ENOMEM))]
#[ignore = "swept by the table"]
fn adds_to_a_shared_list() -> Result<(), Errno> {
    shared(&raw mut names_shared, |names| names.add_all(names_add))
}

/// The lock stays locked, and the next run that would begin behind this one in the same process would wait for it without end.
/// No run of the sweep does: each begins in the state in which the first one began.
#[alloc_test(timeout = "500ms", error = Errno(libc::ENOMEM))]
#[ignore = "swept by the table"]
fn forgets_a_shared_lock() -> Result<(), Errno> {
    shared(&raw mut names_shared_normal, |names| names.add_all(names_add_forgetful))
}
