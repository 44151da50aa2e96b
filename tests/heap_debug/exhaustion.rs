//! A backing allocator that has nothing left, at every point: the call comes back empty-handed, and everything is as it was.

use oomsweep::heap::{AllocError, Allocator, DebugAllocator, DebugOptions};

use crate::backing::Backing;
use crate::seeds::{Raw, give, holds, layout, resize, take, write_all};

/// What a program does that goes on when a request fails: it takes blocks, changes their sizes, and gives all of them back.
/// Returns how many requests failed.
fn program(heap: &DebugAllocator<Backing>) -> usize {
    let mut failed = 0;
    let mut blocks: Vec<(Raw, usize)> = Vec::new();
    for round in 0..12 {
        let size = 10 + 7 * round;
        match heap.allocate(layout(size, 1)) {
            Ok(block) => {
                let block = block.cast();
                write_all(block, size);
                blocks.push((block, size));
            }
            Err(AllocError) => failed += 1,
        }
        if let Some((block, size)) = blocks.last_mut().filter(|_| round % 2 == 0) {
            match resize!(heap, grow, *block, *size, *size * 3) {
                Some(moved) => {
                    assert!(holds(moved, *size));
                    write_all(moved, *size * 3);
                    (*block, *size) = (moved, *size * 3);
                }
                None => failed += 1,
            }
            match resize!(heap, shrink, *block, (*size, 1), (*size / 2, 256)) {
                Some(moved) => {
                    let moved = resize!(heap, shrink, moved, (*size / 2, 256), (*size / 2, 1)).expect("in place");
                    (*block, *size) = (moved, *size / 2);
                }
                None => failed += 1,
            }
        }
        if round % 3 == 2 && !blocks.is_empty() {
            let (block, size) = blocks.remove(0);
            assert!(holds(block, size));
            give!(heap, block, size);
        }
        assert_eq!(heap.live_blocks(), blocks.len());
        assert_eq!(heap.live_bytes(), blocks.iter().map(|(_, size)| size).sum::<usize>());
        heap.check().unwrap();
    }
    for (block, size) in blocks {
        assert!(holds(block, size));
        give!(heap, block, size);
    }
    failed
}

#[test]
fn at_every_point() {
    let backing = Backing::new();
    let heap = DebugAllocator::new(backing.clone());
    backing.fail(0, 0);
    assert_eq!(program(&heap), 0);
    heap.deinit().unwrap();
    let points = backing.requests();
    assert!((20..100).contains(&points), "{points}");
    for quarantine in [0, 2, 1024] {
        for from in 0..points {
            for count in [1, 2, usize::MAX] {
                let heap =
                    DebugAllocator::with(backing.clone(), DebugOptions::new().quarantine(quarantine).stack_frames(0));
                backing.fail(from, count);
                let failed = program(&heap);
                assert!((1..=count).contains(&failed), "{failed} of {count} from {from}");
                heap.deinit().unwrap();
                assert_eq!(backing.out(), 0, "{from} {count}");
            }
        }
    }
}

#[test]
fn a_failed_request_leaves_no_trace() {
    let backing = Backing::new();
    let heap = DebugAllocator::with(backing.clone(), DebugOptions::new().memory_limit(200));
    let block = take!(heap, 24);
    backing.fail(0, usize::MAX);
    for _ in 0..5000 {
        assert_eq!(heap.allocate(layout(100, 8)), Err(AllocError));
        assert_eq!(heap.allocate_zeroed(layout(100, 8)), Err(AllocError));
        assert_eq!(resize!(heap, grow, block, 24, 48), None);
        assert_eq!(resize!(heap, shrink, block, (24, 1), (8, 1 << 20)), None);
    }
    assert_eq!((heap.live_blocks(), heap.live_bytes(), heap.peak_bytes()), (1, 24, 24));
    assert_eq!((heap.total_blocks(), heap.total_bytes()), (1, 24));
    backing.fail(0, 0);
    let rest = take!(heap, 176);
    give!(heap, rest, 176);
    give!(heap, block, 24);
    heap.deinit().unwrap();
}

/// A backing allocator that panics in the middle of a request.
struct Panics(Backing);

// SAFETY: it gives out what the other one does, or nothing.
unsafe impl Allocator for Panics {
    fn allocate(&self, layout: std::alloc::Layout) -> Result<std::ptr::NonNull<[u8]>, AllocError> {
        match self.0.allocate(layout) {
            Err(AllocError) => panic!("no memory"),
            block => block,
        }
    }

    unsafe fn deallocate(&self, block: Raw, layout: std::alloc::Layout) {
        // SAFETY: by the caller's obligations.
        unsafe { self.0.deallocate(block, layout) }
    }
}

#[test]
fn a_backing_allocator_that_panics() {
    let backing = Backing::new();
    let heap = DebugAllocator::new(Panics(backing.clone()));
    let block = take!(heap, 24);
    write_all(block, 24);
    backing.fail(0, usize::MAX);
    let panics = |call: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
    panics(&|| assert!(heap.allocate(layout(24, 8)).is_err()));
    panics(&|| assert!(resize!(heap, grow, block, 24, 48).is_none()));
    assert!(holds(block, 24));
    assert_eq!((heap.live_blocks(), heap.live_bytes()), (1, 24));
    give!(heap, block, 24);
    heap.deinit().unwrap();
}

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod pages {
    use std::alloc::Layout;
    use std::cell::Cell;
    use std::ptr::NonNull;

    use super::*;
    use crate::alone::Alone;

    /// Gives out one piece of memory from its start to its end.
    struct Bump {
        memory: NonNull<u8>,
        size: usize,
        used: Cell<usize>,
    }

    // SAFETY: pieces of its memory that do not overlap, which is never given back.
    unsafe impl Allocator for Bump {
        fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
            let start = self.used.get().next_multiple_of(layout.align().max(16));
            if start + layout.size() > self.size {
                return Err(AllocError);
            }
            self.used.set(start + layout.size());
            // SAFETY: inside the memory.
            Ok(NonNull::slice_from_raw_parts(unsafe { self.memory.add(start) }, layout.size()))
        }

        unsafe fn deallocate(&self, _block: NonNull<u8>, _layout: Layout) {}
    }

    /// No more addresses than the process has, and so many.
    fn limit(more: u64) {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
        let most = libc::rlimit { rlim_cur: pages * 4096 + more, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: plain numbers.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const most) }, 0);
    }

    #[test]
    #[ignore = "run by the next test, in a process of its own"]
    fn without_pages() {
        const SIZE: usize = 64 << 20;
        let memory = NonNull::from(Box::leak(vec![0_u8; SIZE].into_boxed_slice())).cast::<u8>();
        let bump = || Bump { memory, size: SIZE, used: Cell::new(0) };
        let mut blocks: Vec<Raw> = Vec::with_capacity(1 << 20);
        for frames in [0, 1, 96] {
            let heap = DebugAllocator::with(bump(), DebugOptions::new().stack_frames(frames).quarantine(100));
            limit(4 << 20);
            while let Ok(block) = heap.allocate(layout(8, 8)) {
                blocks.push(block.cast());
            }
            let many = blocks.len();
            assert!(
                heap.backing().used.get() < SIZE / 2 && many > 1000,
                "{many} blocks, and it was the backing allocator"
            );
            assert_eq!((heap.live_blocks(), heap.live_bytes()), (many, many * 8));
            assert_eq!(heap.allocate(layout(8, 8)), Err(AllocError));
            assert_eq!(resize!(heap, grow, blocks[0], (8, 8), (16, 8)), None);
            assert_eq!(heap.live_bytes(), many * 8);
            heap.check().unwrap();
            // What is freed makes room, when it has left the quarantine.
            for block in blocks.drain(many / 2..) {
                give!(heap, block, 8, 8);
            }
            for _ in 0..many / 4 {
                blocks.push(take!(heap, 8, 8));
            }
            for block in blocks.drain(..) {
                give!(heap, block, 8, 8);
            }
            limit(1 << 40);
            heap.deinit().unwrap();
        }
    }

    #[test]
    fn bookkeeping_that_finds_no_pages() {
        let ran = Alone::new("exhaustion::pages::without_pages").go();
        assert!(ran.passed, "{}{}", ran.stdout, ran.stderr);
    }
}
