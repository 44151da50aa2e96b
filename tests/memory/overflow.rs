//! Bytes behind a block are written.

use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::SeqCst};
use std::thread;

use crate::kit::{Carried, bodies, give, resize, spoil, take};

bodies! {
    at_free at_realloc at_the_end far run_of_bytes large huge aligned aligned_to_a_page zeroed resized off_by_one on_another_thread
    both_sides in_the_padding
    to_the_last_byte to_the_last_byte_at_realloc to_the_last_byte_at_the_end to_the_last_byte_large to_the_last_byte_resized
}

#[inline(never)]
fn at_free() {
    let block = take!(40); // HERE: at_free born
    spoil(block, 40, 1);
    give!(block, 40); // HERE: at_free call
}

#[inline(never)]
fn to_the_last_byte() {
    for (size, align) in [(1, 1), (7, 1), (40, 8), (41, 8), (100, 64), (4095, 4096)] {
        let block = take!(size, align);
        spoil(block, 0, size);
        give!(block, size, align);
    }
}

#[inline(never)]
fn at_realloc() {
    let block = take!(40); // HERE: at_realloc born
    spoil(block, 40, 1);
    let moved = resize!(block, 40, 80); // HERE: at_realloc call
    give!(moved, 80);
}

#[inline(never)]
fn to_the_last_byte_at_realloc() {
    let block = take!(40);
    spoil(block, 0, 40);
    let moved = resize!(block, 40, 80);
    spoil(moved, 0, 80);
    give!(moved, 80);
}

static KEPT: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// The block lives on in a static.
#[inline(never)]
fn at_the_end() {
    let block = take!(40); // HERE: at_the_end born
    spoil(block, 40, 1);
    let before = KEPT.swap(block, SeqCst);
    if !before.is_null() {
        give!(before, 40);
    }
}

#[inline(never)]
fn to_the_last_byte_at_the_end() {
    let block = take!(40);
    spoil(block, 0, 40);
    let before = KEPT.swap(block, SeqCst);
    if !before.is_null() {
        give!(before, 40);
    }
}

#[inline(never)]
fn far() {
    let block = take!(40); // HERE: far born
    spoil(block, 55, 1);
    give!(block, 40); // HERE: far call
}

#[inline(never)]
fn run_of_bytes() {
    let block = take!(40); // HERE: run_of_bytes born
    spoil(block, 36, 12);
    give!(block, 40); // HERE: run_of_bytes call
}

#[inline(never)]
fn large() {
    let block = take!(20_000); // HERE: large born
    spoil(block, 20_000, 1);
    give!(block, 20_000); // HERE: large call
}

#[inline(never)]
fn huge() {
    let block = take!(3_000_001); // HERE: huge born
    spoil(block, 3_000_001, 1);
    give!(block, 3_000_001); // HERE: huge call
}

#[inline(never)]
fn to_the_last_byte_large() {
    for size in [20_000, 131_072, 3_000_001] {
        let block = take!(size);
        spoil(block, 0, 1);
        spoil(block, size.cast_signed() - 1, 1);
        give!(block, size);
    }
}

#[inline(never)]
fn aligned() {
    let block = take!(100, 64); // HERE: aligned born
    spoil(block, 100, 1);
    give!(block, 100, 64); // HERE: aligned call
}

#[inline(never)]
fn aligned_to_a_page() {
    let block = take!(5000, 4096); // HERE: aligned_to_a_page born
    spoil(block, 5000, 1);
    give!(block, 5000, 4096); // HERE: aligned_to_a_page call
}

#[inline(never)]
fn zeroed() {
    // SAFETY: the size is above zero.
    let block = black_box(unsafe { std::alloc::alloc_zeroed(crate::kit::layout(40, 1)) }); // HERE: zeroed born
    spoil(block, 40, 1);
    give!(block, 40); // HERE: zeroed call
}

/// The bytes that a `realloc` gave up are no longer the block's.
#[inline(never)]
fn resized() {
    let block = take!(40); // HERE: resized born
    let block = resize!(block, 40, 39);
    spoil(block, 39, 1);
    give!(block, 39); // HERE: resized call
}

#[inline(never)]
fn to_the_last_byte_resized() {
    let block = take!(40);
    let block = resize!(block, 40, 39);
    spoil(block, 0, 39);
    let block = resize!(block, 39, 45);
    spoil(block, 0, 45);
    give!(block, 45);
}

/// A loop with one round too many.
#[inline(never)]
fn off_by_one() {
    let mut numbers: Vec<u32> = Vec::with_capacity(black_box(5)); // HERE: off_by_one born
    let data = numbers.as_mut_ptr();
    for number in 0..=numbers.capacity() {
        // SAFETY: none in the last round.
        unsafe { black_box(data).wrapping_add(number).write_volatile(0x4141_4141) };
    }
    drop(black_box(numbers)); // HERE: off_by_one call
}

#[inline(never)]
fn on_another_thread() {
    let block = take!(40); // HERE: on_another_thread born
    let carried = Carried(block);
    let other = thread::spawn(move || spoil(carried.get(), 40, 1));
    other.join().expect("nothing panics");
    give!(block, 40); // HERE: on_another_thread call
}

#[inline(never)]
fn both_sides() {
    let block = take!(40); // HERE: both_sides born
    spoil(block, -1, 42);
    give!(block, 40); // HERE: both_sides call
}

/// Between the block's last byte and the next multiple of its alignment.
#[inline(never)]
fn in_the_padding() {
    let block = take!(41, 16); // HERE: in_the_padding born
    spoil(block, 47, 1);
    give!(block, 41, 16); // HERE: in_the_padding call
}
