//! A block is written after it was freed.

use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::thread;

use crate::kit::{Carried, bodies, give, pass_the_time, resize, spoil, take};

bodies! {
    at_the_end on_eviction old_pointer freed_by_another_thread last_byte all_of_it large long_large huge huge_read
    freed_by_a_thread_that_goes_on before_the_free new_pointer before_the_free_elsewhere before_the_free_large
}

#[inline(never)]
fn at_the_end() {
    let block = take!(40); // HERE: at_the_end born
    give!(block, 40); // HERE: at_the_end freed
    spoil(block, 3, 1);
}

#[inline(never)]
fn before_the_free() {
    let block = take!(40);
    spoil(block, 3, 1);
    give!(block, 40);
}

#[inline(never)]
fn on_eviction() {
    let block = take!(40); // HERE: on_eviction born
    give!(block, 40); // HERE: on_eviction freed
    spoil(block, 3, 1);
    pass_the_time();
}

#[inline(never)]
fn old_pointer() {
    let block = take!(40); // HERE: old_pointer born
    let moved = resize!(block, 40, 30_000); // HERE: old_pointer freed
    spoil(block, 0, 8);
    give!(moved, 30_000);
}

#[inline(never)]
fn new_pointer() {
    let block = take!(40);
    spoil(block, 0, 8);
    let moved = resize!(block, 40, 30_000);
    spoil(moved, 0, 8);
    give!(moved, 30_000);
}

#[inline(never)]
fn freed_by_another_thread() {
    let block = take!(43); // HERE: freed_by_another_thread born
    #[inline(never)]
    fn work(carried: Carried) {
        give!(carried.get(), 43); // HERE: freed_by_another_thread freed
    }
    let carried = Carried(block);
    let other = thread::spawn(move || work(carried));
    other.join().expect("nothing panics");
    spoil(block, 39, 1);
}

/// Nothing waits for that thread: it is inside a sleep when the run is over.
#[inline(never)]
fn freed_by_a_thread_that_goes_on() {
    #[inline(never)]
    fn work(block: *mut u8) {
        give!(block, 44); // HERE: freed_by_a_thread_that_goes_on freed
    }
    /// Frees what it is handed, as long as the process lives.
    extern "C" fn free_for_ever(_: *mut libc::c_void) -> *mut libc::c_void {
        loop {
            let block = HANDED.load(Ordering::Acquire);
            if block.is_null() {
                thread::sleep(std::time::Duration::from_micros(50));
            } else {
                work(block);
                HANDED.store(ptr::null_mut(), Ordering::Release);
            }
        }
    }
    static HANDED: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
    static START: Once = Once::new();
    START.call_once(|| {
        let mut thread = 0;
        // SAFETY: the function is one for threads, and takes nothing.
        let told = unsafe { libc::pthread_create(&raw mut thread, ptr::null(), free_for_ever, ptr::null_mut()) };
        assert_eq!(told, 0);
    });
    let block = take!(44); // HERE: freed_by_a_thread_that_goes_on born
    HANDED.store(block, Ordering::Release);
    while !HANDED.load(Ordering::Acquire).is_null() {
        thread::yield_now();
    }
    spoil(block, 40, 1);
}

#[inline(never)]
fn before_the_free_elsewhere() {
    let block = take!(40);
    spoil(block, 39, 1);
    let carried = Carried(block);
    let other = thread::spawn(move || give!(carried.get(), 40));
    other.join().expect("nothing panics");
}

#[inline(never)]
fn last_byte() {
    let block = take!(40); // HERE: last_byte born
    give!(block, 40); // HERE: last_byte freed
    spoil(block, 39, 1);
}

#[inline(never)]
fn all_of_it() {
    let block = take!(3); // HERE: all_of_it born
    give!(block, 3); // HERE: all_of_it freed
    spoil(block, 0, 3);
}

#[inline(never)]
fn large() {
    let block = take!(20_000); // HERE: large born
    give!(block, 20_000); // HERE: large freed
    spoil(block, 10_000, 1);
}

/// Large blocks leave the quarantine sooner.
#[inline(never)]
fn long_large() {
    let block = take!(20_000); // HERE: long_large born
    give!(block, 20_000); // HERE: long_large freed
    spoil(block, 19_999, 1);
    let others = [(); 40].map(|()| take!(20_000));
    for other in others {
        give!(other, 20_000);
    }
}

#[inline(never)]
fn before_the_free_large() {
    let block = take!(20_000);
    spoil(block, 10_000, 1);
    give!(block, 20_000);
}

#[inline(never)]
fn huge() {
    let block = take!(1_000_000); // HERE: huge born
    give!(block, 1_000_000); // HERE: huge freed
    // SAFETY: none: the block is gone.
    unsafe { std::hint::black_box(block).add(500_000).write_volatile(1) }; // HERE: huge call
}

#[inline(never)]
fn huge_read() {
    let block = take!(1_000_000); // HERE: huge_read born
    give!(block, 1_000_000); // HERE: huge_read freed
    // SAFETY: none: the block is gone.
    std::hint::black_box(unsafe { std::hint::black_box(block).add(500_000).read_volatile() }); // HERE: huge_read call
}
