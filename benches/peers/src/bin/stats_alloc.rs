//! stats_alloc, which always counts.

#[path = "../work.rs"]
mod work;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Stats;

impl work::Peer for Stats {}

fn main() {
    work::main(&Stats);
}
