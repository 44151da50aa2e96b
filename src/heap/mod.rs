//! Allocators that are passed, composed and chosen.

pub mod adapt;
mod arena;
#[cfg(test)]
mod drill;
mod fixed;
mod foreign;
mod lock;
mod pool;
mod room;
mod seam;

pub use arena::{ArenaAllocator, Keep};
pub use fixed::{FixedBufferAllocator, Shortage, SyncFixedBufferAllocator};
pub use pool::{PoolAllocator, Pooled};
pub use seam::{AllocError, Allocator};
