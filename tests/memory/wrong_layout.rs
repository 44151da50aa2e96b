//! A block that is given back as something else than it is, and requests that nobody may make.

use std::alloc::{alloc, dealloc, realloc};
use std::hint::black_box;

use crate::kit::{bodies, forged, give, layout, resize, take};

bodies! {
    size_of_free align_of_free old_size_of_realloc old_align_of_realloc length_for_capacity born_size_after_realloc
    zero_size zero_size_realloc absurd_align too_large too_large_realloc
    as_born as_resized one_byte largest_align almost_too_large
}

#[inline(never)]
fn size_of_free() {
    let block = take!(40); // HERE: size_of_free born
    give!(block, 39); // HERE: size_of_free call
}

#[inline(never)]
fn align_of_free() {
    let block = take!(40, 8); // HERE: align_of_free born
    give!(block, 40, 16); // HERE: align_of_free call
}

#[inline(never)]
fn as_born() {
    let block = take!(40, 8);
    give!(block, 40, 8);
}

#[inline(never)]
fn old_size_of_realloc() {
    let block = take!(40); // HERE: old_size_of_realloc born
    let moved = resize!(block, 41, 80); // HERE: old_size_of_realloc call
    give!(moved, 80);
}

#[inline(never)]
fn old_align_of_realloc() {
    let block = take!(40, 4); // HERE: old_align_of_realloc born
    let moved = resize!(block, 40, 1, 80); // HERE: old_align_of_realloc call
    give!(moved, 80);
}

/// A vector's buffer is freed with its length for its capacity.
#[inline(never)]
fn length_for_capacity() {
    let mut vec: Vec<u64> = Vec::with_capacity(black_box(10)); // HERE: length_for_capacity born
    vec.push(black_box(1));
    let (data, len) = (vec.as_mut_ptr(), vec.len());
    std::mem::forget(vec);
    // SAFETY: none: the capacity is not the length.
    drop(unsafe { Vec::from_raw_parts(black_box(data), len, len) }); // HERE: length_for_capacity call
}

#[inline(never)]
fn born_size_after_realloc() {
    let block = take!(40); // HERE: born_size_after_realloc born
    let block = resize!(block, 40, 44);
    give!(block, 40); // HERE: born_size_after_realloc call
}

#[inline(never)]
fn as_resized() {
    let block = take!(40, 8);
    let block = resize!(block, 40, 8, 44);
    let block = resize!(block, 44, 8, 30_000);
    let block = resize!(block, 30_000, 8, 3);
    give!(block, 3, 8);
}

#[inline(never)]
fn zero_size() {
    // SAFETY: none: there is no block without a size.
    let block = unsafe { alloc(layout(0, 8)) }; // HERE: zero_size call
    black_box(block);
}

#[inline(never)]
fn one_byte() {
    let block = take!(1, 8);
    give!(block, 1, 8);
}

#[inline(never)]
fn zero_size_realloc() {
    let block = take!(40);
    let moved = resize!(block, 40, 0); // HERE: zero_size_realloc call
    black_box(moved);
    give!(block, 40);
}

#[inline(never)]
fn absurd_align() {
    let layout = forged(40, 3);
    // SAFETY: none: three is no alignment.
    let block = unsafe { alloc(layout) }; // HERE: absurd_align call
    black_box(block);
}

/// An alignment larger than every page, and a block that keeps to it.
#[inline(never)]
fn largest_align() {
    let layout = layout(40, 1 << 21);
    // SAFETY: the size is above zero; the block goes back as it came.
    unsafe {
        let block = black_box(alloc(layout));
        assert_eq!(block.addr() % layout.align(), 0);
        dealloc(block, layout);
    }
}

#[inline(never)]
fn too_large() {
    let layout = forged(isize::MAX.unsigned_abs() + 1, 1);
    // SAFETY: none: no block is so large.
    let block = unsafe { alloc(layout) }; // HERE: too_large call
    black_box(block);
}

#[inline(never)]
fn too_large_realloc() {
    let block = take!(40, 16);
    let most = isize::MAX.unsigned_abs();
    let moved = resize!(block, 40, 16, most - 14); // HERE: too_large_realloc call
    black_box(moved);
    give!(block, 40, 16);
}

/// Within the contract, and more than there is: the answer is null, and the block stays.
#[inline(never)]
fn almost_too_large() {
    let most = isize::MAX.unsigned_abs();
    // SAFETY: within the contract.
    assert!(black_box(unsafe { alloc(layout(most, 1)) }).is_null());
    let block = take!(40, 16);
    // SAFETY: as above; the old layout is the block's.
    assert!(black_box(unsafe { realloc(block, layout(40, 16), most - 15) }).is_null());
    give!(block, 40, 16);
}
