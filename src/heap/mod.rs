//! Allocators that are passed, composed and chosen.

pub mod adapt;
mod debug;
mod foreign;
mod lock;
mod seam;
mod test_alloc;

pub use debug::{DebugAllocator, DebugOptions, Leak, Leaks, MemoryErrors};
pub use seam::{AllocError, Allocator};
pub use test_alloc::TestAlloc;
