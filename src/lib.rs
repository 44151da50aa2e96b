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

pub use builder::{AnyError, ErrorIf, Faults, Infallible, Matcher, Rule, Shrink, Sweep, TestReturn};
pub use model::options::EngineChoice;
pub use model::report::Report;

#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}
