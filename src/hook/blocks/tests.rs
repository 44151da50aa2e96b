use std::collections::BTreeMap;

use proptest::prelude::*;

use super::classes::ZONE;
use super::meta::{Birth, Meta};
use super::shard::Shard;
use super::store::Store;
use super::watch::{HUGE, Wrong};
use crate::model::event::Kind;

/// One thread's use of a store of its own.
struct Bench {
    store: &'static Store,
    shard: *mut Shard,
}

const BIRTH: Birth = Birth { session: 1, thread: 0, marks: 0, stack: 0, kind: Kind::Alloc, counted: true };

impl Bench {
    fn new() -> Bench {
        let store = Store::create().expect("the system has addresses");
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
            match self.store.claim(meta, address, size, align) {
                Wrong::Nothing => Ok(self.store.end_life(self.shard, meta, 1)),
                wrong => Err(wrong),
            }
        }
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
                    let told = match bench.store.claim(meta, address, size, align) {
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

/// Plays a history against a store and a map side by side.
fn play(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let bench = Bench::new();
    let mut live: BTreeMap<usize, Naive> = BTreeMap::new();
    let mut written: Vec<usize> = Vec::new();
    let mut freed: Vec<(usize, usize)> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        let fill = (number % 100) as u8 + 1;
        let nth = |which: usize, live: &BTreeMap<usize, Naive>| {
            live.iter().nth(which % live.len().max(1)).map(|(&address, &block)| (address, block))
        };
        match step {
            Step::Allocate { size, align } => {
                let meta = bench.allocate(size, align, Kind::Alloc);
                // SAFETY: the block is ours.
                let address = unsafe { (*meta).address };
                prop_assert_eq!(address % align, 0);
                let before = live.range(..=address).next_back();
                prop_assert!(before.is_none_or(|(&at, block)| at + block.size <= address));
                prop_assert!(live.range(address..).next().is_none_or(|(&at, _)| address + size <= at));
                // SAFETY: as above.
                unsafe { (address as *mut u8).write_bytes(fill, size) };
                freed.retain(|&(at, len)| at + len <= address || address + size <= at);
                live.insert(address, Naive { size, align, fill, damaged: false });
            }
            Step::Free(which) => {
                let Some((address, block)) = nth(which, &live) else { continue };
                free(&bench, &mut live, &mut freed, &mut written, address, block)?;
            }
            Step::Resize { which, size } => {
                let Some((address, block)) = nth(which, &live) else { continue };
                // SAFETY: the shard is this bench's alone, and the block was claimed.
                unsafe {
                    let meta = bench.store.slot_of(address);
                    let told = bench.store.claim(meta, address, block.size, block.align);
                    prop_assert_eq!(told, if block.damaged { Wrong::Damaged } else { Wrong::Nothing });
                    if told == Wrong::Nothing {
                        let fits = bench.store.resize(bench.shard, meta, size, 1);
                        bench.store.keep(meta);
                        if fits {
                            holds(address, block.size.min(size), block.fill)?;
                            (address as *mut u8).write_bytes(fill, size);
                            live.insert(address, Naive { size, fill, ..block });
                        }
                    }
                }
            }
            Step::WriteBeside { which, distance } => {
                let Some((address, block)) = nth(which, &live) else { continue };
                let at = if distance < 0 {
                    address - distance.unsigned_abs() as usize
                } else {
                    address + block.size + distance as usize
                };
                // SAFETY: a byte of the guarded zones.
                unsafe { (at as *mut u8).write(0x11) };
                live.insert(address, Naive { damaged: true, ..block });
            }
            Step::WriteFreed { which, at } => {
                let Some(&(address, size)) = freed.get(which % freed.len().max(1)) else { continue };
                // SAFETY: a byte of a freed block, whose memory is still there.
                unsafe { ((address + at % size) as *mut u8).write(0x22) };
                written.push(address);
            }
        }
    }
    for (address, block) in live.clone() {
        if !block.damaged {
            holds(address, block.size, block.fill)?;
        }
        free(&bench, &mut live, &mut freed, &mut written, address, block)?;
    }
    // SAFETY: as above.
    let found = unsafe { bench.store.flush(bench.shard) };
    prop_assert_eq!(found.is_null(), written.is_empty());
    // SAFETY: as above.
    let live = unsafe { Shard::live(bench.shard, 1) };
    prop_assert_eq!(live, (0, 0));
    Ok(())
}

/// Frees a block in both; a damaged one is mended first, once it was seen to be damaged.
fn free(
    bench: &Bench,
    live: &mut BTreeMap<usize, Naive>,
    freed: &mut Vec<(usize, usize)>,
    written: &mut Vec<usize>,
    address: usize,
    block: Naive,
) -> Result<(), TestCaseError> {
    if block.damaged {
        prop_assert_eq!(bench.free(address, block.size, block.align), Err(Wrong::Damaged));
        // SAFETY: the block is ours.
        unsafe { bench.store.repair(bench.store.slot_of(address)) };
    }
    let found = bench.free(address, block.size, block.align);
    prop_assert!(found.is_ok(), "{:?}", found);
    live.remove(&address);
    if let Ok(meta) = found
        && !meta.is_null()
    {
        // SAFETY: a meta of the store's.
        let at = unsafe { (*meta).address };
        prop_assert!(written.contains(&at));
        written.retain(|&other| other != at);
        freed.retain(|&(other, _)| other != at);
    }
    // What was freed long ago may have left the quarantine.
    if freed.len() > 8 {
        freed.remove(0);
    }
    if block.size < HUGE {
        freed.push((address, block.size));
    }
    Ok(())
}

fn holds(address: usize, len: usize, fill: u8) -> Result<(), TestCaseError> {
    // SAFETY: a live block's own bytes.
    let bytes = unsafe { std::slice::from_raw_parts(address as *const u8, len) };
    prop_assert!(bytes.iter().all(|&byte| byte == fill));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn agrees_with_an_ordered_map(steps in prop::collection::vec(step(), 0..400)) {
        play(steps)?;
    }
}
