//! Where a pointer can be that keeps a block reachable is not known.

use super::state::Range;

/// Something that can hold pointers; none is ever found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "where there are some, they are told apart by it")]
pub(crate) enum Root {
    /// Readable memory, not always aligned.
    Memory(Range),
    /// One word, which lies in no memory.
    Word(usize),
}
