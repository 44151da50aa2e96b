//! Many threads, and the one thread that may call alone.

use std::alloc::System;
use std::hint::black_box;
use std::sync::mpsc;
use std::thread;

use oomsweep::heap::{Allocator, DebugAllocator, DebugOptions};

use crate::seeds::{Raw, give, holds, lines, resize, take, told, write_all};

/// A block that another thread may free.
struct Sent(Raw, usize);

// SAFETY: whoever has it owns the block.
unsafe impl Send for Sent {}

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}

#[test]
fn it_goes_where_its_backing_allocator_goes() {
    is_send::<DebugAllocator<System>>();
    is_sync::<DebugAllocator<System>>();
    is_send::<DebugAllocator>();
    is_sync::<DebugAllocator>();
}

#[test]
fn blocks_pass_between_threads() {
    let heap = DebugAllocator::with(System, DebugOptions::new().quarantine(50).stack_frames(4));
    let rounds = 400;
    thread::scope(|scope| {
        let (out, mut into) = mpsc::channel::<Sent>();
        for worker in 0..4_usize {
            let (next_out, next_into) = mpsc::channel::<Sent>();
            let from = std::mem::replace(&mut into, next_into);
            let (heap, out) = (&heap, if worker == 0 { None } else { Some(from) });
            scope.spawn(move || {
                for round in 0..rounds {
                    let (block, size) = match &out {
                        None => {
                            let size = 1 + (round * 37) % 300;
                            let block = take!(*heap, size);
                            write_all(block, size);
                            (block, size)
                        }
                        Some(from) => {
                            let Sent(block, size) = from.recv().unwrap();
                            assert!(holds(block, size));
                            (block, size)
                        }
                    };
                    let new = size + 13;
                    let block = resize!(*heap, grow, block, size, new).unwrap();
                    write_all(block, new);
                    let own = take!(*heap, 40);
                    give!(*heap, own, 40);
                    next_out.send(Sent(block, new)).unwrap();
                }
            });
        }
        drop(out);
        let heap = &heap;
        scope.spawn(move || {
            for _ in 0..20 {
                heap.check().unwrap();
                black_box(heap.leaks().blocks());
            }
        });
        for _ in 0..rounds {
            let Sent(block, size) = into.recv().unwrap();
            assert!(holds(block, size));
            give!(*heap, block, size);
        }
    });
    assert_eq!((heap.live_blocks(), heap.live_bytes()), (0, 0));
    assert_eq!(heap.total_blocks(), 400 + 4 * 400);
    heap.deinit().unwrap();
}

#[test]
fn two_threads_free_one_block() {
    for _ in 0..40 {
        let heap = DebugAllocator::with(System, DebugOptions::new().stack_frames(0));
        let block = take!(heap, 24);
        let both = Sent(block, 24);
        let both = &both;
        // SAFETY: a shared block, which is what this is about.
        struct Shared<'s>(&'s Sent);
        // SAFETY: as above.
        unsafe impl Send for Shared<'_> {}
        let caught: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let (heap, shared) = (&heap, Shared(both));
                    scope.spawn(move || {
                        let shared = shared;
                        give!(*heap, shared.0.0, shared.0.1);
                    })
                })
                .collect();
            threads.into_iter().map(|thread| usize::from(thread.join().is_err())).sum()
        });
        assert_eq!(caught, 1, "one of the two was the second");
        let left = heap.deinit().unwrap_err();
        assert_eq!(lines(left.errors()), ["double-free: a block of 24 bytes from `DebugAllocator` was freed twice"]);
    }
}

#[test]
fn reports_name_other_threads() {
    let heap = DebugAllocator::new(System);
    let first = take!(heap, 8);
    give!(heap, first, 8);
    let block = thread::scope(|scope| scope.spawn(|| Sent(take!(heap, 24), 24)).join().unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            take!(heap, 48);
        });
    });
    give!(heap, block.0, 24);
    let text = told(|| give!(heap, block.0, 24));
    assert!(text.contains("24 bytes, align 1, allocated here from `DebugAllocator` by thread "), "{text}");
    let left = heap.deinit().unwrap_err();
    assert!(left.iter().next().unwrap().thread.is_some(), "{left}");
}

#[test]
fn a_second_thread_where_only_one_may_call() {
    let heap = DebugAllocator::with(System, DebugOptions::new().thread_safe(false));
    let block = take!(heap, 24);
    let sent = Sent(block, 24);
    thread::scope(|scope| {
        let heap = &heap;
        let other = thread::Builder::new().name("stranger".to_owned());
        let other = other.spawn_scoped(scope, move || {
            let sent = sent;
            let text = told(|| assert!(heap.allocate(crate::seeds::layout(8, 8)).is_ok()));
            assert_eq!(heap.live_blocks(), 1, "a refused request leaves nothing behind");
            told(|| give!(*heap, sent.0, sent.1));
            assert_eq!(heap.live_blocks(), 0, "a free is made all the same");
            text
        });
        let text = other.unwrap().join().unwrap();
        let own = thread::current().name().unwrap_or("").to_owned();
        let says = format!(
            "`DebugAllocator` was made with `thread_safe(false)`, and is called by two threads: first by thread `{own}`, now by \
             thread `stranger`"
        );
        assert!(text.contains(&says), "{text}");
    });
    let own = take!(heap, 24);
    give!(heap, own, 24);
    let left = heap.deinit().unwrap_err();
    assert_eq!((left.blocks(), left.errors().len()), (0, 1));
    assert_eq!(left.errors()[0].code.as_str(), "contract");
}

#[test]
fn one_thread_where_only_one_may_call() {
    let heap = DebugAllocator::with(System, DebugOptions::new().thread_safe(false));
    let heap = thread::spawn(move || {
        let block = take!(heap, 24);
        give!(heap, block, 24);
        heap
    });
    heap.join().unwrap().deinit().unwrap();
}
