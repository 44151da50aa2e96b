//! Sweeps of code that nobody here wrote: the standard library and crates that offer fallible allocation.
//!
//! Every expectation is exact. Where a library keeps its promise the table says `error` throughout; where it does not, the
//! test holds what it really does, and the comment above it says why. So these tests are two things: a proof that the sweep
//! tells the truth about real code, and a list of what real code does. The versions are those of `Cargo.lock`.
//!
//! Many bodies abort, which only a process of its own can contain.
#![cfg(all(target_os = "linux", not(oomsweep_portable)))]

mod allocator_api2;
mod bump_scope;
mod bumpalo;
mod explicit;
mod fallible_collections;
mod hashbrown;
mod indexmap;
mod mp4parse;
mod smallvec;
mod std_collections;
mod std_io;
mod thin_vec;

use std::collections::BTreeMap;
use std::fmt::Write;

use oomsweep::model::code::Verdict;
use oomsweep::model::report::{Engine, Trial};
use oomsweep::{EngineChoice, Report};

/// The trials of a report, one row a pattern, runs of one verdict folded in the order of the points:
/// `once: 3 error, 1 abort` says that the first three points ended in `error` and the fourth in `abort`.
fn verdicts(report: &Report) -> Vec<String> {
    let mut rows: Vec<(String, Vec<(usize, &str)>)> = Vec::new();
    for trial in report.trials() {
        let fault = trial.fault.to_string();
        let pattern = fault.split('@').next().unwrap_or_default();
        if rows.last().is_none_or(|(last, _)| last != pattern) {
            rows.push((pattern.to_owned(), Vec::new()));
        }
        let (_, runs) = rows.last_mut().expect("a row was just made");
        match runs.last_mut() {
            Some((count, verdict)) if *verdict == trial.verdict.as_str() => *count += 1,
            _ => runs.push((1, trial.verdict.as_str())),
        }
    }
    rows.into_iter()
        .map(|(pattern, runs)| {
            let mut row = format!("{pattern}:");
            for (at, (count, verdict)) in runs.iter().enumerate() {
                let comma = if at == 0 { "" } else { "," };
                write!(row, "{comma} {count} {verdict}").expect("a String takes everything");
            }
            row
        })
        .collect()
}

/// The findings of a report, one row a code, with the number of trials that have it: `3 abort`.
fn codes(report: &Report) -> Vec<String> {
    let mut trials_by_code = BTreeMap::new();
    for finding in report.findings() {
        *trials_by_code.entry(finding.code.as_str()).or_insert(0) += finding.count;
    }
    trials_by_code.into_iter().map(|(code, count)| format!("{count} {code}")).collect()
}

/// The sweep says exactly this; if not, the whole report is printed. And it says the same to the last stack, however the points
/// are tried: in the default way, with a new process and a warm-up of its own for each fault, in copies of one run, and, where the body never ends
/// its process, in this one.
#[track_caller]
fn expect(sweep: impl Fn(EngineChoice) -> Report, wanted_verdicts: &[&str], wanted_codes: &[&str]) -> Report {
    let report = sweep(EngineChoice::Auto);
    let (verdicts, codes) = (verdicts(&report), codes(&report));
    assert!(
        verdicts == wanted_verdicts && codes == wanted_codes,
        "{report}\n  wanted {wanted_verdicts:?}\n         {wanted_codes:?}\n  got    {verdicts:?}\n         {codes:?}"
    );
    let ends_its_process = |trial: &Trial| {
        use Verdict::{Abort, Crash, Exit, Hang, Skipped};
        matches!(trial.verdict, Abort | Crash | Exit | Hang | Skipped)
    };
    let in_process = !report.trials().iter().any(ends_its_process);
    for engine in [EngineChoice::BruteForce, EngineChoice::Snapshot]
        .into_iter()
        .chain(in_process.then_some(EngineChoice::InProcess))
    {
        let other = sweep(engine);
        let (said, says) = (facts(&report), facts(&other));
        assert!(said == says, "{report}\nbut {engine:?} says:\n{other}\n{said:#?}\n{says:#?}");
    }
    report
}

/// What every engine must say alike: all but the time it took, who tried the points, and what was printed meanwhile.
fn facts(report: &Report) -> Report {
    let mut facts = report.clone();
    facts.elapsed_ms = 0.0;
    facts.engine = Engine::default();
    for finding in &mut facts.findings {
        finding.output = None;
    }
    facts
}

/// Passes the result on; an `Err` must have left `intact` true. A body that says this and is broken panics, which is a finding.
fn keeps<T, E>(result: Result<T, E>, intact: impl FnOnce() -> bool) -> Result<T, E> {
    if result.is_err() {
        assert!(intact(), "the error path changed the value");
    }
    result
}
