//! What is left at the end, and how it is told: by `deinit`, by a drop, and where a second panic would end the process.

use std::alloc::System;
use std::panic::{AssertUnwindSafe, catch_unwind};

use oomsweep::heap::{Allocator, DebugAllocator, DebugOptions};

use crate::alone::Alone;
use crate::backing::Backing;
use crate::seeds::{BAD, Raw, found, give, leaked, lines, poke, resize, take, told};

#[test]
fn leaks_of_one_birth_are_together() {
    let heap = DebugAllocator::new(System);
    let freed = take!(heap, 24);
    for size in [32, 32, 8, 32] {
        take!(heap, size);
    }
    take!(heap, 100, 64);
    give!(heap, freed, 24);
    let left = heap.leaks();
    assert_eq!(leaked(&left), [(32, 1, 3), (8, 1, 1), (100, 64, 1)]);
    assert_eq!((left.blocks(), left.bytes()), (5, 204));
    let again = heap.deinit().unwrap_err();
    assert_eq!(leaked(&again), leaked(&left));
    assert_eq!(again.iter().map(|leak| leak.bytes).collect::<Vec<_>>(), [96, 8, 100]);
    assert_eq!(again.to_string(), left.to_string());
    assert_eq!(format!("{again:?}"), again.to_string(), "what an `unwrap` shows is the report");
    assert_eq!((&again).into_iter().count(), 3);
    assert!(again.to_string().starts_with("`DebugAllocator`: 5 blocks (204 bytes) were never freed\n"), "{again}");
    if cfg!(debug_assertions) {
        let born = &again.iter().next().unwrap().born;
        assert!(
            born.first().is_some_and(|frame| frame.own && frame.function.contains("leaks_of_one_birth")),
            "{born:?}"
        );
        assert!(again.to_string().contains("tests/heap_debug/ends.rs"), "{again}");
        assert!(again.to_string().contains("3 blocks of 32 bytes, align 1, allocated here"), "{again}");
    }
}

#[test]
fn a_block_that_grew_is_one_of_its_birth() {
    let heap = DebugAllocator::new(System);
    let block = take!(heap, 24);
    resize!(heap, grow, block, 24, 4000).unwrap();
    let left = heap.deinit().unwrap_err();
    assert_eq!(leaked(&left), [(4000, 1, 1)]);
}

#[test]
fn without_leaks_nothing_is_said() {
    let heap = DebugAllocator::new(System);
    assert!(heap.leaks().is_empty());
    let block = take!(heap, 24);
    give!(heap, block, 24);
    drop(heap);
    DebugAllocator::new(System).deinit().unwrap();
}

#[test]
fn what_leaked_stays_where_it_is() {
    let backing = Backing::new();
    for ends in [false, true] {
        let heap = DebugAllocator::new(backing.clone());
        let (leak, freed) = (take!(heap, 24), take!(heap, 24));
        give!(heap, freed, 24);
        if ends {
            assert_eq!(heap.deinit().unwrap_err().blocks(), 1);
        } else {
            let text = told(|| drop(heap));
            assert!(text.starts_with("`DebugAllocator`: 1 block (24 bytes) was never freed\n"), "{text}");
        }
        assert!(backing.holds(leak) && backing.out() == 1 + usize::from(ends), "{ends}");
        poke(leak, 3);
        // SAFETY: inside the block.
        assert_eq!(unsafe { leak.add(3).read_volatile() }, BAD);
    }
}

#[test]
fn a_drop_tells_what_it_finds_itself() {
    let heap = DebugAllocator::new(System);
    let block = take!(heap, 24);
    give!(heap, block, 24);
    poke(block, 3);
    let text = told(|| drop(heap));
    assert!(text.starts_with("`DebugAllocator`: 1 memory error\n"), "{text}");
    assert!(text.contains("noticed when the allocator came to its end"), "{text}");
}

#[test]
fn a_drop_says_nothing_of_what_was_told_before() {
    let heap = DebugAllocator::new(System);
    let block = take!(heap, 24);
    give!(heap, block, 24);
    told(|| give!(heap, block, 24));
    poke(block, 3);
    assert_eq!(found(heap.check()).len(), 1);
    drop(heap);
}

/// Frees a block twice when it is dropped.
struct FreesTwice<'h>(&'h DebugAllocator<System>, Raw);

impl Drop for FreesTwice<'_> {
    fn drop(&mut self) {
        let FreesTwice(heap, block) = *self;
        give!(*heap, block, 24);
        give!(*heap, block, 24);
        let another = take!(*heap, 48);
        give!(*heap, another, 48);
    }
}

#[test]
#[ignore = "run by the next test, in a process of its own"]
fn errors_while_a_thread_panics() {
    let heap = DebugAllocator::with(System, DebugOptions::new().name("outer"));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let inner = DebugAllocator::with(System, DebugOptions::new().name("inner"));
        take!(inner, 100);
        let _twice = FreesTwice(&heap, take!(heap, 24));
        panic!("the first panic");
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"the first panic"));
    let left = heap.deinit().unwrap_err();
    assert_eq!(lines(left.errors()), ["double-free: a block of 24 bytes from `outer` was freed twice"]);
}

#[test]
fn a_thread_that_panics_already_prints_them() {
    let ran = Alone::new("ends::errors_while_a_thread_panics").go();
    assert!(ran.passed, "{}{}", ran.stdout, ran.stderr);
    for says in ["`outer`: 1 memory error\n", "`inner`: 1 block (100 bytes) was never freed\n", "freed again here"] {
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
}

#[test]
fn it_can_be_moved_and_stand_in_a_static() {
    static HEAP: DebugAllocator<System> = DebugAllocator::new(System);
    let block = take!(HEAP, 24);
    assert_eq!(HEAP.live_blocks(), 1);
    give!(HEAP, block, 24);
    let heap = DebugAllocator::new(System);
    let block = take!(heap, 24);
    let heap = Box::new(heap);
    give!(*heap, block, 24);
    assert!(format!("{heap:?}").starts_with("DebugAllocator { live_blocks: 0, live_bytes: 0, options"));
    heap.deinit().unwrap();
}

#[test]
fn one_behind_the_other() {
    let inner = DebugAllocator::with(System, DebugOptions::new().name("inner"));
    let outer = DebugAllocator::with(&inner, DebugOptions::new().name("outer"));
    let block = take!(outer, 24);
    assert_eq!((outer.live_bytes(), inner.live_bytes()), (24, 24 + 2 * 16));
    assert_eq!(outer.backing().live_blocks(), 1);
    give!(outer, block, 24);
    assert_eq!((outer.live_blocks(), inner.live_blocks()), (0, 1), "in quarantine");
    outer.deinit().unwrap();
    inner.deinit().unwrap();
}

#[test]
fn as_a_trait_object() {
    let heap = DebugAllocator::new(System);
    let any: &dyn Allocator = &heap;
    let block = take!(any, 24);
    assert_eq!(heap.live_blocks(), 1);
    give!(any, block, 24);
    heap.deinit().unwrap();
}
