//! What stands beside a line of source, and the names of facts below it.

use crate::model::event::Kind;
use crate::model::report::{BlockReport, Finding, RequestReport};

use super::headline::distinct_places;
use super::words::{blocks, bytes, plural};

/// What a request asked for: `100 bytes, align 1`.
pub(crate) fn asked(request: &RequestReport) -> String {
    let size = request.size;
    let mut text = match (request.kind, request.old_size) {
        (Kind::Alloc, _) => bytes(size),
        (Kind::Zeroed, _) => format!("{}, zeroed", bytes(size)),
        (Kind::Grow, Some(old)) => format!("grow from {old} to {}", bytes(size)),
        (Kind::Grow, None) => format!("grow to {}", bytes(size)),
        (Kind::Shrink, Some(old)) => format!("shrink from {old} to {}", bytes(size)),
        (Kind::Shrink, None) => format!("shrink to {}", bytes(size)),
        (Kind::Same, _) => format!("realloc to the same {}", bytes(size)),
    };
    text.push_str(&format!(", align {}", request.align));
    if let Some(allocator) = &request.allocator {
        text.push_str(&format!(", of `{allocator}`"));
    }
    if request.benign {
        text.push_str(", benign");
    }
    text
}

/// The name of a request: `allocation 7 (100 bytes, align 1)`.
pub(crate) fn request(request: &RequestReport) -> String {
    match request.index {
        Some(index) => format!("allocation {index} ({})", asked(request)),
        None => format!("an allocation ({})", asked(request)),
    }
}

/// Beside the failed request.
pub(crate) fn fails_here(failed: &RequestReport) -> String {
    format!("{} fails here", request(failed))
}

/// Beside the failed request of another trial.
pub(crate) fn fails_too(failed: &RequestReport) -> String {
    format!("the same when {} fails here", request(failed))
}

/// Beside the request behind the allocation-error handler.
pub(crate) fn culprit_here(culprit: &RequestReport) -> String {
    let what =
        if culprit.injected { "made by an infallible API here" } else { "refused by the backing allocator here" };
    format!("{}, {what}", request(culprit))
}

/// A request in front of its stack, where two runs part.
pub(crate) fn in_run(run: &str, request: Option<&RequestReport>) -> String {
    match request {
        Some(request) => format!("{run}: {}", asked(request)),
        None => format!("{run}: asked for nothing more"),
    }
}

/// Beside the birth of a block: `48 bytes, align 8, allocated here`.
pub(crate) fn born_here(block: &BlockReport, leaked: bool) -> String {
    let what = match block.count {
        0 | 1 => bytes(block.size),
        count if block.size.checked_mul(count) == Some(block.bytes) => {
            format!("{} of {}", plural(count, "block"), bytes(block.size))
        }
        count => blocks(count, block.bytes),
    };
    let mut text = format!("{what}, align {}, allocated here", block.align);
    if let Some(allocator) = &block.allocator {
        text.push_str(&format!(" from `{allocator}`"));
    }
    if let Some(thread) = block.thread {
        text.push_str(&format!(" by thread {thread}"));
    }
    if leaked {
        text.push_str(", never freed");
    }
    text
}

/// Below a leaked block that holds others: `lost with this block: 3 blocks (96 bytes) that only it reaches`.
pub(crate) fn indirect(block: &BlockReport) -> Option<String> {
    let count = block.indirect_count.filter(|count| *count > 0)?;
    let (holder, reach) = if block.count > 1 { ("these blocks", "they reach") } else { ("this block", "it reaches") };
    Some(format!("lost with {holder}: {} that only {reach}", blocks(count, block.indirect_bytes.unwrap_or(0))))
}

/// Above the places that made blocks which something still reaches.
pub(crate) fn still_reachable(count: u64, size: u64) -> String {
    format!("still reachable: {} of the plain run, in statics, thread-locals or older blocks", blocks(count, size))
}

/// Below it: `2 blocks (96 bytes) made at src/index.rs:5:20`.
pub(crate) fn made_there(count: u64, size: u64, made_at: &str) -> String {
    format!("{} made {made_at}", blocks(count, size))
}

/// Where something was made, as far as it is known.
pub(crate) fn made_at(place: Option<&str>, function: Option<&str>) -> String {
    match (place, function) {
        (Some(place), _) => format!("at {place}"),
        (None, Some(function)) => format!("in `{function}`"),
        (None, None) => "at a place that is not known".to_owned(),
    }
}

/// For places that are not shown.
pub(crate) fn more_places(count: usize) -> String {
    format!("and {} more", plural(count as u64, "place"))
}

/// The site of a request, if it is not the frame that the excerpt shows.
pub(crate) fn in_callee(what: &str, function: &str, place: Option<&str>) -> String {
    match place {
        Some(place) => format!("{what} in `{function}` ({place}), called from here"),
        None => format!("{what} in `{function}`, called from here"),
    }
}

/// The user's own calls that lead to the frame that the excerpt shows, from the inside out: `from a.rs:1:2, from a.rs:7:8`.
pub(crate) fn from_callers(callers: &[String]) -> Option<String> {
    const SHOWN: usize = 4;
    let shown = callers.iter().take(SHOWN).map(|caller| format!("from {caller}")).collect::<Vec<_>>().join(", ");
    let more = if callers.len() > SHOWN { ", …" } else { "" };
    (!callers.is_empty()).then(|| format!("{shown}{more}"))
}

/// Who called the frame that the excerpt shows; a site that is not this frame stands in front.
pub(crate) fn called(what: &str, inside: Option<String>, from: Option<String>) -> Option<String> {
    match (inside, from) {
        (Some(inside), Some(from)) => Some(format!("{inside}, {from}")),
        (None, Some(from)) => Some(format!("{what} here, called {from}")),
        (inside, None) => inside,
    }
}

/// A fact whose source line cannot be shown.
pub(crate) fn without_excerpt(label: &str, function: &str, place: Option<&str>) -> String {
    match (function, place) {
        ("", Some(place)) => format!("{label}: {place}"),
        ("", None) => label.replace(" here", ""),
        (function, Some(place)) => format!("{label}: {place}, in `{function}`"),
        (function, None) => format!("{label}: in `{function}`"),
    }
}

/// The other trials that a finding folds.
pub(crate) fn more_trials(also: &[String]) -> Option<String> {
    const SHOWN: usize = 6;
    if also.is_empty() {
        return None;
    }
    let mut text = format!("and {}: ", plural(also.len() as u64, "more trial"));
    text.push_str(&also.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", "));
    if let Some(rest) = also.len().checked_sub(SHOWN).filter(|rest| *rest > 0) {
        text.push_str(&format!(" and {rest} others"));
    }
    Some(text)
}

/// What a signal usually means.
pub(crate) fn signal_meaning(name: &str) -> Option<&'static str> {
    Some(match name {
        "SIGSEGV" => "an access to memory that is not there",
        "SIGBUS" => "an access to memory that has nothing behind it, or is not aligned",
        "SIGILL" => "an illegal instruction, such as a trap that the compiler put where nobody should come",
        "SIGFPE" => "an arithmetic trap",
        "SIGABRT" => "the process called `abort`",
        "SIGTRAP" => "a breakpoint or trap",
        "SIGKILL" => "killed from outside, perhaps for want of memory",
        "SIGTERM" => "asked to end from outside",
        "SIGPIPE" => "a write to a pipe that nobody reads",
        "SIGSYS" => "a system call that is not allowed",
        _ => return None,
    })
}

/// Said once, when stacks carry no lines.
pub(crate) const NO_LINES: &str = "no line numbers: this test was built without debug information; \
     `debug = \"line-tables-only\"` in Cargo.toml gives them, under `[profile.dev]`, or `[profile.release]` for `--release`";
/// In front of the line to type.
pub(crate) const REPLAY: &str = "to replay it, type:";
/// In front of the line to type, where nothing is made to fail.
pub(crate) const AGAIN: &str = "to run it again, type:";
/// In front of the line to type, below the table of infallible calls.
pub(crate) const REPLAY_FIRST: &str = "to replay the first, type:";
/// In front of what a trial printed.
pub(crate) const OUTPUT: &str = "the run printed:";
/// In front of the stack of a faulting instruction.
pub(crate) const FAULTING_STACK: &str = "the stack of the faulting instruction:";
/// The run without a fault.
pub(crate) const PLAIN_RUN: &str = "plain run";
/// The run with the fault.
pub(crate) const THIS_RUN: &str = "this run";
/// In front of the two stacks of plain runs that do not settle.
pub(crate) const EARLIER_RUN: &str = "the run before";
/// The last of the plain runs.
pub(crate) const LAST_RUN: &str = "the last run";
/// A request of which more is told than the excerpt shows.
pub(crate) fn made(asked: &RequestReport) -> String {
    match asked.index {
        Some(index) => format!("allocation {index} is made"),
        None => "the allocation is made".to_owned(),
    }
}

/// A block whose birth's site is not its own frame.
pub(crate) const BLOCK_MADE: &str = "the block is made";
/// In front of the calls that lead to the (first) free of a block.
pub(crate) const BLOCK_FREED: &str = "the block is freed";
/// Beside the place of a panic.
pub(crate) const PANICS_HERE: &str = "panics here";
/// Beside a contract.
pub(crate) const CONTRACT_HERE: &str = "this contract was broken";

/// Where two runs part.
pub(crate) fn part_at(index: u64) -> String {
    format!("the runs part at allocation {index}:")
}

/// Frames of a stack that are not shown.
pub(crate) fn frames_of_std(count: usize) -> String {
    format!("… {} of std", plural(count as u64, "frame"))
}

/// Lines of output that are not shown.
pub(crate) fn lines_before(count: usize) -> String {
    format!("… {} before", plural(count as u64, "line"))
}

/// The title of the table of infallible calls.
pub(crate) fn abort_title(places: usize) -> String {
    match places {
        1 => "an allocation is made by an infallible API, which aborts the process when it fails".to_owned(),
        _ => format!(
            "allocations are made by infallible APIs at {places} places, which aborts the process when they fail"
        ),
    }
}

/// The title of the table of unwraps.
pub(crate) fn unwraps_title(findings: &[&Finding]) -> String {
    let points = plural(findings.iter().map(|finding| distinct_places(finding)).sum(), "point");
    format!("the injected error is unwrapped at {} places ({points}): return `Result` and use `?`", findings.len())
}

/// The id of a finding that is not the only one with it.
pub(crate) fn shared_id(id: &str, others: usize) -> String {
    format!("{id}, the same for {}", plural(others as u64, "other finding"))
}

/// The id that all rows of a table have.
pub(crate) fn id_of_all(id: &str) -> String {
    format!("id of all: {id}")
}

/// Beside a row of the table whose request was not failed by the sweep.
pub(crate) fn not_injected(size: u64) -> String {
    format!(
        "not injected: {} refused by the backing allocator, memory really ran out or the size is absurd",
        bytes(size)
    )
}

/// Beside a row of the table whose trial failed another request first.
pub(crate) fn earlier(first: &RequestReport, place: &str) -> String {
    format!("after {} had failed at {place}", request(first))
}

/// Beside a row of the table whose request a dependency makes.
pub(crate) fn requested_in(place: &str) -> String {
    format!("requested in {place}")
}

/// The ways on from infallible calls, a line each.
pub(crate) const ABORT_WAYS: &[&str] = &[
    "reserve first: `try_reserve` and its kin on Vec, String, VecDeque, HashMap and others return an error,",
    "  and the call after it has its memory; Box, Rc, Arc, `format!` and `collect` have no such twin on stable",
    "leave it out: `exempt(|| …)` around set-up, and around what may abort",
    "accept it in this test: `#[alloc_test(infallible = \"skip\")]`",
    "accept it in the whole crate, in `.cargo/config.toml`:",
    "    [env]",
    "    OOMSWEEP_INFALLIBLE = \"skip\"",
];
