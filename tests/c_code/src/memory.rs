//! `malloc` and its kin for C code, over Rust's allocator: each of their requests is a point. A block begins with its size, for C
//! does not say it again.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ffi::c_void;
use std::ptr;

/// What stands before each block: its size, and enough more that the block is aligned for anything.
const HEAD: usize = 16;

fn whole(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(HEAD)?, HEAD).ok()
}

/// Writes the size of a block where it stands. Null stays null.
///
/// # Safety
/// `base` is null, or there are `HEAD` bytes to be written and more behind them.
unsafe fn begun(base: *mut u8, size: usize) -> *mut c_void {
    if base.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: by the obligation of this function; the head is aligned for a size.
    unsafe {
        base.cast::<usize>().write(size);
        base.add(HEAD).cast()
    }
}

/// The size of a block that one of these functions gave.
///
/// # Safety
/// `block` is such a block, and not freed.
pub(crate) unsafe fn size_of(block: *mut c_void) -> usize {
    // SAFETY: by the obligation of this function the head stands before it.
    unsafe { block.cast::<u8>().sub(HEAD).cast::<usize>().read() }
}

/// As C's `malloc`.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn rust_malloc(size: usize) -> *mut c_void {
    let Some(layout) = whole(size) else { return ptr::null_mut() };
    // SAFETY: the layout has a size, and the block is as large as it says.
    unsafe { begun(alloc(layout), size) }
}

/// As C's `realloc`.
///
/// # Safety
/// `block` is null or came from these functions and is not freed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn rust_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if block.is_null() {
        return rust_malloc(size);
    }
    // SAFETY: by the obligation of this function.
    let old = unsafe { size_of(block) };
    let (Some(layout), Some(new)) = (whole(old), whole(size)) else { return ptr::null_mut() };
    // SAFETY: the block was made with that layout, and its head is a part of it; on failure it stays as it is.
    unsafe { begun(realloc(block.cast::<u8>().sub(HEAD), layout, new.size()), size) }
}

/// As C's `free`.
///
/// # Safety
/// `block` is null or came from these functions and is not freed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn rust_free(block: *mut c_void) {
    if block.is_null() {
        return;
    }
    // SAFETY: by the obligation of this function.
    unsafe {
        if let Some(layout) = whole(size_of(block)) {
            dealloc(block.cast::<u8>().sub(HEAD), layout);
        }
    }
}
