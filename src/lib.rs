//! Fails every allocation of a test, one after the other, and finds what the error paths leak, swallow or break.
//!
//! 1. A test calls a *body*. It is run until two runs in a row ask for the same memory; the last of them is the *baseline*.
//! 2. Every request of the baseline that may come back empty-handed is a *point*, numbered from 0.
//! 3. For each point there is a *trial*: the body is run again, and when it comes to the point, the allocator answers null
//!    (`once@7`), or from there on always (`persistent@7`).
//! 4. The body must notice: it returns its error, and everything that it had allocated on the way is gone.
//! 5. Trials are made in child processes, so an abort, a crash, an exit or a hang at one point does not hide the next.
//! 6. How a trial ended and what it left behind make its [verdict](model::code::Verdict); a bad one is a
//!    [finding](model::code::Code), made again alone before it counts.
//! 7. Every run, the plain ones too, is checked for memory errors: bad frees, writes beside a block or after its free, leaks by what
//!    still leads to a block; between guard pages also reads. [`check_memory`] looks in the middle of a body.
//! 8. Findings with one cause are folded into one, with the request that failed, the block that was lost, and a line to type that
//!    brings the failure back under a debugger.
//! 9. What was not tried is said as well: a passing test names its coverage.
//! 10. A body may take its allocators as arguments, [`TestAlloc`] or `impl Allocator`: these are failed in place of the global one. Others
//!     to pass, compose and choose are in [`heap`]: arenas, buffers, pools, and those that debug, fail, count, limit and log.
//!
//! ```no_run
//! use std::collections::TryReserveError;
//! use oomsweep::alloc_test;
//!
//! fn squares(count: u64) -> Result<Vec<u64>, TryReserveError> {
//!     let mut squares = Vec::new();
//!     for n in 0..count {
//!         squares.try_reserve(1)?;
//!         squares.push(n * n);
//!     }
//!     Ok(squares)
//! }
//!
//! #[alloc_test]
//! fn squares_survive_an_empty_memory() -> Result<(), TryReserveError> {
//!     assert_eq!(squares(100)?.last(), Some(&9801));
//!     Ok(())
//! }
//! ```
//!
//! The attribute's options, the variables and the platforms are in the README; `cargo run --example quickstart` shows a report, and
//! `cargo run --example memory` those of memory errors.
//! [`Sweep`] does the same from any function, with the [`Report`] as a value.

#![cfg_attr(oomsweep_allocator_gate, feature(allocator_api))]
#![cfg_attr(
    oomsweep_allocator_gate,
    allow(unused_features, reason = "used through allocator-api2 0.2, and only if its feature `nightly` is on")
)]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("oomsweep reserves more addresses than a target without 64-bit pointers has");

#[cfg(all(feature = "allocator-api", not(oomsweep_std_allocator)))]
compile_error!(
    "the feature `allocator-api` of oomsweep is for nightly compilers, as long as the standard library's `Allocator` is unstable: \
     build with `cargo +nightly`, or turn on `allocator-api2-02`, `allocator-api2-03` or `allocator-api2-04` in its place"
);

pub mod model;

mod sys;

mod hook;

mod config;

mod session;

mod sweep;

mod inspect;

mod render;

pub mod heap;

mod harness;

mod builder;

mod private;

mod report_api;

// What a test is written with.
pub use hook::asks::{check_memory, keep};
pub use hook::regions::{Region, benign, benign_guard, exempt, exempt_guard, untracked, untracked_guard};
pub use oomsweep_macros::alloc_test;

// The sweep as a value.
pub use builder::{AnyError, ErrorIf, Matcher, Sweep, TestReturn};
pub use config::{Faults, Infallible, Rule, Shrink};
pub use model::options::EngineChoice;
pub use model::report::Report;

// Allocators that are passed. The others are in `heap`.
pub use heap::TestAlloc;

// What stands in the program.
pub use hook::{TestingAllocator, oomsweep_break_here};

#[cfg(feature = "global")]
#[global_allocator]
static GLOBAL: TestingAllocator<std::alloc::System> = TestingAllocator::new(std::alloc::System);

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}
