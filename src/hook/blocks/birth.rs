//! The birth of a block.

#[cfg(doc)]
use super::meta::Meta;
use crate::model::event::Kind;

/// What a new block is marked with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Birth {
    /// See [`Meta::session`].
    pub(crate) session: u32,
    /// See [`Meta::thread`].
    pub(crate) thread: u32,
    /// See [`Meta::marks`].
    pub(crate) marks: u8,
    /// See [`Meta::allocator`].
    pub(crate) allocator: u8,
    /// See [`Meta::born_stack`].
    pub(crate) stack: u32,
    /// `Alloc` or `Zeroed`.
    pub(crate) kind: Kind,
    /// The session is the open one, whose births are counted.
    pub(crate) counted: bool,
}
