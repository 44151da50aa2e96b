//! Blocks of a test stand in a place of our own: what stands where is known exactly, whatever pointer is asked about, and what is
//! written beside a block, or after its free, is seen.

pub(crate) mod birth;
pub(crate) mod classes;
pub(crate) mod damage;
mod elsewhere;
mod flush;
pub(crate) mod guarded;
mod large;
pub(crate) mod meta;
pub(crate) mod shard;
pub(crate) mod span;
pub(crate) mod store;
pub(crate) mod watch;
pub(crate) mod zones;

#[cfg(test)]
mod tests;
