//! Allocation-failure testing.

pub mod model;
mod sys;
mod hook;
mod config;
mod session;
mod sweep;
mod inspect;
mod render;
mod builder;
mod harness;
mod private;
mod report_api;

pub use builder::{AnyError, ErrorIf, Matcher, Sweep, TestReturn};
pub use config::{Faults, Infallible, Rule, Shrink};
pub use model::options::EngineChoice;
pub use model::report::Report;
pub use oomsweep_macros::alloc_test;

pub use hook::TestingAllocator;
pub use hook::regions::{Region, benign, benign_guard, exempt, exempt_guard, untracked, untracked_guard};

#[cfg(feature = "global")]
#[global_allocator]
static GLOBAL: TestingAllocator<std::alloc::System> = TestingAllocator::new(std::alloc::System);

#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}
