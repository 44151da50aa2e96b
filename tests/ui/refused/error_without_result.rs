use oomsweep::alloc_test;

#[alloc_test(error = std::fmt::Error)]
fn nothing() {}

#[alloc_test(error_if = |_| true)]
fn unit() -> () {}

fn main() {}
