//! mockalloc while it records.

#[path = "../work.rs"]
mod work;

use std::alloc::System;

use mockalloc::{Mockalloc, record_allocs};

#[global_allocator]
static GLOBAL: Mockalloc<System> = Mockalloc(System);

struct Recording;

impl work::Peer for Recording {
    fn test(&self, body: &mut dyn FnMut()) {
        assert!(record_allocs(body).num_allocs() > 0, "it has seen the work");
    }

    fn thread(&self, work: &mut dyn FnMut()) {
        assert!(record_allocs(work).num_allocs() > 0, "it has seen the work");
    }
}

fn main() {
    work::main(&Recording);
}
