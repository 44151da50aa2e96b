//! A pointer that no allocation gave out is given back.

use std::cell::UnsafeCell;
use std::ptr;

use crate::kit::{bodies, give, peek, resize, take};

bodies! {
    inside one_past_the_end before never_given_out inside_freed resized_inside stack static_variable constant thread_local near_null
    null of_malloc of_mmap of_munmap never_set read_after_free read_beside
    begins taken_from_the_end malloc_and_free map_and_unmap set_and_read
}

#[inline(never)]
fn inside() {
    let block = take!(40); // HERE: inside born
    give!(block.wrapping_add(8), 40); // HERE: inside call
    give!(block, 40);
}

#[inline(never)]
fn begins() {
    let block = take!(40);
    give!(block.wrapping_add(8).wrapping_sub(8), 40);
}

#[inline(never)]
fn one_past_the_end() {
    let block = take!(40); // HERE: one_past_the_end born
    give!(block.wrapping_add(40), 40); // HERE: one_past_the_end call
    give!(block, 40);
}

#[inline(never)]
fn taken_from_the_end() {
    let block = take!(40);
    let end = block.wrapping_add(40);
    give!(end.wrapping_sub(40), 40);
}

#[inline(never)]
fn before() {
    let block = take!(40); // HERE: before born
    give!(block.wrapping_sub(8), 40); // HERE: before call
    give!(block, 40);
}

/// The slot is there, and no block has ever stood in it.
#[inline(never)]
fn never_given_out() {
    let block = take!(100_000);
    give!(block.wrapping_add(1 << 34), 40); // HERE: never_given_out call
    give!(block, 100_000);
}

#[inline(never)]
fn inside_freed() {
    let block = take!(40); // HERE: inside_freed born
    give!(block, 40); // HERE: inside_freed freed
    give!(block.wrapping_add(16), 24); // HERE: inside_freed call
}

#[inline(never)]
fn resized_inside() {
    let block = take!(40); // HERE: resized_inside born
    let other = resize!(block.wrapping_add(1), 39, 80); // HERE: resized_inside call
    give!(other, 80);
    give!(block, 40);
}

#[inline(never)]
fn stack() {
    let mut local = [0_u8; 40];
    give!(local.as_mut_ptr(), 40); // HERE: stack call
}

struct Shared(UnsafeCell<[u8; 40]>);

// SAFETY: nobody looks at it.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared(UnsafeCell::new([1; 40]));
static CONSTANT: [u8; 40] = [2; 40];

#[inline(never)]
fn static_variable() {
    give!(SHARED.0.get().cast::<u8>(), 40); // HERE: static_variable call
}

#[inline(never)]
fn constant() {
    give!(CONSTANT.as_ptr().cast_mut(), 40); // HERE: constant call
}

#[inline(never)]
fn thread_local() {
    std::thread_local!(static LOCAL: UnsafeCell<[u8; 40]> = const { UnsafeCell::new([3; 40]) });
    let at = LOCAL.with(|local| local.get().cast::<u8>());
    give!(at, 40); // HERE: thread_local call
}

#[inline(never)]
fn near_null() {
    give!(ptr::without_provenance_mut::<u8>(24), 40); // HERE: near_null call
}

#[inline(never)]
fn null() {
    give!(ptr::null_mut::<u8>(), 40); // HERE: null call
}

#[inline(never)]
fn of_malloc() {
    // SAFETY: no pointer is involved.
    let block = unsafe { libc::malloc(40) }.cast::<u8>();
    give!(block, 40); // HERE: of_malloc call
}

#[inline(never)]
fn malloc_and_free() {
    // SAFETY: C's block goes back to C.
    unsafe { libc::free(std::hint::black_box(libc::malloc(40))) };
}

fn map() -> *mut u8 {
    let (readable, private) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, wherever the system has room.
    let at = unsafe { libc::mmap(ptr::null_mut(), 8192, readable, private, -1, 0) };
    assert_ne!(at, libc::MAP_FAILED, "the system has two pages");
    std::hint::black_box(at.cast())
}

fn unmap(at: *mut u8) {
    // SAFETY: made by `map`.
    assert_eq!(unsafe { libc::munmap(at.cast(), 8192) }, 0, "it was mapped");
}

#[inline(never)]
fn of_mmap() {
    let at = map();
    give!(at, 8192); // HERE: of_mmap call
}

#[inline(never)]
fn of_munmap() {
    let at = map();
    unmap(at);
    give!(at, 8192); // HERE: of_munmap call
}

/// Eight bytes, whatever they are.
fn word(block: *mut u8, at: usize) -> *mut u8 {
    let bytes = [0, 1, 2, 3, 4, 5, 6, 7].map(|byte| peek(block, at + byte));
    ptr::with_exposed_provenance_mut(usize::from_ne_bytes(bytes))
}

#[inline(never)]
fn never_set() {
    let block = take!(40);
    give!(word(block, 16), 24); // HERE: never_set call
    give!(block, 40);
}

#[inline(never)]
fn read_after_free() {
    let block = take!(40);
    give!(block, 40);
    // The second element of what it points to.
    give!(word(block, 8).wrapping_add(24), 24); // HERE: read_after_free call
}

#[inline(never)]
fn read_beside() {
    let block = take!(40);
    let held = resize!(word(block, 40), 24, 48); // HERE: read_beside call
    give!(held, 48);
    give!(block, 40);
}

#[inline(never)]
fn set_and_read() {
    let (block, held) = (take!(40), take!(24));
    for (at, byte) in held.expose_provenance().to_ne_bytes().into_iter().enumerate() {
        // SAFETY: a byte of the block.
        unsafe { block.wrapping_add(16 + at).write_volatile(byte) };
    }
    give!(word(block, 16), 24);
    give!(block, 40);
}

#[inline(never)]
fn map_and_unmap() {
    unmap(map());
}
