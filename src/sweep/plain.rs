//! The plain run, judged: what is wrong with it, before anything is made to fail.

use super::births;
use super::board::Alone;
use super::crew::{Broken, Crew, WarmedUp};
use super::digest::Digest;
use super::excuse::HasFrame;
use super::verdict::plain_findings;
use crate::model::code::{Code, Verdict};
use crate::model::fault::Fault;
use crate::model::options::{Guard, Options};
use crate::model::trial::{Detail, Divergence, Ending, Facts, Judged};

/// What is wrong with the warm-up: a run that failed, or runs that do not settle.
pub(super) fn of_the_warm_up(
    crew: &mut dyn Crew,
    options: &Options,
    has_frame: HasFrame<'_>,
    warmed: &WarmedUp,
) -> Option<Judged> {
    if warmed.died || warmed.warm.failed {
        return Some(failed(crew, options, has_frame, warmed));
    }
    if !warmed.warm.number_varies {
        return None;
    }
    let mut detail = warmed.last.detail.clone();
    detail.diverges = warmed.warm.parting.map(|(index, baseline, trial)| Divergence { index, baseline, trial });
    Some(judged(vec![Code::Baseline], detail))
}

fn failed(crew: &mut dyn Crew, options: &Options, has_frame: HasFrame<'_>, warmed: &WarmedUp) -> Judged {
    let again = with_stacks(crew, has_frame, warmed);
    let told = again.as_ref().unwrap_or(&warmed.last);
    let facts = Facts { leaks: 0, fd_leaks: 0, thread_leaks: 0, ..told.facts };
    let mut detail = told.detail.clone();
    detail.leaks.clear();
    detail.fds.clear();
    detail.diverges = None;
    if facts.ending == Ending::Timeout {
        detail.notes.push(String::from("the plain run was over its time limit: `timeout = \"…\"` sets another"));
    }
    if facts.ending == Ending::Ok && options.should_panic.is_some() {
        detail.notes.push(String::from("the plain run was to panic, as `should_panic` says, and did not"));
    }
    let mut codes = plain_findings(&facts, options.should_panic.is_some());
    if codes.is_empty() {
        // Nothing is wrong with the run itself, and yet no other could follow it.
        codes.push(Code::Baseline);
        detail
            .notes
            .push(String::from("the process ended or stood still after a plain run, when the body had come back"));
    }
    judged(codes, detail)
}

/// The run with the memory error once more, after the plain runs that it came after, with the stacks of the block's birth and
/// free. `None`: there are none to be had, or the error does not come again; then it is told as it came.
fn with_stacks(crew: &mut dyn Crew, has_frame: HasFrame<'_>, warmed: &WarmedUp) -> Option<Digest> {
    let error = warmed.last.facts.memory_error?;
    if births::complete(&warmed.last) {
        return None;
    }
    crew.go_cold(warmed.warm.runs.saturating_sub(1));
    let again = births::with_births(crew, has_frame, Alone::of(Fault::None), &warmed.last.leaked).ok()?;
    (again.facts.memory_error == Some(error)).then_some(again)
}

/// A plain run that leaves blocks or descriptors behind is made again, twice, with the stacks of their births; and where blocks are to
/// stand between guard pages it is made again with them.
pub(super) fn leaves_something(
    crew: &mut dyn Crew,
    options: &Options,
    has_frame: HasFrame<'_>,
    last: &Digest,
) -> Result<Option<Judged>, Broken> {
    let facts = &last.facts;
    let left = facts.leaks + facts.fd_leaks + facts.thread_leaks + last.detail.diverges.iter().count() as u64;
    // The plain runs of the warm-up have no guard pages.
    if left == 0 && options.guard != Guard::Pages {
        return Ok(None);
    }
    let mut digest = births::with_births(crew, has_frame, Alone::of(Fault::None), &last.leaked)?;
    digest.detail.diverges = None;
    let codes = plain_findings(&digest.facts, options.should_panic.is_some());
    if codes.is_empty() {
        return Ok(None);
    }
    if let Some(trouble) = digest.trouble.take() {
        digest.detail.notes.push(trouble);
    }
    Ok(Some(judged(codes, digest.detail)))
}

fn judged(codes: Vec<Code>, detail: Detail) -> Judged {
    // A plain run has findings, but no verdict: nothing was failed.
    Judged {
        fault: Fault::None,
        space: None,
        verdict: Verdict::NotReached,
        codes,
        drifted: false,
        detail: Some(Box::new(detail)),
    }
}

#[cfg(test)]
mod tests;
