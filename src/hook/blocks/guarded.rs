//! Blocks between pages that nobody can touch: the very instruction that reads or writes beside one, or in one that is freed, ends
//! in a fault.
//!
//! They stand at the far end of the store's range, each in pages of its own, one guard page behind each; the guard before a block
//! is that of the block before it. A block has one exact side: either its end lies as near to the guard behind it as its alignment
//! allows, or it begins at the very page that follows the guard before it. What is left of its pages is filled, and looked at when
//! it is freed, as the zones round other blocks are. Its pages are put out of reach when it is freed, their memory goes back to the
//! system, and no other block ever stands there: whoever touches them later is told which block it was.
//!
//! Not seen as a fault: a system call that is handed such an address comes back with `EFAULT`; and an access that jumps over the
//! guard page may land in another block.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::classes::{SPAN, SPAN_SHIFT};
use super::large::DOUBTFUL;
use super::meta::{FORBIDDEN, FRESH, GUARDED, Meta};
use super::shard::Shard;
use super::span::BY_PAGE;
use super::store::{Family, Store};
use super::zones::{self, FREED};
use crate::sys::pages;

/// The binary logarithm of [`PAGE`].
pub(crate) const PAGE_SHIFT: u32 = 12;
/// The granularity in which pages are put out of reach.
pub(crate) const PAGE: usize = 1 << PAGE_SHIFT;
/// A thread takes so many bytes at once, and puts them out of reach together.
const CHUNK: usize = 4 << 20;
/// Larger blocks take pages of their own.
const APART: usize = CHUNK / 4;
/// An address is looked for so many pages up and down.
const REACH: usize = 64;
/// With so many guarded blocks a process has grown heavy.
const CROWD: usize = 1 << 17;

/// What stands round the blocks that a run makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Placement {
    /// Filled zones.
    Zones = 0,
    /// A guard page, which the block's end touches.
    AtEnd = 1,
    /// A guard page, which the block's beginning touches.
    AtStart = 2,
}

impl Placement {
    /// The ways in which a trial is made: under guard pages both, the one whose journal is kept last.
    pub(crate) fn all(guard_pages: bool) -> &'static [Placement] {
        if guard_pages { &[Placement::AtStart, Placement::AtEnd] } else { &[Placement::Zones] }
    }
}

/// Where guarded blocks stand. All that it counts is counted in one process.
#[repr(C)]
pub(crate) struct Fences {
    /// For each page of the range the number of the meta whose block, or whose guard, lies there.
    by_page: *mut u32,
    /// Everything from here to the range's end, counted from its beginning, is theirs.
    floor: AtomicUsize,
    /// How many live ones there are.
    live: AtomicUsize,
    /// How many there may be.
    most: AtomicUsize,
    /// How many there ever were.
    made: AtomicUsize,
}

impl Fences {
    /// None yet. `by_page`: a word of zeros for each page of the range.
    pub(crate) const fn new(by_page: *mut u32, bytes: usize) -> Fences {
        Fences {
            by_page,
            floor: AtomicUsize::new(bytes & !SPAN.wrapping_sub(1)),
            live: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
        }
    }

    /// Where their part of the range begins.
    pub(crate) fn floor(&self) -> usize {
        self.floor.load(Ordering::SeqCst)
    }

    /// So many may live at once from now on.
    pub(crate) fn admit(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// There were so many that a new process would be quicker.
    pub(crate) fn are_many(&self) -> bool {
        self.made.load(Ordering::Relaxed) > CROWD
    }

    fn enter(&self) -> bool {
        if self.live.fetch_add(1, Ordering::Relaxed) < self.most.load(Ordering::Relaxed) {
            return true;
        }
        self.leave();
        false
    }

    fn leave(&self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What an address is that was touched: which block it belongs to or lies beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touched {
    /// A page of this block, which is freed.
    Freed(*mut Meta),
    /// Behind this block.
    Behind(*mut Meta),
    /// Before this block.
    Before(*mut Meta),
    /// Nothing that is known.
    Nothing,
}

/// The first of a guarded block's own pages, and how many bytes they have.
///
/// # Safety
/// The meta is one of a store's, of a guarded block.
pub(crate) unsafe fn pages_of(meta: *const Meta) -> (usize, usize) {
    // SAFETY: by the obligation of this function.
    let (address, size) = unsafe { ((*meta).address, (*meta).size) };
    let first = address & !PAGE.wrapping_sub(1);
    (first, address.wrapping_add(size).next_multiple_of(PAGE).wrapping_sub(first))
}

impl Store {
    /// Pages for a block between guard pages; its meta has the address, and the mark. Null if there are none, or not so many.
    ///
    /// # Safety
    /// `shard` is the calling thread's and was entered; `align` is a power of two, and the size is not 0.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn take_guarded(&self, shard: *mut Shard, size: usize, align: usize, at: Placement) -> *mut Meta {
        let fits = size < self.bytes && align < self.bytes && (size < DOUBTFUL || pages::would_give(size));
        if !fits || !self.fences.enter() {
            return ptr::null_mut();
        }
        let len = size.next_multiple_of(PAGE);
        // SAFETY: by the obligations of this function; the pages are nobody else's.
        unsafe {
            let first = if len > APART || align > APART {
                self.pages_apart(len, align)
            } else {
                self.pages_together(shard, len, align)
            };
            let (Some(first), Some(number)) = (first, self.new_metas(1, Family::Bodies)) else {
                self.fences.leave();
                return ptr::null_mut();
            };
            let meta = self.meta(number);
            let last = first.wrapping_add(len).wrapping_sub(size) & !align.wrapping_sub(1);
            (*meta).address = if matches!(at, Placement::AtEnd) { last } else { first };
            (*meta).size = size;
            (*meta).span = (first.wrapping_sub(self.base) >> SPAN_SHIFT) as u32;
            (*meta).marks = GUARDED;
            self.enter_pages(first, len, number);
            self.fences.made.fetch_add(1, Ordering::Relaxed);
            meta
        }
    }

    /// The block's pages and the guard behind them lead to its meta.
    fn enter_pages(&self, first: usize, len: usize, number: u32) {
        let mut page = first.wrapping_sub(self.base) >> PAGE_SHIFT;
        let end = page.wrapping_add(len >> PAGE_SHIFT);
        while page <= end {
            // SAFETY: the table has a word for every page of the range.
            unsafe { *self.fences.by_page.wrapping_add(page) = number };
            page = page.wrapping_add(1);
        }
    }

    /// Pages behind the thread's last ones.
    ///
    /// # Safety
    /// As for [`take_guarded`](Store::take_guarded).
    unsafe fn pages_together(&self, shard: *mut Shard, len: usize, align: usize) -> Option<usize> {
        // SAFETY: by the obligation of this function.
        unsafe {
            let step = usize::max(align, PAGE);
            let mut first = (*shard).guarded_next.next_multiple_of(step);
            if first.wrapping_add(len).wrapping_add(PAGE) > (*shard).guarded_end || first == 0 {
                let chunk = self.new_chunk(CHUNK)?;
                if !pages::forbid(chunk, CHUNK) {
                    return None;
                }
                (*shard).guarded_end = chunk.wrapping_add(CHUNK);
                first = chunk.wrapping_add(PAGE).next_multiple_of(step);
            }
            (*shard).guarded_next = first.wrapping_add(len).wrapping_add(PAGE);
            pages::allow(first, len).then_some(first)
        }
    }

    /// Pages for one block alone: only what lies round them is put out of reach.
    ///
    /// # Safety
    /// As for [`take_guarded`](Store::take_guarded).
    unsafe fn pages_apart(&self, len: usize, align: usize) -> Option<usize> {
        let step = usize::max(align, PAGE);
        let bytes = len.checked_add(step)?.checked_add(PAGE)?.checked_next_multiple_of(SPAN)?;
        let chunk = self.new_chunk(bytes)?;
        let first = chunk.wrapping_add(PAGE).next_multiple_of(step);
        let end = first.wrapping_add(len);
        // SAFETY: pages that were taken just now.
        unsafe {
            let before = pages::forbid(chunk, first.wrapping_sub(chunk));
            (before && pages::forbid(end, chunk.wrapping_add(bytes).wrapping_sub(end))).then_some(first)
        }
    }

    /// Takes whole spans from the end of the range.
    fn new_chunk(&self, bytes: usize) -> Option<usize> {
        let floor = &self.fences.floor;
        let mut stood = floor.load(Ordering::SeqCst);
        let taken = loop {
            // Half of the range is left to other blocks: one that can't be guarded is served all the same.
            let next = stood.checked_sub(bytes).filter(|&next| next >= self.bytes / 2)?;
            match floor.compare_exchange(stood, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => break next,
                Err(now) => stood = now,
            }
        };
        if self.next_span.load(Ordering::SeqCst) > taken >> SPAN_SHIFT {
            // The two ends have met. What is not given back now is lost, and nobody needs it.
            let _ = floor.compare_exchange(taken, taken.wrapping_add(bytes), Ordering::SeqCst, Ordering::SeqCst);
            return None;
        }
        let first = taken >> SPAN_SHIFT;
        for number in first..first.wrapping_add(bytes >> SPAN_SHIFT) {
            // SAFETY: spans that were never used are nobody's.
            unsafe {
                let span = self.span(number);
                (*span).slot = 0;
                (*span).reciprocal = 0;
                (*span).meta = BY_PAGE;
            }
        }
        Some(self.base.wrapping_add(taken))
    }

    /// Puts the pages of a guarded block that was freed out of reach, and gives their memory back.
    ///
    /// # Safety
    /// The block is the caller's alone, and freed.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn retire(&self, meta: *mut Meta) {
        // SAFETY: by the obligation of this function: whole pages of the block's, and the guard behind them.
        unsafe {
            let (first, len) = pages_of(meta);
            // The mark first: who is told of a fault looks at it.
            (*meta).marks |= FORBIDDEN;
            if pages::forbid_for_ever(first, len.wrapping_add(PAGE)) {
                self.fences.leave();
            } else {
                (*meta).marks &= !FORBIDDEN;
                zones::fill((*meta).address, (*meta).size, FREED);
            }
        }
    }

    /// The guarded block whose pages, or whose guard, lie at this distance from the range's beginning; null where none does.
    #[cold]
    #[inline(never)]
    pub(super) fn guarded_at(&self, offset: usize) -> *mut Meta {
        // SAFETY: the table has a word for every page of the range.
        let number = unsafe { *self.fences.by_page.wrapping_add(offset >> PAGE_SHIFT) };
        if number == 0 { ptr::null_mut() } else { self.meta(number) }
    }

    /// What an address of the range is at which a fault came up. Reads tables alone, and waits for nobody.
    pub(crate) fn touched(&self, address: usize) -> Touched {
        let offset = address.wrapping_sub(self.base);
        // SAFETY: every span of the range has its entry in the table, and every meta that an entry leads to is there.
        unsafe {
            if (*self.span(offset >> SPAN_SHIFT)).meta != BY_PAGE {
                let meta = self.slot_of(address);
                let is_forbidden = !meta.is_null() && (*meta).marks & FORBIDDEN != 0;
                return if is_forbidden { Touched::Freed(meta) } else { Touched::Nothing };
            }
            let below = self.near(offset, usize::wrapping_sub, 0);
            if !below.is_null() {
                let (first, len) = pages_of(below);
                if address.wrapping_sub(first) < len {
                    let is_freed = (*below).marks & FORBIDDEN != 0;
                    return if is_freed { Touched::Freed(below) } else { Touched::Nothing };
                }
            }
            let above = self.near(offset, usize::wrapping_add, 1);
            let behind = |meta: *mut Meta| address.wrapping_sub((*meta).address).wrapping_sub((*meta).size);
            match (below.is_null(), above.is_null()) {
                (true, true) => Touched::Nothing,
                (false, true) => Touched::Behind(below),
                (true, false) => Touched::Before(above),
                (false, false) if behind(below) < (*above).address.wrapping_sub(address) => Touched::Behind(below),
                (false, false) => Touched::Before(above),
            }
        }
    }

    /// The first guarded block on the way from a page, which it may belong to, up or down.
    fn near(&self, offset: usize, step: fn(usize, usize) -> usize, from: usize) -> *mut Meta {
        let page = offset >> PAGE_SHIFT;
        for distance in from..REACH {
            let at = step(page, distance);
            if at >= self.bytes >> PAGE_SHIFT {
                break;
            }
            let meta = self.guarded_at(at << PAGE_SHIFT);
            // SAFETY: a meta of the store's; its state is one byte.
            if !meta.is_null() && unsafe { (*meta).state.load(Ordering::Acquire) } != FRESH {
                return meta;
            }
        }
        ptr::null_mut()
    }
}

// Elsewhere no page can be put out of reach.
#[cfg(all(test, target_os = "linux", not(oomsweep_portable)))]
mod tests;
