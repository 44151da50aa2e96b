//! Allocators that are passed, composed and chosen.

pub mod adapt;
mod foreign;
mod lock;
mod seam;

pub use seam::{AllocError, Allocator};
