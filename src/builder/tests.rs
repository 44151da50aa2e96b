//! What the builder writes down, and where it says that it stands.

use super::*;
use crate::config::Requested;
use crate::model::options::{EngineChoice, Shard};
use rstest::rstest;
use std::time::Duration;

fn requested(set: impl FnOnce(Sweep) -> Sweep) -> Requested {
    set(Sweep::new("t")).requested
}

fn nothing() -> Requested {
    Requested::default()
}

#[rstest]
#[case(requested(|s| s), nothing())]
#[case(requested(|s| s.faults(Faults::BUDGET)), Requested { faults: Some(Faults::BUDGET), ..nothing() })]
#[case(requested(Sweep::leaks_only), Requested { leaks_only: true, ..nothing() })]
#[case(requested(|s| s.swallowed(Rule::Allow)), Requested { swallowed: Some(Rule::Allow), ..nothing() })]
#[case(requested(|s| s.infallible(Infallible::Skip)), Requested { infallible: Some(Infallible::Skip), ..nothing() })]
#[case(requested(|s| s.panics(Rule::Deny)), Requested { panics: Some(Rule::Deny), ..nothing() })]
#[case(
    requested(|s| s.benign(["a::", "b::"]).benign(vec!["c::".to_owned()])),
    Requested { benign: vec!["a::".into(), "b::".into(), "c::".into()], ..nothing() }
)]
#[case(requested(|s| s.intended(["a::"]).intended(["b::"])), Requested { intended: vec!["a::".into(), "b::".into()], ..nothing() })]
#[case(requested(Sweep::threads_all), Requested { threads_all: true, ..nothing() })]
#[case(requested(Sweep::guard_pages), Requested { guard_pages: true, ..nothing() })]
#[case(requested(Sweep::realloc_moves), Requested { realloc_moves: true, ..nothing() })]
#[case(requested(Sweep::show_reachable), Requested { show_reachable: true, ..nothing() })]
#[case(requested(|s| s.known(["1"]).known(["2"])), Requested { known: vec!["1".into(), "2".into()], ..nothing() })]
#[case(requested(|s| s.no_points(Rule::Allow)), Requested { no_points: Some(Rule::Allow), ..nothing() })]
#[case(requested(|s| s.incomplete(Rule::Allow)), Requested { incomplete: Some(Rule::Allow), ..nothing() })]
#[case(requested(|s| s.shrink(Shrink::Skip)), Requested { shrink: Some(Shrink::Skip), ..nothing() })]
#[case(requested(|s| s.should_panic(None)), Requested { should_panic: Some(None), ..nothing() })]
#[case(requested(|s| s.should_panic(Some("x"))), Requested { should_panic: Some(Some("x".into())), ..nothing() })]
#[case(
    requested(|s| s.engine(EngineChoice::BruteForce)),
    Requested { engine: Some(EngineChoice::BruteForce), ..nothing() }
)]
#[case(
    requested(|s| s.timeout(Duration::from_millis(3))),
    Requested { timeout: Some(Duration::from_millis(3)), ..nothing() }
)]
#[case(
    requested(|s| s.max_time(Duration::from_millis(4))),
    Requested { max_time: Some(Duration::from_millis(4)), ..nothing() }
)]
#[case(requested(|s| s.points_per_stack(3)), Requested { per_stack: Some(3), ..nothing() })]
#[case(requested(|s| s.max_points(5)), Requested { max_points: Some(5), ..nothing() })]
#[case(requested(|s| s.seed(6)), Requested { seed: Some(6), ..nothing() })]
#[case(requested(|s| s.shard(3, 3)), Requested { shard: Some(Shard { k: 3, n: 3 }), ..nothing() })]
#[case(requested(|s| s.jobs(4)), Requested { jobs: Some(4), ..nothing() })]
#[case(requested(|s| s.seed(6).seed(7)), Requested { seed: Some(7), ..nothing() })]
fn an_option_is_written_down(#[case] is: Requested, #[case] expected: Requested) {
    assert_eq!(is, expected);
}

#[test]
fn options_outlive_the_choice_of_an_error() {
    let sweep = Sweep::new("t").seed(6).error_if(|error: &String| error == "x").max_points(5);
    assert_eq!(sweep.requested, Requested { seed: Some(6), max_points: Some(5), ..nothing() });
    assert!(sweep.matcher.matches(&"x".to_owned()) && !sweep.matcher.matches(&"y".to_owned()));
}

#[rstest]
#[case(0, 1)]
#[case(2, 1)]
#[case(0, 0)]
#[case(1, 0)]
#[should_panic(expected = "parts are numbered from 1 to their number")]
fn a_part_that_there_is_not_is_refused(#[case] k: u64, #[case] n: u64) {
    let _ = Sweep::new("t").shard(k, n);
}

#[test]
fn a_sweep_knows_where_it_stands() {
    let line = line!() + 1;
    let site = Sweep::new("parser::reads_a_line").site;
    let expected = Site {
        path: "parser::reads_a_line".to_owned(),
        package: "oomsweep".to_owned(),
        target: "oomsweep".to_owned(),
        manifest_dir: env!("CARGO_MANIFEST_DIR").to_owned(),
        file: file!().to_owned(),
        line,
        command: None,
    };
    assert_eq!(site, expected);
}

#[test]
fn the_attribute_says_where_it_stands() {
    let told = crate::private::Site {
        path: "words::index::builds",
        package: "words",
        target: "words_lib",
        manifest_dir: "/words",
        file: "src/index.rs",
        line: 7,
    };
    let expected = Site {
        path: "words::index::builds".to_owned(),
        package: "words".to_owned(),
        target: "words_lib".to_owned(),
        manifest_dir: "/words".to_owned(),
        file: "src/index.rs".to_owned(),
        line: 7,
        command: None,
    };
    let sweep = crate::private::test(told);
    let function = Requested { captures_nothing: true, ..nothing() };
    assert_eq!((sweep.site, sweep.requested), (expected, function));
}

#[rstest]
#[case("words-0123456789abcdef", "words")]
#[case("my_words-0123456789abcdef", "my_words")]
#[case("my-words", "my-words")]
#[case("words-0123456789abcde", "words-0123456789abcde")]
#[case("words-0123456789abcdeg", "words-0123456789abcdeg")]
#[case("words.v2-0123456789abcdef", "words.v2")]
#[case("words", "words")]
#[case("", "")]
fn the_target_of_an_executable(#[case] file_name: &str, #[case] target: &str) {
    assert_eq!(target_of(&format!("{file_name}{}", std::env::consts::EXE_SUFFIX)), target);
}
