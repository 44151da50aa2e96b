//! Each bug is found, where it should be, and said as it should be; its twin without the bug is left alone.

use std::alloc::System;
use std::ptr::NonNull;

use oomsweep::heap::DebugAllocator;

use crate::seeds::{found, give, lines, poke, recorded, resize, take, told};

type Heap = DebugAllocator<System>;

fn heap() -> Heap {
    DebugAllocator::new(System)
}

#[test]
fn a_block_is_freed_twice() {
    let heap = heap();
    let block = take!(heap, 48);
    give!(heap, block, 48);
    let text = told(|| give!(heap, block, 48));
    let headline = "double-free: a block of 48 bytes from `DebugAllocator` was freed twice";
    assert!(text.contains("allocated here from `DebugAllocator`"), "{text}");
    assert!(text.contains("freed again here"), "{text}");
    assert_eq!(recorded(heap), [headline]);
}

#[test]
fn blocks_that_are_freed_once_are_no_errors() {
    let heap = heap();
    for size in [1, 2, 7, 8, 15, 16, 17, 48, 1000, 5000, 1 << 20] {
        let block = take!(heap, size);
        crate::seeds::write_all(block, size);
        give!(heap, block, size);
    }
    assert_eq!(heap.total_blocks(), 11);
    heap.check().unwrap();
    heap.deinit().unwrap();
}

#[test]
fn a_block_that_has_moved_is_freed_at_its_old_place() {
    let heap = heap();
    let old = take!(heap, 40);
    let block = resize!(heap, grow, old, 40, 400).unwrap();
    assert_ne!(old, block);
    let text = told(|| give!(heap, old, 40));
    assert!(text.contains("moved by `grow` or `shrink` here, which freed this place"), "{text}");
    assert!(text.contains("the old pointer is freed here"), "{text}");
    give!(heap, block, 400);
    let line = "the old pointer to a block of 40 bytes from `DebugAllocator` was freed after `grow` or `shrink` had moved \
                the block";
    assert_eq!(recorded(heap), [format!("double-free: {line}")]);
}

#[test]
fn a_freed_block_is_resized() {
    let heap = heap();
    let block = take!(heap, 40);
    give!(heap, block, 40);
    told(|| assert!(resize!(heap, grow, block, 40, 80).is_some()));
    told(|| assert!(resize!(heap, shrink, block, 40, 20).is_some()));
    let says = |call: &str| {
        format!("double-free: a block of 40 bytes from `DebugAllocator` was given to `{call}` after it had been freed")
    };
    assert_eq!(recorded(heap), [says("grow"), says("shrink")]);
}

#[test]
fn pointers_that_are_no_block_s() {
    let heap = heap();
    let block = take!(heap, 48, 8);
    let at = |offset: isize| {
        // SAFETY: inside what the allocator has for the block.
        unsafe { block.offset(offset) }
    };
    for offset in [3, 48, -8, 50] {
        told(|| give!(heap, at(offset), 8));
    }
    let mut local = 0_u64;
    let local = NonNull::from(&mut local).cast();
    told(|| give!(heap, local, 8));
    told(|| give!(heap, NonNull::<u64>::dangling().cast(), 24, 8));
    let elsewhere = heap_elsewhere();
    let other = take!(elsewhere, 8);
    told(|| give!(heap, other, 8));
    give!(elsewhere, other, 8);
    elsewhere.deinit().unwrap();
    give!(heap, block, 48, 8);
    let of = "a block of 48 bytes from `DebugAllocator`";
    let expected = [
        format!("a pointer 3 bytes into {of}"),
        format!("a pointer one past the end of {of}"),
        format!("a pointer 8 bytes before {of}"),
        format!("a pointer 2 bytes behind the end of {of}"),
        "a pointer to a thread's stack".to_owned(),
        "a pointer 8 bytes from null".to_owned(),
        "memory of another allocator, such as C's `malloc`,".to_owned(),
    ];
    let expected: Vec<String> = expected.iter().map(|what| format!("invalid-free: {what} was freed")).collect();
    let recorded = recorded(heap);
    if cfg!(all(target_os = "linux", not(oomsweep_portable))) {
        assert_eq!(recorded, expected);
    } else {
        assert_eq!((recorded.len(), &recorded[..4]), (7, &expected[..4]));
    }
}

fn heap_elsewhere() -> Heap {
    DebugAllocator::new(System)
}

#[test]
fn another_layout_than_the_block_s() {
    let heap = heap();
    let block = take!(heap, 48, 8);
    let text = told(|| give!(heap, block, 40, 8));
    assert!(text.contains("freed here as 40 bytes, align 8"), "{text}");
    assert_eq!(heap.live_blocks(), 0, "it was freed all the same");
    let block = take!(heap, 48, 8);
    told(|| give!(heap, block, 48, 16));
    let block = take!(heap, 48, 8);
    told(|| give!(heap, block, 0, 1));
    let block = take!(heap, 48, 8);
    told(|| assert!(resize!(heap, grow, block, (24, 8), (96, 8)).is_some()));
    give!(heap, block, 48, 8);
    let says = |what: &str| format!("wrong-layout: a block of 48 bytes, align 8 from `DebugAllocator`, was {what}");
    assert_eq!(
        recorded(heap),
        [
            says("freed as one of 40 bytes, align 8"),
            says("freed as one of 48 bytes, align 16"),
            says("freed as one of 0 bytes, align 1"),
            says("given to `grow` as one of 24 bytes, align 8"),
        ]
    );
}

#[test]
fn bytes_beside_a_block_are_seen_when_it_is_freed() {
    let heap = heap();
    for (size, at) in [(1, 1), (24, 24), (24, 39), (100, 100), (24, -1), (24, -16)] {
        let block = take!(heap, size);
        poke(block, at);
        told(|| give!(heap, block, size));
        assert_eq!(heap.live_blocks(), 0, "it was freed all the same");
    }
    let says = |code: &str, what: &str| format!("{code}: 1 byte was written {what} from `DebugAllocator`");
    assert_eq!(
        recorded(heap),
        [
            says("overflow", "directly behind a block of 1 byte"),
            says("overflow", "directly behind a block of 24 bytes"),
            says("overflow", "15 bytes behind the end of a block of 24 bytes"),
            says("overflow", "directly behind a block of 100 bytes"),
            says("underflow", "directly before a block of 24 bytes"),
            says("underflow", "16 bytes before the start of a block of 24 bytes"),
        ]
    );
}

#[test]
fn bytes_beside_a_block_are_seen_when_it_is_resized() {
    let heap = heap();
    let block = take!(heap, 24);
    poke(block, 24);
    let text = told(|| assert!(resize!(heap, grow, block, 24, 48).is_some()));
    assert!(text.contains("given to `grow` here, where the damage was seen"), "{text}");
    assert_eq!(heap.live_bytes(), 24, "its user still has the pointer that it had");
    poke(block, -1);
    told(|| assert!(resize!(heap, shrink, block, 24, 8).is_some()));
    let block = resize!(heap, shrink, block, 24, 8).unwrap();
    give!(heap, block, 8);
    assert_eq!(
        recorded(heap),
        [
            "overflow: 1 byte was written directly behind a block of 24 bytes from `DebugAllocator`",
            "underflow: 1 byte was written directly before a block of 24 bytes from `DebugAllocator`",
        ]
    );
}

#[test]
fn bytes_beside_a_block_are_seen_by_a_check() {
    let heap = heap();
    let (one, other) = (take!(heap, 24), take!(heap, 24));
    heap.check().unwrap();
    poke(one, 24);
    poke(other, -1);
    let says = [
        "overflow: 1 byte was written directly behind a block of 24 bytes from `DebugAllocator`",
        "underflow: 1 byte was written directly before a block of 24 bytes from `DebugAllocator`",
    ];
    assert_eq!(found(heap.check()), says);
    heap.check().expect("it is told once");
    give!(heap, one, 24);
    give!(heap, other, 24);
    assert_eq!(recorded(heap), says);
}

#[test]
fn bytes_beside_a_live_block_are_seen_at_the_end() {
    let heap = heap();
    poke(take!(heap, 24), 24);
    let left = heap.deinit().unwrap_err();
    assert_eq!(crate::seeds::leaked(&left), [(24, 1, 1)]);
    let says = "overflow: 1 byte was written directly behind a block of 24 bytes from `DebugAllocator`";
    assert_eq!(lines(left.errors()), [says]);
}

const WRITTEN: &str =
    "use-after-free: a block of 24 bytes from `DebugAllocator` was written to after it had been freed";

#[test]
fn a_late_write_is_seen_by_a_check() {
    let heap = heap();
    let block = take!(heap, 24);
    give!(heap, block, 24);
    heap.check().unwrap();
    poke(block, 23);
    assert_eq!(found(heap.check()), [WRITTEN]);
    heap.check().expect("it is told once");
    assert_eq!(recorded(heap), [WRITTEN]);
}

#[test]
fn a_late_write_is_seen_at_the_end() {
    for at in [0, 12, 23, 24, -1] {
        let heap = heap();
        let block = take!(heap, 24);
        give!(heap, block, 24);
        poke(block, at);
        assert_eq!(recorded(heap), [WRITTEN]);
    }
}

#[test]
fn a_late_write_is_seen_when_the_block_leaves_the_quarantine() {
    let heap = DebugAllocator::with(System, oomsweep::heap::DebugOptions::new().quarantine(4));
    let block = take!(heap, 24);
    give!(heap, block, 24);
    poke(block, 5);
    let frees = |count| {
        for _ in 0..count {
            let block = take!(heap, 8);
            give!(heap, block, 8);
        }
    };
    frees(3);
    let text = told(|| frees(1));
    assert!(text.contains("noticed when the freed block left the quarantine"), "{text}");
    assert_eq!(heap.live_blocks(), 0, "the call that noticed it was made");
    frees(20);
    assert_eq!(recorded(heap), [WRITTEN]);
}

#[test]
fn a_write_through_the_old_pointer_of_a_moved_block() {
    let heap = heap();
    let old = take!(heap, 24);
    let block = resize!(heap, grow, old, 24, 4000).unwrap();
    poke(old, 2);
    give!(heap, block, 4000);
    assert_eq!(
        recorded(heap),
        [
            "use-after-free: a block of 24 bytes from `DebugAllocator` was written to through its old pointer after `grow` or \
          `shrink` had moved it"
        ]
    );
}

#[test]
fn errors_that_say_the_same_are_told_once() {
    let heap = heap();
    for _ in 0..300 {
        poke(take!(heap, 24), 24);
    }
    let checked = heap.check().unwrap_err();
    assert_eq!((checked.errors().len(), checked.errors()[0].count), (1, 256));
    let text = checked.to_string();
    assert!(text.contains("`DebugAllocator`: 300 memory errors"), "{text}");
    assert!(text.contains("and 44 more memory errors, of which nothing was kept"), "{text}");
    let left = heap.deinit().unwrap_err();
    assert_eq!((left.blocks(), left.errors().len()), (300, 1));
}

#[test]
fn an_error_leaves_the_allocator_in_order() {
    let heap = heap();
    let block = take!(heap, 24);
    give!(heap, block, 24);
    for _ in 0..3 {
        told(|| give!(heap, block, 24));
        let more: Vec<_> = (1..50).map(|size| (take!(heap, size), size)).collect();
        for (block, size) in more {
            crate::seeds::write_all(block, size);
            give!(heap, block, size);
        }
        heap.check().unwrap();
    }
    assert_eq!((heap.live_blocks(), heap.live_bytes(), heap.total_blocks()), (0, 0, 148));
    assert_eq!(recorded(heap).len(), 1);
}
