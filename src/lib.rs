//! Allocation-failure testing.

pub mod model;
#[allow(dead_code)]
mod sys;
#[allow(dead_code)]
mod hook;
mod config;
#[allow(dead_code)]
mod session;
#[allow(dead_code)]
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

#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}
