use oomsweep::alloc_test;

#[alloc_test(jobs = 4)]
fn jobs() {}

#[alloc_test(global = "swept", invariant = holds)]
fn two() {}

#[alloc_test(engine = "snapshot")]
fn snapshot() {}

#[alloc_test(faults(once, pairs, resize))]
fn patterns() {}

fn main() {}
