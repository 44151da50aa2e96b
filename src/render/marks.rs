//! Which places a finding shows, in the order in which they are read: the failed request, what it led to, where that came from.

use crate::model::code::Code;
use crate::model::report::{Finding, RequestReport};

use super::excerpt::Mark;
use super::wording;

/// How many failed requests a finding shows: the representative's and the first two of others.
const OTHERS: usize = 2;

/// The places of a finding.
pub(crate) fn of(finding: &Finding) -> Vec<Mark> {
    let mut marks = Vec::new();
    requests(finding, &mut marks);
    blocks(finding, &mut marks);
    // One that no hook has seen has no place.
    if let Some(panic) = finding.panic.as_ref().filter(|panic| panic.file.is_some()) {
        marks.push(Mark {
            label: wording::PANICS_HERE.to_owned(),
            primary: marks.is_empty(),
            function: String::new(),
            file: panic.file.clone(),
            line: panic.line,
            column: None,
        });
    }
    let signal = finding.signal.as_ref().filter(|_| finding.memory.is_none());
    if let Some((signal, stack)) = signal.and_then(|signal| Some((signal, signal.stack.as_ref()?))) {
        marks.extend(Mark::at(stack, format!("{} here", signal.name), marks.is_empty()));
    }
    if let Some(contract) = &finding.contract {
        let (file, line) = match contract.place.rsplit_once(':') {
            Some((file, line)) => (file, line.parse().ok()),
            None => (contract.place.as_str(), None),
        };
        marks.push(Mark {
            label: wording::CONTRACT_HERE.to_owned(),
            primary: marks.is_empty(),
            function: String::new(),
            file: Some(file.to_owned()).filter(|file| !file.is_empty()),
            line,
            column: None,
        });
    }
    marks
}

fn requests(finding: &Finding, marks: &mut Vec<Mark>) {
    if let Some(request) = &finding.failed_request {
        let label = wording::fails_here(request);
        let nowhere = || Mark::nowhere(label.clone());
        marks.push(Mark::at(&request.stack, label.clone(), true).unwrap_or_else(nowhere));
    }
    for request in finding.other_requests.iter().take(OTHERS) {
        marks.extend(Mark::at(&request.stack, wording::fails_too(request), true));
    }
    let is_other =
        |culprit: &&RequestReport| finding.failed_request.as_ref().is_none_or(|first| first.index != culprit.index);
    if let Some(culprit) = finding.culprit.as_ref().filter(is_other) {
        marks.extend(Mark::at(&culprit.stack, wording::culprit_here(culprit), true));
    }
}

/// Where blocks were born and freed, and where the bad call is made.
fn blocks(finding: &Finding, marks: &mut Vec<Mark>) {
    let call = finding.memory.as_ref().and_then(|error| error.stack.as_ref());
    let call = call.or(finding.blocks.iter().find_map(|block| block.freed_again.as_ref()));
    for block in &finding.blocks {
        let primary = marks.is_empty() && block.freed.is_none() && call.is_none();
        let label = if finding.code.is_memory_error() {
            wording::accused_born_here(finding, block)
        } else {
            wording::born_here(block, finding.code == Code::Leak)
        };
        marks.extend(Mark::at(&block.born, label, primary));
        if let Some(stack) = &block.freed {
            marks.extend(Mark::at(stack, wording::freed_here(finding), call.is_none()));
        }
    }
    if let Some(stack) = call {
        marks.extend(Mark::at(stack, wording::bad_call_here(finding), true));
    }
}
