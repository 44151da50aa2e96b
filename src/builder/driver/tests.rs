//! Bodies of every sort, and what the stage is told of them.

use super::*;
use crate::builder::{AnyError, ErrorIf};
use rstest::rstest;
use std::cell::RefCell;

/// Everything that happens in one run, in order.
#[derive(Default)]
struct Log(RefCell<Vec<String>>);

impl Log {
    fn add(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    fn take(&self) -> String {
        self.0.take().join(", ")
    }
}

/// Writes down what it is told.
struct Scribe<'a>(&'a Log);

impl Stage for Scribe<'_> {
    fn phase(&mut self, phase: Phase) {
        self.0.add(format!("{phase:?}:"));
    }

    fn returned(&mut self, returned: Returned<'_>) {
        self.0.add(match returned {
            Returned::Ok { is_result } => format!("ok(result: {is_result})"),
            Returned::Err { matches, debug } => format!("err(matches: {matches}, {debug:?})"),
            Returned::Panic(payload) => match payload.downcast_ref::<&str>() {
                Some(text) => format!("panic({text})"),
                None => "panic(?)".to_owned(),
            },
        });
    }
}

/// Says when it is dropped, and panics then if it is asked to; so does its `Debug`.
struct Loud<'a> {
    log: &'a Log,
    name: &'static str,
    drop_panics: bool,
}

impl Drop for Loud<'_> {
    fn drop(&mut self) {
        self.log.add(format!("{} dropped", self.name));
        if self.drop_panics {
            panic_with(if self.name == "state" { "state's drop" } else { "value's drop" });
        }
    }
}

/// A panic that prints nothing.
fn panic_with(payload: impl Any + Send) -> ! {
    std::panic::resume_unwind(Box::new(payload))
}

fn run<M, S, R>(log: &Log, setup: impl FnMut() -> S, call: impl FnMut(&mut Option<S>) -> R, matcher: M) -> String
where
    R: TestReturn,
    M: Matcher<R::Error>,
{
    Driver::new(setup, call, matcher).call(&mut Scribe(log));
    log.take()
}

/// A run of a body without state.
fn plain<R: TestReturn>(body: impl Fn() -> R) -> String {
    let log = Log::default();
    run(&log, || (), |_: &mut Option<()>| body(), AnyError)
}

struct BadDebug(&'static str);

impl fmt::Debug for BadDebug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half ")?;
        if self.0 == "panic" { panic_with("in Debug") } else { Err(fmt::Error) }
    }
}

#[rstest]
#[case(plain(|| ()), "ok(result: false)")]
#[case(plain(|| Ok::<_, ()>(5)), "ok(result: true)")]
#[case(plain(|| Err::<(), _>("no memory")), "err(matches: true, \"no memory\")")]
#[case(plain(|| if true { panic_with("oh") }), "panic(oh)")]
#[case(plain(|| if true { panic_with(5) }), "panic(?)")]
#[case(plain(|| Err::<(), _>(BadDebug("panic"))), "err(matches: true, half <its Debug panicked>)")]
#[case(plain(|| Err::<(), _>(BadDebug("error"))), "err(matches: true, half <its Debug failed>)")]
fn each_ending_is_told(#[case] told: String, #[case] expected: &str) {
    assert_eq!(told, format!("Setup:, Body:, Judge:, {expected}, Drop:"));
}

#[rstest]
#[case("expected", "true")]
#[case("other", "false")]
#[case("panic", "false")]
fn the_matcher_is_asked(#[case] error: &str, #[case] matches: &str) {
    let log = Log::default();
    let matcher = ErrorIf::new(
        |error: &String| if error == "panic" { panic_with("in the matcher") } else { error == "expected" },
    );
    let told = run(&log, || (), |_: &mut Option<()>| Err::<(), _>(error.to_owned()), matcher);
    assert_eq!(told, format!("Setup:, Body:, Judge:, err(matches: {matches}, {error:?}), Drop:"));
}

#[rstest]
#[case::calm(false, false, "")]
#[case::value_panics(true, false, ", panic(value's drop)")]
#[case::state_panics(false, true, ", panic(state's drop)")]
#[case::both_panic_and_the_first_is_told(true, true, ", panic(value's drop)")]
fn value_then_state_are_dropped(#[case] value_panics: bool, #[case] state_panics: bool, #[case] told: &str) {
    let log = Log::default();
    let setup = || {
        log.add("built");
        Loud { log: &log, name: "state", drop_panics: state_panics }
    };
    let call = |state: &mut Option<Loud<'_>>| {
        log.add(format!("called with {}", state.as_ref().map_or("nothing", |state| state.name)));
        Ok::<_, ()>(Loud { log: &log, name: "value", drop_panics: value_panics })
    };
    let expected = format!(
        "Setup:, built, Body:, called with state, Judge:, ok(result: true), Drop:, value dropped, state dropped{told}"
    );
    assert_eq!(run(&log, setup, call, AnyError), expected);
}

#[test]
fn a_state_that_the_body_took_is_dropped_in_the_body() {
    let log = Log::default();
    let setup = || Loud { log: &log, name: "state", drop_panics: false };
    let told = run(&log, setup, |state: &mut Option<Loud<'_>>| drop(state.take()), AnyError);
    assert_eq!(told, "Setup:, Body:, state dropped, Judge:, ok(result: false), Drop:");
}

#[test]
fn after_a_panic_of_the_body_no_other_is_told() {
    let log = Log::default();
    let setup = || Loud { log: &log, name: "state", drop_panics: true };
    let told = run(&log, setup, |_: &mut Option<Loud<'_>>| panic_in_a_unit_body(), AnyError);
    assert_eq!(told, "Setup:, Body:, Judge:, panic(first), Drop:, state dropped");
}

fn panic_in_a_unit_body() {
    panic_with("first")
}

#[test]
fn a_setup_that_panics_has_no_body() {
    let log = Log::default();
    let setup = || {
        if true {
            panic_with("in setup")
        }
    };
    let told = run(&log, setup, |_: &mut Option<()>| log.add("called"), AnyError);
    assert_eq!(told, "Setup:, panic(in setup), Drop:");
}

/// A payload whose drop panics, with a payload whose drop panics.
struct Nested(u8);

impl Drop for Nested {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_with(Nested(self.0 - 1));
        }
    }
}

#[test]
fn payloads_that_panic_when_dropped_end_nowhere() {
    assert_eq!(
        plain(|| if true {
            panic_with(Nested(9))
        }),
        "Setup:, Body:, Judge:, panic(?), Drop:"
    );
    let log = Log::default();
    let told = run(
        &log,
        || {
            if true {
                panic_with(Nested(9))
            }
        },
        |_: &mut Option<()>| (),
        AnyError,
    );
    assert_eq!(told, "Setup:, panic(?), Drop:");
}

#[test]
fn a_driver_can_be_called_again_after_everything() {
    let log = Log::default();
    let mut calls = 0;
    let call = |_: &mut Option<()>| {
        calls += 1;
        if calls == 1 {
            panic_with("once")
        }
    };
    let mut driver = Driver::new(|| (), call, AnyError);
    driver.call(&mut Scribe(&log));
    driver.call(&mut Scribe(&log));
    let told = log.take();
    assert_eq!(told, "Setup:, Body:, Judge:, panic(once), Drop:, Setup:, Body:, Judge:, ok(result: false), Drop:");
}
