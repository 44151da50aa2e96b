//! The allocators that are the system's own calls, beside those calls.

use std::alloc::Layout;
use std::hint::black_box;
use std::ptr::{self, NonNull};

use oomsweep::heap::{CAllocator, Guard, PageAllocator};

use super::{NODE, REQUESTS, line, pairs, small, touch};

pub(crate) fn lines() {
    c();
    pages();
}

fn c() {
    let malloc = |layout: fn(usize) -> Layout| {
        move || {
            for request in 0..REQUESTS {
                // SAFETY: a block of C's, freed once.
                unsafe {
                    let block = libc::malloc(layout(request).size());
                    touch(NonNull::new(block.cast()).expect("there is memory"));
                    libc::free(block);
                }
            }
        }
    };
    line("c, pairs of small blocks: malloc and free", || pairs(&CAllocator, small), malloc(small));
    line("c, pairs of one layout: malloc and free", || pairs(&CAllocator, |_| NODE), malloc(|_| NODE));
    line(
        "c, a vector that grows: realloc",
        || {
            let mut numbers = allocator_api2_02::vec::Vec::new_in(CAllocator);
            (0..REQUESTS).for_each(|number| numbers.push(black_box(number)));
        },
        || {
            let (mut block, mut capacity) = (ptr::null_mut::<usize>(), 0);
            for number in 0..REQUESTS {
                // SAFETY: a block of C's that has the room, and is freed once.
                unsafe {
                    if number == capacity {
                        capacity = usize::max(4, 2 * capacity);
                        block = libc::realloc(block.cast(), capacity * size_of::<usize>()).cast();
                        assert!(!block.is_null(), "there is memory");
                    }
                    block.add(number).write(black_box(number));
                }
            }
            // SAFETY: as above.
            unsafe { libc::free(block.cast()) };
        },
    );
}

fn pages() {
    let page = PageAllocator::page_size();
    let three = |_| Layout::from_size_align(3 * page, 8).expect("a layout");
    let bare = PageAllocator::new().guard(Guard::None);
    line("pages without a guard, pairs of 3: mmap and munmap", || pairs(&bare, three), || mapped(3 * page, None));
    let (behind, before) = (PageAllocator::new(), PageAllocator::new().guard(Guard::Before));
    let name = "pages with a guard behind, pairs of 3: the same and mprotect";
    line(name, || pairs(&behind, three), || mapped(4 * page, Some(3 * page)));
    let name = "pages with a guard before, pairs of 3: the same and mprotect";
    line(name, || pairs(&before, three), || mapped(4 * page, Some(0)));
}

/// Maps so many bytes and unmaps them; the page at `guard` is protected in between.
fn mapped(bytes: usize, guard: Option<usize>) {
    let page = PageAllocator::page_size();
    for _ in 0..REQUESTS {
        let (access, how) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a mapping of ours, of which no byte is touched that is protected.
        unsafe {
            let at = libc::mmap(ptr::null_mut(), bytes, access, how, -1, 0);
            assert!(at != libc::MAP_FAILED, "there is memory");
            if let Some(guard) = guard {
                assert_eq!(libc::mprotect(at.byte_add(guard), page, libc::PROT_NONE), 0);
            }
            let skipped = if guard == Some(0) { page } else { 0 };
            touch(NonNull::new(at.cast::<u8>()).expect("a mapping").add(skipped));
            libc::munmap(at, bytes);
        }
    }
}
