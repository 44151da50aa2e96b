use oomsweep::alloc_test;

#[alloc_test(seed = 1, timeout = "1s", seed = 1)]
fn option() {}

#[alloc_test(faults(once, window(2), window(3), once))]
fn pattern() {}

fn main() {}
