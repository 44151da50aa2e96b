mod elsewhere;
mod fuzz;

use std::alloc::Layout;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::birth::Birth;
use super::classes::ZONE;
use super::meta::Meta;
use super::shard::Shard;
use super::store::Store;
use super::watch::{HUGE, Wrong};
use crate::model::event::Kind;

/// One thread's use of a store of its own.
struct Bench {
    store: &'static Store,
    shard: *mut Shard,
}

// SAFETY: a store is for all threads; of a shard, one thread at a time makes and frees blocks.
unsafe impl Sync for Bench {}

const BIRTH: Birth =
    Birth { session: 1, thread: 0, marks: 0, allocator: 0, stack: 0, kind: Kind::Alloc, counted: true };

impl Bench {
    fn new() -> Bench {
        // Small enough that there can be many of them, also where addresses are scarce.
        let store = Store::of(1 << 30).expect("the system has addresses");
        Bench { store, shard: store.shard(0x1000) }
    }

    fn allocate(&self, size: usize, align: usize, kind: Kind) -> *mut Meta {
        // SAFETY: the shard is this bench's alone.
        unsafe {
            let meta = self.store.take(self.shard, size, align, 1);
            assert!(!meta.is_null());
            self.store.begin(self.shard, meta, size, align, &Birth { kind, ..BIRTH });
            meta
        }
    }

    /// Frees a block; the meta of one that was found written on the way.
    fn free(&self, address: usize, size: usize, align: usize) -> Result<*mut Meta, Wrong> {
        // SAFETY: as above.
        unsafe {
            let meta = self.store.slot_of(address);
            match self.store.claim(meta, address, Layout::from_size_align(size, align).unwrap(), 0) {
                Wrong::Nothing => Ok(self.store.end_life(self.shard, meta, 1)),
                wrong => Err(wrong),
            }
        }
    }
}

#[test]
fn a_process_that_stepped_aside_puts_new_blocks_where_the_other_puts_none() {
    let bench = Bench::new();
    // SAFETY: a meta of a block that was made just now.
    let address = |size| unsafe { (*bench.allocate(size, 1, Kind::Alloc)).address };
    let before = address(100_000);
    address(16);
    // Dead ones: one waits to be used again, and one that is larger than what waits may be used at once.
    for size in [16, 100_000] {
        let at = address(size);
        bench.free(at, size, 1).unwrap();
    }
    bench.store.step_aside(0);
    for size in [100_000, 16, 17, 100_000, 300] {
        assert!(address(size) - before >= (1 << 30) / 8, "{size}");
    }
}

#[test]
fn a_byte_beside_a_block_is_seen_for_every_size_and_alignment() {
    let bench = Bench::new();
    for size in (1..=4097).chain([14_303, 14_304, 14_305, 65_536, HUGE]) {
        for align in (0..=13).map(|power| 1_usize << power) {
            let meta = bench.allocate(size, align, Kind::Alloc);
            // SAFETY: the block and the bytes beside it lie in its slot.
            unsafe {
                let address = (*meta).address;
                assert_eq!(address % align, 0);
                for (at, wrong) in [
                    (address + size, true),
                    (address + size + 15, true),
                    (address - 1, true),
                    (address - ZONE, true),
                    (address, false),
                    (address + size - 1, false),
                ] {
                    let byte = at as *mut u8;
                    let stood = byte.read();
                    byte.write(stood ^ 0x55);
                    let expected = if wrong { Err(Wrong::Damaged) } else { Ok(()) };
                    let told = match bench.store.claim(meta, address, Layout::from_size_align(size, align).unwrap(), 0)
                    {
                        Wrong::Nothing => {
                            bench.store.keep(meta);
                            Ok(())
                        }
                        wrong => Err(wrong),
                    };
                    assert_eq!(told, expected, "{size} {align} {}", at as i64 - address as i64);
                    byte.write(stood);
                }
            }
            // SAFETY: the meta is the block's.
            let address = unsafe { (*meta).address };
            assert_eq!(bench.free(address, size + 1, align), Err(Wrong::Layout));
            assert_eq!(bench.free(address, size, align * 2), Err(Wrong::Layout));
            assert!(bench.free(address, size, align).is_ok());
            assert_eq!(bench.free(address, size, align), Err(Wrong::Freed));
            assert_eq!(bench.free(address + 1, size, align), Err(Wrong::NoBlock));
        }
    }
}

#[test]
fn zeroed_memory_is_zero_whatever_stood_there() {
    let bench = Bench::new();
    for round in 0..3 {
        for size in [1, 100, 5000, 20_000, 100_000, HUGE, 300_000] {
            let meta = bench.allocate(size, 8, Kind::Zeroed);
            // SAFETY: the block's own bytes.
            unsafe {
                let bytes = std::slice::from_raw_parts_mut((*meta).address as *mut u8, size);
                assert!(bytes.iter().all(|&byte| byte == 0), "{size} in round {round}");
                bytes.fill(7);
                assert!(bench.free((*meta).address, size, 8).is_ok());
                bench.store.flush(bench.shard);
            }
        }
    }
}

#[test]
fn blocks_too_large_for_the_range_are_refused() {
    let bench = Bench::new();
    for size in [isize::MAX as usize, 1 << 46, bench.store.bytes] {
        // SAFETY: the shard is this bench's alone.
        assert!(unsafe { bench.store.take(bench.shard, size, 1, 1) }.is_null());
    }
}

/// One step of a history: what is done to which of the blocks that are there.
#[derive(Debug, Clone)]
enum Step {
    Allocate { size: usize, align: usize },
    Free(usize),
    Resize { which: usize, size: usize },
    WriteBeside { which: usize, distance: i64 },
    WriteFreed { which: usize, at: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![8 => 1_usize..200, 2 => 200_usize..5000, 1 => 5000_usize..200_000];
    let align = (0_u32..8).prop_map(|power| 1_usize << power);
    prop_oneof![
        6 => (size.clone(), align).prop_map(|(size, align)| Step::Allocate { size, align }),
        4 => any::<usize>().prop_map(Step::Free),
        2 => (any::<usize>(), size).prop_map(|(which, size)| Step::Resize { which, size }),
        1 => (any::<usize>(), -16_i64..16).prop_map(|(which, distance)| Step::WriteBeside { which, distance }),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(which, at)| Step::WriteFreed { which, at }),
    ]
}

/// A block as the naive model knows it.
#[derive(Debug, Clone, Copy)]
struct Naive {
    size: usize,
    align: usize,
    fill: u8,
    damaged: bool,
}

/// A store and a map side by side.
struct Pair {
    bench: Bench,
    live: BTreeMap<usize, Naive>,
    /// Freed blocks that were written.
    written: Vec<usize>,
    /// Freed blocks that are in the quarantine still, and their sizes.
    freed: Vec<(usize, usize)>,
}

impl Pair {
    fn step(&mut self, step: Step, fill: u8) -> Result<(), TestCaseError> {
        match step {
            Step::Allocate { size, align } => self.allocate(size, align, fill),
            Step::Free(which) => self.nth(which).map_or(Ok(()), |(address, block)| self.free(address, block)),
            Step::Resize { which, size } => {
                self.nth(which).map_or(Ok(()), |(address, block)| self.resize(address, block, size, fill))
            }
            Step::WriteBeside { which, distance } => {
                if let Some((address, block)) = self.nth(which) {
                    self.write_beside(address, block, distance);
                }
                Ok(())
            }
            Step::WriteFreed { which, at } => {
                self.write_freed(which, at);
                Ok(())
            }
        }
    }

    fn nth(&self, which: usize) -> Option<(usize, Naive)> {
        let nth = which % self.live.len().max(1);
        self.live.iter().nth(nth).map(|(&address, &block)| (address, block))
    }

    fn allocate(&mut self, size: usize, align: usize, fill: u8) -> Result<(), TestCaseError> {
        let meta = self.bench.allocate(size, align, Kind::Alloc);
        // SAFETY: the block is ours.
        let address = unsafe { (*meta).address };
        prop_assert_eq!(address % align, 0);
        let before = self.live.range(..=address).next_back();
        prop_assert!(before.is_none_or(|(&at, block)| at + block.size <= address));
        prop_assert!(self.live.range(address..).next().is_none_or(|(&at, _)| address + size <= at));
        // SAFETY: as above.
        unsafe { (address as *mut u8).write_bytes(fill, size) };
        self.freed.retain(|&(at, len)| at + len <= address || address + size <= at);
        self.live.insert(address, Naive { size, align, fill, damaged: false });
        Ok(())
    }

    /// Makes a block larger or smaller where it stands, if it fits there.
    fn resize(&mut self, address: usize, block: Naive, size: usize, fill: u8) -> Result<(), TestCaseError> {
        let Bench { store, shard } = self.bench;
        // SAFETY: the shard is this bench's alone, and the block was claimed.
        unsafe {
            let meta = store.slot_of(address);
            let told = store.claim(meta, address, Layout::from_size_align(block.size, block.align).unwrap(), 0);
            prop_assert_eq!(told, if block.damaged { Wrong::Damaged } else { Wrong::Nothing });
            if told == Wrong::Nothing {
                let fits = store.resize(shard, meta, size, 1);
                store.keep(meta);
                if fits {
                    holds(address, block.size.min(size), block.fill)?;
                    (address as *mut u8).write_bytes(fill, size);
                    self.live.insert(address, Naive { size, fill, ..block });
                }
            }
        }
        Ok(())
    }

    fn write_beside(&mut self, address: usize, block: Naive, distance: i64) {
        let at = if distance < 0 {
            address - distance.unsigned_abs() as usize
        } else {
            address + block.size + distance as usize
        };
        // SAFETY: a byte of the guarded zones.
        unsafe { (at as *mut u8).write(0x11) };
        self.live.insert(address, Naive { damaged: true, ..block });
    }

    fn write_freed(&mut self, which: usize, at: usize) {
        let Some(&(address, size)) = self.freed.get(which % self.freed.len().max(1)) else { return };
        // SAFETY: a byte of a freed block, whose memory is still there.
        unsafe { ((address + at % size) as *mut u8).write(0x22) };
        self.written.push(address);
    }

    /// Frees a block in both; a damaged one is mended first, once it was seen to be damaged.
    fn free(&mut self, address: usize, block: Naive) -> Result<(), TestCaseError> {
        if block.damaged {
            prop_assert_eq!(self.bench.free(address, block.size, block.align), Err(Wrong::Damaged));
            // SAFETY: the block is ours.
            unsafe { self.bench.store.repair(self.bench.store.slot_of(address)) };
        }
        let found = self.bench.free(address, block.size, block.align);
        prop_assert!(found.is_ok(), "{:?}", found);
        self.live.remove(&address);
        if let Ok(meta) = found
            && !meta.is_null()
        {
            // SAFETY: a meta of the store's.
            let at = unsafe { (*meta).address };
            prop_assert!(self.written.contains(&at));
            self.written.retain(|&other| other != at);
            self.freed.retain(|&(other, _)| other != at);
        }
        // What was freed long ago may have left the quarantine.
        if self.freed.len() > 8 {
            self.freed.remove(0);
        }
        if block.size < HUGE {
            self.freed.push((address, block.size));
        }
        Ok(())
    }
}

/// Plays a history against a store and a map side by side.
fn play(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut pair = Pair { bench: Bench::new(), live: BTreeMap::new(), written: Vec::new(), freed: Vec::new() };
    for (number, step) in steps.into_iter().enumerate() {
        pair.step(step, (number % 100) as u8 + 1)?;
    }
    for (address, block) in pair.live.clone() {
        if !block.damaged {
            holds(address, block.size, block.fill)?;
        }
        pair.free(address, block)?;
    }
    // SAFETY: the shard is this bench's alone.
    let (seen, found) =
        unsafe { (pair.bench.store.look_at_freed(pair.bench.shard), pair.bench.store.flush(pair.bench.shard)) };
    prop_assert_eq!(found.is_null(), pair.written.is_empty());
    prop_assert_eq!(seen, found);
    // SAFETY: as above.
    prop_assert!(unsafe { pair.bench.store.flush(pair.bench.shard) }.is_null(), "it is empty now");
    // SAFETY: as above.
    let live = unsafe { Shard::live(pair.bench.shard, 1) };
    prop_assert_eq!(live, (0, 0));
    Ok(())
}

fn holds(address: usize, len: usize, fill: u8) -> Result<(), TestCaseError> {
    // SAFETY: a live block's own bytes.
    let bytes = unsafe { std::slice::from_raw_parts(address as *const u8, len) };
    prop_assert!(bytes.iter().all(|&byte| byte == fill));
    Ok(())
}

/// More threads than have a shard of their own share one; what one of them was in the middle of at a fork holds nobody up.
#[test]
fn a_shared_shard_that_was_held_at_a_fork_is_free_again() {
    let bench = Bench::new();
    let keys = 1..;
    let common = keys.map(|key: usize| bench.store.shard(key << 12)).find(|&shard| shard == bench.store.common());
    let common = common.expect("there are so many shards and no more");
    // SAFETY: no other thread knows this store.
    unsafe {
        Shard::enter(common, bench.store.common());
        bench.store.after_fork(bench.shard);
        Shard::enter(common, bench.store.common());
        let meta = bench.store.take(common, 24, 8, 1);
        assert!(!meta.is_null());
        bench.store.begin(common, meta, 24, 8, &BIRTH);
        Shard::leave(common, bench.store.common());
        assert_eq!((*meta).address % 8, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn agrees_with_an_ordered_map(steps in prop::collection::vec(step(), 0..400)) {
        play(steps)?;
    }
}
