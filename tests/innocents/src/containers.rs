//! The standard library's containers, filled and emptied in every way.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::hint::black_box;
use std::mem;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use oomsweep::alloc_test;

const TIMES: usize = 20;

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn maps() {
    for time in 0..TIMES {
        let mut hashed: HashMap<String, Vec<usize>> = HashMap::new();
        let mut sorted: BTreeMap<usize, HashSet<usize>> = BTreeMap::new();
        for number in 0..300 {
            hashed.entry((number % 40).to_string()).or_default().push(number);
            sorted.entry(number % 30 + time).or_default().insert(number);
        }
        hashed.retain(|_, numbers| numbers.len() > 7);
        hashed.shrink_to_fit();
        let tail = sorted.split_off(&(time + 10));
        assert_eq!(tail.len(), 20);
        sorted.append(&mut tail.into_iter().filter(|(key, _)| key % 2 == 0).collect());
        let keys: BTreeSet<usize> = sorted.keys().copied().collect();
        assert_eq!(keys.len(), 20);
        while sorted.pop_first().is_some() {}
        black_box((hashed, sorted));
    }
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn sequences() {
    for _ in 0..TIMES {
        let mut numbers: Vec<Vec<usize>> = (0..100).map(|count| (0..count).collect()).collect();
        numbers.sort_by_key(|inner| usize::MAX - inner.len());
        numbers.dedup_by_key(|inner| inner.len() / 3);
        numbers.splice(5..15, [vec![1], vec![2, 3]]).for_each(drop);
        numbers.rotate_left(3);
        let rest = numbers.split_off(10);
        let mut ring: VecDeque<Vec<usize>> = rest.into();
        ring.rotate_right(4);
        ring.extend(numbers.drain(..5));
        ring.make_contiguous().reverse();
        let heap: BinaryHeap<Vec<usize>> = ring.into_iter().collect();
        let mut list: LinkedList<Vec<usize>> = heap.into_sorted_vec().into_iter().collect();
        let mut tail = list.split_off(4);
        tail.append(&mut list);
        let boxed: Box<[Vec<usize>]> = tail.into_iter().collect();
        black_box((boxed, numbers));
    }
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn strings() {
    for time in 0..TIMES {
        let mut text = String::new();
        for word in 0..200 {
            text.push_str(&format!("{word:>width$} ", width = word % 20));
        }
        text.insert_str(50, "in the middle");
        text.retain(|c| c != '7');
        text.replace_range(3..9, &"wide".repeat(time));
        let words: Vec<String> = text.split_whitespace().map(str::to_uppercase).collect();
        let joined: Box<str> = words.join("-").into();
        let shared: Arc<str> = joined.into();
        let bytes: Rc<[u8]> = shared.as_bytes().into();
        assert!(String::from_utf8_lossy(&bytes).starts_with('0'));
        black_box((shared, words));
    }
}

struct Tree {
    parent: Weak<Tree>,
    children: std::cell::RefCell<Vec<Rc<Tree>>>,
}

fn grow(parent: Weak<Tree>, depth: usize) -> Rc<Tree> {
    Rc::new_cyclic(|own| {
        let children = (0..depth).map(|_| grow(own.clone(), depth - 1)).collect::<Vec<_>>();
        Tree { parent, children: children.into() }
    })
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn counted() {
    for _ in 0..TIMES {
        let tree = grow(Weak::new(), 5);
        let leaf = {
            let mut at = Rc::clone(&tree);
            while let Some(next) = { at.children.borrow().first().cloned() } {
                at = next;
            }
            at
        };
        drop(tree.children.borrow_mut().pop());
        assert!(leaf.parent.upgrade().is_some());
        drop(tree);
        assert!(leaf.parent.upgrade().is_none());
    }
}

/// What is taken out leaves something behind that owns nothing.
#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn taken_and_replaced() {
    enum State {
        Idle,
        Reading(Vec<u8>),
        Done(Box<[u8]>),
    }
    for time in 0..TIMES {
        let mut state = State::Idle;
        for step in 0..50_u8 {
            state = match mem::replace(&mut state, State::Idle) {
                State::Idle => State::Reading(Vec::new()),
                State::Reading(bytes) if bytes.len() > 8 => State::Done(bytes.into()),
                State::Reading(mut bytes) => {
                    bytes.push(step);
                    let taken = mem::take(&mut bytes);
                    bytes.extend(taken.iter().rev());
                    State::Reading(bytes)
                }
                State::Done(bytes) => State::Reading(bytes[..time.min(3)].to_vec()),
            };
        }
        let mut slot = Some(black_box(state));
        let taken = slot.take().into_iter().chain(slot.replace(State::Done(Box::default())));
        let mut kept: Vec<State> = taken.collect();
        kept.truncate(time % 2);
        let (data, len, capacity) = {
            let mut raw = mem::ManuallyDrop::new(kept);
            (raw.as_mut_ptr(), raw.len(), raw.capacity())
        };
        // SAFETY: the parts of a vector that nobody has dropped.
        drop(unsafe { Vec::from_raw_parts(black_box(data), len, capacity) });
    }
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn iterators() {
    for time in 0..TIMES {
        let boxed: Box<dyn Iterator<Item = String>> = Box::new((0..100).map(|number| number.to_string()));
        let mut kept: Vec<String> = boxed.step_by(3).collect();
        // In place: the same buffer, with items of another size.
        let lengths: Vec<Box<usize>> = kept.drain(..20).map(|text| Box::new(text.len())).collect();
        let halves: (Vec<String>, Vec<String>) = kept.into_iter().partition(|text| text.len() > time % 3);
        let folded = halves.0.into_iter().take(5).chain(halves.1).fold(String::new(), |all, text| all + &text);
        let mut rest = lengths.into_iter();
        assert_eq!(rest.by_ref().nth(3).as_deref(), Some(&1));
        let failed: Result<Vec<String>, Vec<usize>> =
            (0..10).map(|n| if n < 7 { Ok(n.to_string()) } else { Err(vec![n]) }).collect();
        assert_eq!(failed, Err(vec![7]));
        black_box((rest, folded));
    }
}
