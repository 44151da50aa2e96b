//! What is worth saying beside a headline.

use crate::model::code::Code;
use crate::model::report::{Finding, Report};

use super::headline::{self, headline};
use super::memory::{self, Watcher};

/// Of one of several allocators, whose sweep says nothing.
pub(crate) fn asked_for_nothing(name: &str) -> String {
    format!("`{name}` was asked for nothing that could fail")
}

/// For a body that has no way to report.
pub(crate) const RETURNS_NOTHING: &str =
    "this body returns nothing, so a swallowed failure cannot be seen; return a Result to have it checked";
/// For a fault inside a destructor.
pub(crate) const IN_DROP: &str =
    "inside a destructor, which cannot report it: handle it and wrap it in `benign`, or do not allocate there";

/// For a memory error whose id `known` lists.
pub(crate) const NEVER_KNOWN: &str = "`known` lists this id, but a memory error cannot be accepted";

/// For runs that part.
const SAME_MEMORY: &str = "a run must ask for the same memory each time: look for random numbers, the time, addresses, \
     other threads, or what an earlier run left in a static";
/// For a swallowed failure.
const SWALLOWED: &str =
    "return the error, or wrap the code in `benign(|| …)` if it is meant to go on without this memory";

/// For a swallowed failure that a smaller request followed: `prefix` is the path of the library in which it was made.
pub(crate) fn fallback(prefix: &str) -> String {
    format!("a fallback? `benign(\"{prefix}\")` among the attribute's options accepts what this library swallows")
}

fn is_fallback(note: &str) -> bool {
    note.starts_with("a fallback? ")
}

/// Gives every finding of a report its headline, and the notes that follow from what it holds.
pub(crate) fn speak(report: &mut Report) {
    let mut findings = std::mem::take(&mut report.findings);
    for finding in &mut findings {
        finding.message = headline(finding, report);
        let notes = notes_of(finding, report).into_iter().map(str::to_owned);
        let watcher = if report.guard_pages { Watcher::GuardPages } else { Watcher::Run };
        for note in memory::notes(finding, watcher).into_iter().chain(notes) {
            if !finding.notes.contains(&note) {
                finding.notes.push(note);
            }
        }
    }
    report.findings = findings;
}

/// The same for a leak or a memory error that belongs to no test: an allocator noticed it by itself.
pub(crate) fn speak_alone(finding: &mut Finding) {
    finding.message = headline::alone(finding);
    finding.notes.extend(memory::notes(finding, Watcher::Allocator));
}

const MORE_TIME: &str = "give it more time, split it with `shard`, let one allocation of each call stack fail with \
                         `points = \"stacks\"`, or accept it with `incomplete = \"allow\"`";

fn notes_of(finding: &Finding, report: &Report) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if finding.failed_request.as_ref().is_some_and(|request| request.in_drop) {
        notes.push(IN_DROP);
    }
    if finding.panic.as_ref().is_some_and(|panic| !panic.unwound) {
        notes.push(
            "the panic could not unwind: it was raised in a destructor during cleanup, in a function that cannot unwind, \
             or under `panic = \"abort\"`",
        );
    }
    match finding.code {
        Code::Swallowed => {
            let said = notes.contains(&IN_DROP) || finding.notes.iter().any(|note| is_fallback(note));
            notes.extend((!said).then_some(SWALLOWED));
        }
        Code::Baseline if finding.diverges.is_some() => notes.push(SAME_MEMORY),
        // What a replay asks for and does not find says why itself.
        Code::NotReached if finding.fault.is_none() => {}
        Code::Incomplete if report.coverage.tried > 0 && !is_interrupted(report) => notes.push(MORE_TIME),
        code => notes.extend(notes_of_code(code)),
    }
    if finding.fault.as_deref() == Some("none") && finding.diverges.is_none() {
        notes.push("this is the plain run: the sweep begins when it passes");
    }
    notes
}

/// Whoever breaks a sweep off knows why it is not complete.
fn is_interrupted(report: &Report) -> bool {
    report.stopped.as_ref().is_some_and(|by| by.starts_with("interrupt "))
}

fn notes_of_code(code: Code) -> &'static [&'static str] {
    match code {
        Code::Hang => &["the limit is 20 times the slowest plain run, and at least 1 s; `timeout` sets it"],
        Code::ThreadLeak => &["join the thread before the body returns"],
        Code::NotReached => &[SAME_MEMORY],
        Code::NoPoints => &["`no_points = \"allow\"` if that is meant"],
        Code::NotInstalled => {
            &["keep the feature `global` of this crate on; or, with a global allocator of your own, wrap it: \
             `#[global_allocator] static A: TestingAllocator<System> = TestingAllocator::new(System);`"]
        }
        Code::Incomplete => &[],
        Code::Swallowed
        | Code::Leak
        | Code::DoubleFree
        | Code::InvalidFree
        | Code::WrongLayout
        | Code::MixedAllocators
        | Code::Overflow
        | Code::Underflow
        | Code::UseAfterFree
        | Code::WrongError
        | Code::Panic
        | Code::Abort
        | Code::Crash
        | Code::Exit
        | Code::Contract
        | Code::FdLeak
        | Code::Baseline => &[],
    }
}
