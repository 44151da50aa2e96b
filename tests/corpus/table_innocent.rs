//! The rows of the innocent: no finding, and every trial made.

use rstest::rstest;

use crate::common::clean;
use crate::hold;

#[rstest]
#[case("println_with_newline")]
#[case("print_without_newline")]
#[case("print_on_the_error_path")]
#[case("long_lines")]
#[case("closes_stdout")]
#[case("closes_stdout_and_stderr_when_it_fails")]
#[case("closes_every_other_descriptor")]
#[case("flushes")]
fn output(#[case] name: &str) {
    innocent("innocent_output", name);
}

#[rstest]
#[case("once_lock")]
#[case("once_lock_on_the_error_path")]
#[case("lazy_lock_on_the_error_path")]
#[case("thread_local")]
#[case("thread_local_on_the_error_path")]
#[case("growing_static")]
#[case("random_state")]
#[case("weak_cycle")]
fn first_use(#[case] name: &str) {
    innocent("innocent_first_use", name);
}

#[rstest]
#[case("spawn_and_join")]
#[case("scope")]
#[case("channel")]
#[case("locks")]
#[case("panic_on_another_thread")]
fn threads(#[case] name: &str) {
    innocent("innocent_threads", name);
}

#[rstest]
#[case("caught_panic")]
#[case("panic_hook")]
#[case("command")]
#[case("current_dir")]
#[case("signal_handler")]
#[case("errno")]
#[case("boxed_error")]
#[case("boxed_error_exempt")]
#[case("environment")]
fn state(#[case] name: &str) {
    innocent("innocent_state", name);
}

fn innocent(module: &str, name: &str) {
    hold(&clean(format!("{module}::{name}").leak()));
}
