use oomsweep::alloc_test;

#[alloc_test(invariant = holds)]
fn two() {}

#[alloc_test(faults(once, pairs, resize))]
fn patterns() {}

fn main() {}
