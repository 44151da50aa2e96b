//! What holds of every test, whatever its body: how it is chosen, in which order, by which engine, in which parts.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::Value;

use crate::common::{Run, run_self};

/// `#[ignore]` stays libtest's business.
#[test]
fn ignored_unless_asked_for() {
    let ran = Run::new("leak_errdefer::leaky").args(&["leak_errdefer::leaky", "--exact"]).go();
    assert_eq!(ran.status.code(), Some(0), "{}", ran.output());
    assert!(ran.stdout.contains("ok. 0 passed; 0 failed; 1 ignored;"), "{}", ran.output());
    assert!(ran.report_files().is_empty(), "nothing ran, so there is nothing to report: {:?}", ran.report_files());
}

/// A finding reaches the reader without any file: its code, its place, the line to type.
#[test]
fn printed_for_people() {
    let ran = run_self("leak_errdefer::leaky", &[]);
    assert!(ran.failed(), "{}", ran.output());
    let output = format!("{}{}", ran.stdout, ran.stderr);
    for part in ["leak", "100 bytes", "OOMSWEEP_REPLAY=once@1", "--exact leak_errdefer::leaky"] {
        assert!(output.contains(part), "`{part}` is not in what was printed\n{}", ran.output());
    }
}

/// `OOMSWEEP=off` just calls the body.
#[test]
fn off() {
    for path in ["leak_errdefer::leaky", "abort_push::pushes", "leak_plain::forgotten"] {
        let ran = run_self(path, &[("OOMSWEEP", "off")]);
        assert!(ran.passed(), "{}", ran.output());
        assert!(ran.report_files().is_empty(), "no sweep, no report: {:?}", ran.report_files());
    }
    let ran = run_self("baseline::error", &[("OOMSWEEP", "off")]);
    assert!(ran.failed(), "an `Err` fails a test by itself\n{}", ran.output());
}

/// The same report from every engine, but for the time and for who did it.
#[rstest]
fn engines_agree(
    #[values(
        "leak_errdefer::leaky",
        "leak_owner::lost",
        "leak_two_places::both",
        "leak_sticky::fewer_points_afterwards",
        "swallowed::fallback",
        "wrong_error::by_pattern",
        "panic_leak::loses",
        "fd_leak::on_the_error_path",
        "abort_later::falls_back_on_push",
        "exit::with_three"
    )]
    path: &str,
) {
    let report = |engine: &str| {
        let ran = run_self(path, &[("OOMSWEEP_ENGINE", engine)]);
        ran.assert_nothing_left();
        let mut report = ran.expect_report();
        for member in ["elapsed_ms", "engine", "notes"] {
            report.as_object_mut().and_then(|report| report.remove(member));
        }
        for finding in report.pointer_mut("/findings").and_then(Value::as_array_mut).into_iter().flatten() {
            finding.as_object_mut().and_then(|finding| finding.remove("output"));
        }
        report
    };
    assert_eq!(report("auto"), report("replay"));
}

/// The same report again and again.
#[rstest]
fn repeatable(#[values("leak_two_places::both", "abort_push::pushes", "crash_null::fills")] path: &str) {
    let trials = || run_self(path, &[]).expect_report().pointer("/trials").cloned();
    let first = trials();
    assert!(first.is_some(), "there are trials");
    for _ in 0..5 {
        assert_eq!(trials(), first);
    }
}

/// The parts of a sharded sweep make up the whole, without overlap.
#[test]
fn shards() {
    let trials = |shard: &str| -> Vec<String> {
        let report = run_self("incomplete::unlimited", &[("OOMSWEEP_SHARD", shard)]).expect_report();
        assert_eq!(report.pointer("/shard"), Some(&shard.into()), "{report:#}");
        assert_eq!(report.pointer("/result"), Some(&"passed".into()), "{report:#}");
        let trials = report.pointer("/trials").and_then(Value::as_array).cloned().unwrap_or_default();
        trials.iter().filter_map(|trial| Some(trial.pointer("/fault")?.as_str()?.to_owned())).collect()
    };
    let parts: Vec<String> = ["1/3", "2/3", "3/3"].into_iter().flat_map(trials).collect();
    let whole: BTreeSet<&String> = parts.iter().collect();
    assert_eq!((parts.len(), whole.len()), (10, 10), "{parts:?}");
}

/// One fault, in this process: the finding comes back, and a body that dies takes libtest with it.
#[rstest]
#[case::leak("leak_errdefer::leaky", "once@1", true)]
#[case::good_point("leak_errdefer::leaky", "once@0", false)]
#[case::later_point("leak_second_path::forgets", "persistent@2", true)]
#[case::abort("abort_push::pushes", "once@0", true)]
fn replay(#[case] path: &str, #[case] fault: &str, #[case] fails: bool) {
    let ran = run_self(path, &[("OOMSWEEP_REPLAY", fault)]);
    ran.assert_nothing_left();
    assert_eq!(ran.passed(), !fails, "{}", ran.output());
}

/// The line that a finding prints brings the finding back.
#[test]
fn replay_by_key() {
    let report = run_self("leak_errdefer::leaky", &[]).expect_report();
    let line = report.pointer("/findings/0/replay").and_then(Value::as_str).unwrap_or_default();
    let fault = line.split_ascii_whitespace().find_map(|word| word.strip_prefix("OOMSWEEP_REPLAY="));
    let fault = fault.unwrap_or_else(|| panic!("`{line}` has no variable")).trim_matches(['\'', '"']);
    assert!(fault.starts_with("once@1#"), "{fault}");
    assert!(run_self("leak_errdefer::leaky", &[("OOMSWEEP_REPLAY", fault)]).failed(), "the leak is back");
    assert!(run_self("leak_errdefer::safe", &[("OOMSWEEP_REPLAY", "once@1")]).passed(), "the twin has none");
}
