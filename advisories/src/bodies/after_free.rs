//! A block is used when it is freed. Where it is only read no allocator can know.

use std::borrow::Borrow;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::hint::black_box;
use std::mem;
use std::num::NonZeroUsize;
use std::thread;

use bumpalo::Bump;
use heapless::consts::U4;
use owning_ref::OwningRefMut;

use crate::{caught, give_up};

/// The iterator may outlive the memory of the vector that it comes from.
pub fn bumpalo_2022_0078() {
    let numbers = {
        let memory = Bump::new();
        bumpalo::vec![in &memory; 1_u64, 2, 3].into_iter()
    };
    black_box(numbers.fold(0, |all, number| all ^ number));
}

/// The copy of an iterator copies the elements, too, that it has given away; and it never drops those copies.
pub fn heapless_2020_0145() {
    let mut words: heapless::Vec<String, U4> = heapless::Vec::new();
    words.push("apple".to_owned()).expect("there is room");
    let mut words = words.into_iter();
    drop(words.next());
    drop(black_box(words.clone()));
}

/// The iterator may outlive what it iterates over.
pub fn lru_2021_0130() {
    let mut cache = lru_0_6::LruCache::with_hasher(2, BuildHasherDefault::<DefaultHasher>::default());
    cache.put(1_u64, 10_u64);
    let mut entries = cache.iter();
    cache.pop(&1);
    black_box(entries.next().map(|(key, value)| key ^ value));
}

/// A key that panics when it is dropped stays in the list of what was used last; what goes past it writes to it.
pub fn lru_2026_0253() {
    #[derive(PartialEq, Eq, Hash)]
    struct Key(u64);
    impl Borrow<u64> for Key {
        fn borrow(&self) -> &u64 {
            &self.0
        }
    }
    impl Drop for Key {
        fn drop(&mut self) {
            if self.0 == 2 && !thread::panicking() {
                give_up();
            }
        }
    }
    let room = NonZeroUsize::new(3).expect("three is not zero");
    let mut cache = lru_0_16::LruCache::new(room);
    for number in 1..=3 {
        cache.put(Key(number), number);
    }
    caught(|| {
        cache.pop(&2);
    });
    cache.promote(&1);
}

/// The owner may be changed for another while the reference points into the first.
pub fn owning_ref_2022_0040() {
    let mut word = OwningRefMut::new(Box::new(*b"apple")).map_mut(|bytes| &mut bytes[..]);
    drop(mem::replace(word.as_owner_mut(), Box::new(*b"plums")));
    black_box(&mut *word).copy_from_slice(b"peach");
}
