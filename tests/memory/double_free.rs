//! A block that is freed, and freed again.

use std::thread;

use crate::kit::{Carried, bodies, give, pass_the_time, resize, take};

bodies! {
    simple long_after on_another_thread first_on_another_thread old_pointer old_pointer_resized freed_then_resized large
    aligned once once_on_another_thread new_pointer after_reuse
}

#[inline(never)]
fn simple() {
    let block = take!(40); // HERE: simple born
    give!(block, 40); // HERE: simple freed
    give!(block, 40); // HERE: simple call
}

#[inline(never)]
fn once() {
    let block = take!(40);
    give!(block, 40);
}

/// The block has left the quarantine.
#[inline(never)]
fn long_after() {
    let block = take!(200); // HERE: long_after born
    give!(block, 200); // HERE: long_after freed
    pass_the_time();
    give!(block, 200); // HERE: long_after call
}

/// The place has become another block meanwhile, which is freed once.
#[inline(never)]
fn after_reuse() {
    let block = take!(200);
    give!(block, 200);
    pass_the_time();
    for _ in 0..300 {
        let block = take!(200);
        give!(block, 200);
    }
}

#[inline(never)]
fn on_another_thread() {
    let block = take!(40); // HERE: on_another_thread born
    give!(block, 40); // HERE: on_another_thread freed
    #[inline(never)]
    fn work(carried: Carried) {
        give!(carried.get(), 40); // HERE: on_another_thread call
    }
    let carried = Carried(block);
    let other = thread::spawn(move || work(carried));
    other.join().expect("nothing panics");
}

#[inline(never)]
fn first_on_another_thread() {
    let block = take!(41); // HERE: first_on_another_thread born
    #[inline(never)]
    fn work(carried: Carried) {
        give!(carried.get(), 41); // HERE: first_on_another_thread freed
    }
    let carried = Carried(block);
    let other = thread::spawn(move || work(carried));
    other.join().expect("nothing panics");
    give!(block, 41); // HERE: first_on_another_thread call
}

#[inline(never)]
fn once_on_another_thread() {
    let carried = Carried(take!(40));
    let other = thread::spawn(move || give!(carried.get(), 40));
    other.join().expect("nothing panics");
}

#[inline(never)]
fn old_pointer() {
    let block = take!(40); // HERE: old_pointer born
    let moved = resize!(block, 40, 30_000); // HERE: old_pointer freed
    give!(block, 40); // HERE: old_pointer call
    give!(moved, 30_000);
}

#[inline(never)]
fn new_pointer() {
    let block = take!(40);
    let moved = resize!(block, 40, 30_000);
    give!(moved, 30_000);
}

#[inline(never)]
fn old_pointer_resized() {
    let block = take!(40); // HERE: old_pointer_resized born
    let moved = resize!(block, 40, 30_000); // HERE: old_pointer_resized freed
    let again = resize!(block, 40, 50); // HERE: old_pointer_resized call
    give!(again, 50);
    give!(moved, 30_000);
}

#[inline(never)]
fn freed_then_resized() {
    let block = take!(40); // HERE: freed_then_resized born
    give!(block, 40); // HERE: freed_then_resized freed
    let again = resize!(block, 40, 41); // HERE: freed_then_resized call
    give!(again, 41);
}

#[inline(never)]
fn large() {
    let block = take!(1_000_000); // HERE: large born
    give!(block, 1_000_000); // HERE: large freed
    give!(block, 1_000_000); // HERE: large call
}

#[inline(never)]
fn aligned() {
    let block = take!(100, 4096); // HERE: aligned born
    give!(block, 100, 4096); // HERE: aligned freed
    give!(block, 100, 4096); // HERE: aligned call
}
