//! What a candidate promises to serve, and how one is brought to the exam.

use std::alloc::Layout;
use std::mem::MaybeUninit;

use oomsweep::heap::Allocator;

/// What happens to memory that is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// It can be had again, whatever the order.
    Any,
    /// It can be had again if the last block is given back first, but for what its alignment skipped.
    LastFirst,
    /// Nothing is promised.
    No,
}

/// What a candidate promises.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// The largest size that it serves.
    pub(crate) size: usize,
    /// The largest alignment that it serves.
    pub(crate) align: usize,
    /// What becomes of memory that is given back.
    pub(crate) reuse: Reuse,
    /// Whether every request within its reach succeeds, as long as the exam asks for no more than a few megabytes at a time.
    pub(crate) ample: bool,
}

impl Reach {
    /// All that there is.
    pub(crate) const ALL: Reach = Reach { size: usize::MAX, align: usize::MAX, reuse: Reuse::Any, ample: true };
    /// The same, of an allocator that has one end, at which blocks come and go.
    pub(crate) const ONE_END: Reach = Reach { reuse: Reuse::LastFirst, ..Reach::ALL };
    /// The same, of one of which nothing is promised but that all comes back at its own end.
    pub(crate) const KEEPS: Reach = Reach { reuse: Reuse::No, ..Reach::ALL };
    /// No more than `size` bytes aligned to `align` at a time.
    pub(crate) const fn small(size: usize, align: usize) -> Reach {
        Reach { size, align, ..Reach::ALL }
    }

    /// Whether such a request must succeed.
    pub(crate) fn must(&self, layout: Layout) -> bool {
        self.ample && self.serves(layout)
    }

    /// Whether such a request may be made where the exam builds on its success.
    pub(crate) fn serves(&self, layout: Layout) -> bool {
        layout.size() <= self.size && layout.align() <= self.align
    }
}

/// What is done with an allocator.
pub(crate) type Exam<'e> = &'e mut dyn FnMut(&dyn Allocator);

/// A candidate: how to get a fresh one, and what it promises.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'c> {
    /// Makes a fresh allocator, and lends it to the exam.
    pub(crate) fresh: &'c dyn Fn(Exam<'_>),
    /// What it promises.
    pub(crate) reach: Reach,
}

/// A buffer with room for every question, of which most is never touched.
pub(crate) fn roomy() -> Box<[MaybeUninit<u8>]> {
    Box::new_uninit_slice(64 << 20)
}
