//! Who can still reach a block.
//!
//! Roots are the writable statics, the own thread's thread-locals, and blocks that were born before the run; from there blocks
//! of the run lead to blocks of the run. Every aligned word that lies in a block counts as a pointer to it. What is only
//! reachable from the stack outside the body, or from memory that C or the system handed out, is asked about separately: the
//! backing allocator gives the same addresses out again and again, so that old words in dead slots and in freed memory would
//! hide too much (see [`in_other_memory`]).

use std::sync::{Mutex, PoisonError};

use crate::hook::core::Core;
use crate::hook::ledger::Entry;
use crate::sys::{pages, state, words};

const WORD: usize = size_of::<usize>();

/// Blocks by address, so that a word is told to be a pointer into one of them. Addresses are kept complemented: these lists lie
/// in memory that may itself be looked through.
pub(crate) struct Heap<'a> {
    blocks: &'a [Entry],
    by_address: Vec<(usize, usize)>,
    lowest: usize,
    highest: usize,
}

impl<'a> Heap<'a> {
    /// A list of blocks whose `address` is complemented.
    pub(crate) fn new(blocks: &'a [Entry]) -> Heap<'a> {
        let mut by_address: Vec<(usize, usize)> =
            blocks.iter().enumerate().map(|(number, block)| (block.address, number)).collect();
        by_address.sort_unstable_by_key(|&(hidden, _)| !hidden);
        let lowest = by_address.first().map_or(usize::MAX, |&(hidden, _)| hidden);
        let highest = blocks.iter().map(|block| (!block.address).saturating_add(block.size)).max().unwrap_or(0);
        Heap { blocks, by_address, lowest, highest }
    }

    /// The block that holds this address, its first byte and those inside.
    fn holding(&self, address: usize) -> Option<usize> {
        if address >= self.highest || address < !self.lowest {
            return None;
        }
        let after = self.by_address.partition_point(|&(hidden, _)| !hidden <= address);
        let &(hidden, number) = self.by_address.get(after.checked_sub(1)?)?;
        let block = self.blocks.get(number)?;
        (address.wrapping_sub(!hidden) < block.size).then_some(number)
    }

    /// Calls `each` with every block that a word of this memory points to.
    ///
    /// # Safety
    /// The memory is readable.
    unsafe fn pointers(&self, from: usize, len: usize, mut each: impl FnMut(usize)) {
        let end = from.saturating_add(len);
        let mut at = from.next_multiple_of(WORD);
        while at.saturating_add(WORD) <= end {
            // SAFETY: inside the memory, and aligned.
            let word = unsafe { words::read(at) };
            if let Some(target) = self.holding(word) {
                each(target);
            }
            at = at.wrapping_add(WORD);
        }
    }

    /// Marks what block `from` reaches; returns how many blocks that were not reached yet, and their bytes, without itself.
    pub(crate) fn flood(&self, from: usize, reached: &mut [bool]) -> (u64, u64) {
        let (mut count, mut bytes) = (0, 0);
        if let Some(mark) = reached.get_mut(from) {
            *mark = true;
        }
        let mut open = vec![from];
        while let Some(block) = open.pop().and_then(|number| self.blocks.get(number)) {
            let mut found = |target: usize| {
                if let Some(mark) = reached.get_mut(target)
                    && !*mark
                {
                    *mark = true;
                    count += 1;
                    bytes += self.blocks.get(target).map_or(0, |block| block.size as u64);
                    open.push(target);
                }
            };
            // SAFETY: a live block is readable.
            unsafe { self.pointers(!block.address, block.size, &mut found) };
        }
        (count, bytes)
    }

    /// Which blocks a root reaches. `held`: blocks that are held in any case.
    pub(crate) fn reached_from_roots(&self, core: &Core, held: &[usize]) -> Vec<bool> {
        let mut targets = held.to_vec();
        let mut note = |target: usize| targets.push(target);
        let ours = WRITTEN_BY_US.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for range in state::statics() {
            let mut from = range.from;
            for &word in ours.iter().filter(|&&word| word >= range.from && word < range.from.saturating_add(range.len))
            {
                // SAFETY: writable statics and thread-locals of this thread are readable.
                unsafe { self.pointers(from, word.saturating_sub(from), &mut note) };
                from = word.saturating_add(WORD);
            }
            let end = range.from.saturating_add(range.len);
            // SAFETY: as above.
            unsafe { self.pointers(from, end.saturating_sub(from), &mut note) };
        }
        for (hidden, len) in older_blocks(core) {
            // SAFETY: live blocks are readable.
            unsafe { self.pointers(!hidden, len, &mut note) };
        }
        let mut reached = vec![false; self.blocks.len()];
        for target in targets {
            if !reached.get(target).copied().unwrap_or(true) {
                self.flood(target, &mut reached);
            }
        }
        reached
    }
}

/// Words of statics that the harness's own work has written: caches of symbols, which keep old words for ever. In order.
static WRITTEN_BY_US: Mutex<Vec<usize>> = Mutex::new(Vec::new());

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

/// Complemented address and size of every block that was born before the open session.
fn older_blocks(core: &Core) -> Vec<(usize, usize)> {
    let room = core.with_shared(|shared| shared.ledger.len());
    let mut ranges = Vec::with_capacity(room);
    core.with_shared(|shared| {
        let session = shared.session;
        for entry in shared.ledger.entries().filter(|entry| entry.session != session).take(room) {
            ranges.push((!entry.address, entry.size));
        }
    });
    ranges
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
