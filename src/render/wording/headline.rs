//! The headline of a finding: a lower-case fragment that names the fault by its number.

use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::place;
use crate::model::report::{Finding, PanicReport, Report};

use super::labels::signal_meaning;
use super::memory;
use super::words::{blocks, bytes, first_line, plural};

/// How many characters of somebody else's message a headline shows.
const QUOTED: usize = 120;

/// The `message` of a finding.
pub(crate) fn headline(finding: &Finding, report: &Report) -> String {
    let after = |what: &str| match failure(finding, report) {
        Some(fault) => format!("{fault}, and {what}"),
        None => what.to_owned(),
    };
    match finding.code {
        Code::Leak => after(&leaked(finding)),
        Code::DoubleFree
        | Code::InvalidFree
        | Code::WrongLayout
        | Code::MixedAllocators
        | Code::Overflow
        | Code::Underflow
        | Code::UseAfterFree => after(&memory::told(finding)),
        Code::Swallowed => after("the body still returned `Ok`"),
        Code::WrongError => after(&wrong_error(finding)),
        Code::Panic => panicked(finding, report),
        Code::Abort => aborted(finding, report),
        Code::Crash => after(&crashed(finding)),
        Code::Exit => after(&exited(finding)),
        Code::Hang => after("the run did not end in time"),
        Code::Contract => after(&broken_contract(finding)),
        Code::FdLeak => after(&left_open(finding)),
        Code::ThreadLeak => after("a thread that the body started still runs, and holds memory"),
        Code::NotReached => not_reached(finding, report),
        Code::NoPoints => no_points(report),
        Code::NotInstalled => {
            "the testing allocator is not the global allocator of this test, so nothing was run".to_owned()
        }
        Code::Incomplete => incomplete(report),
        Code::Baseline => baseline(finding),
    }
}

/// The same for a finding of an allocator that belongs to no test.
pub(super) fn alone(finding: &Finding) -> String {
    if finding.code == Code::Leak { leaked(finding) } else { memory::told(finding) }
}

/// The fault of a finding, where it has one that fails something.
fn fault_of(finding: &Finding) -> Option<Fault> {
    let (fault, _) = Fault::read_in(finding.fault.as_deref()?).ok()?;
    Some(fault).filter(|fault| *fault != Fault::None)
}

/// What was made to fail, as a clause; `None` for a plain run and for the whole test.
fn failure(finding: &Finding, report: &Report) -> Option<String> {
    let text = finding.fault.as_deref().filter(|text| *text != "none")?;
    let total = match Fault::read_in(text).ok().and_then(|(_, space)| space) {
        Some(name) => {
            let space = report.spaces.iter().find(|space| space.name == name);
            format!("{} of `{name}`", space.map_or(0, |space| space.points))
        }
        None => report.points.total.to_string(),
    };
    Some(match fault_of(finding) {
        Some(Fault::Once(i)) => format!("allocation {i} of {total} failed"),
        Some(Fault::Persistent(i)) => format!("allocation {i} of {total} and every later one failed"),
        Some(Fault::Window { at, len: 1 }) => format!("allocation {at} of {total} failed"),
        Some(Fault::Window { at, len }) => {
            format!("allocations {at} to {} of {total} failed", at.saturating_add(len - 1))
        }
        Some(Fault::Pair(i, j)) => format!("allocations {i} and {j} of {total} failed"),
        Some(Fault::Budget(budget)) => match finding.failed_request.as_ref().and_then(|request| request.index) {
            Some(i) => format!("with a budget of {} allocation {i} of {total} failed", bytes(budget)),
            None => format!("a budget of {} was spent", bytes(budget)),
        },
        Some(Fault::None) | None => format!("the fault `{text}` was injected"),
    })
}

fn leaked(finding: &Finding) -> String {
    let count = finding.blocks.iter().map(|block| block.count).sum();
    let size = finding.blocks.iter().map(|block| block.bytes).sum();
    match count {
        0 => "memory was never freed".to_owned(),
        1 => format!("{} was never freed", blocks(count, size)),
        _ => format!("{} were never freed", blocks(count, size)),
    }
}

fn wrong_error(finding: &Finding) -> String {
    match &finding.error {
        Some(error) => format!("the body returned another error than it promised: {}", first_line(error, QUOTED)),
        None => "the body returned another error than it promised".to_owned(),
    }
}

fn panicked(finding: &Finding, report: &Report) -> String {
    let Some(panic) = &finding.panic else {
        return joined(failure(finding, report), "the body panicked");
    };
    if unwraps_injected(finding) {
        let own = match (&panic.file, &report.file) {
            (Some(file), Some(test)) if file != test => format!("`{file}`"),
            _ => "the test".to_owned(),
        };
        let points = plural(distinct_places(finding), "point");
        return format!("{own} unwraps the injected error ({points}): return `Result` and use `?`");
    }
    let what = if panic.unwound { "the body panicked" } else { "the process died of a panic" };
    joined(failure(finding, report), &quoting(what, &panic.message))
}

/// The finding is that the user's own code unwraps the injected error.
pub(crate) fn unwraps_injected(finding: &Finding) -> bool {
    finding.code == Code::Panic && fault_of(finding).is_some() && finding.panic.as_ref().is_some_and(unwraps)
}

/// The panic comes of unwrapping an error, in code that the user can change.
fn unwraps(panic: &PanicReport) -> bool {
    let own = panic.file.as_deref().is_none_or(|file| !place::is_foreign_file(&place::slashed(file)));
    let message = panic.message.as_str();
    // What a debug allocator returns at its end tells of leaks, not of a request that failed.
    let tells_of_leaks = message.contains("an `Err` value: `");
    own && !tells_of_leaks
        && (message.starts_with("called `Result::unwrap()` on an `Err` value")
            || ["TryReserveError", "AllocError", "OutOfMemory"]
                .iter()
                .any(|error| message.contains(&format!(": {error}"))))
}

/// How many different points the trials of a finding begin at.
pub(crate) fn distinct_places(finding: &Finding) -> u64 {
    let faults = finding.fault.iter().chain(&finding.also);
    let place = |text: &'_ String| {
        let (fault, space) = Fault::read_in(text).ok()?;
        Some((space.map(str::to_owned), fault.place()?))
    };
    let mut places: Vec<_> = faults.filter_map(place).collect();
    places.sort_unstable();
    places.dedup();
    (places.len() as u64).max(1)
}

fn aborted(finding: &Finding, report: &Report) -> String {
    let infallible = "inside an infallible API, which aborts the process";
    let Some(culprit) = &finding.culprit else {
        return match failure(finding, report) {
            Some(fault) => format!("{fault} {infallible}"),
            None => format!("an allocation failed {infallible}"),
        };
    };
    if !culprit.injected {
        let refused = format!("a request of {} was refused by the backing allocator {infallible}", bytes(culprit.size));
        return format!("{}: memory really ran out, or the size is absurd", joined(failure(finding, report), &refused));
    }
    let first = finding.failed_request.as_ref().and_then(|request| request.index);
    match (failure(finding, report), culprit.index) {
        (Some(fault), Some(index)) if first.is_some_and(|first| first != index) => {
            format!("{fault}, and allocation {index} was made {infallible}")
        }
        (Some(fault), _) => format!("{fault} {infallible}"),
        (None, _) => format!("an allocation failed {infallible}"),
    }
}

fn crashed(finding: &Finding) -> String {
    let Some(signal) = &finding.signal else {
        return "the process died by a signal".to_owned();
    };
    let meaning = signal.explained.as_deref().or_else(|| signal_meaning(&signal.name));
    match meaning {
        Some(meaning) => format!("the process died by {} ({meaning})", signal.name),
        None => format!("the process died by {}", signal.name),
    }
}

fn exited(finding: &Finding) -> String {
    match finding.exit_status {
        Some(status) => format!("the body ended the process with status {status}"),
        None => "the body ended the process".to_owned(),
    }
}

fn broken_contract(finding: &Finding) -> String {
    match &finding.contract {
        Some(contract) => format!("a contract was broken: {}", first_line(&contract.check, QUOTED)),
        None => "a contract was broken".to_owned(),
    }
}

fn left_open(finding: &Finding) -> String {
    match finding.fds.len() as u64 {
        0 | 1 => "1 file descriptor was left open".to_owned(),
        more => format!("{more} file descriptors were left open"),
    }
}

fn not_reached(finding: &Finding, report: &Report) -> String {
    let total = report.points.total;
    let mut text = match fault_of(finding) {
        Some(Fault::Once(i) | Fault::Persistent(i) | Fault::Window { at: i, .. }) => {
            format!("allocation {i} of {total} was to fail, but the run never came to it")
        }
        Some(Fault::Pair(i, j)) => {
            format!("allocations {i} and {j} of {total} were to fail, but the run never came to them")
        }
        Some(Fault::Budget(budget)) => {
            format!("a budget of {} was set, but the run never came to its end", bytes(budget))
        }
        Some(Fault::None) | None => "an allocation was to fail, but the run never came to it".to_owned(),
    };
    if finding.error.is_some() {
        text.push_str(", and it returned an error although nothing failed");
    }
    if let Some(diverges) = &finding.diverges {
        text.push_str(&format!("; it parts from the plain run at allocation {}", diverges.index));
    }
    text
}

fn no_points(report: &Report) -> String {
    let points = &report.points;
    let mut reasons = Vec::new();
    if points.first_use > 0 {
        let made = if points.first_use == 1 { "1 was" } else { &format!("{} were", points.first_use) };
        reasons.push(format!("{made} made by an earlier run only, so what the body built has stayed from run to run"));
    }
    if points.exempt > 0 {
        reasons.push(format!("{} exempt", be(points.exempt)));
    }
    if points.global > 0 {
        let of = "of the global allocator, which a body with allocators of its own is not swept with (`global = \"swept\"` does that)";
        reasons.push(format!("{} {of}", be(points.global)));
    }
    if points.other_threads > 0 {
        reasons.push(format!("{} made on other threads", be(points.other_threads)));
    }
    if reasons.is_empty() {
        return "the body makes no allocation that could fail".to_owned();
    }
    format!("the body makes no allocation that could fail: {}", reasons.join(", "))
}

fn be(count: u64) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{count} are") }
}

fn incomplete(report: &Report) -> String {
    let coverage = &report.coverage;
    if coverage.planned == 0 {
        return "nothing could be tried".to_owned();
    }
    let by = report.stopped.as_ref().map(|what| format!(" by {what}")).unwrap_or_default();
    let left = match coverage.left {
        0 => "not every allocator was swept",
        1 => "1 trial was not made",
        left => &format!("{left} trials were not made"),
    };
    format!("stopped{by} at {} of {}: {left}", coverage.tried, coverage.planned)
}

fn baseline(finding: &Finding) -> String {
    if let Some(diverges) = &finding.diverges {
        return format!("the plain runs do not settle: the last two part at allocation {}", diverges.index);
    }
    if let Some(culprit) = &finding.culprit {
        return format!(
            "the plain run aborted: a request of {} was refused inside an infallible API",
            bytes(culprit.size)
        );
    }
    if let Some(panic) = &finding.panic {
        return quoting("the plain run panicked, before anything was made to fail", &panic.message);
    }
    if finding.signal.is_some() {
        return format!("before anything was made to fail, {}", crashed(finding));
    }
    if finding.exit_status.is_some() {
        return format!("before anything was made to fail, {}", exited(finding));
    }
    match &finding.error {
        Some(error) => quoting("the plain run returned an error, before anything was made to fail", error),
        None => "the plain run failed, before anything was made to fail".to_owned(),
    }
}

fn quoting(what: &str, message: &str) -> String {
    match first_line(message, QUOTED) {
        line if line.is_empty() => what.to_owned(),
        line => format!("{what}: {line}"),
    }
}

fn joined(fault: Option<String>, what: &str) -> String {
    match fault {
        Some(fault) => format!("{fault}, and {what}"),
        None => what.to_owned(),
    }
}
