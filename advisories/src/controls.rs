//! Bodies without a bug: ordinary code, some of which keeps memory beyond its end, as it may.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::hint::black_box;
use std::rc::{Rc, Weak};
use std::sync::LazyLock;

use rayon::prelude::*;

/// A body without a bug.
#[derive(Debug, Clone, Copy)]
pub struct Control {
    /// The body's name.
    pub name: &'static str,
    /// The body.
    pub body: fn(),
}

macro_rules! controls {
    ($($name:ident,)*) => {
        /// All of them.
        pub const CONTROLS: &[Control] = &[$(Control { name: stringify!($name), body: $name },)*];
    };
}

controls! {
    btree_map,
    channel_between_threads,
    detached_formatting,
    hashbrown_map,
    json,
    lazy_static_table,
    rayon_sum,
    rc_tree_with_weak,
    regex_matches,
    small_vectors,
    thread_local_cache,
    tokio_current_thread,
}

/// A map that grows, splits its nodes, and is emptied from the middle.
pub fn btree_map() {
    let mut map: BTreeMap<u32, String> = (0..200).map(|key| (key, key.to_string())).collect();
    let upper = map.split_off(&100);
    map.retain(|key, _| key % 3 != 0);
    black_box((map, upper));
}

/// Messages from a thread of its own; their memory is freed on this one.
pub fn channel_between_threads() {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let other =
        std::thread::spawn(move || (0..70).for_each(|number| sender.send(vec![number; 9]).expect("it is read")));
    assert_eq!(receiver.iter().map(|numbers| numbers.len()).sum::<usize>(), 630);
    other.join().expect("it does not panic");
}

/// Text made on a thread that nobody joins, but that says when it is through.
pub fn detached_formatting() {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        for number in 0..50 {
            write!(text, "{number:>8.3}|{:?}", Some(number)).expect("a String takes everything");
        }
        sender.send(text.len()).expect("it is waited for");
    });
    black_box(receiver.recv().expect("it is sent"));
}

/// A table that grows, loses entries, and grows again.
pub fn hashbrown_map() {
    let mut map: hashbrown::HashMap<String, usize> = hashbrown::HashMap::new();
    for round in 0..3 {
        map.extend((0..100).map(|number| (format!("{round}.{number}"), number)));
        map.retain(|_, number| *number % 2 == 0);
        map.shrink_to_fit();
    }
    black_box(map);
}

/// A document, read and written.
pub fn json() {
    let text = r#"{"name": "apple", "sizes": [1, 2.5, null], "inner": {"deep": [[[]]], "text": "\u00e4\n"}}"#;
    let value: serde_json::Value = serde_json::from_str(text).expect("it is a document");
    let again = serde_json::to_string_pretty(&value).expect("it can be written");
    assert!(serde_json::from_str::<serde_json::Value>(&again).is_ok_and(|again| again == value));
    assert!(serde_json::from_str::<serde_json::Value>("[1, {").is_err());
}

/// A table that is made when it is first asked for, and is kept.
pub fn lazy_static_table() {
    static SQUARES: LazyLock<BTreeMap<u64, Vec<u64>>> =
        LazyLock::new(|| (0..20).map(|number| (number, vec![number; number as usize])).collect());
    assert_eq!(SQUARES[&7].len(), 7);
    black_box(SQUARES.values().map(Vec::len).sum::<usize>());
}

/// A sum on the threads of a pool, which is kept.
pub fn rayon_sum() {
    let lengths: Vec<usize> = (0..500_usize).into_par_iter().map(|number| vec![0_u8; number].len()).collect();
    assert_eq!(lengths.par_iter().sum::<usize>(), 124_750);
}

/// Nodes that know their parents, which would be a cycle if they held them.
pub fn rc_tree_with_weak() {
    struct Node {
        parent: RefCell<Weak<Node>>,
        children: RefCell<Vec<Rc<Node>>>,
    }
    let node = || Rc::new(Node { parent: RefCell::default(), children: RefCell::default() });
    let root = node();
    for _ in 0..5 {
        let child = node();
        *child.parent.borrow_mut() = Rc::downgrade(&root);
        root.children.borrow_mut().push(child);
    }
    let child = root.children.borrow()[0].clone();
    drop(root);
    assert!(child.parent.borrow().upgrade().is_none());
}

/// A pattern that is compiled once and kept, with the caches that it makes when it is used.
pub fn regex_matches() {
    static WORD: LazyLock<regex::Regex> =
        LazyLock::new(|| regex::Regex::new(r"(?i)\b(\w+)-(\d{2,4})\b").expect("a pattern"));
    let found: Vec<String> =
        WORD.captures_iter("apple-12, pear-1, plum-2025").map(|found| found[1].to_owned()).collect();
    assert_eq!(found, ["apple", "plum"]);
}

/// Vectors that leave their place for the heap, and come back.
pub fn small_vectors() {
    let mut words: smallvec_2::SmallVec<String, 2> = smallvec_2::SmallVec::new();
    (0..9).for_each(|number| words.insert(words.len() / 2, number.to_string()));
    words.retain(|word| word != "3");
    words.truncate(2);
    words.shrink_to_fit();
    assert_eq!(words.len(), 2);
}

/// What a thread keeps for itself as long as it lives.
pub fn thread_local_cache() {
    thread_local! {
        static CACHE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
        static CALLS: Cell<u32> = const { Cell::new(0) };
    }
    CALLS.set(CALLS.get() + 1);
    CACHE.with_borrow_mut(|cache| {
        cache.truncate(3);
        cache.push(CALLS.get().to_string());
    });
}

/// Two tasks that wait for each other, on one thread.
pub fn tokio_current_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let sum = runtime.block_on(async {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
        let sending = tokio::spawn(async move {
            for number in 0..20_usize {
                sender.send(vec![1_u8; number]).await.expect("it is read");
            }
        });
        let mut sum = 0;
        while let Some(numbers) = receiver.recv().await {
            sum += numbers.len();
        }
        sending.await.expect("it does not panic");
        sum
    });
    assert_eq!(sum, 190);
}
