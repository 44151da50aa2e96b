//! The only module that knows them all: run, explain, render.

use crate::config::Requested;
use crate::model::report::Report;
use crate::session::Body;

/// Where a test stands, as its attribute or its builder tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The path with the crate's name in front, as `module_path!()` gives it: `words::index::builds_an_index`.
    pub path: String,
    /// The package, `CARGO_PKG_NAME`.
    pub package: String,
    /// The target, `CARGO_CRATE_NAME`.
    pub target: String,
    /// The package's folder, `CARGO_MANIFEST_DIR`.
    pub manifest_dir: String,
    /// The file of the test.
    pub file: String,
    /// The line of the test.
    pub line: u32,
}

/// Sweeps a body and returns what came of it.
pub(crate) fn sweep(site: Site, requested: Requested, body: &mut dyn Body) -> Report {
    let _ = (site, requested, body);
    unimplemented!()
}

/// Sweeps a body, prints once, and panics once if there is a finding.
#[track_caller]
pub(crate) fn check(site: Site, requested: Requested, body: &mut dyn Body) {
    let _ = (site, requested, body);
    unimplemented!()
}
