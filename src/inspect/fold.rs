//! Folding by root cause: many trials, few findings.
//!
//! A trial adds to one finding for each of its codes (for leaks, for each place of birth). What makes two findings one is told
//! in [`super::cause`]; the pattern is no part of it. The first trial in sweep order stands for all.

use std::collections::HashMap;

use crate::model::code::Code;
use crate::model::event::{Kind, Request};
use crate::model::fault::Fault;
use crate::model::report::{DivergenceReport, FdReport, Finding, PanicReport, RequestReport, SignalReport};
use crate::model::trial::{Detail, Judged, PanicInfo, Recorded, SignalInfo};

use super::cause::{self, Cause, Identity};
use super::replay::{self, Target};
use super::stacks::{Site, Stacks};
use super::symbols::Resolver;
use super::{blocks, key, memory, signals};

/// How many failed requests of other places a finding shows.
const OTHER_REQUESTS: usize = 2;

/// Key and occurrence of the baseline's point with this index, in this space (see [`Judged::space`]).
pub(crate) type Lookup<'l> = &'l dyn Fn(Option<u8>, u64) -> Option<(u64, u64)>;

/// The name of the allocator with this number, if one is known.
pub(crate) type Names<'n> = &'n dyn Fn(u32) -> Option<String>;

/// The findings of these trials (which are in sweep order), complete but for their `message`.
pub(crate) fn fold(
    trials: &[Judged],
    target: Target<'_>,
    resolver: &mut Resolver,
    occurrence: Lookup<'_>,
    names: Names<'_>,
) -> Vec<Finding> {
    let nothing = Detail::default();
    let mut folder =
        Folder { target, occurrence, names, stacks: Stacks::new(resolver), places: HashMap::new(), drafts: Vec::new() };
    for trial in trials {
        let detail = trial.detail.as_deref().unwrap_or(&nothing);
        for code in &trial.codes {
            for cause in cause::causes(*code, detail, &mut folder.stacks) {
                folder.add(*code, trial, detail, &cause);
            }
        }
    }
    folder.drafts.into_iter().map(|draft| draft.finding).collect()
}

/// A finding of the whole test, which no trial stands for: code and id, and nothing more.
pub(crate) fn of_the_test(code: Code) -> Finding {
    blank(code, cause::id_of_the_test(code))
}

/// A finding in the making.
struct Draft {
    finding: Finding,
    /// The sites of the failed requests that it shows.
    shown: Vec<Option<Site>>,
}

struct Folder<'a> {
    target: Target<'a>,
    occurrence: Lookup<'a>,
    names: Names<'a>,
    stacks: Stacks<'a>,
    places: HashMap<Identity, usize>,
    drafts: Vec<Draft>,
}

impl Folder<'_> {
    fn add(&mut self, code: Code, trial: &Judged, detail: &Detail, cause: &Cause<'_>) {
        match self.places.get(&cause.identity) {
            Some(place) => self.join(*place, trial, detail),
            None => {
                self.places.insert(cause.identity.clone(), self.drafts.len());
                let draft = self.first(code, trial, detail, cause);
                self.drafts.push(draft);
            }
        }
    }

    /// One more trial of a finding.
    fn join(&mut self, place: usize, trial: &Judged, detail: &Detail) {
        let fault = self.fault(trial);
        let Some(draft) = self.drafts.get_mut(place) else { return };
        draft.finding.count = draft.finding.count.saturating_add(1);
        draft.finding.also.push(fault);
        let Some(failed) = &detail.failed else { return };
        if draft.finding.other_requests.len() < OTHER_REQUESTS {
            let known = self.stacks.know(&failed.stack);
            if !draft.shown.contains(&known.site) {
                draft.shown.push(known.site.clone());
                draft.finding.other_requests.push(request(failed, &mut self.stacks, self.names));
            }
        }
    }

    /// The trial that stands for a finding.
    fn first(&mut self, code: Code, trial: &Judged, detail: &Detail, cause: &Cause<'_>) -> Draft {
        let (key, fault) = (self.key(trial, detail), self.fault(trial));
        let (stacks, names) = (&mut self.stacks, self.names);
        let error = detail.memory.as_deref().filter(|error| error.code == code);
        let accused = error.and_then(|error| blocks::accused(error, stacks, names));
        let failed = detail.failed.as_ref();
        let shown = failed.map(|failed| stacks.know(&failed.stack).site.clone()).into_iter().collect();
        let diverged = matches!(code, Code::NotReached | Code::Baseline).then_some(detail.diverges).flatten();
        let finding = Finding {
            replay: Some(replay::line(self.target, trial.fault, &fault, key.as_deref())),
            fault: Some(fault),
            key,
            failed_request: failed.map(|failed| request(failed, stacks, names)),
            culprit: detail
                .culprit
                .as_ref()
                .filter(|_| matches!(code, Code::Abort | Code::Baseline))
                .map(|culprit| RequestReport { injected: culprit.injected, ..request(culprit, stacks, names) }),
            blocks: blocks::group(&cause.blocks, stacks, names).into_iter().chain(accused).collect(),
            memory: error.map(|error| memory::report(error, stacks, names)),
            error: detail.error.clone(),
            panic: detail.panic.as_ref().map(panic),
            signal: detail.signal.as_ref().map(|info| signal(info, stacks)),
            exit_status: detail.exit_status,
            fds: if code == Code::FdLeak { fds(detail) } else { Vec::new() },
            diverges: diverged.map(|at| DivergenceReport {
                index: at.index,
                baseline: at.baseline.as_ref().map(|made| request(made, stacks, names)),
                trial: at.trial.as_ref().map(|made| request(made, stacks, names)),
            }),
            notes: detail.notes.clone(),
            output: Some(detail.output.clone()).filter(|output| !output.is_empty()),
            ..blank(code, cause.identity.id())
        };
        Draft { finding, shown }
    }

    fn fault(&self, trial: &Judged) -> String {
        fault_text(trial, self.names)
    }

    /// Key and occurrence of the point that failed first: the baseline's, so that a replay finds it there; of a point that the
    /// baseline does not have, what its own stack gives.
    fn key(&mut self, trial: &Judged, detail: &Detail) -> Option<String> {
        let fault = trial.fault;
        if fault == Fault::None {
            return None;
        }
        let index = cause::failed_index(detail).or(fault.place());
        let found = index.and_then(|index| (self.occurrence)(trial.space, index));
        let found = found.or_else(|| detail.failed.as_ref().map(|failed| (self.stacks.know(&failed.stack).key, 0)));
        found.map(|(key, occurrence)| key::shown(key, occurrence))
    }
}

/// The fault as it is written, with the space that it counts in.
pub(crate) fn fault_text(trial: &Judged, names: Names<'_>) -> String {
    let space = trial.space.and_then(|number| names(u32::from(number)));
    trial.fault.text_in(space.as_deref())
}

/// A finding of which only code and id are known.
fn blank(code: Code, id: String) -> Finding {
    Finding {
        code,
        id,
        message: String::new(),
        count: 1,
        fault: None,
        key: None,
        also: Vec::new(),
        replay: None,
        failed_request: None,
        other_requests: Vec::new(),
        culprit: None,
        blocks: Vec::new(),
        memory: None,
        error: None,
        panic: None,
        signal: None,
        exit_status: None,
        fds: Vec::new(),
        contract: None,
        diverges: None,
        notes: Vec::new(),
        output: None,
    }
}

/// A request as reports show it.
fn request(recorded: &Recorded, stacks: &mut Stacks<'_>, names: Names<'_>) -> RequestReport {
    let Request { size, old_size, align, index, kind, benign, allocator } = recorded.request;
    let known = stacks.know(&recorded.stack);
    RequestReport {
        size: size as u64,
        align: align as u64,
        kind,
        old_size: (!matches!(kind, Kind::Alloc | Kind::Zeroed)).then_some(old_size as u64),
        index: Some(index).filter(|index| *index != Request::NO_POINT),
        allocator: memory::name(u32::from(allocator), names),
        benign,
        in_drop: known.in_drop,
        injected: false,
        stack: known.frames.clone(),
    }
}

fn panic(info: &PanicInfo) -> PanicReport {
    PanicReport { message: info.message.clone(), file: info.file.clone(), line: info.line, unwound: info.unwound }
}

fn signal(info: &SignalInfo, stacks: &mut Stacks<'_>) -> SignalReport {
    SignalReport {
        name: signals::name(info.number),
        number: info.number,
        explained: info.explained.clone(),
        stack: info.stack.as_ref().map(|stack| stacks.know(stack).frames.clone()),
    }
}

fn fds(detail: &Detail) -> Vec<FdReport> {
    detail.fds.iter().map(|open| FdReport { fd: open.fd, target: open.target.clone() }).collect()
}

#[cfg(test)]
mod tests;
