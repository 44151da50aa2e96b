//! What needs a process without the threads of other tests: each of these runs in one of its own.

use super::*;
use crate::sys::linux::seen;

/// Runs the rest of the test that calls this in a process of its own; false in the one that is to wait for it.
fn is_alone(name: &str) -> bool {
    const MARK: &str = "ROOTS_TESTED_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let name = format!("{}::{name}", module_path!().split_once("::").expect("a crate and a module").1);
    let this = std::env::current_exe().expect("a test has a file");
    let run = Command::new(this).args([&name, "--exact", "--nocapture", "--test-threads=2"]).env(MARK, "1").output();
    let output = run.expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{errors}");
    false
}

#[test]
fn stacks_of_ended_threads_are_no_roots_once_the_threads_were_noted() {
    if !is_alone("stacks_of_ended_threads_are_no_roots_once_the_threads_were_noted") {
        return;
    }
    let (entry, hidden) = (stacks::pointer(), new_word());
    let ended = move || {
        let thread = thread::spawn(move || {
            leave(hidden);
            locals::thread_pointer()
        });
        thread.join().expect("it ends")
    };
    let pointer = ended();
    let (near, far) = find(entry, hidden, &[]);
    assert!(near == 0 && far >= 1, "the C library keeps the stack");
    seen::note_thread(pointer);
    assert_eq!(find(entry, hidden, &[]), (0, 0));
    // What lived when a process was forked may hold what the body works on.
    seen::forked();
    assert!(find(entry, hidden, &[]).1 >= 1);
    assert_eq!(ended(), pointer, "the stack is used again");
    seen::note_thread(pointer);
    assert_eq!(find(entry, hidden, &[]), (0, 0));
}

/// Leaves the word on the stack and in a thread-local.
#[inline(never)]
fn leave(hidden: usize) {
    let words = [0_usize; 64];
    put(&raw const words[32] as usize, hidden);
    std::hint::black_box(&words);
    PLAIN.with(|local| put(local.as_ptr() as usize, hidden));
}

#[test]
fn what_a_thread_was_started_with_is_no_root() {
    if !is_alone("what_a_thread_was_started_with_is_no_root") {
        return;
    }
    let (entry, hidden) = (stacks::pointer(), new_word());
    let thread = start(hidden);
    while STATE.load(Ordering::SeqCst) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    let record = locals::record(POINTER.load(Ordering::SeqCst));
    // It is there, so that it could be found.
    assert!(count(Root::Memory(record), hidden) >= 1);
    assert_eq!(find(entry, hidden, &[]), (0, 0));
    HIDDEN.store(hidden, Ordering::SeqCst);
    STATE.store(2, Ordering::SeqCst);
    // SAFETY: it is joined once.
    unsafe { libc::pthread_join(thread, ptr::null_mut()) };
    assert_eq!(STATE.load(Ordering::SeqCst), 3);
}

static STATE: AtomicU32 = AtomicU32::new(0);
static POINTER: AtomicUsize = AtomicUsize::new(0);
static HIDDEN: AtomicUsize = AtomicUsize::new(0);

/// Starts a thread with the word.
#[inline(never)]
fn start(hidden: usize) -> libc::pthread_t {
    let mut thread = 0;
    // A function that leaves its argument alone, so that no frame of its keeps it.
    let function: extern "C" fn() -> *mut libc::c_void = started;
    // SAFETY: a function may be called with an argument in a register that it does not look at.
    let made = unsafe {
        let function = std::mem::transmute::<
            extern "C" fn() -> *mut libc::c_void,
            extern "C" fn(*mut libc::c_void) -> *mut libc::c_void,
        >(function);
        libc::pthread_create(&raw mut thread, ptr::null(), function, !hidden as *mut libc::c_void)
    };
    assert_eq!(made, 0);
    thread
}

extern "C" fn started() -> *mut libc::c_void {
    POINTER.store(locals::thread_pointer(), Ordering::SeqCst);
    STATE.store(1, Ordering::SeqCst);
    while STATE.load(Ordering::SeqCst) != 2 {
        thread::sleep(Duration::from_millis(1));
    }
    // And not from itself.
    let entry = stacks::pointer();
    if find(entry, HIDDEN.load(Ordering::SeqCst), &[]) == (0, 0) {
        STATE.store(3, Ordering::SeqCst);
    }
    ptr::null_mut()
}

#[test]
fn a_stack_of_its_own_making_counts_whole() {
    if !is_alone("a_stack_of_its_own_making_counts_whole") {
        return;
    }
    // A handler's stack is not searched while no handler runs.
    let at = map(64 * 4096, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1);
    let stack = libc::stack_t { ss_sp: at as *mut libc::c_void, ss_flags: 0, ss_size: 64 * 4096 };
    let mut old = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: the pages are used for nothing else, and what was set is put back.
    unsafe { libc::sigaltstack(&raw const stack, &raw mut old) };
    let (entry, hidden) = (stacks::pointer(), new_word());
    put(at + 4096, hidden);
    assert_eq!(find(entry, hidden, &[]), (0, 0));
    // SAFETY: as above.
    unsafe { libc::sigaltstack(&raw const old, ptr::null_mut()) };
    assert_eq!(find(entry, hidden, &[]), (0, 1));
    // A frame that stands in plain memory counts from there outwards, and not inwards.
    assert_eq!(find(at + 4096, hidden, &[]).0, 1);
    assert_eq!(find(at + 4104, hidden, &[]), (0, 0));
}
