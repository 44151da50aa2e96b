//! What a block holds before anybody has written to it.

use std::alloc::alloc_zeroed;
use std::hint::black_box;

use crate::kit::{bodies, give, layout, pass_the_time, peek, spoil, take};

bodies! { counter_without_a_start counter_from_zero zeroed_is_zero new_shows_its_pattern }

/// Counts up from whatever the memory holds, which is zero often enough.
#[inline(never)]
fn counter_without_a_start() {
    let block = take!(40);
    let count = u32::from_ne_bytes([0, 1, 2, 3].map(|at| peek(block, at))).wrapping_add(1);
    give!(block, 40);
    assert_eq!(count, 1, "one was counted"); // HERE: wrong answer
}

#[inline(never)]
fn counter_from_zero() {
    // SAFETY: the size is above zero.
    let block = black_box(unsafe { alloc_zeroed(layout(40, 1)) });
    let count = u32::from_ne_bytes([0, 1, 2, 3].map(|at| peek(block, at))).wrapping_add(1);
    give!(block, 40);
    assert_eq!(count, 1, "one was counted");
}

const SIZES: [usize; 9] = [1, 7, 40, 1000, 4095, 5000, 20_000, 131_072, 1_000_000];

/// Where something else stood before too.
#[inline(never)]
fn zeroed_is_zero() {
    for round in 0..3 {
        for size in SIZES {
            // SAFETY: the size is above zero.
            let block = black_box(unsafe { alloc_zeroed(layout(size, 1)) });
            assert!((0..size).all(|at| peek(block, at) == 0), "{size} bytes in round {round}");
            spoil(block, 0, size);
            give!(block, size);
        }
        pass_the_time();
    }
}

#[inline(never)]
fn new_shows_its_pattern() {
    for round in 0..3 {
        for size in [1, 7, 40, 1000, 4000] {
            let block = take!(size);
            assert!((0..size).all(|at| peek(block, at) == 0xAA), "{size} bytes in round {round}");
            spoil(block, 0, size);
            give!(block, size);
        }
        pass_the_time();
    }
}
