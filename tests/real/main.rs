//! Sweeps of code that nobody here wrote: the standard library and crates that offer fallible allocation.
//!
//! Every expectation is exact. Where a library keeps its promise the table says `error` throughout; where it does not, the
//! test holds what it really does, and the comment above it says why. So these tests are two things: a proof that the sweep
//! tells the truth about real code, and a list of what real code does. The versions are those of `Cargo.lock`.
//!
//! Many bodies abort, which only a process of its own can contain.
#![cfg(unix)]

mod allocator_api2;
mod bump_scope;
mod bumpalo;
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

use oomsweep::Report;

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

/// The report says exactly this; if not, the whole report is printed.
#[track_caller]
fn expect(report: &Report, wanted_verdicts: &[&str], wanted_codes: &[&str]) {
    let (verdicts, codes) = (verdicts(report), codes(report));
    assert!(
        verdicts == wanted_verdicts && codes == wanted_codes,
        "{report}\n  wanted {wanted_verdicts:?}\n         {wanted_codes:?}\n  got    {verdicts:?}\n         {codes:?}"
    );
}

/// Passes the result on; an `Err` must have left `intact` true. A body that says this and is broken panics, which is a finding.
fn keeps<T, E>(result: Result<T, E>, intact: impl FnOnce() -> bool) -> Result<T, E> {
    if result.is_err() {
        assert!(intact(), "the error path changed the value");
    }
    result
}
