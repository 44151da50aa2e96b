//! Bytes before a block are written.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::SeqCst};

use crate::kit::{bodies, give, resize, spoil, take};

bodies! {
    at_free at_realloc at_the_end far run_of_bytes large huge aligned aligned_to_a_page resized
    from_the_first_byte from_the_first_byte_at_the_end
}

#[inline(never)]
fn at_free() {
    let block = take!(40); // HERE: at_free born
    spoil(block, -1, 1);
    give!(block, 40); // HERE: at_free call
}

#[inline(never)]
fn from_the_first_byte() {
    for (size, align) in [(1, 1), (40, 8), (100, 64), (5000, 4096), (20_000, 1), (3_000_000, 1)] {
        let block = take!(size, align);
        spoil(block, 0, 1);
        give!(block, size, align);
    }
}

#[inline(never)]
fn at_realloc() {
    let block = take!(40); // HERE: at_realloc born
    spoil(block, -1, 1);
    let moved = resize!(block, 40, 80); // HERE: at_realloc call
    give!(moved, 80);
}

static KEPT: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// The block lives on in a static.
#[inline(never)]
fn at_the_end() {
    let block = take!(40); // HERE: at_the_end born
    spoil(block, -1, 1);
    let before = KEPT.swap(block, SeqCst);
    if !before.is_null() {
        give!(before, 40);
    }
}

#[inline(never)]
fn from_the_first_byte_at_the_end() {
    let block = take!(40);
    spoil(block, 0, 1);
    let before = KEPT.swap(block, SeqCst);
    if !before.is_null() {
        give!(before, 40);
    }
}

#[inline(never)]
fn far() {
    let block = take!(40); // HERE: far born
    spoil(block, -16, 1);
    give!(block, 40); // HERE: far call
}

#[inline(never)]
fn run_of_bytes() {
    let block = take!(40); // HERE: run_of_bytes born
    spoil(block, -8, 12);
    give!(block, 40); // HERE: run_of_bytes call
}

#[inline(never)]
fn large() {
    let block = take!(20_000); // HERE: large born
    spoil(block, -1, 1);
    give!(block, 20_000); // HERE: large call
}

#[inline(never)]
fn huge() {
    let block = take!(3_000_001); // HERE: huge born
    spoil(block, -1, 1);
    give!(block, 3_000_001); // HERE: huge call
}

#[inline(never)]
fn aligned() {
    let block = take!(100, 64); // HERE: aligned born
    spoil(block, -64, 1);
    give!(block, 100, 64); // HERE: aligned call
}

#[inline(never)]
fn aligned_to_a_page() {
    let block = take!(5000, 4096); // HERE: aligned_to_a_page born
    spoil(block, -1, 1);
    give!(block, 5000, 4096); // HERE: aligned_to_a_page call
}

#[inline(never)]
fn resized() {
    let block = take!(40); // HERE: resized born
    let block = resize!(block, 40, 39);
    spoil(block, -1, 1);
    give!(block, 39); // HERE: resized call
}
