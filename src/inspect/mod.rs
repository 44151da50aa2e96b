//! After the fault: symbols, and folding by root cause.

pub(crate) mod alone;
pub(crate) mod blocks;
pub(crate) mod cause;
pub(crate) mod fold;
pub(crate) mod key;
pub(crate) mod memory;
pub(crate) mod replay;
pub(crate) mod signals;
pub(crate) mod stacks;
pub(crate) mod symbols;
pub(crate) mod trim;
pub(crate) mod workspace;
