//! What each explicit allocator costs beside a peer that does the same, as a table; nothing is asserted.
//!
//! Both sides of a line take turns in every round, so that what slows the machine down slows both; the ratio is the median of the
//! rounds' ratios. A line where it is more than two has its reason in that allocator's documentation.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::alloc::{Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bump_scope::traits::BumpAllocatorTyped;
use oomsweep::heap::adapt::Api;
use oomsweep::heap::{
    AllocEvent, Allocator, ArenaAllocator, CountingAllocator, DebugAllocator, FailingAllocator, FixedBufferAllocator,
    Keep, LimitAllocator, LoggingAllocator, PoolAllocator, SyncFixedBufferAllocator,
};

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
#[path = "allocators/from_c.rs"]
mod from_c;

const ROUNDS: usize = 15;
/// Requests that one measurement is made of.
const REQUESTS: usize = 20_000;

fn main() {
    println!("{:<58} {:>10} {:>10} {:>8}", "nanoseconds a request", "ours", "peer's", "ratio");
    arena();
    fixed();
    pool();
    #[cfg(all(target_os = "linux", not(oomsweep_portable)))]
    from_c::lines();
    watching();
}

/// One line: what ours costs, what the peer costs, and how many times as much ours is.
fn line(name: &str, mut ours: impl FnMut(), mut peer: impl FnMut()) {
    let mut rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (seconds(&mut ours), seconds(&mut peer))).collect();
    let median = |rounds: &mut [(f64, f64)], of: fn(&(f64, f64)) -> f64| {
        rounds.sort_by(|a, b| of(a).total_cmp(&of(b)));
        of(&rounds[rounds.len() / 2])
    };
    let nanoseconds = |seconds: f64| seconds * 1e9 / REQUESTS as f64;
    let (ours, peer) = (median(&mut rounds, |round| round.0), median(&mut rounds, |round| round.1));
    let ratio = median(&mut rounds, |round| round.0 / round.1);
    println!("{name:<58} {:>10.2} {:>10.2} {ratio:>8.2}", nanoseconds(ours), nanoseconds(peer));
}

fn seconds(work: &mut impl FnMut()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

/// Layouts of small blocks, as a parser's nodes would be.
fn small(request: usize) -> Layout {
    Layout::from_size_align(black_box(16 + request % 5 * 8), 8).expect("a layout")
}

/// The same layout always, as the compiler knows.
const NODE: Layout = Layout::new::<[u64; 4]>();

/// A block is taken, and a byte of it written.
fn touch(block: NonNull<u8>) {
    // SAFETY: no block here is empty, and each is its taker's.
    unsafe { black_box(block).write(1) };
}

fn take(from: impl Allocator, layout: Layout) -> NonNull<u8> {
    let block = from.allocate(layout).expect("there is memory").cast();
    touch(block);
    block
}

/// Takes a block and gives it back, so many times.
fn pairs(of: &impl Allocator, layout: impl Fn(usize) -> Layout) {
    for request in 0..REQUESTS {
        let layout = layout(request);
        let block = take(of, layout);
        // SAFETY: taken just now, by this layout.
        unsafe { of.deallocate(block, layout) };
    }
}

fn arena() {
    let (mut ours, mut bumpalo) = (ArenaAllocator::new_in(System), bumpalo::Bump::new());
    let mut scope: bump_scope::Bump = bump_scope::Bump::try_new().expect("there is memory");
    line(
        "arena, small blocks, then a reset: bumpalo",
        || fill_and_reset(&mut ours, small),
        || {
            (0..REQUESTS).for_each(|request| touch(bumpalo.try_alloc_layout(small(request)).expect("there is memory")));
            bumpalo.reset();
        },
    );
    line(
        "arena, small blocks, then a reset: bump-scope",
        || fill_and_reset(&mut ours, small),
        || {
            (0..REQUESTS)
                .for_each(|request| touch(scope.try_allocate_layout(small(request)).expect("there is memory")));
            scope.reset();
        },
    );
    line(
        "arena, blocks of one layout: bumpalo",
        || fill_and_reset(&mut ours, |_| NODE),
        || {
            (0..REQUESTS).for_each(|_| touch(bumpalo.try_alloc_layout(NODE).expect("there is memory")));
            bumpalo.reset();
        },
    );
    line(
        "arena, a vector that grows: bumpalo",
        || {
            let mut numbers = allocator_api2_02::vec::Vec::new_in(&ours);
            (0..REQUESTS).for_each(|number| numbers.push(black_box(number)));
            drop(numbers);
            ours.reset(Keep::Capacity).expect("there is memory");
        },
        || {
            let mut numbers = bumpalo::collections::Vec::new_in(&bumpalo);
            (0..REQUESTS).for_each(|number| numbers.push(black_box(number)));
            drop(numbers);
            bumpalo.reset();
        },
    );
}

fn fill_and_reset(arena: &mut ArenaAllocator<System>, layout: impl Fn(usize) -> Layout) {
    for request in 0..REQUESTS {
        take(&*arena, layout(request));
    }
    arena.reset(Keep::Capacity).expect("there is memory");
}

fn fixed() {
    const BYTES: usize = REQUESTS * 64;
    let mut buffers = [(); 3].map(|()| vec![MaybeUninit::<u8>::uninit(); BYTES]);
    let [first, second, third] = &mut buffers;
    let mut ours = FixedBufferAllocator::new(first);
    let mut scope: bump_scope::Bump = bump_scope::Bump::try_with_size(BYTES).expect("there is memory");
    line(
        "fixed buffer, small blocks, then a reset: bump-scope",
        || {
            for request in 0..REQUESTS {
                take(&ours, small(request));
            }
            ours.reset();
        },
        || {
            (0..REQUESTS)
                .for_each(|request| touch(scope.try_allocate_layout(small(request)).expect("there is memory")));
            scope.reset();
        },
    );
    let (start, used) = (NonNull::from(&mut third[..]).cast::<u8>(), Cell::new(0));
    line(
        "fixed buffer, blocks of one layout: an index by hand",
        || {
            for _ in 0..REQUESTS {
                take(&ours, NODE);
            }
            ours.reset();
        },
        || {
            for _ in 0..REQUESTS {
                let at = used.replace(used.get() + NODE.size());
                assert!(used.get() <= BYTES, "there is room");
                // SAFETY: inside the buffer.
                touch(unsafe { start.add(at) });
            }
            used.set(0);
        },
    );
    let mut shared = SyncFixedBufferAllocator::new(second);
    let end = AtomicUsize::new(0);
    line(
        "fixed buffer for threads, one layout: fetch_add by hand",
        || {
            for _ in 0..REQUESTS {
                take(&shared, NODE);
            }
            shared.reset();
        },
        || {
            for _ in 0..REQUESTS {
                let at = end.fetch_add(NODE.size(), Ordering::AcqRel);
                assert!(at + NODE.size() <= BYTES, "there is room");
                // SAFETY: inside the buffer.
                touch(unsafe { start.add(at) });
            }
            end.store(0, Ordering::Release);
        },
    );
}

fn pool() {
    const HELD: usize = 1000;
    type Node = [u64; 4];
    let node = |number: usize| black_box([number as u64; 4]);
    let ours = PoolAllocator::<Node, System>::new_in(System);
    let mut slab = slab::Slab::new();
    line(
        "pool, values come and go among 1000: slab",
        || {
            let mut held: Vec<_> =
                (0..HELD).map(|number| ours.create(node(number)).expect("there is memory")).collect();
            for number in HELD..REQUESTS {
                held[number * 7 % HELD] = ours.create(node(number)).expect("there is memory");
            }
            black_box(&held);
        },
        || {
            let mut held: Vec<_> = (0..HELD).map(|number| slab.insert(node(number))).collect();
            for number in HELD..REQUESTS {
                let new = slab.insert(node(number));
                slab.remove(std::mem::replace(&mut held[number * 7 % HELD], new));
            }
            black_box(&held);
            slab.clear();
        },
    );
    line(
        "pool, values come and go among 1000: Box of the system",
        || {
            let mut held: Vec<_> =
                (0..HELD).map(|number| ours.create(node(number)).expect("there is memory")).collect();
            for number in HELD..REQUESTS {
                held[number * 7 % HELD] = ours.create(node(number)).expect("there is memory");
            }
            black_box(&held);
        },
        || {
            let boxed = |number| allocator_api2_02::boxed::Box::new_in(node(number), Api(System));
            let mut held: Vec<_> = (0..HELD).map(boxed).collect();
            for number in HELD..REQUESTS {
                held[number * 7 % HELD] = boxed(number);
            }
            black_box(&held);
        },
    );
}

/// The allocators that watch another: one line each, over the system's and beside it.
fn watching() {
    let system = || pairs(&System, small);
    let counting = CountingAllocator::new(System);
    line("counting, pairs: the system's alone", || pairs(&counting, small), system);
    let limit = LimitAllocator::new(System, 1 << 20);
    line("limit, pairs: the system's alone", || pairs(&limit, small), system);
    let failing = FailingAllocator::new(System);
    line("failing, with nothing to fail, pairs: the system's alone", || pairs(&failing, small), system);
    let logging = LoggingAllocator::with(System, |event: &AllocEvent| {
        black_box(event);
    });
    line("logging to a function, pairs: the system's alone", || pairs(&logging, small), system);
    let debug = DebugAllocator::new(System);
    line("debug, as it is by default, pairs: the system's alone", || pairs(&debug, small), system);
    debug.deinit().expect("every block was given back");
}
