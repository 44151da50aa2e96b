//! What makes two findings one: the table of the documentation's section on folding, a row an arm.

use std::collections::HashMap;

use crate::model::code::Code;
use crate::model::event::Request;
use crate::model::trial::{Block, Detail};

use super::stacks::{Site, Stacks};
use super::{key, memory};

/// One cause that a trial has for a code.
#[derive(Debug)]
pub(crate) struct Cause<'t> {
    /// What tells it from other causes.
    pub(crate) identity: Identity,
    /// The blocks that it is about.
    pub(crate) blocks: Vec<&'t Block>,
}

/// What tells causes apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    code: Code,
    site: Option<Site>,
    /// For memory errors: of the bad call or of the free, where `site` is that of the block's birth.
    second: Option<Site>,
    signal: i32,
}

impl Identity {
    fn new(code: Code, site: Option<Site>) -> Identity {
        Identity { code, site, second: None, signal: 0 }
    }

    /// The id of the finding: it names the finding across edits.
    pub(crate) fn id(&self) -> String {
        let code = self.code.as_str().to_owned();
        let sites = self.site.iter().chain(&self.second).map(|site| site.text().to_owned());
        key::hex(key::of_parts(std::iter::once(code).chain(sites)))
    }
}

/// The causes that a trial has for this code: one, but for leaks, which have one for each place of birth.
pub(crate) fn causes<'t>(code: Code, detail: &'t Detail, stacks: &mut Stacks<'_>) -> Vec<Cause<'t>> {
    let of = |identity| vec![Cause { identity, blocks: Vec::new() }];
    let one = |site, signal| of(Identity { signal, ..Identity::new(code, site) });
    match code {
        Code::Leak => leaks(detail, stacks),
        Code::DoubleFree
        | Code::InvalidFree
        | Code::WrongLayout
        | Code::MixedAllocators
        | Code::Overflow
        | Code::Underflow
        | Code::UseAfterFree => match &detail.memory {
            Some(error) => {
                let [site, second] = memory::sites(error, stacks);
                of(Identity { second, ..Identity::new(code, site) })
            }
            None => one(failed_site(detail, stacks), 0),
        },
        Code::Abort => match &detail.culprit {
            Some(culprit) => one(stacks.site(&culprit.stack), 0),
            None => one(failed_site(detail, stacks), 0),
        },
        Code::Panic => {
            match detail.panic.as_ref().and_then(|panic| panic.file.as_deref().map(|file| (file, panic.line))) {
                Some((file, line)) => one(Some(Site::of_line(file, line)), 0),
                None => one(failed_site(detail, stacks), 0),
            }
        }
        Code::Crash => one(signal_site(detail, stacks), detail.signal.as_ref().map_or(0, |signal| signal.number)),
        Code::Contract
        | Code::Swallowed
        | Code::WrongError
        | Code::Exit
        | Code::Hang
        | Code::FdLeak
        | Code::ThreadLeak => one(failed_site(detail, stacks), 0),
        Code::NotReached | Code::NoPoints | Code::NotInstalled | Code::Incomplete | Code::Baseline => one(None, 0),
    }
}

/// The number of the point that failed first, if one did.
pub(crate) fn failed_index(detail: &Detail) -> Option<u64> {
    detail.failed.as_ref().map(|failed| failed.request.index).filter(|index| *index != Request::NO_POINT)
}

/// The id of a finding that the whole test has.
pub(crate) fn id_of_the_test(code: Code) -> String {
    Identity::new(code, None).id()
}

fn leaks<'t>(detail: &'t Detail, stacks: &mut Stacks<'_>) -> Vec<Cause<'t>> {
    let mut causes: Vec<Cause<'t>> = Vec::new();
    let mut places: HashMap<Option<Site>, usize> = HashMap::new();
    for block in &detail.leaks {
        let site = stacks.site(&block.born);
        let place = *places.entry(site.clone()).or_insert(causes.len());
        match causes.get_mut(place) {
            Some(cause) => cause.blocks.push(block),
            None => causes.push(Cause { identity: Identity::new(Code::Leak, site), blocks: vec![block] }),
        }
    }
    if causes.is_empty() {
        causes.push(Cause { identity: Identity::new(Code::Leak, None), blocks: Vec::new() });
    }
    causes
}

fn failed_site(detail: &Detail, stacks: &mut Stacks<'_>) -> Option<Site> {
    detail.failed.as_ref().and_then(|failed| stacks.site(&failed.stack))
}

/// The site of the faulting instruction; where that is unknown, of the failed request.
fn signal_site(detail: &Detail, stacks: &mut Stacks<'_>) -> Option<Site> {
    let stack = detail.signal.as_ref().and_then(|signal| signal.stack.as_ref());
    stack.and_then(|stack| stacks.site(stack)).or_else(|| failed_site(detail, stacks))
}
