//! Random writes, and random histories of threads that free each other's blocks.

use std::alloc::Layout;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;

use proptest::prelude::*;

use super::super::birth::Birth;
use super::super::meta::Meta;
use super::super::shard::Shard;
use super::super::store::Store;
use super::super::watch::{HUGE, Wrong};
use super::super::zones::{self, FREED, FRONT, REAR};
use crate::model::event::Kind;
use crate::model::memory::{Damage, SHOWN};

const SESSION: u32 = 1;

/// A live block of one thread.
///
/// # Safety
/// The shard is the calling thread's alone.
unsafe fn allocate(store: &Store, shard: *mut Shard, size: usize, align: usize) -> *mut Meta {
    // SAFETY: by the obligation of this function.
    unsafe {
        let meta = store.take(shard, size, align, SESSION);
        assert!(!meta.is_null());
        let birth =
            Birth { session: SESSION, thread: 0, marks: 0, allocator: 0, stack: 0, kind: Kind::Alloc, counted: true };
        store.begin(shard, meta, size, align, &birth);
        meta
    }
}

/// Writes other bytes than stand there; what an exact search must say of it.
///
/// # Safety
/// The places, counted from the block, may be written.
unsafe fn spoil(address: usize, places: &BTreeSet<i64>, expected: u8) -> Option<Damage> {
    let (first, last) = (*places.first()?, *places.last()?);
    for &place in places {
        // SAFETY: by the obligation of this function.
        unsafe { (address.wrapping_add_signed(place as isize) as *mut u8).write(!expected ^ (place as u8 & 15)) };
    }
    let mut damage =
        Damage { at: first, span: (last - first + 1) as u64, count: places.len() as u64, expected, found: [0; SHOWN] };
    for (nth, into) in damage.found.iter_mut().take(damage.span as usize).enumerate() {
        // SAFETY: between two places that may be written.
        *into = unsafe { (address.wrapping_add_signed(first as isize + nth as isize) as *const u8).read() };
    }
    Some(damage)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_was_touched_is_found_exactly(
        size in prop_oneof![1_usize..200, 200_usize..20_000],
        power in 0_u32..8,
        before in prop::collection::btree_set(-16_i64..0, 0..6),
        behind in prop::collection::btree_set(0_i64..16, 0..6),
        inside in prop::collection::btree_set(any::<u16>(), 0..6),
    ) {
        let store = Store::of(1 << 27).expect("the system has addresses");
        let shard = store.shard(0x1000);
        let align = 1_usize << power;
        // SAFETY: the shard is this test's alone; all bytes that are written lie in the slot.
        unsafe {
            let meta = allocate(store, shard, size, align);
            let address = (*meta).address;
            (address as *mut u8).write_bytes(3, size);
            let behind = behind.into_iter().map(|place| place + size as i64).collect();
            let (after, front) = (spoil(address, &behind, REAR), spoil(address, &before, FRONT));
            prop_assert_eq!(store.damage_round(meta), (after, front));
            let told = store.claim(meta, address, Layout::from_size_align(size, align).unwrap(), 0);
            prop_assert_eq!(told, if after.is_some() || front.is_some() { Wrong::Damaged } else { Wrong::Nothing });
            if told == Wrong::Damaged {
                store.repair(meta);
                prop_assert_eq!(store.claim(meta, address, Layout::from_size_align(size, align).unwrap(), 0), Wrong::Nothing);
            }
            prop_assert!(store.end_life(shard, meta, SESSION).is_null());
            let inside = inside.into_iter().map(|place| i64::from(place) % size as i64).collect();
            let written = spoil(address, &inside, FREED);
            prop_assert_eq!(store.damage_after(meta), written);
            prop_assert_eq!(store.flush(shard).is_null(), written.is_none());
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn threads_that_free_each_others_blocks_agree_with_an_ordered_map(seeds in prop::collection::vec(any::<u64>(), 4)) {
        let store = Store::of(1 << 29).expect("the system has addresses");
        let live = Mutex::new(BTreeMap::new());
        thread::scope(|scope| {
            for (number, seed) in seeds.iter().enumerate() {
                let (store, live) = (&store, &live);
                scope.spawn(move || Player { store, live, number, random: seed | 1 }.play(600));
            }
        });
        // SAFETY: the threads have ended, and left their shards.
        unsafe {
            let shard = store.shard(0x9000);
            for (address, block) in std::mem::take(&mut *live.lock().expect("nobody panicked")) {
                give_back(store, shard, address, block);
            }
            let (mut blocks, mut bytes) = (0_usize, 0_usize);
            for shard in store.shards() {
                prop_assert!(store.flush(shard).is_null());
                let (more, more_bytes) = Shard::live(shard, SESSION);
                (blocks, bytes) = (blocks.wrapping_add(more), bytes.wrapping_add(more_bytes));
            }
            prop_assert_eq!((blocks, bytes), (0, 0));
        }
    }
}

/// What the map knows of a block: its size, its alignment, and what each of its bytes holds.
type Naive = (usize, usize, u8);

/// One thread with a shard of its own, beside others.
struct Player<'a> {
    store: &'static Store,
    live: &'a Mutex<BTreeMap<usize, Naive>>,
    number: usize,
    random: u64,
}

impl Player<'_> {
    /// Marsaglia, Xorshift RNGs, 2003.
    fn next(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) as usize % below
    }

    fn play(mut self, steps: usize) {
        let shard = self.store.shard(0x2000 + 64 * self.number);
        for _ in 0..steps {
            if self.next(5) < 3 {
                self.make(shard);
            } else {
                let nth = self.next(64);
                let mut live = self.live.lock().expect("nobody panicked");
                let taken = live.keys().nth(nth).copied().and_then(|address| live.remove_entry(&address));
                drop(live);
                if let Some((address, block)) = taken {
                    // SAFETY: the block was taken out of the map by this thread alone; the shard is its own.
                    unsafe { give_back(self.store, shard, address, block) };
                }
            }
        }
    }

    fn make(&mut self, shard: *mut Shard) {
        let most = [200, 200, 3000, 40_000, HUGE + 4096][self.next(5)];
        let (size, align, fill) = (1 + self.next(most), 1 << self.next(8), self.next(200) as u8);
        // SAFETY: the shard is this thread's, and the block its own until it is in the map.
        let address = unsafe {
            let meta = allocate(self.store, shard, size, align);
            ((*meta).address as *mut u8).write_bytes(fill, size);
            (*meta).address
        };
        let mut live = self.live.lock().expect("nobody panicked");
        let before = live.range(..=address).next_back().map(|(&at, &(size, ..))| at + size);
        assert!(
            before.is_none_or(|end| end <= address)
                && live.range(address..).next().is_none_or(|(&at, _)| address + size <= at)
        );
        live.insert(address, (size, align, fill));
    }
}

/// Looks at what a block holds, and frees it.
///
/// # Safety
/// The block is the caller's alone, and so is the shard.
unsafe fn give_back(store: &Store, shard: *mut Shard, address: usize, (size, align, fill): Naive) {
    // SAFETY: by the obligation of this function.
    unsafe {
        assert!(zones::holds(address, size, fill));
        let meta = store.slot_of(address);
        assert_eq!(store.claim(meta, address, Layout::from_size_align(size, align).unwrap(), 0), Wrong::Nothing);
        assert!(store.end_life(shard, meta, SESSION).is_null());
        assert_eq!(store.claim(meta, address, Layout::from_size_align(size, align).unwrap(), 0), Wrong::Freed);
    }
}
