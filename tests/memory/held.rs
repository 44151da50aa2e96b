//! Blocks that outlive the run and are no leaks: something of one's own thread or of the whole program leads to them.

use std::alloc::dealloc;
use std::backtrace::Backtrace;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, RwLock, mpsc};
use std::thread;

use oomsweep::alloc_test;

use crate::kit::{layout, take};

fn numbers(count: u32) -> Vec<u32> {
    black_box((0..count).collect())
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn once_lock() {
    static KEPT: OnceLock<Vec<u32>> = OnceLock::new();
    assert_eq!(black_box(&KEPT).get_or_init(|| numbers(50)).len(), 50);
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn lazy_lock() {
    static KEPT: LazyLock<HashMap<u32, String>> = LazyLock::new(|| (0..40).map(|n| (n, n.to_string())).collect());
    assert_eq!(black_box(&KEPT).len(), 40);
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn map_of_vecs() {
    static KEPT: Mutex<BTreeMap<u32, Vec<u32>>> = Mutex::new(BTreeMap::new());
    let mut kept = black_box(&KEPT).lock().expect("nobody panics");
    kept.clear();
    for number in 0..30 {
        kept.insert(number, numbers(number % 7));
    }
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn in_a_mutex() {
    static KEPT: Mutex<Option<Box<[u64; 5]>>> = Mutex::new(None);
    *black_box(&KEPT).lock().expect("nobody panics") = Some(Box::new([7; 5]));
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn in_a_lock_of_vecs() {
    static KEPT: RwLock<Vec<Vec<u32>>> = RwLock::new(Vec::new());
    black_box(&KEPT).write().expect("nobody panics").push(numbers(20));
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn leaked_into_a_static() {
    static KEPT: OnceLock<&'static [u32]> = OnceLock::new();
    assert_eq!(black_box(&KEPT).get_or_init(|| Box::leak(numbers(9).into_boxed_slice())).len(), 9);
}

/// A list whose head alone stands in a static.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn behind_a_list() {
    struct Node {
        value: u32,
        next: Option<Box<Node>>,
    }
    static KEPT: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());
    let mut head = None;
    for value in 0..20 {
        head = Some(Box::new(Node { value, next: head.take() }));
    }
    let head = head.expect("there are twenty");
    assert_eq!(head.value, 19);
    assert!(head.next.is_some());
    let before = black_box(&KEPT).swap(Box::into_raw(head), SeqCst);
    if !before.is_null() {
        // SAFETY: made by an earlier run, by `into_raw`.
        drop(unsafe { Box::from_raw(before) });
    }
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn thread_local_with_drop() {
    thread_local!(static KEPT: RefCell<Vec<Vec<u32>>> = const { RefCell::new(Vec::new()) });
    KEPT.with_borrow_mut(|kept| kept.push(numbers(12)));
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn thread_local_lazy() {
    thread_local!(static KEPT: OnceCell<Box<str>> = const { OnceCell::new() });
    KEPT.with(|kept| assert_eq!(kept.get_or_init(|| black_box("text".repeat(4)).into()).len(), 16));
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn thread_local_without_drop() {
    thread_local!(static KEPT: Cell<Option<&'static [u32]>> = const { Cell::new(None) });
    KEPT.with(|kept| {
        if black_box(kept).get().is_none() {
            kept.set(Some(Box::leak(numbers(11).into_boxed_slice())));
        }
    });
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn thread_local_raw_pointer() {
    thread_local!(static KEPT: Cell<*mut u8> = const { Cell::new(ptr::null_mut()) });
    KEPT.with(|kept| {
        let before = black_box(kept).replace(take!(77));
        if !before.is_null() {
            // SAFETY: made by an earlier run with this layout.
            unsafe { dealloc(before, layout(77, 1)) };
        }
    });
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn standard_streams() {
    writeln!(std::io::stdout().lock(), "a line, and").expect("stdout is open");
    write!(std::io::stdout().lock(), "the beginning of one").expect("stdout is open");
    writeln!(std::io::stderr(), "on the other stream").expect("stderr is open");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).expect("stdin is open");
}

/// A pointer to the end of a block without a size is a pointer to the block.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn end_of_the_block() {
    static KEPT: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
    let unit = Arc::into_raw(black_box(Arc::new(()))).cast_mut();
    let before = black_box(&KEPT).swap(unit, SeqCst);
    if !before.is_null() {
        // SAFETY: made by an earlier run, by `into_raw`.
        drop(unsafe { Arc::from_raw(before) });
    }
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn middle_of_the_block() {
    static KEPT: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
    let before = black_box(&KEPT).swap(take!(77).wrapping_add(33), SeqCst);
    if !before.is_null() {
        // SAFETY: made by an earlier run with this layout, and moved by so many bytes.
        unsafe { dealloc(before.wrapping_sub(33), layout(77, 1)) };
    }
}

/// The low bits of a pointer say something else.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn low_tag_bits() {
    static KEPT: AtomicUsize = AtomicUsize::new(0);
    let tagged = take!(64, 8).expose_provenance() | 5;
    let before = black_box(&KEPT).swap(tagged, SeqCst);
    if before != 0 {
        // SAFETY: made by an earlier run with this layout.
        unsafe { dealloc(ptr::with_exposed_provenance_mut(before & !7), layout(64, 8)) };
    }
}

/// A pointer that is stored encoded, and the block declared held.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn kept_by_declaration() {
    static KEPT: AtomicUsize = AtomicUsize::new(0);
    let block = take!(64);
    oomsweep::keep(block);
    black_box(&KEPT).store(block.expose_provenance() ^ 0x5A5A_5A5A_5A5A, SeqCst);
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn captured_backtrace() {
    static KEPT: Mutex<Option<Backtrace>> = Mutex::new(None);
    let trace = Backtrace::force_capture();
    assert!(trace.to_string().contains("captured_backtrace"));
    *black_box(&KEPT).lock().expect("nobody panics") = Some(trace);
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn caught_panic() {
    let payload = std::panic::catch_unwind(|| panic!("expected: {}", black_box(3))).expect_err("it panicked");
    assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some("expected: 3"));
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn panic_hook() {
    let words = numbers(30);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        black_box(&words);
        before(info);
    }));
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn scopes() {
    let shared = numbers(40);
    let sum: u32 = thread::scope(|scope| {
        let parts = [0_usize, 10, 20, 30].map(|from| {
            let part = &shared[from..from + 10];
            scope.spawn(move || black_box(part.to_vec()).iter().sum::<u32>())
        });
        parts.into_iter().map(|part| part.join().expect("nobody panics")).sum()
    });
    assert_eq!(sum, 780);
}

/// The receiver's end stands in a static, and with it everything that was sent.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn unread_messages() {
    type Ends = (mpsc::Sender<Vec<u32>>, mpsc::Receiver<Vec<u32>>);
    static KEPT: Mutex<Option<Ends>> = Mutex::new(None);
    let mut kept = black_box(&KEPT).lock().expect("nobody panics");
    let (sender, _) = kept.get_or_insert_with(mpsc::channel);
    for count in 0..70 {
        sender.send(numbers(count)).expect("the receiver is there");
    }
}
