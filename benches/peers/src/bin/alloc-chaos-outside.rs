//! alloc-chaos while it checks nothing.

#[path = "../work.rs"]
mod work;

use alloc_chaos::ChaosAllocator;

#[global_allocator]
static GLOBAL: ChaosAllocator = ChaosAllocator::system();

struct Outside;

impl work::Peer for Outside {}

fn main() {
    work::main(&Outside);
}
