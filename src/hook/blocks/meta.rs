//! What is kept of each slot, apart from the memory that it is about.

use std::sync::atomic::AtomicU8;

/// A slot in which no block has stood yet.
pub(crate) const FRESH: u8 = 0;
/// A block stands here.
pub(crate) const LIVE: u8 = 1;
/// Freed, and watched for a while.
pub(crate) const QUARANTINED: u8 = 2;
/// Freed, and ready for another block.
pub(crate) const FREE: u8 = 3;
/// Freed, and in the hands of who looks at another thread's quarantine: the slot is ready for nobody.
pub(crate) const HELD: u8 = 4;

/// Born inside `untracked`, or declared to be held: no leak.
pub(crate) const UNTRACKED: u8 = 1;
/// The harness's own: it holds nothing of the body's, whatever is written in it.
pub(crate) const HARNESS: u8 = 2;
/// Reached in the search that goes on.
pub(crate) const REACHED: u8 = 4;
/// Freed by a `realloc` that moved it.
pub(crate) const MOVED: u8 = 8;
/// Beside guard pages, in a place of its own.
pub(crate) const GUARDED: u8 = 16;
/// Out of reach of any access since it was freed.
pub(crate) const FORBIDDEN: u8 = 32;

/// Marks that tell where a block stands, and do not go with it when it moves.
pub(crate) const OF_THE_PLACE: u8 = GUARDED | FORBIDDEN;

/// In the place of a list: a run, or pages of its own.
pub(crate) const NO_LIST: u8 = u8::MAX;

/// See the module. 64 bytes: one line of the cache.
#[repr(C)]
pub(crate) struct Meta {
    /// The first byte of the block; of a slot that was never used, where a block with the least alignment would begin.
    pub(crate) address: usize,
    /// Its size, in bytes.
    pub(crate) size: usize,
    /// The size that it was born with.
    pub(crate) born_size: usize,
    /// How many births of its thread came before it in its session, as far as four bytes go.
    pub(crate) ordinal: u32,
    /// From the first byte of the block to the end of the slot, in a slot of a span before which the least is guarded; 0: to be
    /// looked up.
    pub(crate) room: u32,
    /// The session that it was born in; 0: before any, or none of the body's.
    pub(crate) session: u32,
    /// The number of the thread that made it; 0: the body's own.
    pub(crate) thread: u32,
    /// The number of the thread that freed it, as far as two bytes go.
    pub(crate) freed_by: u16,
    /// The list of free slots that it belongs to; [`NO_LIST`]: it is no slot of a span.
    pub(crate) list: u8,
    unused: u8,
    /// The next free slot of the same class.
    pub(crate) next: u32,
    /// Where the stack of its birth lies, plus one; 0: not recorded.
    pub(crate) born_stack: u32,
    /// The same for its free.
    pub(crate) freed_stack: u32,
    /// The span that the slot lies in.
    pub(crate) span: u32,
    /// One of the states above.
    pub(crate) state: AtomicU8,
    /// The binary logarithm of its alignment.
    pub(crate) align: u8,
    /// The marks above.
    pub(crate) marks: u8,
    /// The allocator that it belongs to; 0: the global one.
    pub(crate) allocator: u8,
}

const _: () = assert!(size_of::<Meta>() == 64);
