//! Allocators that are passed, composed and chosen.

pub mod adapt;
mod debug;
mod foreign;
mod lock;
mod seam;

pub use debug::{DebugAllocator, DebugOptions, Leak, Leaks, MemoryErrors};
pub use seam::{AllocError, Allocator};
