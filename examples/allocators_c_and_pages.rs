//! Memory from C, and memory from the system: `cargo run --example allocators_c_and_pages`.
//!
//! C's allocator is the fast one without checks, and its blocks can cross over to C code. Pages come from the system directly: a large
//! block costs nothing until it is touched, and behind a small one stands a page that nobody may touch, so whoever reads one byte too
//! far dies at that instruction.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use std::hint::black_box;

use allocator_api2_02::collections::TryReserveError;
use allocator_api2_02::vec::Vec;
use oomsweep::Sweep;
use oomsweep::heap::{CAllocator, Guard, PageAllocator};

fn main() {
    #[cfg(target_os = "linux")]
    {
        println!("C made a text of {:?}, and a Vec took it over: {:?}", c"malloc", crossing::from_c(c"malloc"));
        println!("A Vec made room, and C took it over: {} bytes", crossing::to_c(3));
    }

    let mut table: Vec<u64, _> = Vec::new_in(PageAllocator::new().guard(Guard::None));
    table.try_reserve_exact(1 << 27).expect("a gigabyte of addresses");
    table.push(7);
    println!("A table with room for {} numbers holds {}.\n", table.capacity(), table.len());

    println!("A reader that goes one byte too far, over C's allocator and over pages:\n");
    println!("{}", Sweep::new("reads_over_c").leaks_only().run(|| drop(sum_and_one_more(CAllocator))));
    println!("{}", Sweep::new("reads_over_pages").leaks_only().run(|| drop(sum_and_one_more(PageAllocator::new()))));
}

/// Blocks that one side gives out and the other takes back; where `CAllocator` is C's.
#[cfg(target_os = "linux")]
mod crossing {
    use std::ffi::{CStr, c_char};

    use allocator_api2_02::boxed::Box;
    use allocator_api2_02::vec::Vec;
    use oomsweep::heap::CAllocator;

    /// A text of C's becomes a `Vec`, which frees it.
    pub(super) fn from_c(text: &CStr) -> String {
        // SAFETY: `strdup` returns a block of C's `malloc`, of the text and its zero.
        let bytes = unsafe {
            let copy: *mut c_char = libc::strdup(text.as_ptr());
            assert!(!copy.is_null(), "memory");
            let len = text.count_bytes() + 1;
            Vec::from_raw_parts_in(copy.cast::<u8>(), len, len, CAllocator)
        };
        String::from_utf8_lossy(&bytes[..text.count_bytes()]).into_owned()
    }

    /// A block of ours goes to C's `free`.
    pub(super) fn to_c(len: u8) -> usize {
        let mut bytes = Vec::new_in(CAllocator);
        bytes.extend(0..len);
        let boxed: Box<[u8], CAllocator> = bytes.into_boxed_slice();
        let raw = Box::into_raw(boxed);
        // SAFETY: C's allocator gave it out, and nobody else frees it.
        unsafe { libc::free(raw.cast()) };
        raw.len()
    }
}

/// Adds up some bytes, and one that is not there.
fn sum_and_one_more(heap: impl allocator_api2_02::alloc::Allocator) -> Result<u32, TryReserveError> {
    let mut bytes = Vec::new_in(heap);
    bytes.try_reserve_exact(16)?;
    bytes.extend([1_u8; 16]);
    let first = black_box(bytes.as_ptr());
    // SAFETY: none: the last byte lies behind the block.
    Ok((0..=16).map(|at| u32::from(unsafe { first.add(at).read() })).sum())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::crossing::{from_c, to_c};

    #[test]
    fn blocks_cross_over() {
        assert_eq!(from_c(c"to be"), "to be");
        assert_eq!(to_c(200), 200);
    }
}
