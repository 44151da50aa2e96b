use oomsweep::alloc_test;

#[alloc_test(jobs = 4)]
fn jobs() {}

#[alloc_test(guard = "pages", threads = "all", global = "swept")]
fn three() {}

#[alloc_test(engine = "snapshot")]
fn snapshot() {}

#[alloc_test(faults(once, pairs, resize))]
fn patterns() {}

fn main() {}
