//! The bodies with a bug, by what goes wrong in them. They make ordinary calls of safe functions; what the users' code brings is a
//! panic at a bad moment, or nothing at all.

pub mod after_free;
pub mod duplicated;
pub mod layout;
pub mod overflow;
pub mod panicking;
pub mod uninitialised;
