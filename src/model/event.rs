//! What a program asks of an allocator.

use serde::{Deserialize, Serialize};

/// The direction of one request. A `realloc` is `Grow`, `Shrink` or `Same`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Kind {
    /// `alloc`.
    Alloc,
    /// `alloc_zeroed`.
    Zeroed,
    /// `realloc` to a larger size.
    Grow,
    /// `realloc` to a smaller size.
    Shrink,
    /// `realloc` to the size that the block has.
    Same,
}

impl Kind {
    /// The kind of a `realloc` from `old` bytes to `new` bytes.
    #[inline]
    pub fn of_realloc(old: usize, new: usize) -> Kind {
        if new > old {
            Kind::Grow
        } else if new < old {
            Kind::Shrink
        } else {
            Kind::Same
        }
    }

    /// The word that the report file uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Alloc => "alloc",
            Kind::Zeroed => "zeroed",
            Kind::Grow => "grow",
            Kind::Shrink => "shrink",
            Kind::Same => "same",
        }
    }
}

/// One call that may come back empty-handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Request {
    /// The size asked for, in bytes (the new size of a `realloc`).
    pub size: usize,
    /// The size before a `realloc`; 0 otherwise.
    pub old_size: usize,
    /// The alignment, in bytes.
    pub align: usize,
    /// Its number among the points of its run, if it is a point ([`Request::NO_POINT`] otherwise).
    pub index: u64,
    /// Direction of the request.
    pub kind: Kind,
    /// Made inside a `benign` region.
    pub benign: bool,
    /// The allocator that was asked: 0, or the number of one of the body's own.
    pub allocator: u8,
}

impl Request {
    /// The index of a request that is no point.
    pub const NO_POINT: u64 = u64::MAX;

    /// Whether two runs that make these requests at one place are still doing the same: kind, size and align.
    #[inline]
    pub fn same_as(&self, other: &Request) -> bool {
        self.kind == other.kind && self.size == other.size && self.align == other.align
    }
}
