//! The questions that every allocator is asked.

use std::alloc::Layout;

use crate::book::{Book, Fit, layout};
use crate::reach::{Candidate, Reach};

/// Gives the names of all questions to a macro.
macro_rules! questions {
    ($to:path) => {
        $to! {
            every_size_at_every_alignment zeros_in_memory_that_was_used blocks_of_no_bytes growing_keeps shrinking_keeps
            the_alignment_may_change frees_in_every_order what_is_too_large_is_refused a_slice_is_good_to_its_end
            many_at_once collections_live_in_it a_list_of_its_own_blocks
        }
    };
}
pub(crate) use questions;

/// From nothing to beyond a page, round every power of two.
const SIZES: &[usize] = &[
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    12,
    15,
    16,
    17,
    24,
    31,
    32,
    33,
    48,
    63,
    64,
    65,
    100,
    127,
    128,
    129,
    255,
    256,
    257,
    511,
    513,
    1000,
    1023,
    1024,
    1025,
    2047,
    2049,
    4095,
    4096,
    4097,
    8191,
    8193,
    20_000,
    65_535,
    65_537,
    1 << 20,
];

/// From 1 to a page, and one beyond.
fn alignments(reach: Reach) -> impl Iterator<Item = usize> {
    (0..=12).chain([16]).map(|power| 1 << power).filter(move |&align| align <= reach.align)
}

fn sizes(reach: Reach) -> impl Iterator<Item = usize> {
    SIZES.iter().copied().filter(move |&size| size <= reach.size)
}

fn layouts(reach: Reach) -> impl Iterator<Item = Layout> {
    alignments(reach).flat_map(move |align| sizes(reach).map(move |size| layout(size, align)))
}

/// A block of every size at every alignment, beside one that stays, and the same as zeros.
pub(crate) fn every_size_at_every_alignment(of: Candidate<'_>) {
    (of.fresh)(&mut |heap| {
        let mut book = Book::new(heap);
        book.allocate(layout(of.reach.size.min(24), 1)).expect("the neighbour");
        for layout in layouts(of.reach) {
            book.allocate(layout).unwrap_or_else(|_| panic!("no block of {layout:?}"));
            book.free(1, Fit::Asked);
            book.allocate_zeroed(layout).unwrap_or_else(|_| panic!("no zeros of {layout:?}"));
            book.free(1, Fit::Asked);
        }
        book.free_all();
    });
}

/// Zeros are asked for where something else was written before.
pub(crate) fn zeros_in_memory_that_was_used(of: Candidate<'_>) {
    (of.fresh)(&mut |heap| {
        let mut book = Book::new(heap);
        for size in sizes(of.reach).filter(|&size| size <= 20_000) {
            for align in [1, 16, 256].into_iter().filter(|&align| align <= of.reach.align) {
                for _ in 0..3 {
                    book.allocate(layout(size, align)).expect("a block to write to");
                }
                book.free(1, Fit::Asked);
                book.free_all();
                for _ in 0..4 {
                    book.allocate_zeroed(layout(size, align)).expect("zeros");
                }
                book.free_all();
            }
        }
    });
}

/// A request of no bytes, given back, grown from and shrunk to.
pub(crate) fn blocks_of_no_bytes(of: Candidate<'_>) {
    (of.fresh)(&mut |heap| {
        let mut book = Book::new(heap);
        let some = of.reach.size.min(100);
        for align in alignments(of.reach) {
            let (none, some) = (layout(0, align), layout(some, align));
            for zeroed in [false, true] {
                book.allocate(none).expect("no bytes");
                book.allocate_zeroed(none).expect("no zeros");
                book.grow(0, Fit::Asked, none, zeroed).expect("from nothing to nothing");
                book.shrink(0, Fit::Asked, layout(0, 1)).expect("less than nothing, aligned otherwise");
                book.grow(0, Fit::Asked, some, zeroed).expect("from nothing to something");
                book.grow(0, Fit::Asked, some, zeroed).expect("the other one");
                book.shrink(0, Fit::Asked, none).expect("from something to nothing");
                book.check();
                book.free_all();
            }
        }
        assert_eq!(book.len(), 0);
    });
}

/// Step by step from one byte on: with nothing behind the block, and with another one, so that it has to move.
pub(crate) fn growing_keeps(of: Candidate<'_>) {
    for align in [1, 8, 64, 4096].into_iter().filter(|&align| align <= of.reach.align) {
        for (between, zeroed) in [(false, false), (false, true), (true, false), (true, true)] {
            (of.fresh)(&mut |heap| {
                let mut book = Book::new(heap);
                book.allocate(layout(1, align)).expect("the first byte");
                for size in sizes(of.reach).skip(2).filter(|&size| size <= 70_000) {
                    let growing = book.len() - 1;
                    book.grow(growing, Fit::Asked, layout(size, align), zeroed).expect("room to grow");
                    book.check();
                    if between {
                        book.allocate(layout(1, 1)).expect("a byte behind it");
                        let last = book.len() - 1;
                        book.swap(growing, last);
                    }
                }
                book.free_all();
            });
        }
    }
}

/// Step by step down to one byte, with and without a block behind it.
pub(crate) fn shrinking_keeps(of: Candidate<'_>) {
    for align in [1, 8, 64, 4096].into_iter().filter(|&align| align <= of.reach.align) {
        for between in [false, true] {
            (of.fresh)(&mut |heap| {
                let mut book = Book::new(heap);
                let mut steps: Vec<usize> = sizes(of.reach).skip(1).filter(|&size| size <= 70_000).collect();
                book.allocate(layout(steps.pop().expect("a size"), align)).expect("a large block");
                while let Some(size) = steps.pop() {
                    let shrinking = book.len() - 1;
                    book.shrink(shrinking, Fit::Asked, layout(size, align)).expect("room to shrink");
                    book.check();
                    if between {
                        book.allocate(layout(1, 1)).expect("a byte behind it");
                        let last = book.len() - 1;
                        book.swap(shrinking, last);
                    }
                }
                book.free_all();
            });
        }
    }
}

/// Both ways of changing a size, and the same size again, with every other alignment.
pub(crate) fn the_alignment_may_change(of: Candidate<'_>) {
    let (small, large) = (of.reach.size.min(40), of.reach.size.min(5000));
    (of.fresh)(&mut |heap| {
        let mut book = Book::new(heap);
        for from in alignments(of.reach) {
            for to in alignments(of.reach) {
                for zeroed in [false, true] {
                    book.allocate(layout(small, from)).expect("a small one");
                    book.grow(0, Fit::Asked, layout(large, to), zeroed).expect("larger");
                    book.grow(0, Fit::Asked, layout(large, from), zeroed).expect("as large, aligned as before");
                    book.shrink(0, Fit::Asked, layout(large, to)).expect("as small, aligned otherwise");
                    book.shrink(0, Fit::Asked, layout(small, from)).expect("smaller");
                    book.free(0, Fit::Asked);
                }
            }
        }
    });
}

/// Five blocks of five shapes, given back in each of the 120 orders; the others are looked at after each.
pub(crate) fn frees_in_every_order(of: Candidate<'_>) {
    let shapes = [(24, 8), (1, 1), (200, 64), (48, 16), (4096, 4096)];
    let shapes = shapes.map(|(size, align)| layout(of.reach.size.min(size), of.reach.align.min(align)));
    let all = |order: &[usize]| {
        (of.fresh)(&mut |heap| {
            let mut book = Book::new(heap);
            for shape in shapes {
                book.allocate(shape).expect("one of five");
            }
            let mut left: Vec<usize> = (0..shapes.len()).collect();
            for block in order {
                let index = left.iter().position(|left| left == block).expect("each comes once");
                left.swap_remove(index);
                book.free(index, Fit::Asked);
                book.check();
            }
            for shape in shapes {
                book.allocate_zeroed(shape).expect("and again");
            }
            book.free_all();
        });
    };
    orders(&mut [0, 1, 2, 3, 4], 0, &all);
}

/// Calls with every order of what stands from `fixed` on.
fn orders(of: &mut [usize], fixed: usize, call: &dyn Fn(&[usize])) {
    if fixed == of.len() {
        return call(of);
    }
    for next in fixed..of.len() {
        of.swap(fixed, next);
        orders(of, fixed + 1, call);
        of.swap(fixed, next);
    }
}

/// The largest sizes that a layout can have, at every alignment, by every call: an error, and nothing has changed.
pub(crate) fn what_is_too_large_is_refused(of: Candidate<'_>) {
    (of.fresh)(&mut |heap| {
        let mut book = Book::new(heap);
        let kept = layout(of.reach.size.min(64), of.reach.align.min(16));
        book.allocate(kept).expect("a block that stays");
        for align in (0..=16).map(|power| 1 << power) {
            let largest = (isize::MAX as usize + 1) - align;
            for size in [largest, largest - 1, largest - 4096, largest / 2] {
                let absurd = layout(size, align);
                assert!(book.allocate(absurd).is_err(), "{absurd:?}");
                assert!(book.allocate_zeroed(absurd).is_err(), "zeroed, {absurd:?}");
                assert!(book.grow(0, Fit::Asked, absurd, false).is_err(), "grown to {absurd:?}");
                assert!(book.grow(0, Fit::Asked, absurd, true).is_err(), "grown with zeros to {absurd:?}");
            }
            book.check();
        }
        book.allocate(kept).expect("it works as before");
        book.free_all();
    });
}

/// Whatever length the slice has: all of it is grown, shrunk, and given back.
pub(crate) fn a_slice_is_good_to_its_end(of: Candidate<'_>) {
    (of.fresh)(&mut |heap| {
        let mut book = Book::new(heap);
        for size in [1, 3, 8, 13, 100, 1000, 5000].into_iter().filter(|&size| size <= of.reach.size) {
            for align in [1, 8, 128, 4096].into_iter().filter(|&align| align <= of.reach.align) {
                let shape = layout(size, align);
                book.allocate(shape).expect("a block");
                book.allocate_zeroed(shape).expect("zeros");
                book.free(0, Fit::Room);
                for zeroed in [true, false] {
                    let room = book.room(0);
                    let more = layout((2 * room).min(of.reach.size.max(room)), align);
                    book.grow(0, Fit::Room, more, zeroed).expect("a larger one");
                }
                book.shrink(0, Fit::Room, layout(size, align)).expect("a smaller one");
                book.free(0, Fit::Room);
            }
        }
    });
}

/// A thousand blocks at a time; every second goes, others come, and all are what they were.
pub(crate) fn many_at_once(of: Candidate<'_>) {
    let shape = |nth: usize| {
        let (size, align) = (nth * 37 % 211 + 1, 1 << (nth % 7));
        layout(of.reach.size.min(size), of.reach.align.min(align))
    };
    (of.fresh)(&mut |heap| {
        let mut book = Book::new(heap);
        for nth in 0..600 {
            book.allocate(shape(nth)).expect("one of many");
        }
        for index in (0..book.len()).rev().step_by(2) {
            book.free(index, Fit::Asked);
        }
        book.check();
        for nth in 0..300 {
            book.allocate_zeroed(shape(3 * nth)).expect("another one");
            let larger = layout(of.reach.size.min(400), book.layout(nth).align());
            book.grow(nth, Fit::Asked, larger, nth % 2 == 0).expect("a larger one");
        }
        book.check();
        book.free_all();
    });
}

/// Two vectors and a box of each generation of allocator-api2, which ask by its traits.
pub(crate) fn collections_live_in_it(of: Candidate<'_>) {
    macro_rules! generation {
        ($api:ident) => {
            (of.fresh)(&mut |heap| {
                let mut numbers = $api::vec::Vec::new_in(heap);
                let mut texts = $api::vec::Vec::new_in(heap);
                let full = (0..200_u64).position(|n| {
                    if numbers.try_reserve(1).is_err() || texts.try_reserve(1).is_err() {
                        return true;
                    }
                    numbers.push(n);
                    texts.push(n as u8);
                    false
                });
                assert!(full.is_none() || of.reach.size < 2000, "no memory for number {full:?}");
                numbers.truncate(20);
                numbers.shrink_to_fit();
                assert!(numbers.iter().copied().eq(0..numbers.len() as u64));
                assert!(texts.iter().copied().eq(0..texts.len() as u8));
                let one = $api::boxed::Box::try_new_in(7_u8, heap).expect("a byte");
                assert_eq!(*one, 7);
            })
        };
    }
    generation!(allocator_api2_02);
    generation!(allocator_api2_03);
    generation!(allocator_api2_04);
}

/// A list of boxes grows a hundredfold and shrinks to nothing in the allocator that the boxes are in.
pub(crate) fn a_list_of_its_own_blocks(of: Candidate<'_>) {
    use allocator_api2_04::{boxed::Box, vec::Vec};

    if !of.reach.serves(layout(20_000 * size_of::<usize>() * 3, align_of::<usize>())) {
        return;
    }
    (of.fresh)(&mut |heap| {
        let mut list = Vec::with_capacity_in(100, heap);
        list.extend((0..100).map(|n| Box::new_in(n, heap)));
        list.reserve_exact(20_000 - list.len());
        assert!(list.iter().map(|n| **n).eq(0..100));
        list.truncate(7);
        for size in [50, 25, 7] {
            list.shrink_to(size);
            assert!(list.iter().map(|n| **n).eq(0..7), "shrunk to {size}");
        }
        list.clear();
        list.shrink_to_fit();
        list.reserve_exact(10);
        list.extend((0..10).map(|n| Box::new_in(n, heap)));
        assert!(list.iter().map(|n| **n).eq(0..10));
    });
}
