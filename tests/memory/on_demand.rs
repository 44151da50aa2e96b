//! The body asks for a look at its memory: the damage is there, and the call that would notice it comes later.

use std::hint::black_box;
use std::thread;

use oomsweep::check_memory;

use crate::kit::{Carried, bodies, give, spoil, take};

bodies! {
    behind before after_the_free after_a_free_elsewhere
    between_steps without_a_block
}

#[inline(never)]
fn behind() {
    let block = take!(40); // HERE: behind born
    spoil(block, 40, 2);
    check_memory(); // HERE: behind call
    give!(block, 40);
}

#[inline(never)]
fn before() {
    let block = take!(40); // HERE: before born
    spoil(block, -2, 2);
    check_memory(); // HERE: before call
    give!(block, 40);
}

#[inline(never)]
fn after_the_free() {
    let block = take!(40); // HERE: after_the_free born
    give!(block, 40); // HERE: after_the_free freed
    spoil(block, 5, 2);
    check_memory(); // HERE: after_the_free call
}

#[inline(never)]
fn after_a_free_elsewhere() {
    let block = take!(42); // HERE: after_a_free_elsewhere born
    #[inline(never)]
    fn work(carried: Carried) {
        give!(carried.get(), 42); // HERE: after_a_free_elsewhere freed
    }
    let carried = Carried(block);
    let other = thread::spawn(move || work(carried));
    other.join().expect("nobody panics");
    spoil(block, 5, 2);
    check_memory(); // HERE: after_a_free_elsewhere call
}

#[inline(never)]
fn between_steps() {
    let block = take!(40);
    check_memory();
    spoil(block, 0, 40);
    check_memory();
    let mut numbers: Vec<u32> = (0..100).collect();
    numbers.truncate(black_box(10));
    numbers.shrink_to_fit();
    check_memory();
    give!(block, 40);
    check_memory();
}

#[inline(never)]
fn without_a_block() {
    check_memory();
}
