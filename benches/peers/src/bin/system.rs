//! The system's allocator, which all others are compared with; built with the sanitizer, also AddressSanitizer's.

#[path = "../work.rs"]
mod work;

struct System;

impl work::Peer for System {}

fn main() {
    work::main(&System);
}
