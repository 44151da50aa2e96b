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
