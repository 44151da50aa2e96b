//! A panic in the users' code, in the middle of a call, leaves a collection with one element in two places.

use std::cell::Cell;
use std::iter;
use std::thread;

use arenavec::region::{Arena, SliceVec};
use arenavec::{ArenaBacking, common};
use endian_trait::Endian;
use id_map::IdMap;
use insert_many::InsertMany;
use qwutils::VecExt;
use sized_chunks::Chunk;
use slice_deque::SliceDeque;
use stack_dst::StackA;
use thin_vec::ThinVec;
use toodee::TooDee;

use crate::{caught, give_up};

/// An element with memory of its own.
fn element(number: u64) -> Box<u64> {
    Box::new(number)
}

/// One element that never comes, for it panics instead.
fn no_element<T>() -> impl ExactSizeIterator<Item = T> {
    iter::once(()).map(|()| give_up())
}

/// An element that panics when it is copied, if it is told to.
#[derive(Debug)]
struct Original {
    number: Box<u64>,
    panics: Cell<bool>,
}

impl Original {
    fn new(number: u64) -> Original {
        Original { number: Box::new(number), panics: Cell::new(false) }
    }
}

impl Clone for Original {
    fn clone(&self) -> Original {
        if self.panics.get() {
            give_up();
        }
        Original { number: self.number.clone(), panics: Cell::new(false) }
    }
}

/// An element that panics when it is dropped, if it is told to, but not while something else panics.
struct Final {
    _number: Box<u64>,
    panics: bool,
}

impl Final {
    fn new(number: u64, panics: bool) -> Final {
        Final { _number: Box::new(number), panics }
    }
}

impl Drop for Final {
    fn drop(&mut self) {
        if self.panics && !thread::panicking() {
            give_up();
        }
    }
}

/// `resize` drops what is too much before it makes the vector shorter.
pub fn arenavec_2021_0040() {
    let arena = Arena::init_capacity(ArenaBacking::SystemAllocation, 4096).expect("there is memory");
    let token = arena.generation_token().expect("it is the first");
    let mut numbers: SliceVec<'_, Final> = common::SliceVec::new(token.weak());
    numbers.push(Final::new(1, false));
    numbers.push(Final::new(2, true));
    caught(|| numbers.resize_with(1, || Final::new(0, false)));
}

/// Converting an array reads an element out of it, and writes what became of it back.
pub fn endian_trait_2021_0039() {
    struct Word(Box<u64>);
    impl Endian for Word {
        fn to_be(self) -> Word {
            Word(Box::new(self.0.to_be()))
        }
        fn to_le(self) -> Word {
            Word(Box::new(self.0.to_le()))
        }
        fn from_be(self) -> Word {
            give_up()
        }
        fn from_le(self) -> Word {
            Word(Box::new(u64::from_le(*self.0)))
        }
    }
    caught(|| drop([Word(element(1)), Word(element(2))].from_be()));
}

/// `clone_from` drops what is there before it copies.
pub fn id_map_2021_0052() {
    let mut copy: IdMap<Original> = IdMap::new();
    copy.insert(Original::new(1));
    let mut map = IdMap::new();
    let id = map.insert(Original::new(2));
    map[id].panics.set(true);
    caught(|| copy.clone_from(&map));
}

/// The elements are moved up before the iterator is asked for new ones.
pub fn insert_many_2021_0042() {
    let mut numbers = vec![element(1), element(2)];
    caught(|| numbers.insert_many(0, no_element()));
}

/// `remove` lends its block to a `Vec`, which panics at a bad index, and frees it.
pub fn ordnung_2020_0038() {
    let mut numbers = ordnung::compact::Vec::new();
    numbers.push(1_u64);
    caught(|| {
        numbers.remove(7);
    });
}

/// The elements are moved up before the new ones are copied.
pub fn qwutils_2021_0018() {
    let new = [Original::new(3)];
    new[0].panics.set(true);
    let mut numbers = vec![Original::new(1), Original::new(2)];
    caught(|| numbers.insert_slice_clone(0, &new));
}

/// The elements are moved up before the iterator is asked for new ones.
pub fn sized_chunks_2020_0041() {
    let mut numbers: Chunk<Box<u64>> = Chunk::pair(element(1), element(2));
    caught(|| numbers.insert_from(0, no_element()));
}

/// When the predicate panics the deque still becomes as long as if nothing had happened.
pub fn slice_deque_2021_0047() {
    let mut numbers: SliceDeque<Box<u64>> = (1..=3).map(element).collect();
    caught(|| {
        let odd = numbers.drain_filter(|number| match **number {
            3 => give_up(),
            number => number % 2 == 1,
        });
        odd.for_each(drop);
    });
}

/// The new elements count before they are copied; what stood in their place before stands there still.
pub fn stack_dst_2021_0033() {
    let numbers = [Original::new(1)];
    let mut stack: StackA<[Original], [usize; 16]> = StackA::new();
    stack.push_cloned(&numbers).expect("there is room");
    stack.pop();
    numbers[0].panics.set(true);
    caught(|| stack.push_cloned(&numbers).expect("there is room"));
}

/// `clear` drops the elements before it makes the vector empty.
pub fn thin_vec_2026_0103() {
    let mut numbers = ThinVec::new();
    numbers.push(Final::new(1, true));
    numbers.push(Final::new(2, false));
    caught(|| numbers.clear());
}

/// The rows are moved down before the iterator is asked for a new one.
pub fn toodee_2021_0028() {
    let mut numbers: TooDee<Box<u64>> = TooDee::from_vec(1, 2, vec![element(1), element(2)]);
    caught(|| numbers.insert_row(0, no_element()));
}
