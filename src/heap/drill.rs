//! What every allocator is asked in its tests, and a backing allocator that keeps an account and refuses when it is told to.

use std::alloc::{Layout, System};
use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::OnceLock;

use proptest::prelude::*;

use super::{AllocError, Allocator};

/// A backing allocator that knows its blocks, and refuses the request with a certain number.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// The blocks that are there: where, and by which layout.
    pub(super) blocks: RefCell<Vec<(usize, Layout)>>,
    /// How many requests there were.
    pub(super) asked: Cell<usize>,
    /// Which of them is refused, counted from 0.
    pub(super) refused: Cell<Option<usize>>,
}

impl Watched {
    /// One that refuses the request with this number.
    pub(super) fn refusing(at: impl Into<Option<usize>>) -> Watched {
        let watched = Watched::default();
        watched.refused.set(at.into());
        watched
    }

    /// Sizes of the blocks that are there, in the order in which they were asked for.
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.blocks.borrow().iter().map(|(_, layout)| layout.size()).collect()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let left = self.sizes();
            assert!(left.is_empty(), "the backing allocator never had these back: {left:?}");
        }
    }
}

// SAFETY: every block is the system's; the account is kept beside it.
unsafe impl Allocator for Watched {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let number = self.asked.replace(self.asked.get() + 1);
        if self.refused.get() == Some(number) {
            return Err(AllocError);
        }
        let block = System.allocate(layout)?;
        // SAFETY: it is new. No zeros, so that nobody takes them for granted.
        unsafe { block.cast::<u8>().write_bytes(0xA5, usize::min(block.len(), 1 << 16)) };
        self.blocks.borrow_mut().push((block.addr().get(), layout));
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let known = self.blocks.borrow().iter().position(|known| *known == (block.addr().get(), layout));
        self.blocks.borrow_mut().remove(known.expect("a block of this allocator, and its layout"));
        // SAFETY: by the caller's obligations.
        unsafe { System.deallocate(block, layout) };
    }
}

/// A block with something in it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) at: NonNull<u8>,
    pub(super) layout: Layout,
    seed: u8,
}

pub(super) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a layout")
}

impl Held {
    /// Takes a block and fills it.
    pub(super) fn take(from: &dyn Allocator, layout: Layout, seed: u8) -> Result<Held, AllocError> {
        let block = from.allocate(layout)?;
        let mut held = Held { at: block.cast(), layout, seed };
        held.must_be_in_order(block);
        held.fill(seed);
        Ok(held)
    }

    pub(super) fn take_zeroed(from: &dyn Allocator, layout: Layout, seed: u8) -> Result<Held, AllocError> {
        let block = from.allocate_zeroed(layout)?;
        let mut held = Held { at: block.cast(), layout, seed };
        held.must_be_in_order(block);
        assert!(held.bytes().iter().all(|byte| *byte == 0), "zeroed is zero");
        held.fill(seed);
        Ok(held)
    }

    fn must_be_in_order(&self, block: NonNull<[u8]>) {
        assert_eq!(self.at.addr().get() % self.layout.align(), 0, "aligned as {:?}", self.layout);
        assert!(block.len() >= self.layout.size(), "{} bytes for {:?}", block.len(), self.layout);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: it is ours, so long, and was written, by the allocator or by us.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.layout.size()) }
    }

    fn fill(&mut self, seed: u8) {
        self.seed = seed;
        // SAFETY: it is ours, so long, and nobody borrows it; it is written to, and not read.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.at.as_ptr().cast(), self.layout.size()) };
        for chunk in bytes.chunks_mut(PERIOD) {
            chunk.copy_from_slice(pattern(seed, chunk.len()));
        }
    }

    fn must_hold(&self, range: Range<usize>) {
        for chunk in self.bytes()[range].chunks(PERIOD) {
            assert!(chunk == as_bytes(pattern(self.seed, chunk.len())), "what was written is still there, of {self:?}");
        }
    }

    pub(super) fn must_be_whole(&self) {
        self.must_hold(0..self.layout.size());
    }

    /// Gives it another size, checks what was in it, and fills it anew.
    pub(super) fn resize(&mut self, by: &dyn Allocator, new: Layout, zeroed: bool) -> Result<(), AllocError> {
        self.must_be_whole();
        let old = self.layout;
        // SAFETY: it is there, by this layout.
        let moved = unsafe {
            match (new.size() >= old.size(), zeroed) {
                (true, false) => by.grow(self.at, old, new),
                (true, true) => by.grow_zeroed(self.at, old, new),
                (false, _) => by.shrink(self.at, old, new),
            }
        };
        let Ok(moved) = moved else {
            self.must_be_whole();
            return Err(AllocError);
        };
        (self.at, self.layout) = (moved.cast(), new);
        self.must_be_in_order(moved);
        self.must_hold(0..usize::min(old.size(), new.size()));
        if zeroed && new.size() > old.size() {
            assert!(self.bytes()[old.size()..].iter().all(|byte| *byte == 0), "zeroed growth is zero");
        }
        self.fill(self.seed.wrapping_add(1));
        Ok(())
    }

    pub(super) fn give(self, to: &dyn Allocator) {
        self.must_be_whole();
        // SAFETY: it is there, by this layout, and this is the end of it.
        unsafe { to.deallocate(self.at, self.layout) };
    }

    fn range(&self) -> Range<usize> {
        self.at.addr().get()..self.at.addr().get() + self.layout.size()
    }
}

/// A prime number of bytes, so that what is moved by a power of two is no more what it was.
const PERIOD: usize = 4093;

/// What a block with this seed is filled with, as far as the pattern goes before it begins anew.
fn pattern(seed: u8, len: usize) -> &'static [MaybeUninit<u8>] {
    static BYTES: OnceLock<Vec<MaybeUninit<u8>>> = OnceLock::new();
    let mixed = |n: usize| MaybeUninit::new((n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8 | 1);
    let bytes = BYTES.get_or_init(|| (0..PERIOD + 256).map(mixed).collect());
    &bytes[usize::from(seed)..][..len]
}

fn as_bytes(pattern: &[MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: all of them are written.
    unsafe { std::slice::from_raw_parts(pattern.as_ptr().cast(), pattern.len()) }
}

/// Every alignment up to `most`, with sizes round it; in a second round memory is used again that was written to.
pub(super) fn alignments(of: &dyn Allocator, most: usize) {
    for _ in 0..2 {
        for align in (0..).map(|power| 1 << power).take_while(|align| *align <= most) {
            let sizes = [1, 7, align - 1, align, align + 1, 2 * align + 3];
            let mut all: Vec<Held> = Vec::new();
            for size in sizes.into_iter().filter(|size| *size > 0) {
                all.push(Held::take(of, layout(size, align), size as u8).expect("room"));
                all.push(Held::take_zeroed(of, layout(size, align), !size as u8).expect("room"));
            }
            apart(&all);
            all.into_iter().rev().for_each(|held| held.give(of));
        }
    }
}

/// Blocks of no bytes, at every method.
pub(super) fn nothing(of: &dyn Allocator) {
    for align in [1, 16, 4096, 1 << 20] {
        let mut held = Held::take(of, layout(0, align), 1).expect("no bytes need no room");
        Held::take_zeroed(of, layout(0, align), 1).expect("no bytes need no room").give(of);
        held.resize(of, layout(0, 8), true).expect("no bytes need no room");
        held.resize(of, layout(8, 8), true).expect("room");
        held.resize(of, layout(0, align), false).expect("no bytes need no room");
        held.resize(of, layout(8, 8), false).expect("room");
        held.resize(of, layout(0, 1), false).expect("no bytes need no room");
        held.give(of);
    }
}

/// Grown and shrunk, as the last block and as another, with alignments that change.
pub(super) fn sizes_change(of: &dyn Allocator, most: usize) {
    let steps = [
        (24, 8),
        (25, 1),
        (25, 64),
        (600, 8),
        (599, 256),
        (100, 16),
        (3, 1),
        (3, 4),
        (5, 4),
        (most, 32),
        (1, 1),
        (90, 2),
    ];
    for last in [true, false] {
        for zeroed in [true, false] {
            let mut held = Held::take(of, layout(10, 2), 9).expect("room");
            for (size, align) in steps {
                let other = (!last).then(|| Held::take(of, layout(5, 1), 3).expect("room"));
                held.resize(of, layout(size, align), zeroed).expect("room");
                if let Some(other) = other {
                    other.give(of);
                }
            }
            held.give(of);
        }
    }
}

/// A few blocks, given back in every order; those still there stay what they were.
pub(super) fn every_order(of: &dyn Allocator, layouts: &[Layout]) {
    let mut order: Vec<usize> = (0..layouts.len()).collect();
    permutations(&mut order, 0, &mut |order| {
        let take = |(seed, layout): (u8, &Layout)| Some(Held::take(of, *layout, seed).expect("room"));
        let mut all: Vec<Option<Held>> = (1_u8..).zip(layouts).map(take).collect();
        for index in order {
            all[*index].take().expect("once").give(of);
            all.iter().flatten().for_each(Held::must_be_whole);
        }
    });
}

fn permutations(order: &mut Vec<usize>, from: usize, with: &mut dyn FnMut(&[usize])) {
    if from == order.len() {
        return with(order);
    }
    for next in from..order.len() {
        order.swap(from, next);
        permutations(order, from + 1, with);
        order.swap(from, next);
    }
}

fn apart(all: &[Held]) {
    let mut ranges: Vec<Range<usize>> = all.iter().map(Held::range).filter(|range| !range.is_empty()).collect();
    ranges.sort_by_key(|range| range.start);
    for two in ranges.windows(2) {
        assert!(two[0].end <= two[1].start, "{two:?} overlap");
    }
}

/// What is done to an allocator.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Take { layout: Layout, zeroed: bool },
    Give { which: usize },
    Resize { which: usize, layout: Layout, zeroed: bool },
}

/// Steps with blocks of up to so many bytes, and alignments of up to 2 to the power of `most_align`.
pub(super) fn steps(most: usize, most_align: u32) -> impl Strategy<Value = Vec<Step>> {
    let small = prop_oneof![9 => 0..=4_u32, 1 => 0..=most_align];
    let request =
        (prop_oneof![4 => 0..=most / 16, 1 => 0..=most], small).prop_map(|(size, align)| layout(size, 1 << align));
    let step = prop_oneof![
        4 => (request.clone(), any::<bool>()).prop_map(|(layout, zeroed)| Step::Take { layout, zeroed }),
        3 => any::<usize>().prop_map(|which| Step::Give { which }),
        3 => (any::<usize>(), request, any::<bool>()).prop_map(|(which, layout, zeroed)| Step::Resize { which, layout, zeroed }),
    ];
    prop::collection::vec(step, 0..60)
}

/// Takes the steps; after each, every block is there, whole, aligned and apart from the others. Refusals are no mistake. Picks the
/// last block often, for that is where bump allocators differ.
pub(super) fn take_steps(of: &dyn Allocator, steps: &[Step]) {
    let mut all: Vec<Held> = Vec::new();
    let pick = |which: usize, len: usize| if which.is_multiple_of(2) { len - 1 } else { which % len };
    for (seed, step) in (0_u8..=255).cycle().zip(steps) {
        match *step {
            Step::Take { layout, zeroed: false } => all.extend(Held::take(of, layout, seed)),
            Step::Take { layout, zeroed: true } => all.extend(Held::take_zeroed(of, layout, seed)),
            Step::Give { .. } | Step::Resize { .. } if all.is_empty() => {}
            Step::Give { which } => all.remove(pick(which, all.len())).give(of),
            Step::Resize { which, layout, zeroed } => {
                let which = pick(which, all.len());
                // Refused, it is what it was: the call itself has looked.
                let _refused_or_not = all[which].resize(of, layout, zeroed);
            }
        }
        apart(&all);
        all.iter().for_each(Held::must_be_whole);
    }
    all.into_iter().for_each(|held| held.give(of));
}

/// A vector and a box of each allocator-api2, over what `$handle` makes.
macro_rules! collections {
    ($handle:expr) => {
        $crate::heap::drill::collections!(@ allocator_api2_02, $handle);
        $crate::heap::drill::collections!(@ allocator_api2_03, $handle);
        $crate::heap::drill::collections!(@ allocator_api2_04, $handle);
    };
    (@ $api:ident, $handle:expr) => {{
        use $api::{boxed::Box, vec::Vec};
        let mut numbers: Vec<u64, _> = Vec::new_in($handle);
        numbers.extend(0..1000);
        numbers.retain(|number| number % 3 == 0);
        numbers.shrink_to_fit();
        let boxed = Box::new_in([7_u8; 100], $handle);
        numbers.try_reserve(2000).expect("room");
        assert!(numbers.iter().copied().eq((0..1000).step_by(3)));
        assert_eq!(*boxed, [7; 100]);
    }};
}
pub(super) use collections;

/// Whether a type has an auto trait: an inherent constant, where its bound holds, goes before the trait's.
macro_rules! is {
    ($type:ty, $auto:path) => {{
        #[allow(dead_code, reason = "where the auto trait is there, nobody asks for this")]
        trait No {
            const HOLDS: bool = false;
        }
        impl<T: ?Sized> No for T {}
        #[allow(dead_code, reason = "only its type is asked")]
        struct Asked<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized + $auto> Asked<T> {
            #[allow(dead_code, reason = "it is not there for every type")]
            const HOLDS: bool = true;
        }
        <Asked<$type>>::HOLDS
    }};
}
pub(super) use is;
