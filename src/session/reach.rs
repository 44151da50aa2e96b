//! Who can still reach a block.
//!
//! Roots are the writable statics, the own thread's thread-locals, blocks that were born before the run, the stack outside the
//! body, other threads' stacks, registers and thread-locals, and all other memory of the process that can be written; from there
//! blocks of the run lead to blocks of the run. Every aligned word counts as a pointer to the block in which it lies, or one past
//! whose end: a pointer that is kept in another form is not seen ([`keep`](crate::keep) is for those).
//!
//! A block's address is never given out by anybody but the store, and what the harness writes down of blocks it writes
//! complemented, so an old word rarely hides what is lost. Beside other tests, in one process with them, their threads cannot be
//! made to stand still: then only the first four of the roots are looked at, and [`in_other_memory`] is asked about the rest.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::hook::blocks::meta::{HARNESS, LIVE, Meta, REACHED, UNTRACKED};
use crate::hook::blocks::store::Family;
use crate::hook::core::Core;
use crate::hook::pages_vec::PagesVec;
use crate::sys::roots::Root;
use crate::sys::{pages, state, words, world};

const WORD: usize = size_of::<usize>();

/// A search for the blocks that something leads to. It marks them where the store keeps what it knows of them, and keeps numbers
/// instead of addresses: its own memory may be looked through as well.
pub(crate) struct Search<'a> {
    core: &'a Core,
    /// The blocks that may be found.
    sought: PagesVec<u32>,
    /// Those that were found, and not yet looked into.
    open: PagesVec<u32>,
    /// How many are not found yet.
    left: usize,
}

impl<'a> Search<'a> {
    /// For all blocks of the open session that may be leaks, in the order of their births.
    pub(crate) fn new(core: &'a Core) -> Search<'a> {
        let session = core.session_number();
        let mut search = Search::empty(core);
        for meta in core.store.slots(Family::Bodies) {
            // SAFETY: a meta of the store's; the body's threads stand still, or what they do to it is one store.
            unsafe {
                let is_live = (*meta).state.load(Ordering::Acquire) == LIVE;
                if is_live && (*meta).session == session && (*meta).marks & UNTRACKED == 0 {
                    search.sought.push(core.store.number(meta));
                }
            }
        }
        let in_order = |&number: &u32| {
            let meta = core.store.meta(number);
            // SAFETY: as above.
            unsafe { ((*meta).thread, (*meta).ordinal) }
        };
        search.sought.as_mut_slice().sort_unstable_by_key(in_order);
        search.forget();
        search
    }

    /// For these blocks alone.
    pub(crate) fn among(core: &'a Core, blocks: &[u32]) -> Search<'a> {
        let mut search = Search::empty(core);
        for meta in core.store.slots(Family::Bodies) {
            // SAFETY: as above. Blocks that are not sought count as found.
            unsafe { (*meta).marks |= REACHED };
        }
        for &number in blocks {
            search.sought.push(number);
        }
        search.forget();
        search
    }

    fn empty(core: &'a Core) -> Search<'a> {
        Search { core, sought: PagesVec::new(), open: PagesVec::new(), left: 0 }
    }

    /// None is found any more.
    pub(crate) fn forget(&mut self) {
        for &number in self.sought.as_slice() {
            // SAFETY: a meta of the store's, which the harness alone marks.
            unsafe { (*self.core.store.meta(number)).marks &= !REACHED };
        }
        self.left = self.sought.len();
    }

    /// The threads that made the blocks.
    pub(crate) fn makers(&self) -> impl Iterator<Item = u32> {
        // SAFETY: as above.
        self.sought.as_slice().iter().map(|&number| unsafe { (*self.core.store.meta(number)).thread })
    }

    /// The blocks that nothing has led to.
    pub(crate) fn unreached(&self) -> Vec<u32> {
        let mut left = Vec::with_capacity(self.left);
        left.extend(self.sought.as_slice().iter().copied().filter(|&number| !self.is_reached(number)));
        left
    }

    /// Whether something has led to this block.
    pub(crate) fn is_reached(&self, number: u32) -> bool {
        // SAFETY: as above.
        unsafe { (*self.core.store.meta(number)).marks & REACHED != 0 }
    }

    /// The blocks of these threads are held.
    pub(crate) fn hold(&mut self, mut holds: impl FnMut(u32) -> bool) {
        for place in 0..self.sought.len() {
            let Some(&number) = self.sought.get(place) else { continue };
            // SAFETY: as above.
            if holds(unsafe { (*self.core.store.meta(number)).thread }) && !self.is_reached(number) {
                self.flood(number);
            }
        }
    }

    /// Finds what this block leads to; returns how many blocks that were not found before, and their bytes, without itself.
    pub(crate) fn flood(&mut self, from: u32) -> (u64, u64) {
        let meta = self.core.store.meta(from);
        // SAFETY: as above.
        unsafe {
            if (*meta).marks & REACHED == 0 {
                (*meta).marks |= REACHED;
                self.left = self.left.saturating_sub(1);
            }
        }
        self.open.push(from);
        self.follow()
    }

    fn follow(&mut self) -> (u64, u64) {
        let (mut count, mut bytes) = (0, 0);
        while let Some(number) = self.open.pop() {
            let meta = self.core.store.meta(number);
            // SAFETY: a live block is readable.
            let (more, more_bytes) = unsafe { self.look_into((*meta).address, (*meta).size) };
            count += more;
            bytes += more_bytes;
        }
        (count, bytes)
    }

    /// Finds every block that a word of this memory points to, and what these lead to.
    ///
    /// # Safety
    /// The memory is readable.
    pub(crate) unsafe fn see_range(&mut self, from: usize, len: usize) {
        // SAFETY: by the obligation of this function.
        unsafe { self.look_into(from, len) };
        self.follow();
    }

    /// # Safety
    /// The memory is readable.
    unsafe fn look_into(&mut self, from: usize, len: usize) -> (u64, u64) {
        let (base, size) = (self.core.store.base, self.core.store.bytes);
        let end = from.saturating_add(len);
        let mut at = from.next_multiple_of(WORD);
        let (mut count, mut bytes) = (0, 0);
        while at.saturating_add(WORD) <= end {
            // SAFETY: inside the memory, and aligned.
            let word = unsafe { words::read(at) };
            if word.wrapping_sub(base) < size
                && let Some(more) = self.found(word)
            {
                count += 1;
                bytes += more;
            }
            at = at.wrapping_add(WORD);
        }
        (count, bytes)
    }

    /// Notes the block that a word of the store's range points to, if it was not found before; its size.
    #[cold]
    fn found(&mut self, word: usize) -> Option<u64> {
        let meta = self.sought_at(word)?;
        // SAFETY: as above.
        unsafe {
            (*meta).marks |= REACHED;
            self.left = self.left.saturating_sub(1);
            self.open.push(self.core.store.number(meta));
            Some((*meta).size as u64)
        }
    }

    /// The block that a word points to, if it is sought and not found. The address one past its end counts as its own.
    fn sought_at(&self, word: usize) -> Option<*mut Meta> {
        let meta = self.core.store.slot_of(word);
        if meta.is_null() {
            return None;
        }
        // SAFETY: as above.
        unsafe {
            let is_live = (*meta).state.load(Ordering::Acquire) == LIVE && (*meta).marks & (REACHED | UNTRACKED) == 0;
            let is_new = (*meta).session == self.core.session_number();
            (is_live && is_new && word.wrapping_sub((*meta).address) <= (*meta).size).then_some(meta)
        }
    }

    /// Whether nothing is left to be found.
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// The blocks that something has led to.
    pub(crate) fn reached(&self) -> Vec<u32> {
        self.sought.as_slice().iter().copied().filter(|&number| self.is_reached(number)).collect()
    }

    /// From what is cheap to look at: statics, this thread's thread-locals, blocks of the program that are no leaks.
    pub(crate) fn see_near(&mut self) {
        let ours = written_by_us();
        for range in state::statics() {
            self.see_memory(range, &ours);
        }
        if self.left > 0 {
            self.see_other_blocks();
        }
    }

    /// From everything that can hold a pointer, while no other thread runs. `entry`: the stack pointer below which nothing is
    /// held. False if something could not be looked at.
    pub(crate) fn see_everything(&mut self, entry: usize, limit: Duration) -> bool {
        // From here to the end nothing may be allocated: a thread that stands still may hold the allocator's lock.
        let ours = written_by_us();
        let mut world = world::stop_others(limit);
        let see = |search: &mut Search<'_>, root: Root| match root {
            Root::Memory(range) => search.see_memory(range, &ours),
            Root::Word(word) => search.see_word(word),
        };
        let mut complete = world.near(entry, &mut |root| see(self, root));
        if self.left > 0 {
            complete &= world.far(entry, &[], &mut |root| see(self, root));
        }
        drop(world);
        complete
    }

    /// From memory, but for words that are the harness's own.
    fn see_memory(&mut self, range: state::Range, ours: &[usize]) {
        let end = range.from.saturating_add(range.len);
        let mut from = range.from;
        let first = ours.partition_point(|&word| word < range.from);
        for &word in ours.get(first..).unwrap_or(&[]).iter().take_while(|&&word| word < end) {
            // SAFETY: the system says that it is readable, and nobody runs who could unmap it.
            unsafe { self.see_range(from, word.saturating_sub(from)) };
            from = word.saturating_add(WORD);
        }
        // SAFETY: as above.
        unsafe { self.see_range(from, end.saturating_sub(from)) };
    }

    fn see_word(&mut self, word: usize) {
        // SAFETY: a word of this frame.
        unsafe { self.see_range(&raw const word as usize, WORD) };
    }

    /// From blocks that were born before the run, and from those that are meant to stay.
    fn see_other_blocks(&mut self) {
        let session = self.core.session_number();
        for meta in self.core.store.used() {
            // SAFETY: a meta of the store's; a live block is readable.
            unsafe {
                let is_live = (*meta).state.load(Ordering::Acquire) == LIVE && (*meta).marks & HARNESS == 0;
                if is_live && ((*meta).session != session || (*meta).marks & UNTRACKED != 0) {
                    self.see_range((*meta).address, (*meta).size);
                }
            }
        }
    }
}

/// Words of statics that the harness's own work has written: caches of symbols, which keep old words for ever. In order.
static WRITTEN_BY_US: Mutex<Vec<usize>> = Mutex::new(Vec::new());

fn written_by_us() -> Vec<usize> {
    WRITTEN_BY_US.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Does work of the harness's own; what it changes in statics is no root from then on.
pub(crate) fn not_a_root<R>(work: impl FnOnce() -> R) -> R {
    let before: Vec<(state::Range, Vec<usize>)> =
        state::statics().into_iter().map(|range| (range, copied(range))).collect();
    let result = work();
    let mut changed = WRITTEN_BY_US.lock().unwrap_or_else(PoisonError::into_inner);
    for (range, then) in before {
        let first = range.from.next_multiple_of(WORD);
        let places = (0..).map(|number: usize| first.saturating_add(number.saturating_mul(WORD)));
        let pairs = places.zip(then.iter().zip(copied(range)));
        changed.extend(pairs.filter(|(_, (then, now))| **then != *now).map(|(place, _)| place));
    }
    changed.sort_unstable();
    changed.dedup();
    result
}

/// The aligned words of a range of statics.
fn copied(range: state::Range) -> Vec<usize> {
    let end = range.from.saturating_add(range.len);
    let mut at = range.from.next_multiple_of(WORD);
    let mut copy = Vec::with_capacity(range.len / WORD);
    while at.saturating_add(WORD) <= end {
        // SAFETY: writable statics and thread-locals of this thread are readable, and the word is aligned.
        copy.push(unsafe { words::read(at) });
        at = at.wrapping_add(WORD);
    }
    copy
}

/// Whether memory that is neither a static nor a block of ours (the stack outside the body, the C heap, mappings of files and of
/// nothing) holds the address of this block, complemented here. Only its first byte counts: the C heap's own records, old ones
/// too, point into the middle of what has taken their place. `outside`: an address in a frame that was open around the run;
/// below it lie the body's dead frames.
pub(crate) fn in_other_memory(hidden: usize, size: usize, outside: usize) -> bool {
    let stack = state::stack_above(outside);
    for range in state::writable_memory(outside).into_iter().chain(stack) {
        if pages::is_ours(range.from, range.len) {
            continue;
        }
        for part in without(range, !hidden, size) {
            // SAFETY: the system says that it is mapped and readable, and no other thread runs that could unmap it.
            if unsafe { holds_word(part, !hidden) } {
                return true;
            }
        }
    }
    false
}

/// Whether an aligned word of this memory is `wanted`.
///
/// # Safety
/// The memory is readable.
unsafe fn holds_word(range: state::Range, wanted: usize) -> bool {
    let end = range.from.saturating_add(range.len);
    let mut at = range.from.next_multiple_of(WORD);
    while at.saturating_add(WORD) <= end {
        // SAFETY: inside the memory, and aligned.
        if unsafe { words::read(at) } == wanted {
            return true;
        }
        at = at.wrapping_add(WORD);
    }
    false
}

/// What is left of a range without the block itself.
fn without(range: state::Range, from: usize, len: usize) -> [state::Range; 2] {
    let end = range.from.saturating_add(range.len);
    let (cut_from, cut_to) = (from.clamp(range.from, end), from.saturating_add(len).clamp(range.from, end));
    let before = state::Range { from: range.from, len: cut_from.wrapping_sub(range.from) };
    let after = state::Range { from: cut_to, len: end.wrapping_sub(cut_to) };
    [before, after]
}
