//! Blocks that change their size keep what is in them, and are guarded as new ones are.

use std::alloc::System;

use oomsweep::heap::{AllocError, Allocator, DebugAllocator};

use crate::backing::Backing;
use crate::seeds::{Raw, found, give, holds, layout, poke, resize, take, write_all};

const SIZES: [usize; 14] = [1, 2, 3, 7, 8, 9, 16, 24, 100, 1000, 1024, 4096, 5000, 70_000];

/// Both guarded zones of a live block are there: a byte in each is seen.
#[track_caller]
fn assert_guarded(heap: &DebugAllocator<impl Allocator>, block: Raw, size: usize) {
    heap.check().unwrap();
    for at in [-1, size as isize, size as isize + 15] {
        poke(block, at);
        assert_eq!(found(heap.check()).len(), 1, "at {at} of {size}");
    }
}

/// No memory error but those that [`assert_guarded`] made.
#[track_caller]
fn end(heap: DebugAllocator<impl Allocator>, guarded: bool) {
    match heap.deinit() {
        Ok(()) => assert!(!guarded),
        Err(left) => {
            assert!(
                left.errors().iter().all(|error| matches!(error.code.as_str(), "overflow" | "underflow")),
                "{left}"
            );
            assert_eq!(left.blocks(), 0, "{left}");
        }
    }
}

#[test]
fn from_every_size_to_every_other() {
    let backing = Backing::new();
    let heap = DebugAllocator::new(backing.clone());
    for old in SIZES {
        for new in SIZES {
            let block = take!(heap, old);
            write_all(block, old);
            let moved = if new >= old {
                resize!(heap, grow, block, old, new).unwrap()
            } else {
                resize!(heap, shrink, block, old, new).unwrap()
            };
            assert!(holds(moved, old.min(new)), "{old} to {new}");
            assert_eq!(heap.live_bytes(), new);
            assert_guarded(&heap, moved, new);
            assert!(holds(moved, old.min(new)), "{old} to {new}");
            give!(heap, moved, new);
        }
    }
    end(heap, true);
    assert_eq!(backing.out(), 0);
}

#[test]
fn smaller_in_place_and_larger_again_in_place() {
    let heap = DebugAllocator::new(System);
    let block = take!(heap, 100);
    write_all(block, 100);
    assert_eq!(resize!(heap, shrink, block, 100, 17), Some(block));
    assert_guarded(&heap, block, 17);
    assert_eq!(resize!(heap, grow, block, 17, 60), Some(block));
    assert!(holds(block, 17));
    assert_guarded(&heap, block, 60);
    assert_eq!(resize!(heap, grow_zeroed, block, 60, 100), Some(block));
    // SAFETY: inside the block.
    assert!((60..100).all(|at| unsafe { block.add(at).read() } == 0));
    assert_guarded(&heap, block, 100);
    assert_ne!(resize!(heap, grow, block, 100, 101), Some(block));
    assert_eq!(heap.total_blocks(), 1);
    assert_eq!(heap.leaks().blocks(), 1);
    assert_eq!(heap.deinit().unwrap_err().blocks(), 1);
}

#[test]
fn what_is_new_is_zeros_where_that_is_asked_for() {
    let heap = DebugAllocator::new(Backing::new());
    for (old, new) in [(1, 2), (24, 48), (100, 5000), (5000, 70_000)] {
        let block = heap.allocate_zeroed(layout(old, 8)).unwrap().cast::<u8>();
        // SAFETY: inside the block.
        assert!((0..old).all(|at| unsafe { block.add(at).read() } == 0));
        write_all(block, old);
        let block = resize!(heap, grow_zeroed, block, (old, 8), (new, 8)).unwrap();
        assert!(holds(block, old));
        // SAFETY: inside the block.
        assert!((old..new).all(|at| unsafe { block.add(at).read() } == 0));
        assert_guarded(&heap, block, new);
        give!(heap, block, new, 8);
    }
    end(heap, true);
}

#[test]
fn new_and_freed_memory_can_be_told() {
    let heap = DebugAllocator::new(Backing::new());
    let block = take!(heap, 24);
    // SAFETY: inside the block, then in what is held back of it.
    unsafe {
        assert!((0..24).all(|at| block.add(at).read_volatile() == 0xAA));
    }
    let grown = resize!(heap, grow, block, 24, 48).unwrap();
    // SAFETY: as above.
    unsafe {
        assert!((24..48).all(|at| grown.add(at).read_volatile() == 0xAA));
        assert!((0..24).all(|at| block.add(at).read_volatile() == 0xDD));
    }
    give!(heap, grown, 48);
    // SAFETY: as above.
    unsafe {
        assert!((0..48).all(|at| grown.add(at).read_volatile() == 0xDD));
    }
    heap.deinit().unwrap();
}

#[test]
fn every_alignment() {
    let backing = Backing::new();
    let heap = DebugAllocator::new(backing.clone());
    let aligns = (0..21).map(|power| 1_usize << power);
    for align in aligns {
        for size in [1, 24, 4096, 5000] {
            let block = take!(heap, size, align);
            assert!((block.as_ptr() as usize).is_multiple_of(align), "{size} {align}");
            write_all(block, size);
            assert!(holds(block, size));
            assert_guarded(&heap, block, size);
            give!(heap, block, size, align);
        }
    }
    end(heap, true);
    assert_eq!(backing.out(), 0);
}

#[test]
fn the_alignment_changes_with_the_size() {
    let heap = DebugAllocator::new(System);
    for (from, to) in [((100, 1), (50, 4096)), ((50, 8), (100, 65_536)), ((5000, 4096), (5000, 8)), ((16, 16), (8, 32))]
    {
        let block = take!(heap, from.0, from.1);
        write_all(block, from.0);
        let kept = from.0.min(to.0);
        let moved = if to.0 >= from.0 {
            resize!(heap, grow, block, (from.0, from.1), (to.0, to.1)).unwrap()
        } else {
            resize!(heap, shrink, block, (from.0, from.1), (to.0, to.1)).unwrap()
        };
        assert!((moved.as_ptr() as usize).is_multiple_of(to.1));
        assert!(holds(moved, kept));
        assert_guarded(&heap, moved, to.0);
        give!(heap, moved, to.0, to.1);
    }
    end(heap, true);
}

#[test]
fn no_bytes_need_no_memory() {
    let backing = Backing::new();
    let heap = DebugAllocator::new(backing.clone());
    backing.fail(0, usize::MAX);
    for align in [1, 8, 4096] {
        let block = heap.allocate(layout(0, align)).unwrap();
        assert_eq!((block.len(), block.cast::<u8>().as_ptr() as usize % align), (0, 0));
        give!(heap, block.cast::<u8>(), 0, align);
        assert_eq!(heap.allocate_zeroed(layout(0, align)).unwrap().len(), 0);
    }
    assert_eq!((backing.requests(), heap.total_blocks()), (0, 0));
    backing.fail(0, 0);
    let block = heap.allocate(layout(0, 8)).unwrap().cast::<u8>();
    let block = resize!(heap, grow_zeroed, block, (0, 8), (24, 8)).unwrap();
    // SAFETY: inside the block.
    assert!((0..24).all(|at| unsafe { block.add(at).read() } == 0));
    assert_eq!((heap.live_blocks(), heap.live_bytes()), (1, 24));
    let block = resize!(heap, shrink, block, (24, 8), (0, 16)).unwrap();
    assert_eq!((block.as_ptr() as usize % 16, heap.live_blocks()), (0, 0));
    give!(heap, block, 0, 16);
    heap.deinit().unwrap();
    assert_eq!(backing.out(), 0);
}

#[test]
fn sizes_that_nobody_has() {
    let heap = DebugAllocator::new(System);
    for (size, align) in [(isize::MAX as usize, 1), (isize::MAX as usize - 7, 8), (8, 1 << 62)] {
        assert_eq!(heap.allocate(layout(size, align)), Err(AllocError));
    }
    let block = take!(heap, 24);
    write_all(block, 24);
    assert_eq!(resize!(heap, grow, block, 24, isize::MAX as usize), None);
    assert!(holds(block, 24));
    assert_eq!((heap.live_bytes(), heap.peak_bytes()), (24, 24));
    give!(heap, block, 24);
    heap.deinit().unwrap();
}
