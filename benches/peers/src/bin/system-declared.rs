//! The system's allocator declared as the global one: in a debug build the calls then go through code that is not optimised, where
//! without a declaration std brings its own.

#[path = "../work.rs"]
mod work;

use std::alloc::System;

#[global_allocator]
static GLOBAL: System = System;

struct Declared;

impl work::Peer for Declared {}

fn main() {
    work::main(&Declared);
}
