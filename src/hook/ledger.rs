//! The ledger of live blocks: who is alive, since when, and by whom.
//!
//! Entries in an array whose holes are used again, and a small open-addressed index from address to entry that grows with
//! them. Plain: the caller brings the lock. What every request does is written for a build without optimisation: raw places,
//! no slices, no iterators.

use super::pages_vec::PagesVec;

/// A live block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its address.
    pub(crate) address: usize,
    /// Its size now, in bytes.
    pub(crate) size: usize,
    /// The size that it was born with.
    pub(crate) born_size: usize,
    /// Its alignment.
    pub(crate) align: usize,
    /// How many births of its session came before it.
    pub(crate) ordinal: u64,
    /// The session that it was born in.
    pub(crate) session: u32,
    /// The number of the thread that made it.
    pub(crate) thread: u32,
    /// Where the stack of its birth lies in the stack store, plus one; 0: not captured.
    pub(crate) stack: u32,
    /// Born inside `untracked`.
    pub(crate) untracked: bool,
}

impl Entry {
    /// A place to take an entry out into.
    pub(crate) const NONE: Entry = Entry {
        address: 0,
        size: 0,
        born_size: 0,
        align: 0,
        ordinal: 0,
        session: 0,
        thread: 0,
        stack: 0,
        untracked: false,
    };
}

/// One place of the index; address 0 is empty.
#[derive(Debug, Clone, Copy)]
struct Place {
    address: usize,
    number: usize,
}

const EMPTY: Place = Place { address: 0, number: 0 };
const FIRST: usize = 1024;
const NONE: usize = usize::MAX;

/// See the module.
pub(crate) struct Ledger {
    /// Blocks; a hole has address 0, and the next hole's number for its size.
    entries: PagesVec<Entry>,
    index: PagesVec<Place>,
    mask: usize,
    hole: usize,
    live: usize,
    lost: u64,
}

impl Ledger {
    /// An empty one; maps nothing.
    pub(crate) const fn new() -> Self {
        Ledger { entries: PagesVec::new(), index: PagesVec::new(), mask: 0, hole: NONE, live: 0, lost: 0 }
    }

    /// All live blocks, in no order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.as_slice().iter().filter(|entry| entry.address != 0)
    }

    /// How many blocks are live.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// How many blocks could not be entered because the system had no pages left.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Enters a block that is not in it. False, and counted as lost, if the system has no pages left.
    #[inline(always)]
    pub(crate) fn insert(&mut self, entry: &Entry) -> bool {
        if self.live.wrapping_mul(2) >= self.index.len() && !self.grow() {
            self.lost = self.lost.wrapping_add(1);
            return false;
        }
        let number = self.hole;
        if number != NONE {
            // SAFETY: a hole's number lies inside the array.
            unsafe {
                let place = self.entries.base().wrapping_add(number);
                self.hole = (*place).size;
                *place = *entry;
            }
            self.link(entry.address, number);
        } else {
            if !self.entries.push(*entry) {
                self.lost = self.lost.wrapping_add(1);
                return false;
            }
            self.link(entry.address, self.entries.len().wrapping_sub(1));
        }
        self.live = self.live.wrapping_add(1);
        true
    }

    /// The block at this very address.
    #[inline(always)]
    pub(crate) fn get(&self, address: usize) -> Option<&Entry> {
        let place = self.find(address);
        if place == NONE { None } else { self.entries.get(self.index.get(place)?.number) }
    }

    /// Takes the block at this very address out, into `into`. False if there is none.
    #[inline(always)]
    pub(crate) fn remove(&mut self, address: usize, into: &mut Entry) -> bool {
        let place = self.find(address);
        if place == NONE {
            return false;
        }
        // SAFETY: `find` gives a place inside the index, which holds the number of an entry inside the array.
        unsafe {
            let number = (*self.index.base().wrapping_add(place)).number;
            let entry = self.entries.base().wrapping_add(number);
            *into = *entry;
            (*entry).address = 0;
            (*entry).size = self.hole;
            self.hole = number;
        }
        self.unlink(place);
        self.live = self.live.wrapping_sub(1);
        true
    }

    /// Multiplicative hashing (Knuth, The Art of Computer Programming, 6.4): the high half of the product is well mixed.
    #[inline(always)]
    fn home(&self, address: usize) -> usize {
        let mixed = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as usize & self.mask
    }

    #[inline(always)]
    fn find(&self, address: usize) -> usize {
        if self.live == 0 {
            return NONE;
        }
        let index = self.index.base();
        let mut at = self.home(address);
        loop {
            // SAFETY: `at` is masked to the length of the index, which is not empty while blocks are live. At least half of
            // its places are empty, so the loop ends.
            let held = unsafe { (*index.wrapping_add(at)).address };
            if held == address {
                return at;
            }
            if held == 0 {
                return NONE;
            }
            at = at.wrapping_add(1) & self.mask;
        }
    }

    #[inline(always)]
    fn link(&mut self, address: usize, number: usize) {
        let index = self.index.base();
        let mut at = self.home(address);
        loop {
            let place = index.wrapping_add(at);
            // SAFETY: as in `find`; `insert` has made room before.
            unsafe {
                if (*place).address == 0 {
                    (*place).address = address;
                    (*place).number = number;
                    return;
                }
            }
            at = at.wrapping_add(1) & self.mask;
        }
    }

    /// Empties a place and moves what probed past it back (Knuth, 6.4, algorithm R), so that no tombstones are needed.
    #[inline(always)]
    fn unlink(&mut self, mut hole: usize) {
        let index = self.index.base();
        let mask = self.mask;
        let mut at = hole;
        loop {
            at = at.wrapping_add(1) & mask;
            // SAFETY: all places are masked to the length of the index.
            unsafe {
                let place = index.wrapping_add(at);
                if (*place).address == 0 {
                    break;
                }
                let home = self.home((*place).address);
                // It may move if its home is not cyclically inside (hole, at].
                if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                    *index.wrapping_add(hole) = *place;
                    hole = at;
                }
            }
        }
        // SAFETY: as above.
        unsafe { (*index.wrapping_add(hole)).address = 0 };
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) -> bool {
        let wanted = if self.index.len() == 0 { FIRST } else { self.index.len().wrapping_mul(2) };
        let mut fresh = PagesVec::new();
        if !fresh.fill(wanted, EMPTY) {
            return false;
        }
        self.index = fresh;
        self.mask = wanted.wrapping_sub(1);
        let mut number = 0;
        while number < self.entries.len() {
            let address = self.entries.get(number).map_or(0, |entry| entry.address);
            if address != 0 {
                self.link(address, number);
            }
            number = number.wrapping_add(1);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn entry(address: usize, ordinal: u64) -> Entry {
        Entry { address, size: 8, born_size: 8, align: 8, ordinal, session: 1, thread: 0, stack: 0, untracked: false }
    }

    proptest! {
        #[test]
        fn agrees_with_an_ordered_map(steps in prop::collection::vec((any::<bool>(), 1_usize..600), 0..4000)) {
            let mut ledger = Ledger::new();
            let mut naive = BTreeMap::new();
            for (ordinal, (insert, slot)) in steps.into_iter().enumerate() {
                let address = slot * 16;
                let mut gone = entry(0, 0);
                let was_there = ledger.remove(address, &mut gone);
                prop_assert_eq!(was_there.then_some(gone), naive.remove(&address));
                if insert {
                    let block = entry(address, ordinal as u64);
                    prop_assert!(ledger.insert(&block));
                    naive.insert(address, block);
                }
                prop_assert_eq!(ledger.len(), naive.len());
            }
            let mut listed: Vec<Entry> = ledger.entries().copied().collect();
            listed.sort_by_key(|block| block.address);
            prop_assert_eq!(listed, naive.values().copied().collect::<Vec<_>>());
            for (address, block) in &naive {
                prop_assert_eq!(ledger.get(*address), Some(block));
            }
            prop_assert_eq!(ledger.lost(), 0);
        }
    }
}
