// `#[rustfmt::test]` does nothing, and stands for `#[test]`: below that one the function would be gone, as this file is no
// test target.
use oomsweep::alloc_test;

#[rustfmt::test]
#[should_panic]
#[alloc_test]
fn below_a_test() {}

fn main() {}
