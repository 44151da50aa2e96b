//! Bodies with a bug.

use std::alloc::{alloc, dealloc, realloc};
use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use allocator_api2_02::boxed::Box as Box2;
use allocator_api2_02::vec::Vec as Vec2;
use oomsweep::{TestAlloc, alloc_test};

use crate::kit::{AllocError, Allocator, give, layout, take};

#[alloc_test]
#[ignore]
fn to_another(a: TestAlloc, b: TestAlloc) -> Result<(), AllocError> {
    let block = take!(b, 40)?; // HERE: to_another born
    give!(a, block, 40); // HERE: to_another call
    Ok(())
}

#[alloc_test]
#[ignore]
fn to_the_global_one(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: to_the_global_one born
    // SAFETY: none: it is another allocator's.
    unsafe { dealloc(black_box(block.as_ptr()), layout(40, 8)) }; // HERE: to_the_global_one call
    Ok(())
}

#[alloc_test]
#[ignore]
fn from_the_global_one(a: TestAlloc) {
    // SAFETY: the size is not zero.
    let block = black_box(unsafe { alloc(layout(40, 8)) }); // HERE: from_the_global_one born
    give!(a, NonNull::new(block).expect("memory"), 40); // HERE: from_the_global_one call
}

#[alloc_test]
#[ignore]
fn grown_by_another(a: TestAlloc, b: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: grown_by_another born
    // SAFETY: none: it is another allocator's.
    let block = unsafe { b.grow(block, layout(40, 8), layout(80, 8)) }?; // HERE: grown_by_another call
    give!(b, block.cast(), 80);
    Ok(())
}

#[alloc_test]
#[ignore]
fn resized_by_the_global_one(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: resized_by_the_global_one born
    // SAFETY: none: it is another allocator's.
    black_box(unsafe { realloc(black_box(block.as_ptr()), layout(40, 8), 80) }); // HERE: resized_by_the_global_one call
    Ok(())
}

/// A box is taken apart, and put together again without its allocator.
#[alloc_test]
#[ignore]
fn box_into_global(a: TestAlloc) -> Result<(), AllocError> {
    let boxed = Box2::try_new_in(black_box([7_u64; 5]), a).map_err(|_| AllocError)?; // HERE: box_into_global born
    let raw = Box2::into_raw(boxed);
    // SAFETY: none: it is not the global allocator's.
    drop(black_box(unsafe { Box::from_raw(raw) })); // HERE: box_into_global call
    Ok(())
}

#[alloc_test]
#[ignore]
fn double_free(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: double_free born
    give!(a, block, 40); // HERE: double_free freed
    give!(a, block, 40); // HERE: double_free call
    Ok(())
}

#[alloc_test]
#[ignore]
fn wrong_size(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: wrong_size born
    give!(a, block, 39); // HERE: wrong_size call
    Ok(())
}

static REACHED: AtomicUsize = AtomicUsize::new(0);

/// Something still reaches the block, so it is no leak.
#[alloc_test]
#[ignore]
fn no_size(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: no_size born
    REACHED.store(block.as_ptr() as usize, Ordering::Relaxed);
    give!(a, block, 0); // HERE: no_size call
    Ok(())
}

#[alloc_test]
#[ignore]
fn grown_from_no_size(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: grown_from_no_size born
    REACHED.store(block.as_ptr() as usize, Ordering::Relaxed);
    // SAFETY: none: this is not its size.
    let block = unsafe { a.grow(block, layout(0, 8), layout(80, 8)) }?; // HERE: grown_from_no_size call
    give!(a, block.cast(), 80);
    Ok(())
}

#[alloc_test]
#[ignore]
fn wrong_align(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: wrong_align born
    give!(a, block, 40, 4); // HERE: wrong_align call
    Ok(())
}

#[alloc_test]
#[ignore]
fn grown_with_a_wrong_size(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: grown_with_a_wrong_size born
    // SAFETY: none: this is not its size.
    let block = unsafe { a.grow(block, layout(41, 8), layout(80, 8)) }?; // HERE: grown_with_a_wrong_size call
    give!(a, block.cast(), 80);
    Ok(())
}

#[alloc_test]
#[ignore]
fn inside(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: inside born
    // SAFETY: inside the block.
    let inner = unsafe { block.add(8) };
    give!(a, inner, 32); // HERE: inside call
    Ok(())
}

#[alloc_test]
#[ignore]
fn stack(a: TestAlloc) {
    let mut here = [0_u8; 40];
    give!(a, NonNull::from(&mut here).cast(), 40); // HERE: stack call
}

#[alloc_test]
#[ignore]
fn overflow(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: overflow born
    // SAFETY: none: it lies behind the block.
    unsafe { block.add(black_box(40)).write(1) };
    give!(a, block, 40); // HERE: overflow call
    Ok(())
}

#[alloc_test]
#[ignore]
fn underflow(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: underflow born
    // SAFETY: none: it lies before the block.
    unsafe { block.sub(black_box(1)).write(1) };
    give!(a, block, 40); // HERE: underflow call
    Ok(())
}

#[alloc_test]
#[ignore]
fn written_after_free(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?; // HERE: written_after_free born
    give!(a, block, 40); // HERE: written_after_free freed
    // SAFETY: none: it is freed.
    unsafe { black_box(block).write(1) };
    Ok(())
}

#[alloc_test]
#[ignore]
fn read(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?;
    give!(a, block, 40);
    // SAFETY: none: it is freed.
    black_box(unsafe { black_box(block).read_volatile() }); // HERE: read call
    Ok(())
}

/// An allocator of blocks out of one, which it gives back when it is dropped.
struct Chunk {
    from: TestAlloc,
    block: NonNull<u8>,
}

impl Chunk {
    fn new(from: TestAlloc) -> Result<Chunk, AllocError> {
        Ok(Chunk { from, block: take!(from, 256)? }) // HERE: outlives born
    }

    fn numbers(&self) -> *mut u32 {
        self.block.as_ptr().cast()
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        give!(self.from, self.block, 256); // HERE: outlives freed
    }
}

/// Where a raw pointer hides the lifetime, the borrow checker says nothing.
fn numbers_of_a_dead_chunk(alloc: TestAlloc) -> Result<*mut u32, AllocError> {
    let chunk = Chunk::new(alloc)?;
    Ok(chunk.numbers())
}

#[alloc_test]
#[ignore]
fn outlives(a: TestAlloc) -> Result<(), AllocError> {
    let numbers = numbers_of_a_dead_chunk(a)?;
    // SAFETY: none: the chunk is freed.
    unsafe { black_box(numbers).add(3).write(42) };
    Ok(())
}

static KEPT: AtomicUsize = AtomicUsize::new(0);

#[alloc_test]
#[ignore]
fn kept(a: TestAlloc) -> Result<(), AllocError> {
    let block = take!(a, 40)?;
    let Some(older) = NonNull::new(KEPT.swap(block.as_ptr() as usize, Ordering::Relaxed) as *mut u8) else {
        return Ok(());
    };
    give!(a, older, 40); // HERE: kept call
    Ok(())
}

static HANDLE: OnceLock<TestAlloc> = OnceLock::new();

#[alloc_test]
#[ignore]
fn kept_handle(alloc: TestAlloc) -> Result<(), AllocError> {
    let first = *HANDLE.get_or_init(|| alloc);
    let block = take!(first, 40)?;
    give!(first, block, 40);
    Ok(())
}

#[alloc_test]
#[ignore]
fn leak(a: TestAlloc) -> Result<(), AllocError> {
    for _ in 0..2 {
        let _ = take!(a, 24)?; // HERE: leak born
    }
    Ok(())
}

#[alloc_test]
#[ignore]
fn error_path(alloc: TestAlloc) -> Result<(), AllocError> {
    let first = take!(alloc, 40)?; // HERE: error_path born
    let second = take!(alloc, 8)?; // HERE: error_path asked
    give!(alloc, first, 40);
    give!(alloc, second, 8);
    Ok(())
}

#[alloc_test]
#[ignore]
fn swallowed_by_its_own(alloc: TestAlloc) -> Result<(), AllocError> {
    let mut numbers = Vec2::<u64, _>::new_in(alloc);
    let _ = numbers.try_reserve(black_box(1));
    Ok(())
}

#[alloc_test]
#[ignore]
fn infallible(alloc: TestAlloc) -> Result<(), AllocError> {
    let mut numbers = Vec2::new_in(alloc);
    numbers.push(black_box(1_u64)); // HERE: infallible call
    Ok(())
}

#[alloc_test]
#[ignore]
fn swallowed(alloc: TestAlloc) -> Result<(), AllocError> {
    let block = take!(alloc, 40); // HERE: swallowed asked
    if let Ok(block) = block {
        give!(alloc, block, 40);
    }
    Ok(())
}
