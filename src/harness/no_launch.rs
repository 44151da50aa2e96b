//! The twin of `launch.rs` for platforms where a test has no process but its own.

use super::{Site, assemble, mode};
use crate::config::Environment;
use crate::model::code::Code;
use crate::model::options::Options;
use crate::model::report::Report;
use crate::render::wording;
use crate::session::Body;
use crate::sweep::crew::Broken;

const WHY: &str = "this platform has no processes to try points in";

/// No process here was started as a worker.
pub(super) fn is_worker_for(_site: &Site) -> bool {
    false
}

/// A worker's answer; nobody waits for one.
pub(super) fn answer(_report: &Report) {}

/// Would listen to signals that ask the process to end.
pub(super) fn listen() {}

/// Would end the process if there was one.
pub(super) fn end_if_asked(_listening: (), _report: &Report, _site: &Site, _environment: &Environment) {}

/// Would start a worker.
pub(super) fn start(site: &Site, options: &Options) -> Report {
    let mut report = assemble::whole(site, mode(options), Code::Incomplete, Some(WHY.to_owned()));
    wording::speak(&mut report);
    report
}

/// Would sweep a body in children of this process.
pub(super) fn explore(_site: &Site, _options: &Options, _body: &mut dyn Body) -> Result<Report, Broken> {
    Err(Broken(WHY.to_owned()))
}
