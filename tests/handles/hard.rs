//! Bodies that use a handle where it is hard to.

use std::alloc::{Layout, alloc as ask, dealloc, realloc};
use std::cell::RefCell;
use std::hint::black_box;
use std::ptr::NonNull;

use allocator_api2_02::vec::Vec as Vec2;
use oomsweep::{TestAlloc, alloc_test, benign, exempt};

use crate::kit::{AllocError, Allocator, give, layout, take};

thread_local! {
    static KEPT: RefCell<Option<Vec2<u8, TestAlloc>>> = const { RefCell::new(None) };
}

/// A destructor of the own thread gives back what a run has left, when no run is open.
#[alloc_test]
#[ignore]
fn dropped_with_the_thread(alloc: TestAlloc) -> Result<(), AllocError> {
    KEPT.with(|kept| kept.replace(None));
    let mut bytes = Vec2::new_in(alloc);
    bytes.try_reserve_exact(40).map_err(|_| AllocError)?;
    bytes.push(1);
    KEPT.with(|kept| kept.replace(Some(bytes)));
    Ok(())
}

/// The same on a thread that the body joins.
#[alloc_test]
#[ignore]
fn dropped_with_a_joined_thread(alloc: TestAlloc) -> Result<(), AllocError> {
    let block = take!(alloc, 24)?;
    exempt(|| {
        std::thread::spawn(move || {
            let mut bytes = Vec2::new_in(alloc);
            bytes.reserve_exact(40);
            bytes.push(1);
            KEPT.with(|kept| kept.replace(Some(bytes)));
        })
        .join()
        .expect("no panic");
    });
    give!(alloc, block, 24);
    Ok(())
}

/// No system has as much.
#[alloc_test]
#[ignore]
fn far_too_large(alloc: TestAlloc) -> Result<(), AllocError> {
    for (size, align) in [
        (isize::MAX as usize, 1),
        (isize::MAX as usize - 4095, 4096),
        (1, 1 << 62),
        ((1 << 62) - 1, 1 << 62),
        (isize::MAX as usize - 15, 16),
        (1 << 46, 1 << 45),
    ] {
        let wanted = Layout::from_size_align(black_box(size), black_box(align)).expect("a layout");
        assert!(exempt(|| alloc.allocate(wanted)).is_err(), "{wanted:?}");
        assert!(exempt(|| alloc.allocate_zeroed(wanted)).is_err(), "{wanted:?}");
    }
    let block = take!(alloc, 24)?;
    let huge = Layout::from_size_align(isize::MAX as usize - 7, 8).expect("a layout");
    // SAFETY: the block is allocated, with that layout.
    unsafe {
        block.write_bytes(7, 24);
        assert!(exempt(|| alloc.grow(block, layout(24, 8), huge)).is_err());
        assert!(exempt(|| alloc.grow_zeroed(block, layout(24, 8), huge)).is_err());
        assert_eq!(block.add(23).read(), 7);
    }
    give!(alloc, block, 24);
    Ok(())
}

/// Large alignments that can be had.
#[alloc_test]
#[ignore]
fn far_aligned(alloc: TestAlloc) -> Result<(), AllocError> {
    for shift in [17, 21, 24, 30] {
        let block = take!(alloc, 100, 1 << shift)?;
        assert_eq!(block.as_ptr() as usize % (1 << shift), 0);
        give!(alloc, block, 100, 1 << shift);
    }
    Ok(())
}

struct Gives(TestAlloc, NonNull<u8>);

impl Drop for Gives {
    fn drop(&mut self) {
        if let Ok(block) = benign(|| take!(self.0, 16)) {
            give!(self.0, block, 16);
        }
        give!(self.0, self.1, 40);
    }
}

/// What unwinding asks for never fails, and is no point.
#[alloc_test(panics = "allow")]
#[ignore]
fn while_panicking(alloc: TestAlloc) -> Result<(), AllocError> {
    let block = take!(alloc, 40)?;
    let gives = Gives(alloc, block);
    let more = take!(alloc, 8);
    let Ok(more) = more else { panic!("no memory") };
    give!(alloc, more, 8);
    drop(gives);
    Ok(())
}

/// Many requests of the global allocator round those that are swept.
#[alloc_test]
#[ignore]
fn among_many(a: TestAlloc, b: TestAlloc) -> Result<(), AllocError> {
    let mut all = Vec::new();
    for round in 0..200_usize {
        all.push(Box::new([round; 3]));
        if round % 50 == 0 {
            let block = take!(a, 40 + round)?;
            all.push(Box::new([round; 3]));
            let other = take!(b, 8 + round);
            all.clear();
            give!(a, block, 40 + round);
            give!(b, other?, 8 + round);
        }
    }
    Ok(())
}

#[alloc_test(threads = "all")]
#[ignore]
fn all_threads_beside(a: TestAlloc) -> Result<(), AllocError> {
    drop(black_box(Box::new(7)));
    let block = take!(a, 40)?;
    give!(a, block, 40);
    Ok(())
}

/// On the short way the global allocator is given a block of a handle's.
#[alloc_test]
#[ignore]
fn to_the_global_one_after_many(a: TestAlloc) -> Result<(), AllocError> {
    for round in 0..3000_usize {
        drop(black_box(Box::new([round; 5])));
    }
    let block = take!(a, 40)?; // HERE: many born
    for round in 0..30_usize {
        drop(black_box(Box::new([round; 5])));
    }
    // SAFETY: none: it is another allocator's.
    unsafe { dealloc(black_box(block.as_ptr()), layout(40, 8)) }; // HERE: many call
    Ok(())
}

/// After many blocks of a handle's have stood in the slots, those of the global allocator are its own again.
#[alloc_test]
#[ignore]
fn slots_change_hands(a: TestAlloc) -> Result<(), AllocError> {
    for round in 0..6000_usize {
        if round % 2 == 0 {
            let block = exempt(|| take!(a, 40))?;
            give!(a, block, 40);
        } else {
            drop(black_box(Box::new([round; 5])));
        }
    }
    let block = take!(a, 40)?;
    give!(a, block, 40);
    Ok(())
}

/// Blocks of several allocators, given back with the list.
struct Blocks(Vec<(Option<TestAlloc>, NonNull<u8>, usize, usize)>);

impl Drop for Blocks {
    fn drop(&mut self) {
        for &(alloc, block, size, align) in &self.0 {
            match alloc {
                Some(alloc) => give!(alloc, block, size, align),
                // SAFETY: allocated below, with this layout.
                None => unsafe { dealloc(block.as_ptr(), layout(size, align)) },
            }
        }
    }
}

/// A program that a seed makes up: it asks `a`, `b` and the global allocator, and hands every failure on.
pub(crate) fn program(seed: u64, [a, b]: [TestAlloc; 2]) -> Result<(), AllocError> {
    let mut state = seed;
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut blocks = Blocks(exempt(|| Vec::with_capacity(64)));
    for _ in 0..12 {
        let (size, align) = ((next(5000) + 1) as usize, 1 << next(7));
        match next(6) {
            0 | 1 => {
                let of = if next(2) == 0 { a } else { b };
                let made = if next(2) == 0 {
                    of.allocate(layout(size, align))
                } else {
                    of.allocate_zeroed(layout(size, align))
                };
                blocks.0.push((Some(of), made?.cast(), size, align));
            }
            2 => {
                // SAFETY: the size is not zero.
                let block = unsafe { ask(layout(size, align)) };
                blocks.0.push((None, NonNull::new(block).ok_or(AllocError)?, size, align));
            }
            3 | 4 if !blocks.0.is_empty() => {
                let at = next(blocks.0.len() as u64) as usize;
                let (of, block, old, was) = blocks.0[at];
                match of {
                    Some(of) => {
                        // SAFETY: the block is allocated, with that layout.
                        let moved = unsafe {
                            if size >= old {
                                of.grow_zeroed(block, layout(old, was), layout(size, align))
                            } else {
                                of.shrink(block, layout(old, was), layout(size, align))
                            }
                        };
                        blocks.0[at] = (Some(of), moved?.cast(), size, align);
                    }
                    None => {
                        // SAFETY: as above.
                        let moved = unsafe { realloc(block.as_ptr(), layout(old, was), size) };
                        blocks.0[at] = (None, NonNull::new(moved).ok_or(AllocError)?, size, was);
                    }
                }
            }
            5 if !blocks.0.is_empty() => {
                let at = next(blocks.0.len() as u64) as usize;
                drop(Blocks(exempt(|| vec![blocks.0.swap_remove(at)])));
            }
            _ => {}
        }
    }
    Ok(())
}
