//! Who wins, setting by setting.

use super::*;
use crate::model::fault::Fault;
use crate::model::options::{Guard, Pattern, ReplayAt, Selection};
use rstest::rstest;

fn merged(requested: Requested, environment: &Environment) -> Options {
    merge(requested, environment).unwrap_or_else(|error| panic!("{error}"))
}

fn replay() -> ReplayAt {
    ReplayAt { fault: Fault::Once(7), space: None, key: None, occurrence: 0 }
}

#[test]
fn saying_nothing_gives_the_defaults() {
    let options = merged(Requested::default(), &Environment::default());
    assert_eq!(format!("{options:?}"), format!("{:?}", Options::default()));
}

#[rstest]
#[case::nothing_said(false, None, false, Task::Sweep)]
#[case::leaks_by_the_variable(false, Some(Task::Leaks), false, Task::Leaks)]
#[case::off_by_the_variable(false, Some(Task::Off), false, Task::Off)]
#[case::leaks_by_the_test(true, None, false, Task::Leaks)]
#[case::a_test_without_faults_is_not_swept(true, Some(Task::Sweep), false, Task::Leaks)]
#[case::both_say_leaks(true, Some(Task::Leaks), false, Task::Leaks)]
#[case::off_beats_leaks(true, Some(Task::Off), false, Task::Off)]
#[case::replay_beats_the_default(false, None, true, Task::Replay(replay()))]
#[case::replay_beats_off(false, Some(Task::Off), true, Task::Replay(replay()))]
#[case::replay_beats_leaks(true, Some(Task::Leaks), true, Task::Replay(replay()))]
fn the_task(#[case] leaks_only: bool, #[case] task: Option<Task>, #[case] replays: bool, #[case] expected: Task) {
    let environment = Environment { task, replay: replays.then(replay), ..Environment::default() };
    assert_eq!(merged(Requested { leaks_only, ..Requested::default() }, &environment).task, expected);
}

#[rstest]
#[case(None, None, false)]
#[case(None, Some(Rule::Allow), true)]
#[case(None, Some(Rule::Deny), false)]
#[case(Some(Rule::Deny), Some(Rule::Allow), false)]
#[case(Some(Rule::Allow), Some(Rule::Deny), true)]
#[case(Some(Rule::Allow), None, true)]
#[case(Some(Rule::Deny), None, false)]
fn for_what_is_accepted_the_test_wins(
    #[case] test: Option<Rule>,
    #[case] variable: Option<Rule>,
    #[case] allowed: bool,
) {
    let nothing = Requested::default;
    let unset = Environment::default;
    let skip = |rule| if rule == Rule::Allow { Infallible::Skip } else { Infallible::Deny };

    let swallowed =
        merged(Requested { swallowed: test, ..nothing() }, &Environment { swallowed: variable, ..unset() }).policy;
    assert_eq!(swallowed, Policy { swallowed_allow: allowed, ..Policy::default() });

    let panics = merged(Requested { panics: test, ..nothing() }, &Environment { panics: variable, ..unset() }).policy;
    assert_eq!(panics, Policy { panics_allow: allowed, ..Policy::default() });

    let infallible = merged(
        Requested { infallible: test.map(skip), ..nothing() },
        &Environment { infallible: variable.map(skip), ..unset() },
    );
    assert_eq!(infallible.policy, Policy { infallible_skip: allowed, ..Policy::default() });

    let cut = merged(Requested { incomplete: test, ..nothing() }, &Environment { incomplete: variable, ..unset() });
    assert_eq!((cut.incomplete_allow, cut.no_points_allow, cut.policy), (allowed, false, Policy::default()));
}

/// What stands under *how to run*, as a test or the variables say it: all but the task, the guard and what is listed.
fn how_to_run(
    options: &Options,
) -> (EngineChoice, Option<Duration>, Option<Duration>, Option<u64>, u64, Option<Shard>) {
    (options.engine, options.timeout, options.max_time, options.max_points, options.seed, options.shard)
}

#[rstest]
#[case::only_the_test(true, false)]
#[case::only_the_variables(false, true)]
#[case::both(true, true)]
fn for_how_to_run_the_variable_wins(#[case] test: bool, #[case] variables: bool) {
    let (of_test, of_variables) = (Duration::from_secs(1), Duration::from_secs(2));
    let requested = Requested {
        engine: Some(EngineChoice::Replay),
        guard_pages: true,
        show_reachable: true,
        timeout: Some(of_test),
        max_time: Some(of_test),
        max_points: Some(1),
        seed: Some(1),
        shard: Some(Shard { k: 1, n: 1 }),
        jobs: Some(3),
        ..Requested::default()
    };
    let environment = Environment {
        engine: Some(EngineChoice::InProcess),
        guard: Some(Guard::Zones),
        show_reachable: Some(false),
        timeout: Some(of_variables),
        max_time: Some(of_variables),
        max_points: Some(2),
        seed: Some(2),
        shard: Some(Shard { k: 2, n: 2 }),
        jobs: Some(4),
        ..Environment::default()
    };
    let options = merged(
        if test { requested } else { Requested::default() },
        &if variables { environment } else { Environment::default() },
    );
    let (engine, guard, time, number) = if variables {
        (EngineChoice::InProcess, Guard::Zones, of_variables, 2)
    } else {
        (EngineChoice::Replay, Guard::Pages, of_test, 1)
    };
    let shard = Shard { k: number, n: number };
    assert_eq!(how_to_run(&options), (engine, Some(time), Some(time), Some(number), number, Some(shard)));
    assert_eq!((options.guard, options.show_reachable), (guard, !variables));
    assert_eq!(options.jobs, Some(if variables { 4 } else { 3 }));
}

#[rstest]
#[case(None, None, Selection::All)]
#[case(Some(2), None, Selection::Stacks(2))]
#[case(None, Some(Selection::Stacks(3)), Selection::Stacks(3))]
#[case(Some(2), Some(Selection::Stacks(3)), Selection::Stacks(3))]
#[case(Some(2), Some(Selection::All), Selection::All)]
fn which_points_fail(#[case] per_stack: Option<u64>, #[case] points: Option<Selection>, #[case] expected: Selection) {
    let requested = Requested { per_stack, ..Requested::default() };
    assert_eq!(merged(requested, &Environment { points, ..Environment::default() }).selection, expected);
}

#[test]
fn a_variable_turns_on_what_no_test_asks_for() {
    let environment = Environment { guard: Some(Guard::Pages), show_reachable: Some(true), ..Environment::default() };
    let options = merged(Requested::default(), &environment);
    assert_eq!((options.guard, options.show_reachable), (Guard::Pages, true));
}

#[test]
fn what_only_the_test_can_say_arrives() {
    let requested = Requested {
        faults: Some(Faults::window(3) | Faults::size(64)),
        benign: vec!["indexmap::".into()],
        intended: vec!["words::intern".into()],
        known: vec!["0123456789abcdef".into()],
        threads_all: true,
        realloc_moves: true,
        no_points: Some(Rule::Allow),
        shrink: Some(Shrink::Skip),
        engine: Some(EngineChoice::BruteForce),
        ..Requested::default()
    };
    let options = merged(requested, &Environment::default());
    assert_eq!((options.patterns, options.min_size), (vec![Pattern::Window(3)], Some(64)));
    assert_eq!((options.benign, options.known), (vec!["indexmap::".to_owned()], vec!["0123456789abcdef".to_owned()]));
    assert_eq!(options.intended, ["words::intern"]);
    assert!(options.threads_all && options.policy.moved_allow && options.realloc_moves);
    assert!(options.no_points_allow && options.shrink_skip && !options.incomplete_allow);
    assert_eq!(options.engine, EngineChoice::BruteForce);
}

#[rstest]
#[case(None, None)]
#[case(Some(None), Some(""))]
#[case(Some(Some("out of range")), Some("out of range"))]
fn an_expected_panic(#[case] asked: Option<Option<&str>>, #[case] expected: Option<&str>) {
    let requested = Requested { should_panic: asked.map(|text| text.map(str::to_owned)), ..Requested::default() };
    assert_eq!(merged(requested, &Environment::default()).should_panic.as_deref(), expected);
}

#[test]
fn a_limit_without_end_leaves_room_for_sums() {
    let requested = Requested { timeout: Some(Duration::MAX), max_time: Some(Duration::MAX), ..Requested::default() };
    let options = merged(requested, &Environment::default());
    for limit in [options.timeout, options.max_time] {
        let longer = limit.and_then(|limit| limit.checked_mul(4));
        assert!(longer.and_then(|longer| std::time::Instant::now().checked_add(longer)).is_some(), "{limit:?}");
    }
}

#[rstest]
#[case(
    Requested { timeout: Some(Duration::ZERO), ..Requested::default() },
    "timeout=`0s` can't be understood: it takes a duration such as `250ms`, `2s` or `1m`, not zero"
)]
#[case(
    Requested { max_time: Some(Duration::ZERO), ..Requested::default() },
    "max_time=`0s` can't be understood: it takes a duration such as `250ms`, `2s` or `1m`, not zero"
)]
#[case(
    Requested { max_points: Some(0), ..Requested::default() },
    "max_points=`0` can't be understood: it takes a whole number from 1"
)]
#[case(
    Requested { jobs: Some(0), ..Requested::default() },
    "jobs=`0` can't be understood: it takes a whole number from 1 to 4294967295"
)]
#[case(
    Requested { per_stack: Some(0), ..Requested::default() },
    "points_per_stack=`0` can't be understood: it takes a whole number from 1"
)]
#[case(
    Requested { seed: Some(1 << 53), ..Requested::default() },
    "seed=`9007199254740992` can't be understood: it takes a whole number below 9007199254740992 (2^53)"
)]
#[case(
    Requested { shard: Some(Shard { k: 0, n: 2 }), ..Requested::default() },
    "shard=`0/2` can't be understood: it takes a part `k/n` with k from 1 to n, such as `1/4`"
)]
#[case(
    Requested { benign: vec!["indexmap::".into(), String::new()], ..Requested::default() },
    "benign=`` can't be understood: it takes the beginning of a function's path, such as `indexmap::`"
)]
#[case(
    Requested { intended: vec![String::new()], ..Requested::default() },
    "intended=`` can't be understood: it takes the beginning of a function's path, such as `indexmap::`"
)]
fn what_makes_no_sense_is_said(#[case] requested: Requested, #[case] message: &str) {
    let said = merge(requested, &Environment::default()).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(said, Err(message.to_owned()));
}
