//! The attribute macros of `oomsweep`; use them through that crate.
