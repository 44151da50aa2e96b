//! The same sweeps by alloc-chaos, for `benches/figures` to time: each test by itself, as a process.

#[path = "../src/body.rs"]
mod body;

use alloc_chaos::{ChaosAllocator, check};
use body::{Refused, held, work};

#[global_allocator]
static GLOBAL: ChaosAllocator = ChaosAllocator::system();

#[track_caller]
fn sweep(body: fn() -> Result<(), Refused>, points: usize) {
    // Whether a body returns an error is nothing that it looks at.
    let report = check(|| _ = body());
    report.assert_success();
    assert!(report.injected_failures() == points, "{} points", report.injected_failures());
}

#[test]
fn n1000() {
    sweep(held::<1_000>, 1_000);
}

#[test]
fn n10000() {
    sweep(held::<10_000>, 10_000);
}

#[test]
fn after_work() {
    let worked = || {
        work();
        held::<20>()
    };
    sweep(worked, 20);
}
