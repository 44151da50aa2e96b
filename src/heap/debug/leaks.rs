//! What an allocator was left with, and what it found.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use super::ledger::{Of, State};
use super::noted::{ITSELF, Noted};
use super::told;
use super::watch::Watch;
use crate::heap::seam::Allocator;
use crate::hook::gate;
use crate::hook::pages_vec::PagesVec;
use crate::inspect::alone::{self, Alike};
use crate::inspect::stacks::Stacks;
use crate::model::memory::{MemoryError, Noticed};
use crate::model::report::{BlockReport, Finding};
use crate::model::stack::{RawStack, Stack};
use crate::model::trial::Block;
use crate::render::wording;

/// Blocks of one birth that were never freed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leak {
    /// Bytes of one block.
    pub size: usize,
    /// Alignment in bytes.
    pub align: usize,
    /// How many blocks.
    pub count: usize,
    /// Bytes of all of them.
    pub bytes: usize,
    /// The thread that made them, if that was not the one that called the allocator first: threads are counted from 1, in the order
    /// in which they came to any debug allocator of the process.
    pub thread: Option<u32>,
    /// The stack of their birth, innermost frame first; empty if none was kept.
    pub born: Stack,
}

/// What a [`DebugAllocator`](super::DebugAllocator) was left with: blocks that were never freed, those of one birth together; and the
/// memory errors that it has on record.
///
/// Its `Display` is the report that people read, with the lines of source where the blocks were born, and so is its `Debug`, for
/// that is what an `unwrap` shows.
///
/// ```
/// use oomsweep::heap::{Allocator, DebugAllocator};
/// use std::alloc::{Layout, System};
///
/// let heap = DebugAllocator::new(System);
/// for _ in 0..3 {
///     heap.allocate(Layout::new::<u64>()).unwrap();
/// }
/// let leaks = heap.deinit().unwrap_err();
/// assert_eq!((leaks.blocks(), leaks.bytes()), (3, 24));
/// let leak = leaks.iter().next().unwrap();
/// assert_eq!((leak.size, leak.count), (8, 3));
/// ```
#[derive(Clone)]
#[must_use = "leaks that nobody looks at are not found"]
pub struct Leaks {
    leaks: Vec<Leak>,
    errors: Vec<Finding>,
    lost: usize,
    text: String,
}

impl Leaks {
    /// The leaks, in the order of the first birth of each.
    pub fn iter(&self) -> std::slice::Iter<'_, Leak> {
        self.leaks.iter()
    }

    /// How many blocks leaked.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.leaks.iter().map(|leak| leak.count).sum()
    }

    /// How many bytes they have together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.leaks.iter().map(|leak| leak.bytes).sum()
    }

    /// The memory errors on record, those that say the same as one: also those that were told already, when they were noticed.
    /// At most the first 256 are kept.
    #[must_use]
    pub fn errors(&self) -> &[Finding] {
        &self.errors
    }

    /// Nothing leaked, and no memory error is on record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leaks.is_empty() && self.errors.is_empty() && self.lost == 0
    }
}

impl<'l> IntoIterator for &'l Leaks {
    type Item = &'l Leak;
    type IntoIter = std::slice::Iter<'l, Leak>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Leaks {}

/// Memory errors that a [`check`](super::DebugAllocator::check) found.
///
/// Its `Display` is the report that people read, and so is its `Debug`.
#[derive(Clone)]
#[must_use = "errors that nobody looks at are not found"]
pub struct MemoryErrors {
    errors: Vec<Finding>,
    text: String,
}

impl MemoryErrors {
    /// The errors, those that say the same as one.
    #[must_use]
    pub fn errors(&self) -> &[Finding] {
        &self.errors
    }
}

impl fmt::Display for MemoryErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for MemoryErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for MemoryErrors {}

impl Watch {
    /// Looks at everything now.
    pub(super) fn check(&self, stack: &RawStack) -> Result<(), MemoryErrors> {
        let mut noted = Noted::new();
        self.look_at_all(Noticed::Demand, stack, &mut noted);
        if noted.is_empty() {
            return Ok(());
        }
        let _harness = gate::harness();
        let mut resolver = told::resolver();
        let errors = told::findings(noted.errors(), self.options.name, &mut Stacks::new(&mut resolver));
        let title = wording::memory_errors(self.options.name, noted.errors().len() + noted.lost());
        Err(MemoryErrors { text: told::page(&title, &errors, noted.lost()), errors })
    }

    /// The blocks that are live now.
    pub(super) fn leaks(&self) -> Leaks {
        self.told(&[], 0, false)
    }

    /// Looks at everything for the last time, and gives back what is in quarantine.
    ///
    /// # Safety
    /// 1. The memory of the ledger's blocks came from `backing`.
    /// 2. Nobody calls any more.
    pub(super) unsafe fn end(&mut self, backing: &dyn Allocator, all: bool) -> Leaks {
        let mut noted = Noted::new();
        // SAFETY: by the obligations of this function.
        while unsafe { self.let_one_go(backing, 0, 0, Noticed::End, &mut noted) } {}
        self.look_at_all(Noticed::End, &RawStack::EMPTY, &mut noted);
        let ledger = self.ledger.get_mut();
        ledger.ended = true;
        if all {
            let errors = std::mem::replace(&mut ledger.errors, PagesVec::new());
            let lost = ledger.errors_lost;
            self.told(errors.as_slice(), lost, true)
        } else {
            self.told(noted.errors(), noted.lost(), false)
        }
    }

    /// The live blocks and these errors, as people read them. `threads`: and what of the threads is on record.
    fn told(&self, errors: &[MemoryError], lost: usize, threads: bool) -> Leaks {
        let _harness = gate::harness();
        let name = self.options.name;
        let alike = self.alike();
        let (first, second) = {
            let ledger = self.ledger.hold();
            (ledger.first, ledger.second)
        };
        let strangers = first.zip(second).filter(|_| threads);
        if alike.is_empty() && errors.is_empty() && lost == 0 && strangers.is_none() {
            return Leaks { leaks: Vec::new(), errors: Vec::new(), lost, text: wording::left_behind(name, 0, 0, 0) };
        }
        let mut resolver = told::resolver();
        let mut stacks = Stacks::new(&mut resolver);
        let mut leaked = alone::leaks(&alike, &mut stacks, &told::named(name));
        leaked.iter_mut().for_each(wording::speak_alone);
        let leaks: Vec<Leak> = leaked.iter().flat_map(|finding| &finding.blocks).map(leak).collect();
        let mut found = told::findings(errors, name, &mut stacks);
        found.extend(strangers.map(|(first, second)| told::of_threads(&first, &second, name, &mut stacks)));
        let count = leaks.iter().map(|leak| leak.count as u64).sum();
        let bytes = leaks.iter().map(|leak| leak.bytes as u64).sum();
        let all = errors.len() + lost + usize::from(strangers.is_some());
        let title = wording::left_behind(name, count, bytes, all);
        let text = told::page(&title, &[found.as_slice(), leaked.as_slice()].concat(), lost);
        Leaks { leaks, errors: found, lost, text }
    }

    /// The live blocks, those together that have the same stack of birth, size, alignment and thread, in the order of the first
    /// births. The entries are read one by one, so that calls of other threads come between.
    fn alike(&self) -> Vec<Alike> {
        type Key = (Vec<usize>, usize, usize, u32);
        let mut places: HashMap<Key, usize> = HashMap::new();
        let mut alike: Vec<Alike> = Vec::new();
        let mut at = 0;
        loop {
            let mut born = RawStack::EMPTY;
            let entry = {
                let ledger = self.ledger.hold();
                if at >= ledger.len() {
                    break;
                }
                for &ip in ledger.stack(at, Of::Birth, self.options.stack_frames) {
                    born.push(ip);
                }
                ledger.entry(at)
            };
            at += 1;
            if !matches!(entry.state, State::Live | State::Busy) {
                continue;
            }
            let thread = self.shown(entry.born_by);
            let place = *places.entry((born.ips().to_vec(), entry.size, entry.align, thread)).or_insert(alike.len());
            if place == alike.len() {
                let block = Block {
                    size: entry.size,
                    align: entry.align,
                    ordinal: entry.ordinal,
                    allocator: ITSELF,
                    thread: Some(thread).filter(|thread| *thread != 0),
                    born,
                    indirect_count: 0,
                    indirect_bytes: 0,
                };
                alike.push(Alike { block, count: 0 });
            }
            alike[place].count += 1;
            alike[place].block.ordinal = alike[place].block.ordinal.min(entry.ordinal);
        }
        alike.sort_by_key(|alike| alike.block.ordinal);
        alike
    }
}

fn leak(block: &BlockReport) -> Leak {
    Leak {
        size: block.size as usize,
        align: block.align as usize,
        count: block.count as usize,
        bytes: block.bytes as usize,
        thread: block.thread,
        born: block.born.clone(),
    }
}
