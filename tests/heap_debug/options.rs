//! Each option, and what happens without it.

use std::alloc::System;

use oomsweep::heap::{AllocError, Allocator, DebugAllocator, DebugOptions};

use crate::backing::Backing;
use crate::seeds::{Raw, found, give, layout, leaked, poke, recorded, resize, take, told};

fn with(options: DebugOptions) -> DebugAllocator<System> {
    DebugAllocator::with(System, options)
}

#[test]
fn the_defaults() {
    assert_eq!(DebugOptions::default(), DebugOptions::new());
    let all = DebugOptions::new().safety(true).never_reuse(false).retain_metadata(false).verbose_log(false);
    let all = all.thread_safe(true).canary(16).quarantine(1024).stack_frames(24).name("DebugAllocator");
    assert_eq!(all, DebugOptions::new());
    assert_eq!(all.stack_frames(1000), all.stack_frames(96));
}

#[test]
fn without_safety_calls_are_passed_on_and_counted() {
    let backing = Backing::new();
    let heap = DebugAllocator::with(backing.clone(), DebugOptions::new().safety(false).memory_limit(100));
    let block = take!(heap, 60);
    assert!(backing.holds(block) && backing.out() == 1);
    let block = resize!(heap, grow, block, 60, 80).unwrap();
    assert_eq!(resize!(heap, grow, block, 80, 101), None);
    let block = resize!(heap, grow_zeroed, block, 80, 100).unwrap();
    assert_eq!(heap.allocate(layout(1, 1)), Err(AllocError));
    let block = resize!(heap, shrink, block, 100, 10).unwrap();
    assert_eq!((heap.live_blocks(), heap.live_bytes(), heap.peak_bytes()), (1, 10, 100));
    assert_eq!((heap.total_blocks(), heap.total_bytes()), (1, 100));
    assert!(heap.leaks().is_empty(), "nobody looks");
    let block = resize!(heap, shrink, block, 10, 0).unwrap();
    assert_eq!((heap.live_blocks(), backing.out()), (0, 0));
    let block = resize!(heap, grow, block, 0, 10).unwrap();
    give!(heap, block, 10);
    assert_eq!((heap.live_blocks(), heap.live_bytes(), backing.out()), (0, 0, 0));
    take!(heap, 5);
    heap.deinit().expect("leaks are not looked for");
    assert_eq!(backing.out(), 1);
}

#[test]
fn the_limit_counts_what_is_live_as_it_was_asked_for() {
    let heap = with(DebugOptions::new().memory_limit(1010));
    let small = take!(heap, 4, 4);
    assert_eq!(heap.live_bytes(), 4);
    let large = take!(heap, 1000);
    assert_eq!(heap.live_bytes(), 1004);
    assert_eq!(heap.allocate(layout(8, 8)), Err(AllocError));
    assert_eq!(resize!(heap, grow, large, 1000, 1007), None);
    assert_eq!((heap.live_bytes(), heap.peak_bytes()), (1004, 1004));
    let large = resize!(heap, grow, large, 1000, 1006).unwrap();
    give!(heap, small, 4, 4);
    assert_eq!(heap.live_bytes(), 1006);
    let large = resize!(heap, shrink, large, 1006, 1).unwrap();
    assert_eq!(heap.live_bytes(), 1);
    let large = resize!(heap, grow, large, 1, 2).unwrap();
    assert_eq!(heap.live_bytes(), 2);
    give!(heap, large, 2);
    let exact = take!(heap, 1010);
    assert_eq!((heap.live_bytes(), heap.peak_bytes()), (1010, 1010));
    give!(heap, exact, 1010);
    heap.deinit().unwrap();
}

#[test]
fn no_stacks_are_kept_where_none_are_wanted() {
    for frames in [0, 1, 96] {
        let heap = with(DebugOptions::new().stack_frames(frames));
        let block = take!(heap, 48);
        take!(heap, 8);
        give!(heap, block, 48);
        let text = told(|| give!(heap, block, 48));
        let says = "where the block was allocated and freed is not known: the stacks were not recorded";
        assert_eq!(text.contains(says), frames == 0, "{text}");
        assert!(text.contains("freed again here"), "the stack of a bad call is always there: {text}");
        let left = heap.deinit().unwrap_err();
        let born = left.iter().next().unwrap().born.len();
        match frames {
            0 => assert_eq!(born, 0),
            // One address may stand for several functions, of which one was made part of the other.
            1 => assert!((1..4).contains(&born), "{born}"),
            // Where the compiler has made one function of the test and what it calls, and keeps no lines, one is left.
            _ => assert!(born > usize::from(cfg!(debug_assertions)), "{born}"),
        }
    }
}

/// Frees a block, and then so many others.
fn freed_long_ago(heap: &DebugAllocator<Backing>, others: usize) -> Raw {
    let block = take!(heap, 24);
    give!(heap, block, 24);
    for _ in 0..others {
        let other = take!(heap, 24);
        give!(heap, other, 24);
    }
    block
}

#[test]
fn freed_memory_goes_back_after_the_quarantine() {
    let backing = Backing::new();
    let heap = DebugAllocator::with(backing.clone(), DebugOptions::new().quarantine(3));
    let block = freed_long_ago(&heap, 3);
    assert_eq!((backing.out(), backing.holds(block)), (3, false));
    heap.deinit().unwrap();
    assert_eq!(backing.out(), 0);
}

#[test]
fn large_blocks_do_not_stay_long() {
    let backing = Backing::new();
    let heap = DebugAllocator::new(backing.clone());
    for _ in 0..40 {
        let block = take!(heap, 1 << 20);
        give!(heap, block, 1 << 20);
        assert!((1..16).contains(&backing.out()), "{}", backing.out());
    }
    let huge = take!(heap, 20 << 20);
    give!(heap, huge, 20 << 20);
    assert_eq!(backing.out(), 1, "the newest stays, however large");
    poke(huge, 7 << 20);
    assert_eq!(recorded(heap).len(), 1);
}

#[test]
fn nothing_is_held_back_without_a_quarantine() {
    let backing = Backing::new();
    let heap = DebugAllocator::with(backing.clone(), DebugOptions::new().quarantine(0));
    let block = take!(heap, 24);
    let block = resize!(heap, grow, block, 24, 48).unwrap();
    assert_eq!(backing.out(), 1);
    give!(heap, block, 48);
    assert_eq!(backing.out(), 0);
    heap.deinit().unwrap();
}

#[test]
fn freed_memory_is_never_given_back() {
    let backing = Backing::new();
    let heap = DebugAllocator::with(backing.clone(), DebugOptions::new().quarantine(0).never_reuse(true));
    let block = freed_long_ago(&heap, 2000);
    assert_eq!(backing.out(), 2001);
    poke(block, 3);
    let says = "use-after-free: a block of 24 bytes from `DebugAllocator` was written to after it had been freed";
    assert_eq!(found(heap.check()), [says]);
    told(|| give!(heap, block, 24));
    let left = heap.deinit().unwrap_err();
    assert_eq!((left.blocks(), left.errors().len()), (0, 2));
    assert_eq!(backing.out(), 0, "at the end it is");
}

#[test]
fn a_second_free_is_named_however_late() {
    for retain in [false, true] {
        let options = DebugOptions::new().quarantine(0).retain_metadata(retain);
        let heap = DebugAllocator::with(Backing::new(), options);
        // Blocks of another size do not take its place, which is not the allocator's any more.
        let block = take!(heap, 24);
        give!(heap, block, 24);
        for _ in 0..100 {
            let other = take!(heap, 5000);
            give!(heap, other, 5000);
        }
        let text = told(|| give!(heap, block, 24));
        assert_eq!(text.contains("error[double-free]"), retain, "{text}");
        assert_eq!(text.contains("freed again here"), retain, "{text}");
        assert_eq!(text.contains("freed so long ago that nothing is known of it any more"), !retain, "{text}");
        assert_eq!(recorded(heap).len(), 1);
    }
}

#[test]
fn what_is_kept_of_freed_blocks_gives_way_to_new_ones() {
    let backing = Backing::new();
    let options = DebugOptions::new().quarantine(0).retain_metadata(true);
    let heap = DebugAllocator::with(backing.clone(), options);
    for round in 0..500 {
        let block = take!(heap, 24 + round % 5);
        give!(heap, block, 24 + round % 5);
    }
    assert_eq!((heap.live_blocks(), backing.out()), (0, 0));
    heap.deinit().unwrap();
}

#[test]
fn the_guarded_bytes_are_as_many_as_wanted() {
    for canary in [0, 1, 16, 500] {
        let backing = Backing::new();
        let heap = DebugAllocator::with(backing.clone(), DebugOptions::new().canary(canary));
        let block = take!(heap, 24);
        for at in [-1_isize, -(canary as isize), 24, 23 + canary as isize] {
            if canary == 0 {
                break;
            }
            poke(block, at);
            assert_eq!(found(heap.check()).len(), 1, "{canary} {at}");
        }
        give!(heap, block, 24);
        // SAFETY: the last byte that the backing allocator gave, and the one behind it.
        let (last, behind) = unsafe { (block.add(23 + canary), block.add(24 + canary)) };
        assert_eq!((backing.holds(last), backing.holds(behind)), (true, false));
        assert_eq!(heap.deinit().is_ok(), canary == 0);
    }
}

#[test]
fn reports_call_it_by_its_name() {
    let heap = with(DebugOptions::new().name("parser"));
    let block = take!(heap, 24);
    give!(heap, block, 24);
    let text = told(|| give!(heap, block, 24));
    assert!(text.starts_with("`parser`: 1 memory error\n"), "{text}");
    assert!(text.contains("24 bytes, align 1, allocated here from `parser`"), "{text}");
    take!(heap, 24);
    let left = heap.deinit().unwrap_err();
    assert_eq!(leaked(&left), [(24, 1, 1)]);
    let text = left.to_string();
    assert!(text.starts_with("`parser`: 1 block (24 bytes) was never freed, and 1 memory error\n"), "{text}");
    assert!(text.contains("24 bytes, align 1, allocated here from `parser`, never freed"), "{text}");
}
