//! Lazy statics of every kind.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::{Arc, LazyLock, Mutex, Once, OnceLock, RwLock};
use std::thread;

use arc_swap::{ArcSwap, ArcSwapOption};
use oomsweep::alloc_test;

fn words() -> HashMap<String, Vec<usize>> {
    (0..40).map(|number: usize| (number.to_string(), vec![number; number % 7])).collect()
}

lazy_static::lazy_static! {
    static ref WORDS: HashMap<String, Vec<usize>> = words();
    static ref CHANGING: Mutex<BTreeMap<usize, String>> = Mutex::new(BTreeMap::new());
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn lazy() {
    static ONCE: Once = Once::new();
    static LOCK: OnceLock<Box<[String]>> = OnceLock::new();
    static LAZY: LazyLock<RwLock<Vec<Vec<usize>>>> = LazyLock::new(RwLock::default);
    static CELL: once_cell::sync::OnceCell<HashMap<String, Vec<usize>>> = once_cell::sync::OnceCell::new();
    static OTHER: once_cell::sync::Lazy<Mutex<String>> = once_cell::sync::Lazy::new(Mutex::default);
    static RACED: once_cell::race::OnceBox<Vec<u8>> = once_cell::race::OnceBox::new();
    ONCE.call_once(|| drop(black_box(words())));
    assert_eq!(LOCK.get_or_init(|| vec!["text".repeat(9); 5].into()).len(), 5);
    assert_eq!(CELL.get_or_init(words).len(), WORDS.len());
    assert_eq!(RACED.get_or_init(|| Box::new(vec![1; 50])).len(), 50);
    for number in 0..50 {
        LAZY.write().expect("nobody panics").push(vec![number; 10]);
        CHANGING.lock().expect("nobody panics").insert(number, "text".repeat(number));
    }
    LAZY.write().expect("nobody panics").truncate(20);
    LAZY.write().expect("nobody panics").shrink_to_fit();
    CHANGING.lock().expect("nobody panics").retain(|number, _| number % 5 == 0);
    *OTHER.lock().expect("nobody panics") = "longer".repeat(9);
}

static CURRENT: LazyLock<ArcSwap<HashMap<String, Vec<usize>>>> = LazyLock::new(|| ArcSwap::from_pointee(words()));
static MAYBE: ArcSwapOption<String> = ArcSwapOption::const_empty();

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn swapped() {
    for number in 0..20 {
        let before = CURRENT.load();
        CURRENT.store(Arc::new(words()));
        assert_eq!(before.len(), 40);
        MAYBE.rcu(|kept| Some(Arc::new(format!("{} {number}", kept.as_ref().map_or(0, |kept| kept.len())))));
    }
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn swapped_by_many() {
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(CURRENT.load_full().len(), 40);
                    CURRENT.store(Arc::new(words()));
                    drop(MAYBE.swap(Some(Arc::new("text".repeat(3)))));
                }
            });
        }
    });
}
