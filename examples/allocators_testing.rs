//! Tests that are handed their allocator: `cargo test --example allocators_testing`.
//!
//! `#[alloc_test]` above a function with an allocator among its arguments runs it once plainly, and then once for every request to
//! that allocator, with the request failing. Nothing may leak, no failure may be swallowed, and no block may go back to another
//! allocator than its own. The tests at the end of this file pass; `cargo run --example allocators_testing` shows what is said of
//! one that would not.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use allocator_api2_02::alloc::Allocator;
use allocator_api2_02::collections::TryReserveError;
use allocator_api2_02::vec::Vec;
use oomsweep::Sweep;

fn main() {
    println!("A text that is shouted, and forgotten:\n");
    println!("{}", Sweep::new("shouts").run_alloc(["alloc"], |[alloc]| shout("to be", alloc).map(Vec::leak)));
    println!("And one that is dropped:\n");
    println!("{}", Sweep::new("shouts").run_alloc(["alloc"], |[alloc]| shout("to be", alloc)));
    println!("And two, of which the second is only needed on the way:\n");
    let report = Sweep::new("shouts_on")
        .run_alloc(["text", "scratch"], |[text, scratch]| both(shout("to be", text)?, shout("or not", scratch)?));
    println!("{report}");
}

/// A text in capitals, and louder.
fn shout<A: Allocator>(text: &str, alloc: A) -> Result<Vec<u8, A>, TryReserveError> {
    let mut loud = Vec::new_in(alloc);
    loud.try_reserve_exact(text.len())?;
    loud.extend(text.bytes().map(|byte| byte.to_ascii_uppercase()));
    loud.try_reserve_exact(1)?;
    loud.push(b'!');
    Ok(loud)
}

/// Both texts one after the other, in the allocator of the first.
fn both<A: Allocator, B: Allocator>(mut first: Vec<u8, A>, second: Vec<u8, B>) -> Result<Vec<u8, A>, TryReserveError> {
    first.try_reserve(second.len())?;
    first.extend_from_slice(&second);
    Ok(first)
}

#[cfg(test)]
mod tests {
    use oomsweep::{TestAlloc, alloc_test};
    use rstest::rstest;

    use super::*;

    /// The allocator by its own name.
    #[alloc_test]
    fn shouts(alloc: TestAlloc) -> Result<(), TryReserveError> {
        assert_eq!(shout("to be", alloc)?, b"TO BE!");
        Ok(())
    }

    /// By a trait. The same value can be handed on as often as it is needed.
    #[alloc_test]
    fn shouts_twice(alloc: impl Allocator + Copy) -> Result<(), TryReserveError> {
        let whole = both(shout("to be", alloc)?, shout("or not", alloc)?)?;
        assert_eq!(whole, b"TO BE!OR NOT!");
        Ok(())
    }

    /// Two allocators, failed one after the other: `once@text:0`, …, `once@scratch:0`, …
    #[alloc_test]
    fn takes_from_two(text: TestAlloc, scratch: TestAlloc) -> Result<(), TryReserveError> {
        both(shout("to be", text)?, shout("or not", scratch)?).map(drop)
    }

    /// What is asked of the global allocator is checked, and fails as well if that is asked for.
    #[alloc_test(global = "swept")]
    fn takes_from_the_global_one_too(alloc: TestAlloc) -> Result<(), TryReserveError> {
        let global = oomsweep::heap::adapt::Global;
        both(shout("to be", alloc)?, shout("or not", global)?).map(drop)
    }

    /// With rstest the allocators stand among the arguments; `#[alloc_test]` is above, and rstest never sees them.
    #[alloc_test]
    #[rstest]
    #[case::nothing("", "!")]
    #[case::a_word("be", "BE!")]
    fn shouts_what_it_is_told(#[case] text: &str, #[case] loud: &str, alloc: TestAlloc) -> Result<(), TryReserveError> {
        assert_eq!(shout(text, alloc)?, loud.as_bytes());
        Ok(())
    }
}
