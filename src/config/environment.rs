//! What the variables say, each read once and strictly: a text that can't be understood, or a name that does not exist, is an
//! error and never a default.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use super::choices::{Infallible, Rule};
use super::error::ConfigError;
use super::value;
use crate::model::options::{EngineChoice, Guard, ReplayAt, Selection, Shard, Task};

/// Everything that is set by variables; `None`: not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// `OOMSWEEP`: never [`Task::Replay`], which is the next one's.
    pub(crate) task: Option<Task>,
    /// `OOMSWEEP_REPLAY`.
    pub(crate) replay: Option<ReplayAt>,
    /// `OOMSWEEP_ENGINE`.
    pub(crate) engine: Option<EngineChoice>,
    /// `OOMSWEEP_GUARD`.
    pub(crate) guard: Option<Guard>,
    /// `OOMSWEEP_REACHABLE`: whether blocks that stay reachable are listed.
    pub(crate) show_reachable: Option<bool>,
    /// `OOMSWEEP_TIMEOUT`.
    pub(crate) timeout: Option<Duration>,
    /// `OOMSWEEP_MAX_TIME`.
    pub(crate) max_time: Option<Duration>,
    /// `OOMSWEEP_POINTS`.
    pub(crate) points: Option<Selection>,
    /// `OOMSWEEP_MAX_POINTS`, from 1.
    pub(crate) max_points: Option<u64>,
    /// `OOMSWEEP_SEED`, below 2^53.
    pub(crate) seed: Option<u64>,
    /// `OOMSWEEP_SHARD`.
    pub(crate) shard: Option<Shard>,
    /// `OOMSWEEP_JOBS`, from 1.
    pub(crate) jobs: Option<u32>,
    /// `OOMSWEEP_INFALLIBLE`.
    pub(crate) infallible: Option<Infallible>,
    /// `OOMSWEEP_SWALLOWED`.
    pub(crate) swallowed: Option<Rule>,
    /// `OOMSWEEP_PANICS`.
    pub(crate) panics: Option<Rule>,
    /// `OOMSWEEP_INCOMPLETE`.
    pub(crate) incomplete: Option<Rule>,
    /// `OOMSWEEP_REPORT_DIR`, as it was written.
    pub(crate) report_dir: Option<PathBuf>,
}

/// One variable: its name, what goes behind "it takes", and how its text is put in its place (false: not understood).
struct Variable {
    name: &'static str,
    takes: &'static str,
    set: fn(&mut Environment, &str) -> bool,
}

/// What `timeout` and `max_time` take.
pub(super) const A_DURATION: &str = "a duration such as `250ms`, `2s` or `1m`, not zero";
/// What `max_points` and `points_per_stack` take.
pub(super) const A_COUNT: &str = "a whole number from 1";
/// What `seed` takes.
pub(super) const A_SEED: &str = "a whole number below 9007199254740992 (2^53)";
/// What `shard` takes.
pub(super) const A_SHARD: &str = "a part `k/n` with k from 1 to n, such as `1/4`";
/// What `jobs` takes.
pub(super) const JOBS: &str = "a whole number from 1 to 4294967295";
const A_RULE: &str = "`deny` or `allow`";
const AN_ENGINE: &str = "`auto`, `replay`, `snapshot` or `in-process`";

const VARIABLES: [Variable; 17] = [
    Variable { name: "OOMSWEEP", takes: "`sweep`, `leaks` or `off`", set: |to, text| put(&mut to.task, task(text)) },
    Variable {
        name: "OOMSWEEP_REPLAY",
        takes: "a fault such as `once@7`, with or without the key of its point: `once@7#1f3a9c` (6 to 16 lower-case hex digits), \
                `once@7#1f3a9c.2`",
        set: |to, text| put(&mut to.replay, value::replay(text)),
    },
    Variable { name: "OOMSWEEP_ENGINE", takes: AN_ENGINE, set: |to, text| put(&mut to.engine, engine(text)) },
    Variable { name: "OOMSWEEP_GUARD", takes: "`zones` or `pages`", set: |to, text| put(&mut to.guard, guard(text)) },
    Variable {
        name: "OOMSWEEP_REACHABLE",
        takes: "`hide` or `show`",
        set: |to, text| put(&mut to.show_reachable, shows(text)),
    },
    Variable {
        name: "OOMSWEEP_TIMEOUT",
        takes: A_DURATION,
        set: |to, text| put(&mut to.timeout, value::duration(text)),
    },
    Variable {
        name: "OOMSWEEP_MAX_TIME",
        takes: A_DURATION,
        set: |to, text| put(&mut to.max_time, value::duration(text)),
    },
    Variable {
        name: "OOMSWEEP_POINTS",
        takes: "`all`, `stacks` or, for three points of each stack, `stacks:3`",
        set: |to, text| put(&mut to.points, value::points(text)),
    },
    Variable {
        name: "OOMSWEEP_MAX_POINTS",
        takes: A_COUNT,
        set: |to, text| put(&mut to.max_points, value::count(text)),
    },
    Variable { name: "OOMSWEEP_SEED", takes: A_SEED, set: |to, text| put(&mut to.seed, value::seed(text)) },
    Variable { name: "OOMSWEEP_SHARD", takes: A_SHARD, set: |to, text| put(&mut to.shard, value::shard(text)) },
    Variable { name: "OOMSWEEP_JOBS", takes: JOBS, set: |to, text| put(&mut to.jobs, value::jobs(text)) },
    Variable {
        name: "OOMSWEEP_INFALLIBLE",
        takes: "`deny` or `skip`",
        set: |to, text| put(&mut to.infallible, infallible(text)),
    },
    Variable { name: "OOMSWEEP_SWALLOWED", takes: A_RULE, set: |to, text| put(&mut to.swallowed, rule(text)) },
    Variable { name: "OOMSWEEP_PANICS", takes: A_RULE, set: |to, text| put(&mut to.panics, rule(text)) },
    Variable { name: "OOMSWEEP_INCOMPLETE", takes: A_RULE, set: |to, text| put(&mut to.incomplete, rule(text)) },
    Variable {
        name: "OOMSWEEP_REPORT_DIR",
        takes: "the path of a folder",
        set: |to, text| put(&mut to.report_dir, Some(PathBuf::from(text))),
    },
];

/// The names that processes of a sweep tell each other things by.
const INTERNAL: &str = "OOMSWEEP_INTERNAL_";

impl Environment {
    /// Reads the variables of this process.
    ///
    /// # Errors
    ///
    /// As [`Environment::parse`].
    pub(crate) fn read() -> Result<Environment, ConfigError> {
        Environment::parse(std::env::vars_os())
    }

    /// Reads the variables that it is given; all that are not ours are passed over.
    ///
    /// # Errors
    ///
    /// The first one, by name, whose name does not exist or whose value is empty, no UTF-8, or not understood.
    pub(crate) fn parse(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Environment, ConfigError> {
        let ours: BTreeMap<_, _> = variables.into_iter().filter(|(name, _)| is_ours(name)).collect();
        let mut environment = Environment::default();
        for (name, value) in &ours {
            environment.take(&name.to_string_lossy(), value)?;
        }
        Ok(environment)
    }

    fn take(&mut self, name: &str, value: &OsStr) -> Result<(), ConfigError> {
        let Some(variable) = VARIABLES.iter().find(|variable| variable.name == name) else {
            return Err(ConfigError::unknown(name, VARIABLES.iter().map(|variable| variable.name).collect()));
        };
        let Some(text) = value.to_str() else {
            return Err(ConfigError::not_utf8(name, &value.to_string_lossy(), variable.takes));
        };
        if text.is_empty() {
            return Err(ConfigError::empty(name, variable.takes));
        }
        if (variable.set)(self, text) { Ok(()) } else { Err(ConfigError::not_understood(name, text, variable.takes)) }
    }
}

/// Whether a variable is meant for this crate. Bytes, for the name may be no UTF-8.
fn is_ours(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    (name == b"OOMSWEEP" || name.starts_with(b"OOMSWEEP_")) && !name.starts_with(INTERNAL.as_bytes())
}

fn put<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    *place = value;
    place.is_some()
}

fn task(text: &str) -> Option<Task> {
    match text {
        "sweep" => Some(Task::Sweep),
        "leaks" => Some(Task::Leaks),
        "off" => Some(Task::Off),
        _ => None,
    }
}

fn engine(text: &str) -> Option<EngineChoice> {
    match text {
        "auto" => Some(EngineChoice::Auto),
        "replay" => Some(EngineChoice::Replay),
        "snapshot" => Some(EngineChoice::Snapshot),
        "in-process" => Some(EngineChoice::InProcess),
        _ => None,
    }
}

fn guard(text: &str) -> Option<Guard> {
    match text {
        "zones" => Some(Guard::Zones),
        "pages" => Some(Guard::Pages),
        _ => None,
    }
}

fn shows(text: &str) -> Option<bool> {
    match text {
        "hide" => Some(false),
        "show" => Some(true),
        _ => None,
    }
}

fn rule(text: &str) -> Option<Rule> {
    match text {
        "deny" => Some(Rule::Deny),
        "allow" => Some(Rule::Allow),
        _ => None,
    }
}

fn infallible(text: &str) -> Option<Infallible> {
    match text {
        "deny" => Some(Infallible::Deny),
        "skip" => Some(Infallible::Skip),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn parse(variables: &[(&str, &str)]) -> Result<Environment, String> {
        Environment::parse(variables.iter().map(|(name, value)| (name.into(), value.into())))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_said_by_the_variables_of_others() {
        let others =
            [("PATH", ""), ("OOMSWEEPER", "x"), ("oomsweep_timeout", "x"), ("MY_OOMSWEEP_SEED", "x"), ("NO_COLOR", "")];
        assert_eq!(parse(&others), Ok(Environment::default()));
    }

    #[test]
    fn our_own_messages_are_passed_over() {
        assert_eq!(parse(&[("OOMSWEEP_INTERNAL_WORKER", ""), ("OOMSWEEP_INTERNAL_", "?")]), Ok(Environment::default()));
    }

    #[test]
    fn every_variable_is_put_in_its_place() {
        let all = [
            ("OOMSWEEP", "leaks"),
            ("OOMSWEEP_REPLAY", "once@7#1f3a9c.2"),
            ("OOMSWEEP_ENGINE", "in-process"),
            ("OOMSWEEP_GUARD", "pages"),
            ("OOMSWEEP_REACHABLE", "show"),
            ("OOMSWEEP_TIMEOUT", "250ms"),
            ("OOMSWEEP_MAX_TIME", "1m"),
            ("OOMSWEEP_POINTS", "stacks:3"),
            ("OOMSWEEP_MAX_POINTS", "10"),
            ("OOMSWEEP_SEED", "42"),
            ("OOMSWEEP_SHARD", "2/3"),
            ("OOMSWEEP_JOBS", "4"),
            ("OOMSWEEP_INFALLIBLE", "skip"),
            ("OOMSWEEP_SWALLOWED", "allow"),
            ("OOMSWEEP_PANICS", "allow"),
            ("OOMSWEEP_INCOMPLETE", "allow"),
            ("OOMSWEEP_REPORT_DIR", "target/oomsweep reports"),
        ];
        assert_eq!(all.map(|(name, _)| name), VARIABLES.each_ref().map(|variable| variable.name));
        let expected = Environment {
            task: Some(Task::Leaks),
            replay: value::replay("once@7#1f3a9c.2"),
            engine: Some(EngineChoice::InProcess),
            guard: Some(Guard::Pages),
            show_reachable: Some(true),
            timeout: Some(Duration::from_millis(250)),
            max_time: Some(Duration::from_secs(60)),
            points: Some(Selection::Stacks(3)),
            max_points: Some(10),
            seed: Some(42),
            shard: Some(Shard { k: 2, n: 3 }),
            jobs: Some(4),
            infallible: Some(Infallible::Skip),
            swallowed: Some(Rule::Allow),
            panics: Some(Rule::Allow),
            incomplete: Some(Rule::Allow),
            report_dir: Some(PathBuf::from("target/oomsweep reports")),
        };
        assert_eq!(parse(&all), Ok(expected));
    }

    #[rstest]
    #[case("OOMSWEEP", "sweep", Environment { task: Some(Task::Sweep), ..Environment::default() })]
    #[case("OOMSWEEP", "off", Environment { task: Some(Task::Off), ..Environment::default() })]
    #[case("OOMSWEEP_ENGINE", "auto", Environment { engine: Some(EngineChoice::Auto), ..Environment::default() })]
    #[case("OOMSWEEP_ENGINE", "snapshot", Environment { engine: Some(EngineChoice::Snapshot), ..Environment::default() })]
    #[case("OOMSWEEP_ENGINE", "replay", Environment { engine: Some(EngineChoice::Replay), ..Environment::default() })]
    #[case("OOMSWEEP_POINTS", "all", Environment { points: Some(Selection::All), ..Environment::default() })]
    #[case("OOMSWEEP_POINTS", "stacks", Environment { points: Some(Selection::Stacks(1)), ..Environment::default() })]
    #[case("OOMSWEEP_GUARD", "zones", Environment { guard: Some(Guard::Zones), ..Environment::default() })]
    #[case("OOMSWEEP_REACHABLE", "hide", Environment { show_reachable: Some(false), ..Environment::default() })]
    #[case("OOMSWEEP_INFALLIBLE", "deny", Environment { infallible: Some(Infallible::Deny), ..Environment::default() })]
    #[case("OOMSWEEP_PANICS", "deny", Environment { panics: Some(Rule::Deny), ..Environment::default() })]
    fn the_other_words(#[case] name: &str, #[case] value: &str, #[case] expected: Environment) {
        assert_eq!(parse(&[(name, value)]), Ok(expected));
    }

    #[rstest]
    #[case("OOMSWEEP", "on", "OOMSWEEP=`on` can't be understood: it takes `sweep`, `leaks` or `off`")]
    #[case("OOMSWEEP", "Sweep", "OOMSWEEP=`Sweep` can't be understood: it takes `sweep`, `leaks` or `off`")]
    #[case("OOMSWEEP", "", "OOMSWEEP is empty: it takes `sweep`, `leaks` or `off`; or unset it")]
    #[case(
        "OOMSWEEP_TIMEOUT",
        "5 parsecs",
        "OOMSWEEP_TIMEOUT=`5 parsecs` can't be understood: it takes a duration such as `250ms`, `2s` or `1m`, not zero"
    )]
    #[case(
        "OOMSWEEP_MAX_TIME",
        "0s",
        "OOMSWEEP_MAX_TIME=`0s` can't be understood: it takes a duration such as `250ms`, `2s` or `1m`, not zero"
    )]
    #[case(
        "OOMSWEEP_POINTS",
        "stacks:0",
        "OOMSWEEP_POINTS=`stacks:0` can't be understood: it takes `all`, `stacks` or, for three points of each stack, `stacks:3`"
    )]
    #[case("OOMSWEEP_MAX_POINTS", "0", "OOMSWEEP_MAX_POINTS=`0` can't be understood: it takes a whole number from 1")]
    #[case(
        "OOMSWEEP_SEED",
        "9007199254740992",
        "OOMSWEEP_SEED=`9007199254740992` can't be understood: it takes a whole number below 9007199254740992 (2^53)"
    )]
    #[case(
        "OOMSWEEP_SHARD",
        "4/3",
        "OOMSWEEP_SHARD=`4/3` can't be understood: it takes a part `k/n` with k from 1 to n, such as `1/4`"
    )]
    #[case(
        "OOMSWEEP_INFALLIBLE",
        "allow",
        "OOMSWEEP_INFALLIBLE=`allow` can't be understood: it takes `deny` or `skip`"
    )]
    #[case("OOMSWEEP_SWALLOWED", "skip", "OOMSWEEP_SWALLOWED=`skip` can't be understood: it takes `deny` or `allow`")]
    #[case("OOMSWEEP_PANICS", "1", "OOMSWEEP_PANICS=`1` can't be understood: it takes `deny` or `allow`")]
    #[case("OOMSWEEP_INCOMPLETE", "\n", "OOMSWEEP_INCOMPLETE=`\\n` can't be understood: it takes `deny` or `allow`")]
    #[case("OOMSWEEP_REPORT_DIR", "", "OOMSWEEP_REPORT_DIR is empty: it takes the path of a folder; or unset it")]
    #[case(
        "OOMSWEEP_REPLAY",
        "once@7#1F3A9C",
        "OOMSWEEP_REPLAY=`once@7#1F3A9C` can't be understood: it takes a fault such as `once@7`, with or without the key of its point: \
         `once@7#1f3a9c` (6 to 16 lower-case hex digits), `once@7#1f3a9c.2`"
    )]
    #[case(
        "OOMSWEEP_ENGINE",
        "brute-force",
        "OOMSWEEP_ENGINE=`brute-force` can't be understood: it takes `auto`, `replay`, `snapshot` or `in-process`"
    )]
    #[case("OOMSWEEP_JOBS", "0", "OOMSWEEP_JOBS=`0` can't be understood: it takes a whole number from 1 to 4294967295")]
    #[case(
        "OOMSWEEP_JOBS",
        "4294967296",
        "OOMSWEEP_JOBS=`4294967296` can't be understood: it takes a whole number from 1 to 4294967295"
    )]
    #[case("OOMSWEEP_GUARD", "page", "OOMSWEEP_GUARD=`page` can't be understood: it takes `zones` or `pages`")]
    #[case("OOMSWEEP_REACHABLE", "1", "OOMSWEEP_REACHABLE=`1` can't be understood: it takes `hide` or `show`")]
    #[case("OOMSWEEP_TIMEUOT", "2s", "there is no variable OOMSWEEP_TIMEUOT: did you mean OOMSWEEP_TIMEOUT?")]
    #[case("OOMSWEEP_REPORTDIR", "x", "there is no variable OOMSWEEP_REPORTDIR: did you mean OOMSWEEP_REPORT_DIR?")]
    #[case("OOMSWEEP_PANIC", "", "there is no variable OOMSWEEP_PANIC: did you mean OOMSWEEP_PANICS?")]
    #[case("OOMSWEEP_", "x", "there is no variable OOMSWEEP_: did you mean OOMSWEEP?")]
    #[case(
        "OOMSWEEP_HORSES",
        "3",
        "there is no variable OOMSWEEP_HORSES: there are OOMSWEEP, OOMSWEEP_REPLAY, OOMSWEEP_ENGINE, OOMSWEEP_GUARD, \
         OOMSWEEP_REACHABLE, OOMSWEEP_TIMEOUT, OOMSWEEP_MAX_TIME, OOMSWEEP_POINTS, OOMSWEEP_MAX_POINTS, OOMSWEEP_SEED, OOMSWEEP_SHARD, \
         OOMSWEEP_JOBS, OOMSWEEP_INFALLIBLE, OOMSWEEP_SWALLOWED, OOMSWEEP_PANICS, OOMSWEEP_INCOMPLETE, OOMSWEEP_REPORT_DIR"
    )]
    fn what_is_wrong_is_said(#[case] name: &str, #[case] value: &str, #[case] message: &str) {
        assert_eq!(parse(&[(name, value)]), Err(message.to_owned()));
    }

    #[test]
    fn of_two_errors_the_same_one_is_told_in_every_order() {
        let (first, second) = (("OOMSWEEP_SEED", "x"), ("OOMSWEEP_SHARD", "x"));
        assert_eq!(parse(&[first, second]), parse(&[second, first]));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_utf8_is_an_error() {
        use std::os::unix::ffi::OsStringExt;

        let bad = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let value = Environment::parse([("OOMSWEEP_REPORT_DIR".into(), bad(b"a\xff"))]);
        assert_eq!(
            value.map_err(|error| error.to_string()),
            Err("OOMSWEEP_REPORT_DIR=`a\u{fffd}` is not UTF-8: it takes the path of a folder".to_owned())
        );
        let name = Environment::parse([(bad(b"OOMSWEEP_SE\xffD"), "1".into())]);
        assert_eq!(
            name.map_err(|error| error.to_string()),
            Err("there is no variable OOMSWEEP_SE\u{fffd}D: did you mean OOMSWEEP_SEED?".to_owned())
        );
        assert_eq!(Environment::parse([(bad(b"PATH\xff"), bad(b"\xff"))]), Ok(Environment::default()));
    }
}
