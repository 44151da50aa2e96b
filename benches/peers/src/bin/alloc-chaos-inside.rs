//! alloc-chaos inside a check, in its plain runs. It counts the requests of the checked thread alone.

#[path = "../work.rs"]
mod work;

use std::cell::RefCell;

use alloc_chaos::{ChaosAllocator, Check};

#[global_allocator]
static GLOBAL: ChaosAllocator = ChaosAllocator::system();

struct Inside;

impl work::Peer for Inside {
    fn test(&self, body: &mut dyn FnMut()) {
        let body = RefCell::new(body);
        let report = Check::new().max_failures(0).run(|| (body.borrow_mut())());
        let plain = report.baseline();
        assert!(plain.outcome().is_completed() && plain.observed_allocations() > 0, "{report:?}");
    }
}

fn main() {
    work::main(&Inside);
}
