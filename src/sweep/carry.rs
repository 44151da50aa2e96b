//! Does a trial leave something behind that the next would see?
//!
//! Trials may follow one another in one process only while each begins where the plain runs have left off. The memory that
//! outlives a run (statics, the own thread's thread-locals, blocks that earlier runs have kept) is compared with a copy made
//! after the last plain run. A flag that a failure sets, and that would hide the next leak, shows in it, and so does a counter of
//! runs. What does not fit is no finding: the next trial just begins in a new process.

use std::sync::atomic::Ordering;

use crate::hook::blocks::meta::LIVE;
use crate::hook::blocks::store::Family;
use crate::hook::core::Core;
use crate::hook::gate;
use crate::sys::bytes;
use crate::sys::state::{self, Kernel, Range};

/// More memory than this is not compared: then every trial has a process of its own.
const MOST: usize = 4 << 20;

/// The state that runs begin in.
#[derive(Debug)]
pub(crate) struct Reference {
    pieces: Vec<Piece>,
    copy: Vec<u8>,
    kernel: Kernel,
    modules: u64,
    blocks: Vec<Range>,
    known: bool,
}

/// A part of the state that is to stay as it is, and where its copy lies.
#[derive(Debug, Clone, Copy)]
struct Piece {
    range: Range,
    at: usize,
}

impl Reference {
    /// The state as it is now.
    pub(crate) fn take(core: &Core) -> Reference {
        let _harness = gate::harness();
        let blocks: Vec<Range> = kept(core).collect();
        let mut ranges = without(state::statics(), &state::bookkeeping());
        ranges.extend(&blocks);
        ranges.push(state::environment());
        let total: usize = ranges.iter().map(|range| range.len).sum();
        let known = total <= MOST;
        let mut reference = Reference {
            pieces: Vec::new(),
            copy: Vec::with_capacity(if known { total } else { 0 }),
            kernel: state::kernel(false),
            modules: state::modules(),
            blocks,
            known,
        };
        if known {
            for range in ranges {
                reference.add(range);
            }
        }
        reference
    }

    /// Whether the state is still the same. `alone`: this process is known to have no other thread.
    pub(crate) fn holds(&self, core: &Core, alone: bool) -> bool {
        let _harness = gate::harness();
        if !self.known || self.modules != state::modules() || self.kernel != state::kernel(alone) || !self.keeps(core) {
            return false;
        }
        let copy = self.copy.as_ptr() as usize;
        // SAFETY: no module has come or gone, so the statics are where they were; the kept blocks are still live; and the environment
        // is where it was.
        self.pieces.iter().all(|piece| unsafe { bytes::same(piece.range.from, copy + piece.at, piece.range.len) })
    }

    /// The blocks that were kept are the blocks that are kept.
    fn keeps(&self, core: &Core) -> bool {
        let mut then = self.blocks.iter();
        kept(core).all(|block| then.next() == Some(&block)) && then.next().is_none()
    }

    fn add(&mut self, range: Range) {
        let at = self.copy.len();
        // SAFETY: a static, a thread-local of this thread or a live block: readable. Whoever else writes there is no thread
        // of ours, and a torn value only makes the state look changed.
        let bytes = unsafe { std::slice::from_raw_parts(range.from as *const u8, range.len) };
        self.copy.extend_from_slice(bytes);
        self.pieces.push(Piece { range, at });
    }
}

/// What is left of ranges without others, which are in order.
fn without(ranges: Vec<Range>, others: &[Range]) -> Vec<Range> {
    let mut left = Vec::with_capacity(ranges.len() + others.len());
    for range in ranges {
        let end = range.from + range.len;
        let mut from = range.from;
        for other in others.iter().filter(|other| other.from >= range.from && other.from < end) {
            left.push(Range { from, len: other.from.saturating_sub(from) });
            from = from.max(other.from + other.len);
        }
        left.push(Range { from, len: end.saturating_sub(from) });
    }
    left
}

/// Blocks that were born in runs and are still there.
fn kept(core: &Core) -> impl Iterator<Item = Range> {
    let any = core.holds_blocks();
    core.store.slots(Family::Bodies).take_while(move |_| any).filter_map(|meta| {
        // SAFETY: a meta of the store's; no run is open, so nobody makes or frees blocks of runs.
        unsafe {
            let is_kept = (*meta).session != 0 && (*meta).state.load(Ordering::Acquire) == LIVE;
            is_kept.then(|| Range { from: (*meta).address, len: (*meta).size })
        }
    })
}
