//! Which places a finding shows, in the order in which they are read: the failed request, what it led to, where that came from.

use crate::model::code::Code;
use crate::model::report::{BlockReport, Finding, RequestReport};

use super::excerpt::Mark;
use super::wording;

/// How many failed requests a finding shows: the representative's and the first two of others.
const OTHERS: usize = 2;

/// The places of a finding.
pub(crate) fn of(finding: &Finding) -> Vec<Mark> {
    let mut marks = Vec::new();
    requests(finding, &mut marks);
    for block in &finding.blocks {
        blocks(finding.code, block, &mut marks);
    }
    if let Some(panic) = &finding.panic {
        marks.push(Mark {
            label: wording::PANICS_HERE.to_owned(),
            primary: marks.is_empty(),
            function: String::new(),
            file: panic.file.clone(),
            line: panic.line,
            column: None,
        });
    }
    if let Some((signal, stack)) = finding.signal.as_ref().and_then(|signal| Some((signal, signal.stack.as_ref()?))) {
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

fn blocks(code: Code, block: &BlockReport, marks: &mut Vec<Mark>) {
    let leaked = code == Code::Leak;
    let primary = marks.is_empty() && block.freed.is_none();
    marks.extend(Mark::at(&block.born, wording::born_here(block, leaked), primary));
    let freed = match code {
        Code::WrongLayout => wording::OTHER_LAYOUT_HERE,
        Code::MixedAllocators => wording::OTHER_ALLOCATOR_HERE,
        Code::Overflow | Code::Underflow => wording::DAMAGE_SEEN_HERE,
        _ => wording::FREED_HERE,
    };
    if let Some(stack) = &block.freed {
        marks.extend(Mark::at(stack, freed.to_owned(), block.freed_again.is_none()));
    }
    let again = if code == Code::UseAfterFree { wording::USED_HERE } else { wording::FREED_AGAIN_HERE };
    if let Some(stack) = &block.freed_again {
        marks.extend(Mark::at(stack, again.to_owned(), true));
    }
}
