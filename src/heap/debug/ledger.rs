//! What is known of each block, by its address. It lies in pages of the system's, and asks no allocator for anything.

use crate::hook::pages_vec::PagesVec;
use crate::model::memory::MemoryError;
use crate::model::stack::RawStack;

use super::threads::First;

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The entry is nobody's.
    Unused,
    /// The entry is taken, and its block is not there yet.
    Promised,
    /// The block is in use.
    Live,
    /// A call is at work on it.
    Busy,
    /// Freed, and its memory is held back.
    Freed,
    /// Freed, and its memory has gone back.
    Gone,
}

/// A block. 0 in the place of a number of another entry: there is none; else the number is one too high.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Its first byte.
    pub(super) address: usize,
    /// Its size, in bytes.
    pub(super) size: usize,
    /// Its alignment, in bytes.
    pub(super) align: usize,
    /// The size that it was born with.
    pub(super) born_size: usize,
    /// How many guarded bytes come before it: so far before it begins what the backing allocator gave.
    pub(super) front: usize,
    /// How many bytes that allocator was asked for.
    pub(super) all: usize,
    /// The alignment that it was asked for.
    pub(super) all_align: usize,
    /// How many births came before it.
    pub(super) ordinal: u64,
    /// The thread that made it.
    pub(super) born_by: u32,
    /// The thread that freed it.
    pub(super) freed_by: u32,
    /// What became of it.
    pub(super) state: State,
    /// It was freed by a change of its size, which moved it.
    pub(super) moved: bool,
    /// The next one in its bucket, or among the unused.
    pub(super) next: u32,
    /// The one that was freed after it.
    pub(super) later: u32,
}

impl Entry {
    /// One that nothing is known of.
    pub(super) const NONE: Entry = Entry {
        address: 0,
        size: 0,
        align: 1,
        born_size: 0,
        front: 0,
        all: 0,
        all_align: 1,
        ordinal: 0,
        born_by: 0,
        freed_by: 0,
        state: State::Unused,
        moved: false,
        next: 0,
        later: 0,
    };

    /// The first byte behind it.
    pub(super) fn end(&self) -> usize {
        self.address + self.size
    }

    /// How many guarded bytes come behind it.
    pub(super) fn behind(&self) -> usize {
        self.all - self.front - self.size
    }
}

/// Whose stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Of the birth.
    Birth = 0,
    /// Of the free.
    Free = 1,
}

/// What is counted, in blocks and in bytes that users asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// Blocks in use.
    pub(super) live_blocks: usize,
    /// Their bytes.
    pub(super) live_bytes: usize,
    /// The most that these bytes ever were.
    pub(super) peak_bytes: usize,
    /// Blocks that were ever made.
    pub(super) total_blocks: u64,
    /// Bytes that were ever given out.
    pub(super) total_bytes: u64,
    /// Bytes that calls are about to give out.
    promised: usize,
}

impl Counts {
    /// Sets bytes aside, unless that goes beyond the limit.
    pub(super) fn promise(&mut self, bytes: usize, limit: Option<usize>) -> bool {
        let all = self.live_bytes.saturating_add(self.promised).saturating_add(bytes);
        let fits = limit.is_none_or(|limit| all <= limit);
        if fits {
            self.promised += bytes;
        }
        fits
    }

    /// Takes back what was set aside.
    pub(super) fn withdraw(&mut self, bytes: usize) {
        self.promised -= bytes;
    }

    /// A block is there, for which its bytes were set aside.
    pub(super) fn born(&mut self, bytes: usize) {
        self.live_blocks += 1;
        self.total_blocks += 1;
        self.resized(0, bytes);
    }

    /// A block has another size; what it grew by was set aside.
    pub(super) fn resized(&mut self, from: usize, to: usize) {
        let more = to.saturating_sub(from);
        self.promised -= more;
        self.live_bytes = self.live_bytes - from + to;
        self.total_bytes = self.total_bytes.saturating_add(more as u64);
        self.peak_bytes = self.peak_bytes.max(self.live_bytes);
    }

    /// A block is gone.
    pub(super) fn freed(&mut self, bytes: usize) {
        self.live_blocks = self.live_blocks.saturating_sub(1);
        self.live_bytes = self.live_bytes.saturating_sub(bytes);
    }
}

/// See the module.
pub(super) struct Ledger {
    entries: PagesVec<Entry>,
    /// The first entry of each, by the hash of the address.
    buckets: PagesVec<u32>,
    /// For each entry two stacks: a length, and room for so many addresses as are kept.
    stacks: PagesVec<usize>,
    unused: u32,
    oldest: u32,
    newest: u32,
    held_blocks: usize,
    held_bytes: usize,
    /// What is counted.
    pub(super) counts: Counts,
    /// The memory errors so far.
    pub(super) errors: PagesVec<MemoryError>,
    /// How many there were beside those.
    pub(super) errors_lost: usize,
    /// The thread that called first.
    pub(super) first: Option<First>,
    /// The thread that called although only the first may.
    pub(super) second: Option<First>,
    /// The end was made, and nothing is left to be looked at.
    pub(super) ended: bool,
}

/// Buckets to begin with.
const BUCKETS: usize = 1024;

impl Ledger {
    /// An empty one; asks for no memory.
    pub(super) const fn new() -> Ledger {
        Ledger {
            entries: PagesVec::new(),
            buckets: PagesVec::new(),
            stacks: PagesVec::new(),
            unused: 0,
            oldest: 0,
            newest: 0,
            held_blocks: 0,
            held_bytes: 0,
            counts: Counts {
                live_blocks: 0,
                live_bytes: 0,
                peak_bytes: 0,
                total_blocks: 0,
                total_bytes: 0,
                promised: 0,
            },
            errors: PagesVec::new(),
            errors_lost: 0,
            first: None,
            second: None,
            ended: false,
        }
    }

    /// How many entries there are, whatever their state.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// An entry.
    pub(super) fn entry(&self, at: usize) -> Entry {
        self.entries.get(at).copied().unwrap_or(Entry::NONE)
    }

    /// An entry, to be changed.
    pub(super) fn entry_mut(&mut self, at: usize) -> Option<&mut Entry> {
        self.entries.as_mut_slice().get_mut(at)
    }

    /// Takes an entry with room for its stacks; `None` if the system has no pages left.
    pub(super) fn promise(&mut self, frames: usize) -> Option<usize> {
        let at = match (self.unused as usize).checked_sub(1) {
            Some(at) => {
                self.unused = self.entry(at).next;
                at
            }
            None => self.one_more(frames)?,
        };
        *self.entry_mut(at)? = Entry { state: State::Promised, ..Entry::NONE };
        Some(at)
    }

    fn one_more(&mut self, frames: usize) -> Option<usize> {
        let at = self.entries.len();
        u32::try_from(at + 1).ok()?;
        if !self.make_buckets(at + 1) || !self.entries.push(Entry::NONE) {
            return None;
        }
        let words = self.stacks.len();
        for _ in 0..words_of(frames) {
            if !self.stacks.push(0) {
                while self.stacks.len() > words {
                    self.stacks.pop();
                }
                self.entries.pop();
                return None;
            }
        }
        Some(at)
    }

    /// Sees to it that there are buckets; more of them for more entries, if they can be had.
    fn make_buckets(&mut self, entries: usize) -> bool {
        let present = self.buckets.len();
        if entries <= present {
            return true;
        }
        let wanted = usize::max(BUCKETS, present * 2);
        let mut fresh = PagesVec::new();
        for _ in 0..wanted {
            if !fresh.push(0) {
                return present > 0;
            }
        }
        self.buckets = fresh;
        for at in 0..self.entries.len() {
            if is_known(self.entry(at).state) {
                self.link(at);
            }
        }
        true
    }

    /// A promised entry becomes one that is known by its address; an older one of a block that is gone leaves that place.
    pub(super) fn enter(&mut self, at: usize, entry: Entry) {
        if let Some(older) = self.find(entry.address).filter(|older| self.entry(*older).state == State::Gone) {
            self.forget(older);
        }
        if let Some(place) = self.entry_mut(at) {
            *place = entry;
            self.link(at);
        }
    }

    /// An entry is nobody's again.
    pub(super) fn forget(&mut self, at: usize) {
        if is_known(self.entry(at).state) {
            self.unlink(at);
        }
        let unused = self.unused;
        if let Some(entry) = self.entry_mut(at) {
            *entry = Entry { next: unused, ..Entry::NONE };
            self.unused = number(at);
        }
    }

    /// The entry of the block that begins at an address.
    pub(super) fn find(&self, address: usize) -> Option<usize> {
        let mut next = self.buckets.get(self.bucket(address)?).copied()?;
        while let Some(at) = (next as usize).checked_sub(1) {
            let entry = self.entry(at);
            if entry.address == address {
                return Some(at);
            }
            next = entry.next;
        }
        None
    }

    /// The entry of a block that an address lies in or beside; one that is in use rather than one that is freed.
    pub(super) fn near(&self, address: usize) -> Option<usize> {
        let holds = |entry: &Entry| address.wrapping_sub(entry.address.wrapping_sub(entry.front)) < entry.all;
        let known = |entry: &Entry| matches!(entry.state, State::Live | State::Busy | State::Freed);
        let all = || self.entries.as_slice().iter().enumerate().filter(|(_, entry)| known(entry) && holds(entry));
        all().find(|(_, entry)| entry.state != State::Freed).or_else(|| all().next()).map(|(at, _)| at)
    }

    fn bucket(&self, address: usize) -> Option<usize> {
        let mixed = (address as u64 >> 3).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        (mixed as usize).checked_rem(self.buckets.len())
    }

    fn link(&mut self, at: usize) {
        let address = self.entry(at).address;
        let Some(bucket) = self.bucket(address) else { return };
        let Some(first) = self.buckets.as_mut_slice().get_mut(bucket) else { return };
        let next = std::mem::replace(first, number(at));
        if let Some(entry) = self.entry_mut(at) {
            entry.next = next;
        }
    }

    fn unlink(&mut self, at: usize) {
        let gone = self.entry(at);
        let Some(bucket) = self.bucket(gone.address) else { return };
        let Some(first) = self.buckets.as_mut_slice().get_mut(bucket) else { return };
        if *first == number(at) {
            *first = gone.next;
            return;
        }
        let mut before = *first;
        while let Some(here) = (before as usize).checked_sub(1) {
            let Some(entry) = self.entry_mut(here) else { return };
            if entry.next == number(at) {
                entry.next = gone.next;
                return;
            }
            before = entry.next;
        }
    }

    /// Keeps a stack of an entry, as far as there is room.
    pub(super) fn keep_stack(&mut self, at: usize, of: Of, frames: usize, stack: &[usize]) {
        let from = at * words_of(frames) + of as usize * (frames + 1);
        let Some(place) = self.stacks.as_mut_slice().get_mut(from..from + frames + 1) else { return };
        let len = stack.len().min(frames);
        if let Some((length, room)) = place.split_first_mut() {
            *length = len;
            room[..len].copy_from_slice(&stack[..len]);
        }
    }

    /// A stack of an entry.
    pub(super) fn stack(&self, at: usize, of: Of, frames: usize) -> &[usize] {
        let from = at * words_of(frames) + of as usize * (frames + 1);
        let Some(place) = self.stacks.as_slice().get(from..from + frames + 1) else { return &[] };
        place.split_first().and_then(|(len, room)| room.get(..*len)).unwrap_or(&[])
    }

    /// A stack of another entry becomes the one of this entry, too.
    pub(super) fn copy_stack(&mut self, from: usize, into: usize, of: Of, frames: usize) {
        let stack = RawStack::from_ips(self.stack(from, of, frames));
        self.keep_stack(into, of, frames, stack.ips());
    }

    /// Holds the memory of a freed block back.
    pub(super) fn hold_back(&mut self, at: usize) {
        let newest = self.newest;
        if let Some(last) = (newest as usize).checked_sub(1).and_then(|last| self.entry_mut(last)) {
            last.later = number(at);
        } else {
            self.oldest = number(at);
        }
        self.newest = number(at);
        if let Some(entry) = self.entry_mut(at) {
            entry.state = State::Freed;
            entry.later = 0;
            let bytes = entry.all;
            self.held_blocks += 1;
            self.held_bytes = self.held_bytes.saturating_add(bytes);
        }
    }

    /// Takes out the block that has been held back longest, if they are more, or larger together, than these. It is busy then.
    pub(super) fn let_go(&mut self, blocks: usize, bytes: usize) -> Option<usize> {
        let at = (self.oldest as usize).checked_sub(1)?;
        if self.held_blocks <= blocks && (self.held_bytes <= bytes || self.held_blocks == 1) {
            return None;
        }
        let entry = self.entry(at);
        self.oldest = entry.later;
        if self.oldest == 0 {
            self.newest = 0;
        }
        self.held_blocks -= 1;
        self.held_bytes = self.held_bytes.saturating_sub(entry.all);
        self.entry_mut(at)?.state = State::Busy;
        Some(at)
    }
}

/// Words of an entry's two stacks.
fn words_of(frames: usize) -> usize {
    if frames == 0 { 0 } else { 2 * (frames + 1) }
}

fn number(at: usize) -> u32 {
    at as u32 + 1
}

/// The entry is found by its address.
fn is_known(state: State) -> bool {
    !matches!(state, State::Unused | State::Promised)
}
