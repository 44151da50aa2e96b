//! Large innocent bodies, made of what programs are made of: the checker finds nothing in any of them.
//!
//! Every body is ignored. The table starts this binary again for one body after the other, and for those with threads many times.
#![cfg(target_os = "linux")]

#[path = "../../common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

mod asynchronous;
mod caches;
mod containers;
mod logging;
mod needles;
mod parallel;
mod statics;
mod text;

use common::run_self;
use rstest::rstest;

#[track_caller]
fn finds_nothing(name: &str, times: usize) {
    for time in 1..=times {
        let ran = run_self(name, &[]);
        assert!(ran.passed(), "the {time}. time: {}", ran.output());
        ran.assert_nothing_left();
        let report = ran.expect_report();
        assert_eq!(report.pointer("/findings").and_then(|findings| findings.as_array()).map(Vec::len), Some(0));
    }
}

/// Does it on a thread that is waited for: of a body's own thread the number of requests must not change from run to run.
fn elsewhere<T: Send + 'static>(work: fn() -> T) -> T {
    std::thread::spawn(work).join().expect("nobody panics")
}

#[rstest]
#[case("containers::maps")]
#[case("containers::sequences")]
#[case("containers::strings")]
#[case("containers::counted")]
#[case("containers::taken_and_replaced")]
#[case("containers::iterators")]
#[case("text::json")]
#[case("text::json_in_a_static")]
#[case("text::patterns")]
#[case("statics::lazy")]
#[case("statics::swapped")]
#[case("caches::of_one_thread")]
#[case("logging::logged")]
#[case("logging::traced")]
fn alone(#[case] name: &str) {
    finds_nothing(name, 3);
}

#[rstest]
#[case("asynchronous::current_thread")]
#[case("asynchronous::blocking_pool")]
#[case("asynchronous::many_threads")]
#[case("asynchronous::in_a_static")]
#[case("asynchronous::with_a_sleeping_task")]
#[case("parallel::own_pool")]
#[case("parallel::global_pool")]
#[case("parallel::epochs")]
#[case("parallel::epochs_in_a_static")]
#[case("parallel::channels")]
#[case("parallel::unread_messages")]
#[case("parallel::scopes")]
#[case("parallel::contention")]
#[case("text::patterns_over_two_threads")]
#[case("caches::of_many_threads")]
#[case("statics::swapped_by_many")]
fn with_threads(#[case] name: &str) {
    finds_nothing(name, 20);
}

#[rstest]
#[case("needles::among_values")]
#[case("needles::in_a_task")]
#[case("needles::in_a_pool")]
#[case("needles::beside_a_pool")]
#[case("needles::behind_an_epoch")]
fn needle(#[case] name: &str) {
    let ran = run_self(name, &[]);
    assert!(ran.failed(), "{}", ran.output());
    let report = ran.expect_report();
    let findings = report.pointer("/findings").and_then(|findings| findings.as_array()).expect("findings");
    let told: Vec<_> =
        findings.iter().map(|finding| (finding["code"].as_str(), finding["blocks"][0]["size"].as_u64())).collect();
    assert_eq!(told, [(Some("leak"), Some(777))], "{}", ran.output());
}
