//! Where blocks stand: a reserved range of addresses, cut into spans, and beside it what is known of every slot.
//!
//! No address of it is ever given out by anybody else, so a pointer is told to be ours by two comparisons, and the slot that it
//! lies in by a division, without a look at the memory that it points to.

use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::classes::{CLASS, LARGEST, SLOT, SPAN, SPAN_SHIFT, ZONE, reciprocal};
use super::guarded::{Fences, PAGE_SHIFT, pages_of};
use super::large::Runs;
use super::meta::{FRESH, GUARDED, Meta};
use super::shard::{COMMON, Fresh, Owners, SHARDS, Shard, list_of};
use super::span::Span;
use super::zones;
use crate::sys::{pages, threads};

/// The binary logarithm of the size of a meta.
const META_SHIFT: u32 = size_of::<Meta>().trailing_zeros();

/// See the module.
#[repr(C)]
pub(crate) struct Store {
    /// The first byte of the range; a whole number of spans.
    pub(crate) base: usize,
    /// How many bytes.
    pub(crate) bytes: usize,
    pub(crate) spans: *mut Span,
    pub(crate) metas: *mut Meta,
    most_metas: u32,
    /// Spans below this one are in use; from the range's other end come the pages for guarded blocks.
    pub(crate) next_span: AtomicUsize,
    /// Where the guarded blocks stand.
    pub(crate) fences: Fences,
    /// Slots of blocks that are no body's have metas from the first number on, those of bodies' blocks from the middle on.
    next_meta: [AtomicU32; 2],
    shards: *mut Shard,
    owners: *const Owners,
    /// Free runs of spans.
    pub(crate) runs: Runs,
}

// SAFETY: the pointers are to pages that belong to the store alone and are never given back; what lies there is changed by the
// rules of each part: a span before its first slot is handed out, a meta by whoever holds the slot, a shard by its thread.
unsafe impl Sync for Store {}
// SAFETY: as above.
unsafe impl Send for Store {}

/// The sizes of ranges that are tried, the largest first: a system may limit a process's addresses.
const RANGES: [usize; 6] = [1 << 40, 1 << 36, 1 << 33, 1 << 31, 1 << 29, SMALLEST];
const SMALLEST: usize = 1 << 27;
/// So much must be left for all else, beside a range that is not the smallest.
const LEFT: usize = 256 << 20;

impl Store {
    /// Reserves a range and its tables; `None` if the system has no addresses left. The store stays for ever.
    pub(crate) fn create() -> Option<&'static Store> {
        RANGES.iter().find_map(|&bytes| Store::of(usize::min(bytes, usize::MAX >> 24)))
    }

    /// One with a range of this size.
    pub(super) fn of(bytes: usize) -> Option<&'static Store> {
        let spans = bytes >> SPAN_SHIFT;
        // The smallest slot is three zones: so many slots there are at most, and one unused after each span.
        let metas = usize::min(bytes / ZONE / 3, u32::MAX as usize / 2).saturating_add(spans);
        let sizes = [
            bytes.saturating_add(SPAN),
            spans.saturating_mul(size_of::<Span>()),
            metas.saturating_mul(size_of::<Meta>()),
            SHARDS.saturating_mul(size_of::<Shard>()),
            size_of::<Owners>(),
            size_of::<Store>(),
            (bytes >> PAGE_SHIFT).saturating_mul(size_of::<u32>()),
        ];
        let mut places = [ptr::null_mut::<u8>(); 7];
        for (place, &size) in places.iter_mut().zip(&sizes) {
            match pages::reserve(size) {
                Some(at) => *place = at.as_ptr(),
                None => {
                    give_back(&places, &sizes);
                    return None;
                }
            }
        }
        // It must leave the program something to live on; the smallest is taken anyway.
        if bytes > SMALLEST && !pages::would_give(LEFT) {
            give_back(&places, &sizes);
            return None;
        }
        let [range, spans, metas_at, shards, owners, store, by_page] = places;
        let store = store.cast::<Store>();
        // SAFETY: the pages are large enough, aligned, zeroed (a valid value of everything that lies in them), and ours.
        unsafe {
            store.write(Store {
                base: (range as usize).next_multiple_of(SPAN),
                bytes,
                spans: spans.cast(),
                metas: metas_at.cast(),
                most_metas: u32::try_from(metas).unwrap_or(u32::MAX),
                next_span: AtomicUsize::new(0),
                fences: Fences::new(by_page.cast(), bytes),
                next_meta: [AtomicU32::new(1), AtomicU32::new(metas as u32 / 2)],
                shards: shards.cast(),
                owners: owners.cast(),
                runs: Runs::new(),
            });
            Some(&*store)
        }
    }

    /// Whether an address lies in the range.
    #[inline(always)]
    pub(crate) fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.base) < self.bytes
    }

    /// The meta of a number that a store has given out.
    #[inline(always)]
    pub(crate) fn meta(&self, number: u32) -> *mut Meta {
        self.metas.wrapping_add(number as usize)
    }

    /// The number of a meta.
    #[inline(always)]
    pub(crate) fn number(&self, meta: *const Meta) -> u32 {
        ((meta as usize).wrapping_sub(self.metas as usize) >> META_SHIFT) as u32
    }

    /// The span with this number.
    #[inline(always)]
    pub(crate) fn span(&self, number: usize) -> *mut Span {
        self.spans.wrapping_add(number)
    }

    /// The slot that an address of the range lies in, whatever its state; null where none was ever opened.
    #[inline(always)]
    pub(crate) fn slot_of(&self, address: usize) -> *mut Meta {
        let offset = address.wrapping_sub(self.base);
        let span = self.span(offset >> SPAN_SHIFT);
        // SAFETY: every span of the range has its entry in the table.
        unsafe {
            // One comparison for both.
            if (*span).meta.wrapping_add(1) <= 1 {
                return if (*span).meta == 0 { ptr::null_mut() } else { self.guarded_at(offset) };
            }
            let within = (offset & SPAN.wrapping_sub(1)) as u64;
            let number = within.wrapping_mul((*span).reciprocal) >> 32;
            self.meta((*span).meta).wrapping_add(number as usize)
        }
    }

    /// Where a slot begins and how many bytes it has.
    ///
    /// # Safety
    /// `meta` is one of this store's, in use.
    #[inline(always)]
    pub(crate) unsafe fn bounds(&self, meta: *const Meta) -> (usize, usize) {
        // SAFETY: by the obligation of this function, its span is in the table.
        unsafe {
            let number = (*meta).span as usize;
            let span = self.span(number);
            let first = self.base.wrapping_add(number << SPAN_SHIFT);
            if (*span).reciprocal == 0 {
                return if (*meta).marks & GUARDED == 0 { (first, self.runs.bytes_of(meta)) } else { pages_of(meta) };
            }
            let slot = (*span).slot as usize;
            let nth = (meta as usize).wrapping_sub(self.meta((*span).meta) as usize) >> META_SHIFT;
            (first.wrapping_add(nth.wrapping_mul(slot)), slot)
        }
    }

    /// The shard of the thread with this key.
    pub(crate) fn shard(&self, key: usize) -> *mut Shard {
        // SAFETY: the table lies in pages of the store, and is all atomics.
        self.nth_shard(unsafe { (*self.owners).find(key) })
    }

    /// The shard with this number.
    #[inline(always)]
    pub(crate) fn nth_shard(&self, number: usize) -> *mut Shard {
        self.shards.wrapping_add(number)
    }

    /// The shard that threads share who found none of their own.
    #[inline(always)]
    pub(crate) fn common(&self) -> *mut Shard {
        self.nth_shard(COMMON)
    }

    /// Every shard that a thread has claimed, and the common one.
    pub(crate) fn shards(&self) -> impl Iterator<Item = *mut Shard> + '_ {
        // SAFETY: as in `shard`.
        unsafe { (*self.owners).claimed() }.map(|number| self.nth_shard(number))
    }

    /// Whether the thread that owns a shard has ended. `notes`: what the system says of it is written down, for who asks again.
    ///
    /// # Safety
    /// `shard` is one of this store's.
    pub(crate) unsafe fn is_left(shard: *mut Shard, notes: bool) -> bool {
        // SAFETY: by the obligation of this function.
        let owner = unsafe { &(*shard).system_id };
        let id = owner.load(Ordering::Acquire);
        let is_left = id == 0 || threads::has_ended(id);
        if is_left && notes && id != 0 {
            // Unless another thread has found it meanwhile.
            let _ = owner.compare_exchange(id, 0, Ordering::AcqRel, Ordering::Acquire);
        }
        is_left
    }

    /// In a process that was just forked: what other threads were in the middle of is left alone for ever.
    pub(crate) fn after_fork(&self, own: *mut Shard) {
        // SAFETY: as in `shard`.
        let owners = unsafe { &*self.owners };
        for number in owners.claimed() {
            let shard = self.nth_shard(number);
            // SAFETY: the shard lies in pages of the store; this process has one thread.
            let busy = unsafe { (*shard).busy } != 0;
            if busy && number == COMMON {
                // The lock is held by a thread that is not here. Its lists are forgotten with it.
                // SAFETY: as above, and this thread is not inside; zeros are a valid shard.
                unsafe { shard.write_bytes(0, 1) };
            } else if busy && shard != own {
                owners.retire(number);
            }
        }
        self.runs.after_fork();
    }

    /// Takes `count` spans that were never used; the number of the first.
    pub(crate) fn new_spans(&self, count: usize) -> Option<usize> {
        let first = self.next_span.fetch_add(count, Ordering::SeqCst);
        let end = first.checked_add(count)?;
        // Whoever takes from the other end looks at ours after it has taken: one of the two sees the other.
        if end <= self.fences.floor() >> SPAN_SHIFT {
            return Some(first);
        }
        self.next_span.fetch_sub(count, Ordering::SeqCst);
        None
    }

    /// Leaves out an eighth of the range, and all slots in which blocks of runs have stood: in this process, which was just forked, the
    /// blocks of runs lie from now on where none has lain, nor will for long, in the process that it was forked from. What that one
    /// writes into pages that both see, what it had on its stacks and in its heap, and what is copied from there into a frame with all
    /// its padding, is then no address of a block of this one. `turn`: which of its children this is. Each goes elsewhere, for
    /// what they tell is copied too.
    #[cfg_attr(
        not(all(target_os = "linux", not(oomsweep_portable))),
        allow(dead_code, reason = "no process is forked")
    )]
    pub(crate) fn step_aside(&self, turn: usize) {
        const PLACES: usize = 1 << 10;
        let step = self.bytes / (2 * PLACES);
        self.new_spans((self.bytes / 8).wrapping_add((turn % PLACES).wrapping_mul(step)) >> SPAN_SHIFT);
        self.runs.forget_bodies();
        for shard in self.shards() {
            // SAFETY: a shard of the store's; this process has one thread, and it is in none.
            unsafe { Shard::forget_bodies(shard) };
        }
    }

    /// Takes `count` metas that were never used; the number of the first.
    pub(crate) fn new_metas(&self, count: u32, family: Family) -> Option<u32> {
        let (next, end) = self.metas_of(family);
        let first = next.fetch_add(count, Ordering::Relaxed);
        if first.checked_add(count)? <= end {
            return Some(first);
        }
        next.fetch_sub(count, Ordering::Relaxed);
        None
    }

    /// The next meta number of a family, and where its numbers end.
    fn metas_of(&self, family: Family) -> (&AtomicU32, u32) {
        let [others, bodies] = &self.next_meta;
        match family {
            Family::Others => (others, self.most_metas / 2),
            Family::Bodies => (bodies, self.most_metas),
        }
    }

    /// A slot for a block of this session; its meta has the address at which the block stands, and is otherwise as its last block left it. Null
    /// if there is no memory.
    ///
    /// # Safety
    /// `shard` is the calling thread's and was entered; `align` is a power of two.
    #[inline(always)]
    pub(crate) unsafe fn take(&self, shard: *mut Shard, size: usize, align: usize, session: u32) -> *mut Meta {
        if align <= ZONE && size <= LARGEST.wrapping_sub(ZONE).wrapping_sub(ZONE) {
            let need = size.wrapping_add(ZONE).wrapping_add(ZONE).wrapping_add(ZONE.wrapping_sub(1)) / ZONE;
            // SAFETY: the table has an entry for every need up to the largest slot, and the shard a list for every class.
            unsafe {
                let class = *CLASS.as_ptr().wrapping_add(need);
                let head = (&raw mut (*shard).free).cast::<u32>().wrapping_add(list_of(class as usize, session));
                let number = *head;
                if number != 0 {
                    let meta = self.meta(number);
                    if (*meta).align <= 4 {
                        *head = (*meta).next;
                        return meta;
                    }
                }
            }
        }
        // SAFETY: by the obligations of this function.
        unsafe { self.take_slowly(shard, size, align, session) }
    }

    /// # Safety
    /// Those of [`take`](Store::take).
    #[cold]
    #[inline(never)]
    unsafe fn take_slowly(&self, shard: *mut Shard, size: usize, align: usize, session: u32) -> *mut Meta {
        let front = usize::max(align, ZONE);
        let Some(need) = size.checked_add(front).and_then(|need| need.checked_add(ZONE)) else {
            return ptr::null_mut();
        };
        if need > LARGEST {
            return self.take_run(size, front, session);
        }
        // SAFETY: as in `take`.
        unsafe {
            let class = *CLASS.as_ptr().wrapping_add(need.div_ceil(ZONE)) as usize;
            let list = list_of(class, session);
            let head = (&raw mut (*shard).free).cast::<u32>().wrapping_add(list);
            let mut meta = self.meta(*head);
            if *head == 0 {
                meta = self.take_fresh(shard, class, list);
            } else {
                *head = (*meta).next;
            }
            if !meta.is_null() {
                let (slot, len) = self.bounds(meta);
                (*meta).address = slot.wrapping_add(ZONE).next_multiple_of(front);
                (*meta).room = if front == ZONE { len.wrapping_sub(ZONE) as u32 } else { 0 };
            }
            meta
        }
    }

    /// # Safety
    /// Those of [`take`](Store::take); there is such a class.
    unsafe fn take_fresh(&self, shard: *mut Shard, class: usize, list: usize) -> *mut Meta {
        // SAFETY: by the obligation of this function.
        unsafe {
            let fresh = (&raw mut (*shard).fresh).cast::<Fresh>().wrapping_add(list);
            let family = if list == class { Family::Others } else { Family::Bodies };
            if (*fresh).next == (*fresh).end && !self.open(fresh, class, family) {
                return ptr::null_mut();
            }
            let meta = self.meta((*fresh).next);
            let slot = (*fresh).address;
            (*fresh).next = (*fresh).next.wrapping_add(1);
            (*fresh).address = slot.wrapping_add(*SLOT.as_ptr().wrapping_add(class) as usize);
            (*meta).span = (slot.wrapping_sub(self.base) >> SPAN_SHIFT) as u32;
            (*meta).list = list as u8;
            zones::fill(slot, ZONE, zones::FRONT);
            meta
        }
    }

    /// Opens a span for this class. False if there is no room.
    ///
    /// # Safety
    /// `fresh` is the calling thread's, for this class.
    unsafe fn open(&self, fresh: *mut Fresh, class: usize, family: Family) -> bool {
        // SAFETY: by the obligation of this function; a span that was never used is nobody's.
        unsafe {
            let slot = *SLOT.as_ptr().wrapping_add(class);
            let count = (SPAN as u64).wrapping_mul(reciprocal(slot as usize)).wrapping_shr(32) as u32;
            // One more than there are slots: what is left at the end of a span belongs to it.
            let Some(first) = self.new_metas(count.wrapping_add(1), family) else { return false };
            let Some(number) = self.new_spans(1) else { return false };
            let span = self.span(number);
            (*span).slot = slot;
            (*span).reciprocal = reciprocal(slot as usize);
            let address = self.base.wrapping_add(number << SPAN_SHIFT);
            *fresh = Fresh { next: first, end: first.wrapping_add(count), address };
            (*self.meta(first.wrapping_add(count))).span = number as u32;
            // Last: who looks an address up looks at this first.
            (*span).meta = first;
            true
        }
    }

    /// Every slot that a block of this family has stood in.
    pub(crate) fn slots(&self, family: Family) -> Slots<'_> {
        let (next, end) = self.metas_of(family);
        let first = if family == Family::Others { 1 } else { self.most_metas / 2 };
        Slots { store: self, at: first, end: u32::min(next.load(Ordering::Acquire), end) }
    }

    /// Every slot that any block has stood in.
    pub(crate) fn used(&self) -> impl Iterator<Item = *mut Meta> + '_ {
        self.slots(Family::Others).chain(self.slots(Family::Bodies))
    }
}

/// Whose blocks stand in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Blocks of no run.
    Others,
    /// Blocks of runs of a body.
    Bodies,
}

impl Family {
    /// The family of blocks that are born in this session.
    pub(crate) fn of(session: u32) -> Family {
        if session == 0 { Family::Others } else { Family::Bodies }
    }
}

/// See [`Store::slots`]. There are many in which nothing stands, so the way past them is short, without optimisation too.
pub(crate) struct Slots<'a> {
    store: &'a Store,
    at: u32,
    end: u32,
}

impl Iterator for Slots<'_> {
    type Item = *mut Meta;

    fn next(&mut self) -> Option<*mut Meta> {
        let mut meta = self.store.meta(self.at);
        let end = self.store.meta(self.end);
        while meta < end {
            // SAFETY: a meta below the end lies in pages of the store; its state is one byte, written as a whole.
            let state = unsafe { (&raw const (*meta).state as *const u8).read_volatile() };
            let found = meta;
            meta = meta.wrapping_add(1);
            if state != FRESH {
                self.at = self.store.number(meta);
                return Some(found);
            }
        }
        self.at = self.end;
        None
    }
}

fn give_back(places: &[*mut u8], sizes: &[usize]) {
    for (&place, &size) in places.iter().zip(sizes) {
        if let Some(at) = ptr::NonNull::new(place) {
            // SAFETY: reserved just now with this size, and used by nobody.
            unsafe { pages::unmap(at, size) };
        }
    }
}
