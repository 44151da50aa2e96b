//! Allocators that are passed, composed and chosen.

pub mod adapt;
mod counting;
mod failing;
mod foreign;
mod limit;
mod lock;
mod logging;
mod seam;
mod test_alloc;
mod watched;

pub use counting::{AllocStats, CountingAllocator};
pub use failing::{FailPlan, FailStats, FailingAllocator, InducedFailure, Numbering};
pub use limit::LimitAllocator;
pub use logging::{AllocCall, AllocEvent, LogLevel, Loggers, LoggingAllocator, OldBlock, Sink};
pub use seam::{AllocError, Allocator};
pub use test_alloc::TestAlloc;
