//! What needs a process without the threads of other tests: each of these runs in one of its own.

use super::*;
use crate::sys::linux::alone::is_alone;
use crate::sys::linux::seen;

#[test]
fn stacks_of_ended_threads_are_no_roots_once_the_threads_were_noted() {
    if !is_alone(module_path!(), "stacks_of_ended_threads_are_no_roots_once_the_threads_were_noted") {
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
    // What lived when a process was forked may hold what the body works on.
    seen::forked();
    let (near, far) = find(entry, hidden, &[]);
    assert!(near == 0 && far >= 1, "the C library keeps the stack");
    seen::note_thread(pointer);
    assert_eq!(find(entry, hidden, &[]), (0, 0));
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
    if !is_alone(module_path!(), "what_a_thread_was_started_with_is_no_root") {
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
    if !is_alone(module_path!(), "a_stack_of_its_own_making_counts_whole") {
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

#[test]
fn the_child_of_a_fork_finds_the_same_in_its_only_thread() {
    if !is_alone(module_path!(), "the_child_of_a_fork_finds_the_same_in_its_only_thread") {
        return;
    }
    let block = map(4096, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1);
    let local = 0_usize;
    let places = [
        (&raw const local as usize, (1, 0)),
        (VARIABLE.as_ptr() as usize, (1, 0)),
        (PLAIN.with(Cell::as_ptr) as usize, (1, 0)),
        (block, (0, 1)),
    ];
    // SAFETY: no other thread does anything here.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let good = places.iter().all(|&(at, expected)| {
            let (entry, hidden) = (stacks::pointer(), new_word());
            put(at, hidden);
            let found = find(entry, hidden, &[]);
            put(at, !0);
            found == expected && find(entry, hidden, &[]) == (0, 0)
        });
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    let mut status = -1;
    // SAFETY: `status` is ours to be written.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(status, 0);
}

#[test]
fn a_thread_that_cannot_be_stopped_counts_as_far_as_it_is_known() {
    if !is_alone(module_path!(), "a_thread_that_cannot_be_stopped_counts_as_far_as_it_is_known") {
        return;
    }
    let (entry, held, old, ready) = (stacks::pointer(), new_word(), new_word(), Arc::new(Barrier::new(2)));
    let (up, told) = channel();
    let (go, waits) = channel::<()>();
    let theirs = Arc::clone(&ready);
    let thread = thread::spawn(move || {
        // SAFETY: a filled set is a valid one; the call changes the calling thread's mask alone.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut());
        }
        let own = deep(old);
        up.send((locals::thread_pointer(), own)).expect("somebody listens");
        held_while(held, &theirs, &|| assert!(waits.recv().is_err()));
    });
    let (pointer, deep) = told.recv().expect("it tells");
    ready.wait();
    // The thread may still be on its way from one wait to another, where its stack is not known.
    let found = |hidden: usize| {
        loop {
            let mut far = 0;
            let mut world = stop_others(Duration::from_millis(50));
            let known = |world: &Stopped| world.running().filter_map(|thread| thread.sp).find(|&sp| sp > deep);
            let before = known(&world);
            let listed = world.far(entry, &[], &mut |root| far += count(root, hidden));
            let after = known(&world);
            drop(world);
            assert!(listed);
            if before.is_some() && before == after {
                break far;
            }
        }
    };
    // Nothing is known of its stack's ends, so that all of it counts.
    seen::forked();
    assert!(found(held) >= 1 && found(old) >= 1);
    seen::note_thread(pointer);
    assert!(found(held) >= 1);
    assert_eq!(found(old), 0);
    end(go, thread);
}

/// Leaves the word far down on the stack; returns where.
#[inline(never)]
fn deep(hidden: usize) -> usize {
    let words = [0_usize; 8192];
    put(&raw const words[8] as usize, hidden);
    std::hint::black_box(&words);
    &raw const words[8] as usize
}
