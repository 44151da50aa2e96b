//! The same with explicit allocators: other people's collections and arenas over a handle that the test is given, whose requests are the
//! points.
//!
//! Expected is what the sweeps by the global allocator find, crate by crate; what a library asks of the global allocator in spite
//! of the one that it was given would be missing in the count.

mod allocator_api2;
mod blink_alloc;
mod bump_scope;
mod bumpalo;
mod hashbrown;
mod several;

use oomsweep::{AnyError, Matcher, Report, Sweep, TestAlloc, TestReturn};

/// The sweep of a body that is given one allocator: its points are those of this allocator alone, and say exactly this.
#[track_caller]
fn expect<R>(name: &str, body: impl Fn(TestAlloc) -> R + Copy, verdicts: &[&str], codes: &[&str]) -> Report
where
    R: TestReturn,
    AnyError: Matcher<R::Error>,
{
    crate::expect(
        |engine| Sweep::new(name).engine(engine).run_alloc(["alloc"], move |[alloc]| body(alloc)),
        verdicts,
        codes,
    )
}
