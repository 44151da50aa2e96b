//! The engine for where there are no processes: everything in the process of the test.
//!
//! It can be chosen everywhere, and is the only one elsewhere. Each expectation is exact. What ends a process is driven in a
//! process of its own, and so are replays.

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod deaths;
mod driven;
mod replay;
mod threads;
mod verdicts;

use std::collections::TryReserveError;
use std::hint::black_box;

use oomsweep::{AnyError, EngineChoice, Report, Sweep};

/// Asks for this much memory, so that no optimiser can take it away.
#[inline(never)]
fn reserve(bytes: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut block = Vec::new();
    block.try_reserve_exact(black_box(bytes))?;
    Ok(black_box(block))
}

/// A sweep in this process.
#[track_caller]
fn sweep(name: &str) -> Sweep<AnyError> {
    Sweep::new(name).engine(EngineChoice::InProcess)
}

/// Every trial as `once@0 error`.
fn trials(report: &Report) -> Vec<String> {
    report.trials().iter().map(|trial| format!("{} {}", trial.fault, trial.verdict)).collect()
}

/// Every finding as `leak 2`: its code and how many trials it folds.
fn findings(report: &Report) -> Vec<String> {
    report.findings().iter().map(|finding| format!("{} {}", finding.code, finding.count)).collect()
}

/// The report says exactly this; if not, the whole report is shown.
#[track_caller]
fn expect(report: &Report, wanted_trials: &[&str], wanted_findings: &[&str]) {
    let (trials, findings) = (trials(report), findings(report));
    assert!(
        trials == wanted_trials && findings == wanted_findings,
        "{report}\n  wanted {wanted_trials:?}\n         {wanted_findings:?}\n  got    {trials:?}\n         {findings:?}"
    );
}
