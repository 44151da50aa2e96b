//! Zig's own tests of its allocators as the measure of completeness: what they hold their allocators to, in other words, and which test
//! here holds ours to it. The tests that are named are looked for, so a name that is gone fails.
//!
//! The four standard exams, which each of Zig's allocators sits:
//! - a list of pointers to blocks of the same allocator grows to 20,000, keeps them, shrinks to 50, to 25 and to nothing, and grows
//!   again: `tests/exam/questions.rs::a_list_of_its_own_blocks`
//! - what has no bytes, and values of types that have none: `tests/exam/questions.rs::blocks_of_no_bytes`
//! - a few numbers are written to the end of what came: `tests/exam/questions.rs::a_slice_is_good_to_its_end`
//! - for each alignment up to 64 a block grows tenfold, shrinks, shrinks to nothing, and grows from it:
//!   `tests/exam/questions.rs::blocks_of_no_bytes`, `tests/exam/questions.rs::the_alignment_may_change`
//! - blocks aligned to half a page stay so as they grow and shrink: `tests/exam/questions.rs::growing_keeps`,
//!   `tests/exam/questions.rs::shrinking_keeps`
//! - a block that is made smaller and aligned to more at once moves, and keeps what it had:
//!   `tests/exam/questions.rs::the_alignment_may_change`
//! - a wrapper checks that what comes is as long and aligned as was asked: `tests/exam/impostors.rs::every_impostor_is_found`
//!
//! The allocator that fails:
//! - so many allocations succeed, the next one fails: `src/heap/failing/tests.rs::each_numbering_counts_by_itself`
//! - so many resizes succeed, each later one fails, and the block is what it was:
//!   `src/heap/failing/tests.rs::a_failed_resize_leaves_the_block_and_says_what_was_asked`
//! - where a resize failed, a reallocation may still succeed by a new block: does not apply: here `grow` is both in one, and its failure
//!   is its caller's error
//! - it keeps the stack of the first failure: `src/heap/failing/tests.rs::the_stack_of_the_first_failure_is_kept`
//! - bytes and blocks that came and went are counted: `src/heap/failing/tests.rs::statistics_are_those_of_the_backing`
//! - an allocator that always fails refuses small sizes and the largest, in its implementation and not before:
//!   `tests/exam/zig.rs::one_that_always_fails`
//!
//! The check of all allocation failures:
//! - a body that gives everything back at each failure passes, also one that takes arguments: `tests/in_process/verdicts.rs::a_clean_body`,
//!   `tests/handles/arguments.rs::cases`
//! - a body that leaks at one failure is found: `tests/in_process/verdicts.rs::a_leak_is_shown_with_both_places`
//! - a body that succeeds although an allocation failed is found: `tests/in_process/verdicts.rs::a_swallowed_failure`
//! - a body that does not come to the failure is found: `tests/in_process/verdicts.rs::a_fault_that_is_not_reached`
//! - whether a list could grow in place does not change the number of failures: `tests/exam/zig.rs::growing_in_place_is_a_request_too`
//!
//! The buffer:
//! - it sits the four exams, and so does the one for several threads: `tests/exam/questions.rs::every_size_at_every_alignment`
//! - when it is full it refuses, and after a reset the same bytes are given out again: `tests/exam/zig.rs::a_reset_buffer_begins_again`
//! - the last block grows in place up to the buffer's end and no further; any other moves and keeps what it had:
//!   `tests/exam/zig.rs::the_last_block_of_a_buffer_grows_in_place`
//! - which pointers lead into it is known: `src/heap/fixed/tests.rs::what_leads_into_it_is_its_own`
//! - a buffer first, and another allocator when that is full: does not apply: there is no such allocator here
//!
//! The arena:
//! - rounds of random blocks aligned to 32, with a reset that keeps the capacity between them:
//!   `tests/exam/zig.rs::random_rounds_in_an_arena`
//! - a reset that keeps no more than some bytes keeps one chunk and those: `src/heap/arena/tests.rs::a_reset_keeps_no_more_than_it_should`
//! - random programs over a backing allocator that fails at random, then any kind of reset: nothing is kept, or no more than the
//!   limit, or the capacity is what it was, or the reset says that it failed: `tests/exam/zig.rs::random_rounds_in_an_arena`
//! - the same by several threads at once: does not apply: the arena is not `Sync`, and the table in `promises` holds it to that
//! - several threads at once over a buffer, with failures: `tests/exam/zig.rs::random_programs_on_four_threads`
//!
//! The debug allocators:
//! - 513 small blocks are given back in the order they came, and in the reverse: `tests/exam/zig.rs::small_blocks_in_both_orders`
//! - large blocks come and go between each other: `tests/exam/questions.rs::every_size_at_every_alignment`
//! - the largest size of all is refused: `tests/exam/questions.rs::what_is_too_large_is_refused`
//! - a small block grows in place where its place has the room, and moves to a larger one:
//!   `tests/heap_debug/resizing.rs::smaller_in_place_and_larger_again_in_place`
//! - a block that shrinks keeps what is left of it: `tests/exam/questions.rs::shrinking_keeps`
//! - a large block grows in place within its pages: `src/heap/page/tests.rs::a_block_stays_in_its_pages_as_long_as_they_do`
//! - from small to large, from large to small, from large to large: `tests/heap_debug/resizing.rs::from_every_size_to_every_other`
//! - from large to large with a larger alignment, growing and shrinking: `tests/heap_debug/resizing.rs::the_alignment_changes_with_the_size`
//! - over a backing allocator whose blocks are no pages and no zeros: `tests/exam/questions.rs::every_size_at_every_alignment`
//! - a large block that can't become a small one, because there is no memory for it, is what it was:
//!   `tests/exam/swept.rs::each_request_fails`
//! - blocks of 1,025 and 3,000 bytes, beyond powers of two: `tests/exam/questions.rs::every_size_at_every_alignment`
//! - a limit of bytes counts what is live, refuses what would be too much, and can be used up to the last byte:
//!   `tests/heap_debug/options.rs::the_limit_counts_what_is_live_as_it_was_asked_for`,
//!   `src/heap/limit/tests.rs::refuses_what_would_be_too_much_and_nothing_else`
//! - bytes are counted as they were asked for, also in large blocks that become small: `tests/exam/zig.rs::bytes_are_counted_as_asked_for`
//! - what is known of freed blocks can be kept, and their memory too: `tests/heap_debug/options.rs::a_second_free_is_named_however_late`,
//!   `tests/heap_debug/options.rs::freed_memory_is_never_given_back`
//! - random programs over a backing allocator that fails at random: at the end exactly the live blocks are leaks, and all else has
//!   gone back: `tests/exam/zig.rs::what_is_live_at_the_end_is_what_leaked`
//! - no byte is given out a second time, where memory is never used again: `tests/exam/zig.rs::no_byte_is_given_out_twice`
//! - random programs on four threads, which hand blocks to each other: `tests/exam/threads.rs::a_block_goes_from_thread_to_thread`,
//!   `tests/exam/zig.rs::random_programs_on_four_threads`
//! - a block of another allocator, a second free, another layout, a late write are found: `tests/heap_debug/found.rs::pointers_that_are_no_block_s`,
//!   `tests/heap_debug/found.rs::a_block_is_freed_twice`, `tests/heap_debug/found.rs::another_layout_than_the_block_s`,
//!   `tests/heap_debug/found.rs::a_late_write_is_seen_at_the_end`
//!
//! The pool:
//! - three values lie in three places, and what is given back is taken next: `src/heap/pool/tests.rs::what_is_given_back_is_taken_next`
//! - a pool that was made with some capacity has it: `src/heap/pool/tests.rs::slots_are_there_before_they_are_asked_for`
//! - a pool whose capacity can't be had is not made: `src/heap/pool/tests.rs::a_refusal_at_any_request_leaves_it_valid`
//! - a pool that may not grow refuses: `src/heap/pool/tests.rs::a_limited_pool_stops`
//! - values that are aligned to more than a pointer: `src/heap/pool/tests.rs::slots_are_as_large_as_the_type_asks_for`
//! - an alignment that is given beside the type: does not apply: a type has its alignment by `repr(align)`
//!
//! The system's:
//! - pages, C's allocator and the system's sit the four exams: `tests/exam/questions.rs::every_size_at_every_alignment`
//! - a block of pages shrinks to a byte, past the end of a page: `src/heap/page/tests.rs::a_block_stays_in_its_pages_as_long_as_they_do`
//! - the size of a page is a power of two, and no less than 4,096: `tests/exam/zig.rs::the_size_of_a_page`
//! - the break, and WebAssembly's memory: does not apply: the standard library's `System` stands for what is not Linux
//! - a general allocator for release builds: does not apply: that is the program's own, `Global`
//! - a slice with a sentinel behind it, and a pointer to an array, are freed as what they are: does not apply: a block is given back by
//!   pointer and layout
//! - formatted text and arrays of one type in a block: does not apply: collections of the ecosystem do that, and
//!   `tests/exam/questions.rs::collections_live_in_it` holds the seam to them

use std::alloc::System;
use std::mem::MaybeUninit;

use oomsweep::heap::{
    Allocator, ArenaAllocator, CountingAllocator, DebugAllocator, DebugOptions, FailPlan, FailingAllocator,
    FixedBufferAllocator, Keep, PageAllocator, SyncFixedBufferAllocator,
};
use oomsweep::model::fault::Fault;
use proptest::prelude::*;

use crate::book::{Book, Fit, layout};
use crate::ledger::Ledger;
use crate::model::{self, Step};

#[test]
fn one_that_always_fails() {
    let fails = FailingAllocator::fail_index(System, 0);
    for size in [1, 123, isize::MAX as usize] {
        assert!(fails.allocate(layout(size, 1)).is_err());
        assert!(fails.allocate_zeroed(layout(size, 1)).is_err());
    }
    assert_eq!(fails.stats().induced, 6);
}

/// Two vectors that grow by turns have as many points where the backing can grow them in place as where it never does.
#[test]
fn growing_in_place_is_a_request_too() {
    fn points(heap: &dyn Allocator) -> u64 {
        let counting = CountingAllocator::new(heap);
        let (mut one, mut other) =
            (allocator_api2_04::vec::Vec::new_in(&counting), allocator_api2_04::vec::Vec::new_in(&counting));
        for n in 0..2000_u32 {
            one.push(n as u8);
            other.push(n as u8);
        }
        counting.stats().allocations + counting.stats().reallocations
    }
    let mut buffer = [MaybeUninit::uninit(); 20_000];
    let often_in_place = points(&&FixedBufferAllocator::new(&mut buffer));
    assert_eq!(often_in_place, points(&Ledger::exact()));
    assert!(often_in_place > 10);
}

#[test]
fn a_reset_buffer_begins_again() {
    #[repr(align(8))]
    struct Words([MaybeUninit<u8>; 8]);
    let mut words = Words([MaybeUninit::uninit(); 8]);
    let mut fixed = FixedBufferAllocator::new(&mut words.0);
    let word = layout(8, 8);
    let first = (&fixed).allocate(word).expect("there is room for one").cast::<u8>();
    assert!((&fixed).allocate(word).is_err(), "and not for two");
    fixed.reset();
    let second = (&fixed).allocate_zeroed(word).expect("there is room again").cast::<u8>();
    assert_eq!(first, second);
}

#[test]
fn the_last_block_of_a_buffer_grows_in_place() {
    let mut buffer = [MaybeUninit::uninit(); 10];
    let fixed = FixedBufferAllocator::new(&mut buffer);
    let heap = &fixed;
    let mut book = Book::new(&heap);
    book.allocate(layout(5, 1)).expect("half of it");
    let before = book.address(0);
    book.grow(0, Fit::Asked, layout(10, 1), false).expect("all of it");
    assert_eq!(book.address(0), before);
    assert!(book.grow(0, Fit::Asked, layout(11, 1), false).is_err());
    book.free_all();

    book.allocate(layout(2, 1)).expect("a fifth");
    book.allocate(layout(2, 1)).expect("another one");
    let (one, other) = (book.address(0), book.address(1));
    book.grow(0, Fit::Asked, layout(4, 1), true).expect("room behind both");
    assert!(book.address(1) != one && book.address(0) == other);
    book.check();
}

/// What is done with an arena between two rounds.
fn keep() -> impl Strategy<Value = Keep> {
    prop_oneof![
        3 => Just(Keep::Capacity),
        1 => Just(Keep::Nothing),
        2 => (0_usize..40_000).prop_map(Keep::AtMost),
        1 => any::<usize>().prop_map(Keep::AtMost),
    ]
}

/// The sizes of the blocks of one round, and what comes after.
fn round() -> impl Strategy<Value = (Vec<usize>, Keep)> {
    (prop::collection::vec(16_usize..=256, 0..80), keep())
}

#[test]
fn random_rounds_in_an_arena() {
    let refusals = prop::collection::vec(prop::bool::weighted(0.08), 0..60);
    model::judge(
        48,
        (prop::collection::vec(round(), 1..25), model::program(), refusals),
        |(rounds, program, refusals)| {
            let ledger = Ledger::refusing(refusals);
            let mut arena = ArenaAllocator::new_in(&ledger);
            for (sizes, keep) in rounds {
                let heap = &arena;
                let mut book = Book::new(&heap);
                for size in sizes {
                    let _may_be_refused = book.allocate(layout(size, 32));
                }
                book.check();
                model::play(&mut book, &program, &mut |_| false);
                let before = arena.capacity();
                let reset = arena.reset(keep);
                assert_eq!(arena.used(), 0);
                match (keep, reset) {
                    (Keep::Nothing, reset) => assert_eq!((reset, arena.capacity(), ledger.live()), (Ok(()), 0, 0)),
                    (Keep::Capacity, Ok(())) => assert_eq!(arena.capacity(), before),
                    (Keep::AtMost(most), Ok(())) => assert!(arena.capacity() <= most, "{} > {most}", arena.capacity()),
                    (_, Err(_)) => assert!(arena.capacity() <= before),
                }
                assert!(ledger.live() <= 1, "no more than one chunk is kept");
            }
        },
    );
}

#[test]
fn small_blocks_in_both_orders() {
    let ledger = Ledger::exact();
    let heap = DebugAllocator::new(&ledger);
    for newest_first in [false, true] {
        let mut book = Book::new(&heap);
        for _ in 0..513 {
            book.allocate(layout(8, 8)).expect("a word");
        }
        while book.len() > 0 {
            // The last one takes the place of the one that goes, so the first is brought to the end by a swap before.
            let last = book.len() - 1;
            if !newest_first {
                book.swap(0, last);
            }
            book.free(last, Fit::Asked);
        }
    }
    assert_eq!((heap.live_blocks(), heap.total_blocks()), (0, 1026));
    heap.deinit().expect("nothing is left");
}

#[test]
fn bytes_are_counted_as_asked_for() {
    let heap = DebugAllocator::new(System);
    let page = PageAllocator::page_size();
    let mut book = Book::new(&heap);
    book.allocate(layout(page + 1, 1)).expect("more than a page");
    assert_eq!(heap.live_bytes(), page + 1);
    book.shrink(0, Fit::Asked, layout(1, 1)).expect("a byte");
    assert_eq!(heap.live_bytes(), 1);
    book.grow(0, Fit::Asked, layout(2, 1), false).expect("two");
    assert_eq!(heap.live_bytes(), 2);
    book.free_all();
    heap.deinit().expect("nothing is left");
}

/// What a debug allocator may be told in a random program.
fn options() -> impl Strategy<Value = DebugOptions> {
    (any::<bool>(), any::<bool>(), 0_usize..40, 0_usize..6, 0_usize..5).prop_map(
        |(never_reuse, retain, canary, quarantine, frames)| {
            let options = DebugOptions::new().never_reuse(never_reuse).retain_metadata(retain);
            options.canary(canary).quarantine(quarantine).stack_frames(frames)
        },
    )
}

#[test]
fn what_is_live_at_the_end_is_what_leaked() {
    let refusals = prop::collection::vec(prop::bool::weighted(0.04), 0..100);
    model::judge(64, (options(), model::program(), refusals), |(options, program, refusals)| {
        let ledger = Ledger::refusing(refusals);
        let heap = DebugAllocator::with(FailingAllocator::new(&ledger), options);
        let mut book = Book::new(&heap);
        for step in &program {
            let _may_be_refused = model::make(&mut book, step);
        }
        book.check();
        let (blocks, bytes) = book.live();
        assert_eq!((heap.live_blocks(), heap.live_bytes()), (blocks, bytes));
        let leaks = heap.deinit().err();
        assert_eq!(leaks.map_or((0, 0), |leaks| (leaks.blocks(), leaks.bytes())), (blocks, bytes));
        assert_eq!(ledger.reclaim(), blocks, "all but what leaked has gone back");
    });
}

#[test]
fn no_byte_is_given_out_twice() {
    model::judge(64, model::program(), |program| {
        let heap = DebugAllocator::with(System, DebugOptions::new().never_reuse(true).stack_frames(0));
        let mut book = Book::new(&heap);
        let mut given: Vec<(usize, usize)> = Vec::new();
        for step in &program {
            let made = model::make(&mut book, step).is_ok() && !matches!(step, Step::Free { .. } | Step::Verify);
            let Some(newest) = book.len().checked_sub(1).filter(|_| made) else { continue };
            let (start, len) = (book.address(newest), book.room(newest));
            // Of a block that stayed in its place, what it had before is its own.
            given.retain(|&(other, _)| other != start);
            let twice = given.iter().find(|&&(other, its)| len != 0 && start < other + its && other < start + len);
            assert!(twice.is_none(), "{start:#x}, {len} bytes, and before {twice:x?}");
            given.push((start, len));
        }
        book.free_all();
    });
}

/// Four threads, each with its own program, over one allocator.
fn on_four_threads(heap: &(dyn Allocator + Sync), programs: &[Vec<Step>; 4]) {
    std::thread::scope(|scope| {
        for program in programs {
            scope.spawn(move || model::play(&mut Book::new(heap), program, &mut |_| false));
        }
    });
}

#[test]
fn random_programs_on_four_threads() {
    let refusals = prop::collection::vec(prop::bool::weighted(0.04), 0..200);
    let programs = prop::array::uniform4(model::program());
    model::judge(24, (options(), programs, refusals), |(options, programs, refusals)| {
        let ledger = Ledger::refusing(refusals);
        let heap = DebugAllocator::with(&ledger, options);
        on_four_threads(&heap, &programs);
        heap.deinit().expect("each has given back what it had");
        assert_eq!(ledger.live(), 0);

        let mut buffer = vec![MaybeUninit::uninit(); 300_000];
        let fixed = SyncFixedBufferAllocator::new(&mut buffer);
        let plan = FailPlan::new().requests(Fault::Persistent(150));
        on_four_threads(&FailingAllocator::with_plan(&fixed, plan), &programs);
        assert!(fixed.used() <= fixed.capacity());
    });
}

#[test]
fn the_size_of_a_page() {
    let size = PageAllocator::page_size();
    assert!(size.is_power_of_two() && size >= 4096, "{size}");
}

/// Every line of the list above names a test that is there, or says why there is none.
#[test]
fn every_behaviour_has_its_test() {
    let mut behaviours: Vec<String> = Vec::new();
    for line in include_str!("zig.rs").lines().map_while(|line| line.strip_prefix("//!")) {
        match (line.strip_prefix(" - "), line.strip_prefix("   ")) {
            (Some(first), _) => behaviours.push(first.to_owned()),
            (None, Some(more)) => behaviours.last_mut().expect("it goes on from a line").push_str(&format!(" {more}")),
            (None, None) => {}
        }
    }
    assert!(behaviours.len() > 50, "only {} behaviours were read", behaviours.len());
    for behaviour in behaviours {
        let tests: Vec<&str> = behaviour.split('`').filter(|word| word.contains(".rs::")).collect();
        assert!(!tests.is_empty() || behaviour.contains("does not apply: "), "who tests this? {behaviour}");
        for test in tests {
            assert!(is_there(test), "there is no test `{test}`: {behaviour}");
        }
    }
}

/// Whether there is a function of this name in this file, as a test, or as something that the exam asks.
fn is_there(test: &str) -> bool {
    let (file, name) = test.split_once("::").expect("a file and a name");
    let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let Some(at) = lines.iter().position(|line| {
        let declared = line.trim_start_matches("pub(crate) ").strip_prefix("fn ");
        declared.is_some_and(|rest| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))
    }) else {
        return false;
    };
    let asked = ["tests/exam/questions.rs", "tests/exam/swept.rs", "tests/exam/threads.rs"];
    let marked = lines[..at].iter().rev().take_while(|line| !line.is_empty() && **line != "}");
    asked.contains(&file) || marked.into_iter().any(|line| matches!(*line, "#[test]" | "#[rstest]"))
}
