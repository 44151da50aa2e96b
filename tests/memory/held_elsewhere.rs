//! Blocks that outlive the run and are no leaks: memory of the system's or of C's leads to them, or another thread.

use std::alloc::dealloc;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, OnceLock, mpsc};
use std::thread;

use oomsweep::alloc_test;

use crate::kit::{Carried, layout, take};

/// Where a word of the system's or of C's lies that holds a block, for the next run to find.
type Place = AtomicPtr<*mut u8>;

/// Puts a block into a word, and frees the one that stood there.
fn replace(word: *mut *mut u8) {
    let block = take!(90);
    // SAFETY: the word was made by one of the functions below, and nobody else uses it.
    let before = unsafe { black_box(word).replace(block) };
    if !before.is_null() {
        // SAFETY: made by an earlier run with this layout.
        unsafe { dealloc(before, layout(90, 1)) };
    }
}

/// The word is made in the first run; the static that leads to it is no way to the block, for the word is no block of ours.
fn through(place: &Place, make: fn() -> *mut *mut u8) {
    let mut word = black_box(place).load(SeqCst);
    if word.is_null() {
        word = make();
        place.store(word, SeqCst);
    }
    replace(word);
}

fn map(flags: i32) -> *mut *mut u8 {
    let readable = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, wherever the system has room.
    let at = unsafe { libc::mmap(ptr::null_mut(), 8192, readable, flags | libc::MAP_ANONYMOUS, -1, 0) };
    assert_ne!(at, libc::MAP_FAILED, "the system has two pages");
    at.cast()
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn in_a_mapping() {
    static PLACE: Place = AtomicPtr::new(ptr::null_mut());
    through(&PLACE, || map(libc::MAP_PRIVATE).wrapping_add(500));
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn in_a_shared_mapping() {
    static PLACE: Place = AtomicPtr::new(ptr::null_mut());
    through(&PLACE, || map(libc::MAP_SHARED).wrapping_add(500));
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn in_memory_of_c() {
    static PLACE: Place = AtomicPtr::new(ptr::null_mut());
    // SAFETY: no pointer is involved.
    through(&PLACE, || unsafe { libc::calloc(5, 8) }.cast::<*mut u8>().wrapping_add(2));
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn in_large_memory_of_c() {
    static PLACE: Place = AtomicPtr::new(ptr::null_mut());
    // SAFETY: no pointer is involved.
    through(&PLACE, || unsafe { libc::calloc(1 << 20, 1) }.cast::<*mut u8>().wrapping_add(70_000));
}

/// The first key has its place in the thread's own record, and one beyond the thirty-second in a block of C's.
fn under_a_key(place: &AtomicU32, skip: usize) {
    let mut key = black_box(place).load(SeqCst);
    if key == 0 {
        for _ in 0..=skip {
            // SAFETY: the key is written; nothing runs at a thread's end.
            assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, None) }, 0, "there are keys left");
        }
        place.store(key, SeqCst);
    }
    let block = take!(90);
    // SAFETY: the key exists, and its value is null or a block of an earlier run with this layout.
    unsafe {
        let before = libc::pthread_getspecific(key).cast::<u8>();
        if !before.is_null() {
            dealloc(before, layout(90, 1));
        }
        assert_eq!(libc::pthread_setspecific(key, block.cast()), 0, "there is room for it");
    }
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn under_a_first_key() {
    static KEY: AtomicU32 = AtomicU32::new(0);
    under_a_key(&KEY, 0);
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn under_a_late_key() {
    static KEY: AtomicU32 = AtomicU32::new(0);
    under_a_key(&KEY, 40);
}

/// Runs `work` on a thread that the first run starts, and that goes on for ever. What it is handed was made by the body's own
/// thread; it says when it has it.
fn on_a_lasting_thread(started: &AtomicBool, work: fn(Carried, mpsc::Sender<()>)) {
    if !black_box(started).swap(true, SeqCst) {
        let block = Carried(take!(90));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || work(block, sender));
        receiver.recv().expect("the thread has the block");
    }
}

fn rest() -> ! {
    loop {
        thread::park();
    }
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn on_a_stack() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    on_a_lasting_thread(&STARTED, |block, sender| {
        let kept = [black_box(block.get())];
        sender.send(()).expect("the body waits");
        drop(sender);
        black_box(&kept);
        rest()
    });
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn in_another_threads_local() {
    thread_local!(static KEPT: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) });
    thread_local!(static FIRST: std::cell::Cell<*mut u8> = const { std::cell::Cell::new(ptr::null_mut()) });
    static STARTED: AtomicBool = AtomicBool::new(false);
    on_a_lasting_thread(&STARTED, |block, sender| {
        KEPT.with_borrow_mut(|kept| assert!(kept.is_empty()));
        FIRST.set(block.get());
        sender.send(()).expect("the body waits");
        drop(sender);
        rest()
    });
}

/// The pointer is in a register most of the time.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn in_a_register() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    on_a_lasting_thread(&STARTED, |block, sender| {
        let block = black_box(block.get());
        sender.send(()).expect("the body waits");
        drop(sender);
        loop {
            // SAFETY: the block lives as long as the thread.
            unsafe { block.write_volatile(block.read_volatile().wrapping_add(1)) };
            thread::yield_now();
        }
    });
}

/// A thread that waits for messages, which nobody but its own stack holds.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn behind_a_receiver() {
    static SENDER: OnceLock<mpsc::SyncSender<Vec<u8>>> = OnceLock::new();
    let sender = black_box(&SENDER).get_or_init(|| {
        let (sender, receiver) = mpsc::sync_channel::<Vec<u8>>(100);
        let keeper: Vec<u64> = black_box(vec![5; 30]);
        thread::spawn(move || {
            for message in &receiver {
                black_box((&message, &keeper));
            }
        });
        sender
    });
    for length in 1..20 {
        sender.send(black_box(vec![1; length])).expect("the thread goes on");
    }
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn behind_a_condition() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    if !black_box(&STARTED).swap(true, SeqCst) {
        let pair = Arc::new((Mutex::new(Vec::<u8>::new()), Condvar::new()));
        let words: HashMap<u32, String> = black_box((0..9).map(|n| (n, n.to_string())).collect());
        thread::spawn(move || {
            let (lock, changed) = &*pair;
            let mut list = lock.lock().expect("nobody panics");
            while list.len() < 1000 {
                list = changed.wait(list).expect("nobody panics");
            }
            black_box(&words);
        });
    }
}

/// The name of a thread is held by the thread.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn named_thread() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    if !black_box(&STARTED).swap(true, SeqCst) {
        let (sender, receiver) = mpsc::channel();
        let work = move || {
            sender.send(()).expect("the body waits");
            drop(sender);
            rest()
        };
        thread::Builder::new().name("a thread with quite a long name".into()).spawn(work).expect("a thread");
        receiver.recv().expect("the thread has begun");
    }
}

/// A table that the frame outside the body owns.
#[test]
#[ignore = "clean: run by the table"]
fn by_the_frame_outside() {
    let owned: RefCell<Vec<Vec<u8>>> = RefCell::new(Vec::with_capacity(100));
    let report = oomsweep::Sweep::new("frame").leaks_only().run(|| owned.borrow_mut().push(black_box(vec![1; 10])));
    report.assert_clean();
    assert!(owned.borrow().len() <= 100);
}
