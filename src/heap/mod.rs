//! Allocators that are passed, composed and chosen.
//!
#![doc = include_str!("../../docs/allocators.md")]

pub mod adapt;
mod arena;
mod c;
mod counting;
mod debug;
#[cfg(test)]
mod drill;
mod failing;
mod fixed;
mod foreign;
mod limit;
mod lock;
mod logging;
mod page;
mod pool;
mod room;
mod seam;
mod test_alloc;
mod watched;

pub use arena::{ArenaAllocator, Keep};
pub use c::CAllocator;
pub use counting::{AllocStats, CountingAllocator};
pub use debug::{DebugAllocator, DebugOptions, Leak, Leaks, MemoryErrors};
pub use failing::{FailPlan, FailStats, FailingAllocator, InducedFailure, Numbering};
pub use fixed::{FixedBufferAllocator, Shortage, SyncFixedBufferAllocator};
pub use limit::LimitAllocator;
pub use logging::{AllocCall, AllocEvent, LogLevel, Loggers, LoggingAllocator, OldBlock, Sink};
pub use page::{Guard, PageAllocator};
pub use pool::{PoolAllocator, Pooled};
pub use seam::{AllocError, Allocator};
pub use test_alloc::TestAlloc;
