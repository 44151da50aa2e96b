//! Findings that belong to no test: those of an allocator that a program passes round.

use crate::model::report::{Coverage, Engine, Finding, Mode, Outcome, Points, Report, SCHEMA};

use super::settings::Settings;
use super::terminal;

/// The findings one after the other, each with its headline, its places and its notes.
pub(crate) fn text(findings: &[Finding], settings: &Settings) -> String {
    let text = terminal::findings(&of_no_test(findings.to_vec()), settings);
    text.trim_end().to_owned()
}

/// A report that says nothing but what its findings say.
fn of_no_test(findings: Vec<Finding>) -> Report {
    Report {
        schema: SCHEMA,
        version: String::from(env!("CARGO_PKG_VERSION")),
        test: String::new(),
        package: String::new(),
        file: None,
        line: None,
        mode: Mode::Leaks,
        result: Outcome::Failed,
        complete: true,
        points: Points::default(),
        coverage: Coverage::default(),
        engine: Engine::default(),
        elapsed_ms: 0.0,
        seed: None,
        shard: None,
        stopped: None,
        patterns: Vec::new(),
        guard_pages: false,
        notes: Vec::new(),
        known: Vec::new(),
        known_gone: Vec::new(),
        reachable: Vec::new(),
        trials: Vec::new(),
        findings,
    }
}
