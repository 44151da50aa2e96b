//! `OOMSWEEP_REPLAY`: one fault, in this process, found again by its key when its number has changed.

use std::collections::TryReserveError;
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::process::Output;
use std::sync::OnceLock;

use oomsweep::{Report, alloc_test, exempt};
use rstest::rstest;

use crate::{driven, findings, reserve, trials};

/// What the tests below change about the body: how many requests stand in front, and whether the last one is left out.
const IN_FRONT: &str = "IN_PROCESS_IN_FRONT";
const LEFT_OUT: &str = "IN_PROCESS_LEFT_OUT";

fn number(variable: &str) -> usize {
    std::env::var(variable).map_or(0, |text| text.parse().expect("a number"))
}

/// A function that ends in a call of another one may be gone from the stack when that one runs: what it returns is looked at.
#[inline(never)]
fn first() -> Result<Vec<u8>, TryReserveError> {
    black_box(reserve(10))
}

#[inline(never)]
fn front() -> Result<Vec<u8>, TryReserveError> {
    black_box(reserve(20))
}

#[inline(never)]
fn last() -> Result<Vec<u8>, TryReserveError> {
    black_box(reserve(30))
}

/// Points 0 and 1 have one key, 2 is what leaks if 3 fails.
#[alloc_test(engine = "in-process")]
#[ignore = "leaks; driven by the tests below"]
fn leaks() -> Result<(), TryReserveError> {
    static CHANGES: OnceLock<(usize, usize)> = OnceLock::new();
    let &(in_front, left_out) = exempt(|| CHANGES.get_or_init(|| (number(IN_FRONT), number(LEFT_OUT))));
    for _ in 0..in_front {
        drop(front()?);
    }
    for _ in 0..2 {
        drop(first()?);
    }
    let kept = ManuallyDrop::new(reserve(48)?);
    if left_out == 0 {
        drop(last()?);
    }
    drop(ManuallyDrop::into_inner(kept));
    Ok(())
}

const TEST: &str = "replay::leaks";

/// FNV-1a of 64 bits, as the documentation of keys has it.
fn key(parts: &str) -> String {
    let hash = parts
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    format!("{hash:016x}")
}

/// The keys of `first` and `last`: the same in every profile that has line tables.
fn key_of_first() -> String {
    key("reserve@main.rs/first@replay.rs/leaks@replay.rs")
}

fn key_of_last() -> String {
    key("reserve@main.rs/last@replay.rs/leaks@replay.rs")
}

fn replayed(at: &str, variables: &[(&str, &str)]) -> (Report, String) {
    let (report, text) = driven::report(TEST, &[&[("OOMSWEEP_REPLAY", at)], variables].concat());
    (report.unwrap_or_else(|| panic!("no report; it had printed:\n{text}")), text)
}

/// The report's own lines are what is typed: the sweep prints them, and they make the fault again.
#[test]
fn the_printed_line_finds_the_fault() {
    let (report, text) = driven::report(TEST, &[]);
    let report = report.expect("a report");
    assert_eq!(findings(&report), ["leak 2"], "{text}");
    let leak = &report.findings()[0];
    let wanted = format!("{}.0", key_of_last());
    assert_eq!((leak.fault.as_deref(), leak.key.as_deref()), (Some("once@3"), Some(wanted.as_str())), "{text}");
    let line = leak.replay.as_deref().expect("a line to type");
    let tail = format!(" cargo test -p oomsweep -- --exact {TEST} --nocapture --test-threads=1");
    let at = line.strip_prefix("OOMSWEEP_REPLAY=").and_then(|rest| rest.strip_suffix(&tail)).expect("the line's form");
    assert!(text.contains(line), "{text}");
    let (again, text) = replayed(at, &[]);
    assert_eq!((trials(&again), findings(&again)), (vec!["once@3 leak".to_owned()], vec!["leak 1".to_owned()]));
    let (old, new) = (leak, &again.findings()[0]);
    assert_eq!(
        (&old.blocks, &old.failed_request, &old.key, &old.id),
        (&new.blocks, &new.failed_request, &new.key, &new.id)
    );
    assert!(text.contains("oomsweep: replay::leaks runs in this process"), "{text}");
    assert!(text.contains("oomsweep: replaying once@3 of replay::leaks in this process"), "{text}");
}

/// `KEY` stands for the key of the last request, `BEGINNING` for its first digits, `FIRST` for the key of the first two.
#[rstest]
#[case::without_a_key("once@3", "", "once@3 leak", "")]
#[case::persistent("persistent@3", "", "persistent@3 leak", "")]
#[case::window("window@3+2", "", "window@3+2 leak", "")]
#[case::pair("pair@3,9", "", "pair@3,9 leak", "")]
#[case::another_point("once@1#FIRST.1", "", "once@1 error", "")]
#[case::whole_key("once@3#KEY", "", "once@3 leak", "")]
#[case::beginning_of_a_key("once@3#BEGINNING", "", "once@3 leak", "")]
#[case::drifted("once@3#KEY", "2", "once@5 leak", "drifted from 3 to 5")]
#[case::drifted_back("once@99#KEY.0", "", "once@3 leak", "drifted from 99 to 3")]
#[case::drifted_occurrence("once@1#FIRST.1", "3", "once@4 error", "drifted from 1 to 4")]
#[case::nearest(
    "once@1#FIRST.7",
    "",
    "once@1 error",
    "occurrence 7 of this stack is not left: the nearest with this stack is 1"
)]
fn finds_the_point(#[case] at: &str, #[case] in_front: &str, #[case] trial: &str, #[case] said: &str) {
    let at = at.replace("KEY", &key_of_last()).replace("FIRST", &key_of_first());
    let at = at.replace("BEGINNING", &key_of_last()[..6]);
    let in_front = if in_front.is_empty() { "0" } else { in_front };
    let (report, text) = replayed(&at, &[(IN_FRONT, in_front)]);
    assert_eq!(trials(&report), [trial], "{at}:\n{text}");
    assert_eq!(report.is_clean(), trial.ends_with("error"), "{at}:\n{text}");
    assert!(report.notes.iter().any(|note| note.starts_with(said)) || said.is_empty(), "{at}: {:?}", report.notes);
    assert!(text.contains(said), "{at}:\n{text}");
    assert_eq!(report.engine.in_process, 1);
}

/// Nothing is failed if the point is not there, and that is no success.
#[rstest]
#[case::key_gone("once@3#KEY", "1", "no allocation with this stack is left: nothing was failed")]
#[case::beyond_the_end(
    "once@99",
    "0",
    "there is no allocation 99: the plain run makes 4 that can fail, numbered from 0"
)]
#[case::persistent_beyond_the_end("persistent@4", "0", "there is no allocation 4")]
fn says_that_there_is_no_such_point(#[case] at: &str, #[case] left_out: &str, #[case] said: &str) {
    let at = at.replace("KEY", &key_of_last());
    let (report, text) = replayed(&at, &[(LEFT_OUT, left_out)]);
    assert_eq!((trials(&report), findings(&report)), (Vec::new(), vec!["not-reached 1".to_owned()]), "{text}");
    assert!(text.contains(said) && text.contains("nothing was made to fail"), "{text}");
    assert!(!report.is_clean() && !report.complete);
}

#[rstest]
#[case::short_key("once@3#12345")]
#[case::long_key("once@3#12345678901234567")]
#[case::no_hex("once@3#12345g")]
#[case::no_fault("3")]
fn refuses_what_it_cannot_read(#[case] at: &str) {
    let (output, text): (Output, String) = driven::run(TEST, &[("OOMSWEEP_REPLAY", at)]);
    assert!(!output.status.success());
    assert!(text.contains(&format!("OOMSWEEP_REPLAY=`{at}` can't be understood")), "{text}");
}

/// A debugger stops where the request is failed, below the user's own frames.
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
#[test]
fn a_debugger_stops_at_the_failure() {
    use std::io::Write;
    use std::process::Command;
    if Command::new("gdb").arg("--version").output().is_err() {
        writeln!(std::io::stderr(), "\nSKIPPED: there is no gdb, so no debugger was stopped at a failure.\n").unwrap();
        return;
    }
    let at = format!("once@99#{}", key_of_last());
    let program = driven::program(TEST);
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "set breakpoint pending on"])
        .args(["-ex", "break oomsweep_break_here", "-ex", "run", "-ex", "backtrace", "-ex", "continue", "--args"])
        .arg(program.get_program())
        .args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => gdb.env(name, value),
            None => gdb.env_remove(name),
        };
    }
    let output = gdb.env("OOMSWEEP_REPLAY", at).output().expect("gdb runs");
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
    if text.contains("ptrace: Operation not permitted") {
        writeln!(std::io::stderr(), "\nSKIPPED: gdb may not trace a program here.\n").unwrap();
        return;
    }
    // `Breakpoint 1 at …`, then the one stop, and its stack from the request outwards.
    let stops = text.lines().filter(|line| line.contains("hit Breakpoint 1")).count();
    assert_eq!(stops, 1, "{text}");
    let frames: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    let of = |name: &str, file: &str| frames.iter().position(|frame| frame.contains(name) && frame.contains(file));
    let places =
        [of("oomsweep_break_here", ""), of("reserve", "main.rs"), of("last", "replay.rs"), of("leaks", "replay.rs")];
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{text}");
    assert_eq!(places[0], Some(0), "{text}");
}
