//! The ledger against a simple one, and the whole against a simple account of what a program does.

use std::alloc::{Layout, System};
use std::collections::{BTreeMap, HashMap};
use std::ptr::NonNull;

use super::ledger::{Entry, Ledger, Of, State};
use super::{DebugAllocator, DebugOptions};
use crate::heap::Allocator;
use crate::heap::drill::{self, collections};

/// Numbers that look random: Marsaglia's xorshift, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn entry(address: usize, state: State) -> Entry {
    Entry { address, size: 8, all: 40, front: 16, state, ..Entry::NONE }
}

#[test]
fn entries_are_found_by_their_address() {
    let mut random = Random(7);
    for frames in [0, 3] {
        let mut ledger = Ledger::new();
        let mut simple: HashMap<usize, (usize, usize)> = HashMap::new();
        for round in 0..30_000 {
            let address = 0x1000 + random.below(6000) * 8;
            match simple.remove(&address) {
                Some((at, born)) => {
                    assert_eq!(ledger.find(address), Some(at));
                    let wanted: &[usize] = if frames == 0 { &[] } else { &[born, born + 1] };
                    assert_eq!(ledger.stack(at, Of::Birth, frames), wanted);
                    assert_eq!(ledger.stack(at, Of::Free, frames), &wanted[..wanted.len().min(1)]);
                    ledger.forget(at);
                }
                None => {
                    let at = ledger.promise(frames).unwrap();
                    assert_eq!(ledger.entry(at).state, State::Promised);
                    ledger.keep_stack(at, Of::Birth, frames, &[round, round + 1]);
                    ledger.keep_stack(at, Of::Free, frames, &[round]);
                    ledger.enter(at, entry(address, State::Live));
                    simple.insert(address, (at, round));
                }
            }
            let other = 0x1000 + random.below(6000) * 8;
            assert_eq!(ledger.find(other), simple.get(&other).map(|(at, _)| *at));
        }
        assert!(ledger.len() <= 6000, "entries are used again");
    }
}

#[test]
fn a_stack_that_is_too_long_is_cut() {
    let mut ledger = Ledger::new();
    let at = ledger.promise(2).unwrap();
    ledger.keep_stack(at, Of::Birth, 2, &[1, 2, 3]);
    assert_eq!((ledger.stack(at, Of::Birth, 2), ledger.stack(at, Of::Free, 2)), ([1, 2].as_slice(), [].as_slice()));
}

#[test]
fn an_entry_of_a_block_that_is_gone_gives_way() {
    let mut ledger = Ledger::new();
    let gone = ledger.promise(0).unwrap();
    ledger.enter(gone, entry(0x1000, State::Gone));
    let live = ledger.promise(0).unwrap();
    ledger.enter(live, entry(0x1000, State::Live));
    assert_eq!(ledger.find(0x1000), Some(live));
    assert_eq!(ledger.entry(gone).state, State::Unused);
    assert_eq!(ledger.promise(0), Some(gone));
}

#[test]
fn what_an_address_lies_in_or_beside() {
    let mut ledger = Ledger::new();
    for (address, state) in [(0x1000, State::Freed), (0x1028, State::Live), (0x2000, State::Gone)] {
        let at = ledger.promise(0).unwrap();
        ledger.enter(at, entry(address, state));
    }
    let near = |address: usize| ledger.near(address).map(|at| ledger.entry(at).address);
    for (address, found) in [
        (0xFEF, None),
        (0xFF0, Some(0x1000)),
        (0x1007, Some(0x1000)),
        (0x1017, Some(0x1000)),
        (0x1018, Some(0x1028)),
        (0x103F, Some(0x1028)),
        (0x1040, None),
        (0x2000, None),
    ] {
        assert_eq!(near(address), found, "{address:#x}");
    }
}

#[test]
fn the_oldest_is_let_go_first() {
    let mut ledger = Ledger::new();
    let all: Vec<usize> = (0..5)
        .map(|n| {
            let at = ledger.promise(0).unwrap();
            ledger.enter(at, Entry { all: 100, ..entry(0x1000 * (n + 1), State::Busy) });
            ledger.hold_back(at);
            at
        })
        .collect();
    assert_eq!(ledger.let_go(5, 500), None);
    assert_eq!(ledger.let_go(4, 500), Some(all[0]));
    assert_eq!(ledger.entry(all[0]).state, State::Busy);
    assert_eq!(ledger.let_go(4, 399), Some(all[1]));
    assert_eq!((ledger.let_go(3, 0), ledger.let_go(3, 0)), (Some(all[2]), Some(all[3])));
    assert_eq!(ledger.let_go(3, 0), None, "the newest stays");
    assert_eq!(ledger.let_go(0, 0), Some(all[4]));
    assert_eq!(ledger.let_go(0, 0), None);
    ledger.hold_back(all[2]);
    assert_eq!(ledger.let_go(0, 0), Some(all[2]));
}

#[test]
fn what_every_allocator_does() {
    let heap = DebugAllocator::new(System);
    drill::alignments(&heap, 1 << 16);
    drill::nothing(&heap);
    drill::sizes_change(&heap, 300_000);
    for layouts in [[(8, 8); 4], [(1, 1), (100, 64), (4096, 2), (200_000, 8192)]] {
        drill::every_order(&heap, &layouts.map(|(size, align)| drill::layout(size, align)));
    }
    assert_eq!((heap.live_blocks(), heap.live_bytes()), (0, 0));
    heap.check().unwrap();
    heap.deinit().unwrap();
}

#[test]
fn collections_of_each_api() {
    let heap = DebugAllocator::new(System);
    collections!(&heap);
    heap.deinit().unwrap();
}

/// What a program knows of a block of its own.
struct Own {
    layout: Layout,
    first: u8,
}

fn write(block: NonNull<u8>, own: &Own) {
    for at in 0..own.layout.size() {
        // SAFETY: inside the block.
        unsafe { block.add(at).write(own.first.wrapping_add(at as u8)) };
    }
}

fn holds(block: NonNull<u8>, first: u8, len: usize) -> bool {
    // SAFETY: inside the block.
    (0..len).all(|at| unsafe { block.add(at).read() } == first.wrapping_add(at as u8))
}

fn any_layout(random: &mut Random) -> Layout {
    let (largest, powers) = ([20, 300, 9000][random.below(3)], [4, 8, 14][random.below(3)]);
    let align = 1 << random.below(powers);
    Layout::from_size_align(random.below(largest), align).unwrap()
}

/// One step of a program.
fn step(heap: &DebugAllocator<System>, blocks: &mut Vec<(NonNull<u8>, Own)>, random: &mut Random) {
    let fresh = Own { layout: any_layout(random), first: random.below(256) as u8 };
    let zeroed = random.below(2) == 0;
    if blocks.is_empty() || random.below(3) == 0 {
        let block = if zeroed { heap.allocate_zeroed(fresh.layout) } else { heap.allocate(fresh.layout) }.unwrap();
        assert_eq!(block.len(), fresh.layout.size());
        let block = block.cast::<u8>();
        // SAFETY: inside the block.
        assert!(!zeroed || (0..fresh.layout.size()).all(|at| unsafe { block.add(at).read() } == 0));
        write(block, &fresh);
        blocks.push((block, fresh));
        return;
    }
    let (block, own) = blocks.swap_remove(random.below(blocks.len()));
    assert!(holds(block, own.first, own.layout.size()));
    let (old, new) = (own.layout, fresh.layout);
    if random.below(2) == 0 {
        // SAFETY: allocated with this layout, and gone from the list.
        unsafe { heap.deallocate(block, old) };
        return;
    }
    // SAFETY: as above; which of them it is goes by the sizes.
    let moved = unsafe {
        match (new.size() >= old.size(), zeroed) {
            (true, true) => heap.grow_zeroed(block, old, new),
            (true, false) => heap.grow(block, old, new),
            (false, _) => heap.shrink(block, old, new),
        }
    };
    let moved = moved.unwrap().cast::<u8>();
    assert!(moved.as_ptr().addr().is_multiple_of(new.align()));
    assert!(holds(moved, own.first, old.size().min(new.size())));
    // SAFETY: inside the block.
    assert!(!zeroed || (old.size()..new.size()).all(|at| unsafe { moved.add(at).read() } == 0));
    write(moved, &fresh);
    blocks.push((moved, fresh));
}

#[test]
fn whatever_a_program_does() {
    let all = [
        DebugOptions::new().stack_frames(0),
        DebugOptions::new().stack_frames(2).quarantine(0),
        DebugOptions::new().stack_frames(1).quarantine(7).retain_metadata(true).canary(1),
        DebugOptions::new().stack_frames(0).never_reuse(true).canary(100),
        DebugOptions::new().stack_frames(0).quarantine(0).retain_metadata(true).canary(0),
        DebugOptions::new().safety(false),
    ];
    for (seed, options) in all.into_iter().enumerate() {
        let mut random = Random(0x9E37_79B9 + seed as u64);
        let heap = DebugAllocator::with(System, options);
        let mut blocks = Vec::new();
        for round in 0..4000 {
            step(&heap, &mut blocks, &mut random);
            let sized = || blocks.iter().filter(|(_, own)| own.layout.size() > 0);
            assert_eq!(heap.live_blocks(), sized().count(), "{round}");
            assert_eq!(heap.live_bytes(), sized().map(|(_, own)| own.layout.size()).sum::<usize>(), "{round}");
            if round % 500 == 0 {
                heap.check().unwrap();
            }
        }
        let mut left: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for leak in &heap.leaks() {
            *left.entry((leak.size, leak.align)).or_default() += leak.count;
        }
        let mut expected: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for (_, own) in blocks.iter().filter(|(_, own)| own.layout.size() > 0 && options.safety) {
            *expected.entry((own.layout.size(), own.layout.align())).or_default() += 1;
        }
        assert_eq!(left, expected);
        for (block, own) in blocks {
            // SAFETY: allocated with this layout.
            unsafe { heap.deallocate(block, own.layout) };
        }
        heap.deinit().unwrap();
    }
}
