use oomsweep::alloc_test;

#[alloc_test(fault(once))]
fn nearly() {}

#[alloc_test(leaks)]
fn half() {}

#[alloc_test(colour = "red", timeot = "1s")]
fn two() {}

#[alloc_test(faults(onec))]
fn pattern() {}

fn main() {}
