//! Allocators that are passed, composed and chosen.

pub mod adapt;
mod arena;
mod c;
#[cfg(test)]
mod drill;
mod fixed;
mod foreign;
mod lock;
mod page;
mod pool;
mod room;
mod seam;
mod test_alloc;

pub use arena::{ArenaAllocator, Keep};
pub use c::CAllocator;
pub use fixed::{FixedBufferAllocator, Shortage, SyncFixedBufferAllocator};
pub use page::{Guard, PageAllocator};
pub use pool::{PoolAllocator, Pooled};
pub use seam::{AllocError, Allocator};
pub use test_alloc::TestAlloc;
