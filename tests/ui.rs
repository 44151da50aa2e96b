//! What the attribute refuses, and how it says so; and what the compiler refuses of the allocators.
//!
//! Each file of `ui/refused` stands beside the messages that the compiler shows for it. What it accepts is in `attribute.rs`.

#[test]
fn refusals() {
    trybuild::TestCases::new().compile_fail("tests/ui/refused/*.rs");
}
