//! Every shape of leak.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hint::black_box;
use std::mem;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;

use crate::kit::{Carried, give, layout, plain_bodies, take};

plain_bodies! {
    boxed boxed_twin small vec large aligned resized cycle_of_two cycle_of_two_twin cycle_with_a_tail vec_of_boxes list map deep in_a_joined_thread in_a_joined_thread_twin in_a_detached_thread in_a_dead_threads_local in_dead_frames static_then_cleared static_then_cleared_twin channel to_itself in_a_local_destructor during_a_caught_panic printed one_of_two three_times shared_by_two
}

/// Forgets a value that the optimiser may know nothing about.
fn lose<T>(value: T) {
    mem::forget(black_box(value));
}

#[inline(never)]
fn boxed() {
    lose(Box::new([7_u64; 4])); // HERE: boxed
}

#[inline(never)]
fn boxed_twin() {
    drop(black_box(Box::new([7_u64; 4])));
}

/// As small as what C's heap keeps its own records in.
#[inline(never)]
fn small() {
    lose(Box::new([1_u64, 2, 3])); // HERE: small
}

#[inline(never)]
fn vec() {
    lose(Vec::<u32>::with_capacity(100)); // HERE: vec
}

#[inline(never)]
fn large() {
    lose(Vec::<u8>::with_capacity(3_000_000)); // HERE: large
}

#[inline(never)]
fn aligned() {
    let block = take!(100, 4096); // HERE: aligned
    black_box(block);
}

/// The size with which it was born is not the one that it is lost with.
#[inline(never)]
fn resized() {
    let block = take!(10); // HERE: resized
    // SAFETY: the block has that layout.
    black_box(unsafe { std::alloc::realloc(block, layout(10, 1), 30_000) });
}

#[derive(Default)]
struct Node {
    next: RefCell<Option<Rc<Node>>>,
    tail: RefCell<Option<Box<Tail>>>,
}

struct Tail {
    more: Option<Box<u64>>,
}

#[inline(never)]
fn cycle_of_two() {
    let one: Rc<Node> = black_box(Rc::default()); // HERE: cycle_of_two
    let other: Rc<Node> = black_box(Rc::default());
    *one.next.borrow_mut() = Some(Rc::clone(&other));
    *other.next.borrow_mut() = Some(Rc::clone(&one));
}

#[inline(never)]
fn cycle_of_two_twin() {
    let one: Rc<Node> = black_box(Rc::default());
    let other: Rc<Node> = black_box(Rc::default());
    *one.next.borrow_mut() = Some(Rc::clone(&other));
    *other.next.borrow_mut() = Some(Rc::clone(&one));
    drop(one.next.borrow_mut().take());
}

#[inline(never)]
fn cycle_with_a_tail() {
    let first: Rc<Node> = black_box(Rc::default()); // HERE: cycle_with_a_tail
    let (second, third): (Rc<Node>, Rc<Node>) = black_box((Rc::default(), Rc::default()));
    *first.next.borrow_mut() = Some(Rc::clone(&second));
    *second.next.borrow_mut() = Some(Rc::clone(&third));
    *third.tail.borrow_mut() = Some(Box::new(Tail { more: Some(Box::new(9)) }));
    assert!(third.tail.borrow().as_ref().is_some_and(|tail| tail.more.is_some()));
    *third.next.borrow_mut() = Some(Rc::clone(&first));
}

#[inline(never)]
fn vec_of_boxes() {
    let mut boxes: Vec<Box<u64>> = Vec::with_capacity(black_box(10)); // HERE: vec_of_boxes
    boxes.extend((0..10).map(Box::new));
    lose(boxes);
}

struct Link {
    next: Option<Box<Link>>,
    value: u64,
}

#[inline(never)]
fn list() {
    let mut head: Option<Box<Link>> = None;
    for value in 0..9 {
        head = black_box(Some(Box::new(Link { next: head.take(), value })));
    }
    let head = Box::new(Link { next: head, value: 9 }); // HERE: list
    assert_eq!(head.next.as_ref().map(|link| link.value), Some(8));
    assert_eq!(head.value, 9);
    lose(head);
}

#[inline(never)]
fn map() {
    let mut map: HashMap<u64, Box<u64>> = HashMap::with_capacity(black_box(40)); // HERE: map
    map.extend((0..40).map(|number| (number, Box::new(number))));
    lose(map);
}

#[inline(never)]
fn deep_down(frames: u32) -> u32 {
    if black_box(frames) == 0 {
        lose(Box::new([3_u64; 6])); // HERE: deep
        return 0;
    }
    black_box(deep_down(frames - 1)) + 1
}

#[inline(never)]
fn deep() {
    assert_eq!(deep_down(50), 50);
}

#[inline(never)]
fn in_a_joined_thread() {
    #[inline(never)]
    fn work() {
        lose(Box::new([4_u64; 7])); // HERE: in_a_joined_thread
    }
    let other = thread::spawn(work);
    other.join().expect("nobody panics");
}

#[inline(never)]
fn in_a_joined_thread_twin() {
    let other = thread::spawn(|| drop(black_box(Box::new([4_u64; 7]))));
    other.join().expect("nobody panics");
}

#[inline(never)]
fn in_a_detached_thread() {
    #[inline(never)]
    fn work() {
        lose(Box::new([4_u64; 8])); // HERE: in_a_detached_thread
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        work();
        sender.send(()).expect("the body waits");
    });
    receiver.recv().expect("it is sent");
}

#[inline(never)]
fn in_a_dead_threads_local() {
    thread_local!(static KEPT: Cell<*mut u8> = const { Cell::new(ptr::null_mut()) });
    #[inline(never)]
    fn work() {
        let block = take!(85); // HERE: in_a_dead_threads_local
        KEPT.with(|kept| black_box(kept).set(block));
    }
    let other = thread::spawn(work);
    other.join().expect("nobody panics");
}

/// Words of frames that are no more, on a thread that goes on.
#[inline(never)]
fn in_dead_frames() {
    #[inline(never)]
    fn fill(block: Carried) {
        let words = [block.get(); 100];
        black_box(&words);
    }
    static DONE: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
    let block = Carried(take!(86)); // HERE: in_dead_frames
    if black_box(&DONE).swap(ptr::dangling_mut(), SeqCst).is_null() {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            sender.send(()).expect("the body waits");
            drop(sender);
            loop {
                thread::park();
            }
        });
        receiver.recv().expect("the thread has begun");
    }
    fill(block);
}

#[inline(never)]
fn static_then_cleared() {
    static KEPT: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
    black_box(&KEPT).store(take!(87), SeqCst); // HERE: static_then_cleared
    black_box(&KEPT).store(ptr::null_mut(), SeqCst);
}

#[inline(never)]
fn static_then_cleared_twin() {
    static KEPT: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
    black_box(&KEPT).store(take!(87), SeqCst);
    give!(black_box(&KEPT).swap(ptr::null_mut(), SeqCst), 87);
}

#[inline(never)]
fn channel() {
    let (sender, receiver) = mpsc::channel::<Box<u64>>(); // HERE: channel
    for number in 0..5 {
        sender.send(Box::new(number)).expect("the receiver is there");
    }
    lose((sender, receiver));
}

#[inline(never)]
fn to_itself() {
    let block = take!(88, 8); // HERE: to_itself
    // SAFETY: the block has room for a pointer.
    unsafe { block.cast::<*mut u8>().write_volatile(block) };
}

#[inline(never)]
fn in_a_local_destructor() {
    struct Loses(u8);
    impl Drop for Loses {
        #[inline(never)]
        fn drop(&mut self) {
            lose(Box::new([u64::from(self.0); 9])); // HERE: in_a_local_destructor
        }
    }
    thread_local!(static KEPT: Loses = const { Loses(1) });
    let other = thread::spawn(|| KEPT.with(|kept| black_box(kept).0));
    assert_eq!(other.join().expect("nobody panics"), 1);
}

#[inline(never)]
fn during_a_caught_panic() {
    let caught = std::panic::catch_unwind(|| {
        let block = take!(89); // HERE: during_a_caught_panic
        if black_box(true) {
            std::panic::resume_unwind(Box::new(1_u8));
        }
        give!(block, 89);
    });
    assert!(caught.is_err());
}

#[inline(never)]
#[allow(clippy::print_stdout, reason = "what is printed passes through buffers that live on")]
fn printed() {
    let block = take!(91); // HERE: printed
    println!("{block:?} {}", block.addr());
}

/// Only one of two is freed.
#[inline(never)]
fn one_of_two() {
    let [kept, freed] = [(); 2].map(|()| take!(92)); // HERE: one_of_two
    give!(freed, 92);
    black_box(kept);
}

/// Three lost at one place are one finding.
#[inline(never)]
fn three_times() {
    for _ in 0..3 {
        black_box(take!(93)); // HERE: three_times
    }
}

/// Two roots lead to one block: it is indirect, and counted once.
#[inline(never)]
fn shared_by_two() {
    #[inline(never)]
    fn other(shared: &Rc<u64>) {
        lose(Box::new((Rc::clone(shared), 1_u64))); // HERE: shared_by_two other
    }
    let shared: Rc<u64> = black_box(Rc::new(1));
    lose(Box::new(Rc::clone(&shared))); // HERE: shared_by_two one
    other(&shared);
}
