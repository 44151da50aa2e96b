//! The ledger of live blocks: who is alive, since when, and by whom.
//!
//! Dense entries in the order of birth (but for the holes that frees fill), and a small open-addressed index from address to
//! entry that grows with them. Plain: the caller brings the lock.

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

/// One place of the index; address 0 is empty.
#[derive(Debug, Clone, Copy)]
struct Place {
    address: usize,
    number: usize,
}

const EMPTY: Place = Place { address: 0, number: 0 };
const FIRST: usize = 1024;

/// See the module.
pub(crate) struct Ledger {
    entries: PagesVec<Entry>,
    index: PagesVec<Place>,
    lost: u64,
}

impl Ledger {
    /// An empty one; maps nothing.
    pub(crate) const fn new() -> Self {
        Ledger { entries: PagesVec::new(), index: PagesVec::new(), lost: 0 }
    }

    /// All live blocks, in no order.
    pub(crate) fn entries(&self) -> &[Entry] {
        self.entries.as_slice()
    }

    /// How many blocks could not be entered because the system had no pages left.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Enters a block. One that stood at this address has gone unseen and is returned.
    pub(crate) fn insert(&mut self, entry: Entry) -> Option<Entry> {
        let stale = self.remove(entry.address);
        let room = self.entries.len().wrapping_mul(2) < self.index.len() || self.grow();
        if room && self.entries.push(entry) {
            self.link(Place { address: entry.address, number: self.entries.len().wrapping_sub(1) });
        } else {
            self.lost = self.lost.wrapping_add(1);
        }
        stale
    }

    /// The block at this very address.
    #[cfg(test)]
    pub(crate) fn get(&self, address: usize) -> Option<&Entry> {
        let place = self.find(address)?;
        self.entries.get(self.index.get(place)?.number)
    }

    /// Takes the block at this very address out.
    pub(crate) fn remove(&mut self, address: usize) -> Option<Entry> {
        let place = self.find(address)?;
        let number = self.index.get(place)?.number;
        self.unlink(place);
        let removed = self.entries.swap_remove(number)?;
        if let Some(moved) = self.entries.get(number).copied()
            && let Some(place) = self.find(moved.address)
            && let Some(held) = self.index.get_mut(place)
        {
            held.number = number;
        }
        Some(removed)
    }

    fn mask(&self) -> usize {
        self.index.len().wrapping_sub(1)
    }

    /// Multiplicative hashing (Knuth, The Art of Computer Programming, 6.4): the high half of the product is well mixed.
    #[inline]
    fn home(&self, address: usize) -> usize {
        let mixed = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as usize & self.mask()
    }

    #[inline]
    fn find(&self, address: usize) -> Option<usize> {
        let mask = self.mask();
        let mut at = self.home(address);
        loop {
            let place = self.index.get(at)?;
            if place.address == address {
                return Some(at);
            }
            if place.address == 0 {
                return None;
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    fn link(&mut self, place: Place) {
        let mask = self.mask();
        let mut at = self.home(place.address);
        while let Some(held) = self.index.get_mut(at) {
            if held.address == 0 {
                *held = place;
                return;
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    /// Empties a place and moves what probed past it back (Knuth, 6.4, algorithm R), so that no tombstones are needed.
    fn unlink(&mut self, mut hole: usize) {
        let mask = self.mask();
        let mut at = hole;
        loop {
            at = at.wrapping_add(1) & mask;
            let Some(place) = self.index.get(at).copied() else { break };
            if place.address == 0 {
                break;
            }
            let home = self.home(place.address);
            // It may move if its home is not cyclically inside (hole, at].
            let distance_home = at.wrapping_sub(home) & mask;
            let distance_hole = at.wrapping_sub(hole) & mask;
            if distance_home >= distance_hole {
                if let Some(held) = self.index.get_mut(hole) {
                    *held = place;
                }
                hole = at;
            }
        }
        if let Some(held) = self.index.get_mut(hole) {
            *held = EMPTY;
        }
    }

    #[cold]
    fn grow(&mut self) -> bool {
        let wanted = if self.index.len() == 0 { FIRST } else { self.index.len().wrapping_mul(2) };
        let mut fresh = PagesVec::new();
        if !fresh.fill(wanted, EMPTY) {
            return false;
        }
        self.index = fresh;
        let mut number = 0;
        while let Some(entry) = self.entries.get(number) {
            let address = entry.address;
            self.link(Place { address, number });
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
                if insert {
                    let block = entry(address, ordinal as u64);
                    prop_assert_eq!(ledger.insert(block), naive.insert(address, block));
                } else {
                    prop_assert_eq!(ledger.remove(address), naive.remove(&address));
                }
            }
            prop_assert_eq!(ledger.entries().len(), naive.len());
            for (address, block) in &naive {
                prop_assert_eq!(ledger.get(*address), Some(block));
            }
            prop_assert_eq!(ledger.lost(), 0);
        }
    }
}
