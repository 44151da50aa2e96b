//! Plain data: no I/O, no statics, no sentences for people.
//!
//! Everything that crosses a zone of the crate is one of these types; the types that also cross a process are `Copy`, of fixed
//! size, and without pointers into anybody's heap.

pub mod code;
pub mod event;
pub mod fault;
pub mod hash;
pub mod memory;
pub(crate) mod names;
pub mod options;
pub(crate) mod place;
pub mod report;
pub mod stack;
pub mod trial;
mod tried;

#[cfg(test)]
pub(crate) mod samples;
