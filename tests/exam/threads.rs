//! Candidates that may be shared or moved between threads.

use std::sync::Barrier;
use std::sync::mpsc;

use oomsweep::heap::Allocator;

use crate::book::{Book, Fit, Parts, layout};
use crate::reach::Reach;

/// Blocks are allocated on one thread, resized on a second, and given back on a third.
pub(crate) fn a_block_goes_from_thread_to_thread(heap: &(dyn Allocator + Sync), reach: Reach) {
    let (to_second, second) = mpsc::channel::<Parts>();
    let (to_third, third) = mpsc::channel::<Parts>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for round in 0..40 {
                let mut book = Book::new(heap);
                for nth in 1..12 {
                    let shape = layout(reach.size.min(round * 17 + nth), reach.align.min(1 << (nth % 8)));
                    book.allocate(shape).expect("memory on the first thread");
                }
                to_second.send(book.into_parts()).expect("the second thread listens");
            }
        });
        scope.spawn(move || {
            for parts in second {
                let mut book = parts.with(heap);
                for nth in 0..5 {
                    let old = book.layout(nth);
                    let larger = layout(reach.size.min(old.size() + 300).max(old.size()), old.align());
                    book.grow(nth, Fit::Asked, larger, nth % 2 == 0).expect("memory on the second thread");
                }
                to_third.send(book.into_parts()).expect("the third thread listens");
            }
        });
        scope.spawn(move || {
            for parts in third {
                let mut book = parts.with(heap);
                book.check();
                book.free_all();
            }
        });
    });
}

/// Four threads at once, each with blocks of its own, which stay what they are.
pub(crate) fn several_threads_at_once(heap: &(dyn Allocator + Sync), reach: Reach) {
    const THREADS: usize = 4;
    let together = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let together = &together;
            scope.spawn(move || {
                let mut book = Book::new(heap);
                together.wait();
                for round in 0..250 {
                    let number = round * THREADS + thread;
                    let shape = layout(reach.size.min(number * 13 % 700), reach.align.min(1 << (number % 9)));
                    let asked =
                        if number.is_multiple_of(3) { book.allocate_zeroed(shape) } else { book.allocate(shape) };
                    asked.expect("memory for four threads");
                    if round % 3 == 2 {
                        let index = number % book.len();
                        let larger = layout(reach.size.min(900), book.layout(index).align());
                        book.grow(index, Fit::Asked, larger, round % 2 == 0).expect("more of it");
                        book.free(number / 2 % book.len(), Fit::Asked);
                    }
                    if round % 50 == 49 {
                        book.check();
                        book.free_all();
                    }
                }
                book.free_all();
            });
        }
    });
}

/// An allocator that may be sent goes to another thread with its blocks, is used there, comes back, and ends here.
pub(crate) fn moved_with_its_blocks<A: Allocator + Send>(heap: A, reach: Reach) {
    let shape = layout(reach.size.min(100), reach.align.min(32));
    let mut book = Book::new(&heap);
    for _ in 0..8 {
        book.allocate(shape).expect("memory here");
    }
    let blocks = book.into_parts();
    let (heap, blocks) = std::thread::scope(|scope| {
        let there = scope.spawn(move || {
            let mut book = blocks.with(&heap);
            book.check();
            book.free(3, Fit::Asked);
            book.allocate_zeroed(shape).expect("memory there");
            let blocks = book.into_parts();
            (heap, blocks)
        });
        there.join().expect("nothing failed there")
    });
    let mut book = blocks.with(&heap);
    book.check();
    book.free_all();
}

/// `shared!(name: reach, { set up } => heap)`: a candidate that several threads may use at once.
macro_rules! shared {
    ($name:ident: $reach:expr, { $($setup:tt)* } => $heap:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "each candidate needs some of them")]
            use super::*;

            #[test]
            fn a_block_goes_from_thread_to_thread() {
                $($setup)*
                $crate::threads::a_block_goes_from_thread_to_thread(&$heap, $reach);
            }

            #[test]
            fn several_threads_at_once() {
                $($setup)*
                $crate::threads::several_threads_at_once(&$heap, $reach);
            }

            #[test]
            fn moved_with_its_blocks() {
                $($setup)*
                $crate::threads::moved_with_its_blocks($heap, $reach);
            }
        }
    };
}

mod who {
    use std::alloc::System;
    use std::sync::Arc;

    use oomsweep::heap::adapt::{Api, ByGlobalAlloc, Global};
    use oomsweep::heap::{
        CAllocator, CountingAllocator, DebugAllocator, DebugOptions, FailingAllocator, LimitAllocator,
        LoggingAllocator, PageAllocator, SyncFixedBufferAllocator,
    };

    use crate::ledger::Ledger;
    use crate::reach::{Reach, roomy};

    shared!(system: Reach::ALL, {} => System);
    shared!(global: Reach::ALL, {} => Global);
    shared!(by_global_alloc: Reach::ALL, {} => ByGlobalAlloc(&System));
    shared!(api: Reach::ALL, {} => Api(Arc::new(System)));
    shared!(c: Reach::ALL, {} => CAllocator);
    shared!(pages: Reach::ALL, {} => PageAllocator::new());
    shared!(ledger: Reach::ALL, { let ledger = Ledger::generous(); } => &ledger);
    shared!(counting: Reach::ALL, { let ledger = Ledger::generous(); } => CountingAllocator::new(&ledger));
    shared!(failing: Reach::ALL, { let ledger = Ledger::generous(); } => FailingAllocator::new(&ledger));
    shared!(limit: Reach::ALL, { let ledger = Ledger::generous(); } => LimitAllocator::new(&ledger, 10 << 20));
    shared!(logging: Reach::ALL, { let ledger = Ledger::generous(); } => LoggingAllocator::new(&ledger));
    shared!(debug: Reach::ALL, { let ledger = Ledger::generous(); } => DebugAllocator::new(&ledger));
    shared!(debug_without_a_quarantine: Reach::ALL, { let ledger = Ledger::generous(); } => {
        DebugAllocator::with(&ledger, DebugOptions::new().quarantine(0))
    });
    shared!(debug_with_three_in_quarantine: Reach::ALL, { let ledger = Ledger::exact(); } => {
        DebugAllocator::with(&ledger, DebugOptions::new().quarantine(3).retain_metadata(true).stack_frames(2))
    });
    shared!(sync_fixed_buffer: Reach::ALL, {
        let mut buffer = roomy();
        let fixed = SyncFixedBufferAllocator::new(&mut buffer);
    } => &fixed);
    shared!(counting_over_a_shared_buffer: Reach::ALL, {
        let mut buffer = roomy();
        let fixed = SyncFixedBufferAllocator::new(&mut buffer);
    } => LimitAllocator::new(CountingAllocator::new(&fixed), 60 << 20));
}
