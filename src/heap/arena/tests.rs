use std::alloc::{Layout, System};

use proptest::prelude::*;

use super::*;
use crate::heap::drill::{self, Held, Step, Watched, collections, is, layout};

fn arena() -> ArenaAllocator<System> {
    ArenaAllocator::new_in(System)
}

#[test]
fn what_every_allocator_does() {
    let arena = arena();
    drill::alignments(&&arena, 16 << 10);
    drill::nothing(&&arena);
    drill::sizes_change(&&arena, 5000);
    for layouts in [[(8, 8); 4], [(1, 1), (100, 64), (3, 2), (2000, 8)]] {
        drill::every_order(&&arena, &layouts.map(|(size, align)| layout(size, align)));
    }
}

#[test]
fn collections_of_each_api() {
    let arena = arena();
    collections!(&arena);
}

#[test]
fn the_last_block_comes_and_goes_in_place() {
    let arena = arena();
    let from = &arena;
    let first = Held::take(&from, layout(10, 1), 1).unwrap();
    let mut second = Held::take(&from, layout(10, 8), 2).unwrap();
    let (start, at) = (first.at, second.at);
    assert_eq!(at.addr().get() - start.addr().get(), 16);
    assert_eq!(arena.used(), 26);
    second.resize(&from, layout(900, 8), true).unwrap();
    assert_eq!((second.at, arena.used()), (at, 916));
    second.resize(&from, layout(20, 4), false).unwrap();
    assert_eq!((second.at, arena.used()), (at, 36));
    second.give(&from);
    assert_eq!(arena.used(), 16);
    let third = Held::take(&from, layout(4, 4), 3).unwrap();
    assert_eq!(third.at, at);
    first.give(&from);
    assert_eq!(arena.used(), 20);
    third.give(&from);
    assert_eq!(arena.used(), 16);
}

#[test]
fn another_block_shrinks_in_place_and_grows_by_moving() {
    let arena = arena();
    let from = &arena;
    let mut first = Held::take(&from, layout(64, 8), 1).unwrap();
    let second = Held::take(&from, layout(64, 8), 2).unwrap();
    let at = first.at;
    first.resize(&from, layout(8, 1), false).unwrap();
    assert_eq!((first.at, arena.used()), (at, 128));
    first.resize(&from, layout(9, 1), false).unwrap();
    assert_eq!((first.at.addr().get(), arena.used()), (second.at.addr().get() + 64, 137));
    first.give(&from);
    second.give(&from);
}

#[test]
fn chunks_double_and_large_requests_fill_theirs() {
    let arena = ArenaAllocator::new_in(Watched::default());
    let from = &arena;
    assert_eq!((arena.capacity(), arena.used(), arena.left()), (0, 0, 0));
    Held::take(&from, layout(1, 1), 1).unwrap();
    assert_eq!(arena.backing().sizes(), [1024]);
    assert_eq!((arena.capacity(), arena.used(), arena.left()), (992, 1, 991));
    Held::take(&from, layout(991, 1), 1).unwrap();
    assert_eq!((arena.used(), arena.left()), (992, 0));
    Held::take(&from, layout(1, 1), 1).unwrap();
    assert_eq!(arena.backing().sizes(), [1024, 2048]);
    assert_eq!((arena.capacity(), arena.used(), arena.left()), (992 + 2016, 993, 2015));
    Held::take(&from, layout(5001, 1), 1).unwrap();
    assert_eq!(arena.backing().sizes(), [1024, 2048, 5008 + 32]);
    // What the second chunk had left is not used any more.
    assert_eq!((arena.used(), arena.left()), (993 + 5001, 7));
    Held::take(&from, layout(20, 4096), 1).unwrap();
    assert_eq!(arena.backing().sizes(), [1024, 2048, 5040, 10080]);
    assert_eq!(arena.backing().blocks.borrow()[3].1.align(), 4096);
    assert_eq!((arena.used(), arena.left()), (993 + 5001 + 20, 10080 - 32 - 20));
}

#[test]
fn chunks_stop_doubling() {
    let arena = ArenaAllocator::with_capacity_in(MOST, System).unwrap();
    Held::take_zeroed(&&arena, layout(MOST, 1), 0).unwrap();
    assert_eq!((arena.capacity(), arena.left()), (MOST, 0));
    Held::take(&&arena, layout(1, 1), 0).unwrap();
    assert_eq!(arena.capacity(), MOST + MOST - OWN);
}

#[test]
fn a_capacity_is_there_before_the_first_request() {
    for (bytes, capacity) in [(0, 0), (1, 16), (16, 16), (1000, 1008)] {
        let arena = ArenaAllocator::with_capacity_in(bytes, Watched::default()).unwrap();
        assert_eq!((arena.capacity(), arena.left(), arena.used()), (capacity, capacity, 0));
        if bytes > 0 {
            Held::take(&&arena, layout(bytes, 16), 1).unwrap();
        }
        assert_eq!(arena.backing().asked.get(), usize::from(bytes > 0));
    }
    for bytes in [usize::MAX, usize::MAX - 15, isize::MAX as usize - 40, isize::MAX as usize] {
        let refused = ArenaAllocator::with_capacity_in(bytes, Watched::default());
        assert_eq!(refused.map(|_| ()), Err(AllocError));
    }
}

#[test]
fn sizes_that_nothing_can_have_are_refused() {
    let arena = ArenaAllocator::new_in(Watched::default());
    let held = Held::take(&&arena, layout(3, 1), 1).unwrap();
    for (size, align) in [(isize::MAX as usize, 1), (isize::MAX as usize - 20, 1), (1 << 62, 1 << 62), (1, 1 << 62)] {
        let layout = layout(size, align);
        assert_eq!((&arena).allocate(layout), Err(AllocError), "{layout:?}");
        assert_eq!((&arena).allocate_zeroed(layout), Err(AllocError), "{layout:?}");
        // SAFETY: it is there, by this layout.
        assert_eq!(unsafe { (&arena).grow(held.at, held.layout, layout) }.map(|_| ()), Err(AllocError));
    }
    assert_eq!((arena.capacity(), arena.used()), (992, 3));
    held.give(&&arena);
}

#[test]
fn a_refusal_at_any_request_leaves_it_valid() {
    let sizes = [10, 2000, 1, 5000, 16, 700, 9000];
    for at in 0..5 {
        let mut arena = ArenaAllocator::new_in(Watched::refusing(at));
        let taken: Vec<_> = sizes.map(|size| Held::take(&&arena, layout(size, 8), size as u8)).into();
        let refused = taken.iter().filter(|taken| taken.is_err()).count();
        assert_eq!(refused, usize::from(at < arena.backing().asked.get()), "{at}");
        taken.iter().flatten().for_each(Held::must_be_whole);
        taken.into_iter().flatten().rev().for_each(|held| held.give(&&arena));
        arena.backing().refused.set(None);
        arena.reset(Keep::Capacity).unwrap();
        assert_eq!((arena.used(), arena.left()), (0, arena.capacity()));
    }
}

#[test]
fn a_reset_merges_the_chunks() {
    let mut arena = ArenaAllocator::new_in(Watched::default());
    let fill = |arena: &ArenaAllocator<Watched>| {
        for size in [1000, 100, 3000, 20] {
            Held::take(&arena, layout(size, 8), 1).unwrap();
        }
    };
    fill(&arena);
    let capacity = arena.capacity();
    assert_eq!(arena.backing().sizes().len(), 3);
    arena.reset(Keep::Capacity).unwrap();
    assert_eq!(arena.backing().sizes(), [capacity + OWN]);
    assert_eq!((arena.capacity(), arena.used(), arena.left()), (capacity, 0, capacity));
    let asked = arena.backing().asked.get();
    for _ in 0..3 {
        fill(&arena);
        arena.reset(Keep::Capacity).unwrap();
        assert_eq!((arena.capacity(), arena.backing().asked.get()), (capacity, asked));
    }
    arena.free_all();
    assert_eq!((arena.capacity(), arena.used(), arena.backing().sizes().len()), (0, 0, 0));
    fill(&arena);
    assert_eq!(arena.capacity(), capacity);
}

#[test]
fn a_reset_keeps_no_more_than_it_should() {
    for (limit, kept) in [(0, 0), (15, 0), (16, 16), (100, 96), (992, 992), (2016, 2016), (3000, 2992), (9999, 3008)] {
        let mut arena = ArenaAllocator::new_in(Watched::default());
        Held::take(&&arena, layout(900, 1), 1).unwrap();
        Held::take(&&arena, layout(900, 1), 1).unwrap();
        assert_eq!(arena.capacity(), 992 + 2016);
        arena.reset(Keep::AtMost(limit)).unwrap();
        assert_eq!((arena.capacity(), arena.used(), arena.left()), (kept, 0, kept), "{limit}");
        assert_eq!(arena.backing().sizes().len(), usize::from(kept > 0));
        // A chunk that has the capacity is kept as it is.
        assert_eq!(arena.backing().asked.get(), if [0, 2016].contains(&kept) { 2 } else { 3 }, "{limit}");
    }
    let mut empty = ArenaAllocator::new_in(Watched::default());
    for keep in [Keep::Nothing, Keep::Capacity, Keep::AtMost(100)] {
        empty.reset(keep).unwrap();
    }
    assert_eq!(empty.backing().asked.get(), 0);
}

#[test]
fn a_refused_reset_keeps_the_largest_chunk() {
    for keep in [Keep::Capacity, Keep::AtMost(50)] {
        let mut arena = ArenaAllocator::new_in(Watched::refusing(3));
        for size in [900, 2000, 100] {
            Held::take(&&arena, layout(size, 1), 1).unwrap();
        }
        assert_eq!(arena.backing().sizes(), [1024, 2048, 4096]);
        assert_eq!(arena.reset(keep), Err(AllocError));
        assert_eq!(arena.backing().sizes(), [4096]);
        assert_eq!((arena.capacity(), arena.used(), arena.left()), (4064, 0, 4064));
        arena.reset(keep).unwrap();
        Held::take(&&arena, layout(4064, 16), 1).unwrap();
    }
}

#[test]
fn what_it_says_of_itself() {
    let arena = arena();
    Held::take(&&arena, layout(5, 1), 1).unwrap();
    assert_eq!(format!("{arena:?}"), "ArenaAllocator { chunks: 1, capacity: 992, used: 5, .. }");
}

#[test]
fn who_may_send_and_share_it() {
    type NotSend = std::rc::Rc<System>;
    assert!(is!(ArenaAllocator<System>, Send) && !is!(ArenaAllocator<NotSend>, Send));
    assert!(!is!(ArenaAllocator<System>, Sync) && !is!(&ArenaAllocator<System>, Send));
}

/// The arena as a list of what it said it does: for each chunk its capacity and what of it is used.
#[derive(Default)]
struct Model {
    chunks: Vec<(usize, usize)>,
}

impl Model {
    /// How a block of a fresh layout comes by its room: where in its chunk, if the chunk begins at a multiple of everything.
    fn take(&mut self, layout: Layout) {
        let start = |used: usize| used.next_multiple_of(layout.align());
        match self.chunks.last_mut() {
            Some((capacity, used)) if start(*used) + layout.size() <= *capacity => *used = start(*used) + layout.size(),
            last => {
                let next = last.map_or(1024, |(capacity, _)| (*capacity + 32) * 2) - 32;
                self.chunks.push((usize::max(next, layout.size().next_multiple_of(16)), layout.size()));
            }
        }
    }

    fn used(&self) -> usize {
        self.chunks.iter().map(|(_, used)| used).sum()
    }

    fn capacity(&self) -> usize {
        self.chunks.iter().map(|(capacity, _)| capacity).sum()
    }
}

proptest! {
    #[test]
    fn any_steps(steps in drill::steps(6000, 13), refused in prop::option::of(0..6_usize), keep in any::<usize>()) {
        let mut arena = ArenaAllocator::new_in(Watched::refusing(refused));
        drill::take_steps(&&arena, &steps);
        let limit = keep % (2 * arena.capacity() + 1);
        let kept = arena.reset(Keep::AtMost(limit));
        prop_assert!(kept.is_err() || arena.capacity() <= limit);
        prop_assert_eq!((arena.used(), arena.left()), (0, arena.capacity()));
        prop_assert_eq!(arena.backing().sizes().iter().map(|size| size - OWN).sum::<usize>(), arena.capacity());
        drill::take_steps(&&arena, &steps);
    }

    #[test]
    fn exactly_as_the_model(steps in drill::steps(6000, 4)) {
        let arena = ArenaAllocator::new_in(Watched::default());
        let mut model = Model::default();
        // The blocks that are there, and the place in the last chunk where each ends if it is in that.
        let mut blocks: Vec<(Held, usize, usize)> = Vec::new();
        for step in &steps {
            match *step {
                Step::Take { layout, .. } if layout.size() > 0 => {
                    let held = Held::take(&&arena, layout, 1).unwrap();
                    model.take(layout);
                    blocks.push((held, model.chunks.len(), model.chunks.last().unwrap().1));
                }
                Step::Give { which } if !blocks.is_empty() => {
                    let (held, chunk, end) = blocks.remove(if which % 2 == 0 { blocks.len() - 1 } else { which % blocks.len() });
                    if chunk == model.chunks.len() && end == model.chunks[chunk - 1].1 {
                        model.chunks[chunk - 1].1 -= held.layout.size();
                    }
                    held.give(&&arena);
                }
                _ => {}
            }
            prop_assert_eq!((arena.used(), arena.capacity()), (model.used(), model.capacity()));
        }
    }
}
