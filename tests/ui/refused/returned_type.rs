// `#[rustfmt::test]` does nothing, and stands for an attribute that registers the test: without it the function would be
// gone before its types are looked at, as this file is no test target.
use oomsweep::alloc_test;

#[alloc_test]
#[rustfmt::test]
fn number() -> u32 {
    7
}

#[alloc_test]
#[rustfmt::test]
fn optional() -> Option<Vec<u8>> {
    None
}

struct Mute;

#[alloc_test]
#[rustfmt::test]
fn not_debug() -> Result<(), Mute> {
    Ok(())
}

fn main() {
    number();
    optional();
    not_debug();
}
