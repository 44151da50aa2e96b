//! The rows of bodies whose threads come and go in any order. What an order could hide is looked for twenty times.

use rstest::rstest;

use crate::common::{clean, failing, run_self, want};
use crate::hold;

const TIMES: usize = 20;

#[rstest]
#[case("scoped_with_late_destructors")]
#[case("detached_that_ends_late")]
#[case("pool")]
#[case("ring")]
#[case("grown_in_turns")]
#[case("destructors_that_allocate")]
#[case("any_order")]
fn innocent(#[case] name: &str) {
    let row = clean(format!("late_threads::{name}").leak()).not_swept();
    for _ in 0..TIMES {
        hold(&row);
    }
}

#[test]
fn detached_without_memory() {
    hold(&clean("late_threads::detached_without_memory").not_swept());
}

#[test]
fn detached_with_memory() {
    hold(&failing("late_threads::detached_with_memory").not_swept().finds(want("thread-leak", "none", 1)));
}

/// Whoever comes second is told. Where the first free was made is not always known: it may not be over yet.
#[test]
fn race_of_frees() {
    let want = want("double-free", "none", 1)
        .block(60, 1)
        .born("race_of_frees")
        .in_function("/memory/stack", "late_threads::race_of_frees")
        .present("/memory/thread");
    let row = failing("late_threads::race_of_frees").not_swept().finds(want);
    for _ in 0..TIMES {
        hold(&row);
    }
}

#[test]
fn soak() {
    let ran = run_self("soak::a_million", &[]);
    assert!(ran.passed(), "{}", ran.output());
}
