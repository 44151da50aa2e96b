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
