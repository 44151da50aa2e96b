//! After the fault: symbols, and folding by root cause.

pub(crate) mod blocks;
pub(crate) mod cause;
pub(crate) mod fold;
pub(crate) mod key;
pub(crate) mod names;
pub(crate) mod place;
pub(crate) mod replay;
pub(crate) mod signals;
pub(crate) mod stacks;
pub(crate) mod symbols;
pub(crate) mod workspace;

#[cfg(test)]
mod samples;
