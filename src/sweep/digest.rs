//! From a journal, and from how its process ended, to facts and to what the report needs.

use std::sync::atomic::Ordering;

use super::board::End;
use crate::hook::arena::Arena;
use crate::hook::blocks::zones::{FREED, FRONT, NEW, REAR};
use crate::hook::journal::{Fd, Journal, Leaked, Pointer, Span, Step};
use crate::hook::points::Logged;
use crate::model::event::Request;
use crate::model::stack::RawStack;
use crate::model::trial::{Block, Detail, Divergence, Ending, Facts, OpenFd, PanicInfo, Recorded, SignalInfo};
use crate::sys::output::Output;

/// How much of a trial's output is kept, in bytes.
const OUTPUT: u64 = 64 * 1024;
/// The number of SIGABRT, everywhere.
const ABORT: i32 = 6;

/// What is said of a runner that did not come to its trial.
pub(crate) const NO_REFERENCE: &str =
    "a runner could not bring itself to the reference state: a plain run failed in it";

/// What the standard library prints when an infallible API gets no memory.
const ALLOC_ERROR: &str = "memory allocation of ";

/// A trial's facts and what was recorded beside them.
pub(crate) struct Digest {
    /// What the verdict is made of.
    pub(crate) facts: Facts,
    /// What the report needs.
    pub(crate) detail: Detail,
    /// The points before the fault were not those of the baseline.
    pub(crate) drifted: bool,
    /// Points made.
    pub(crate) made: u64,
    /// The sizes and alignments that the blocks were born with that leaked, or that a memory error is about.
    pub(crate) leaked: Vec<(usize, usize)>,
    /// The stacks of all points, as a log of them has them, if they were asked for.
    pub(crate) points: Vec<usize>,
    /// The harness itself failed: what it says of that.
    pub(crate) trouble: Option<String>,
}

/// Reads a journal whose writer has ended, or has come back.
pub(crate) fn digest(journal: &Journal, arena: Arena, end: End, output: Option<&Output>) -> Digest {
    let done = journal.step.load(Ordering::Acquire) == Step::Done as u32;
    let text = output.map(|output| output.tail(journal.output_from, journal.output_to, OUTPUT)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut facts =
        Facts { delivered: journal.delivered, delivered_outside_benign: journal.delivered_outside, ..facts(journal) };
    if !done {
        facts.ending = ending(journal, end, &text);
        facts.unwound = false;
        facts.leaks = 0;
        facts.fd_leaks = 0;
        facts.thread_leaks = 0;
        facts.culprit_injected = culprit(journal, facts.ending).is_some_and(|record| record.injected);
    }
    let leaked = arena.values::<Leaked>(journal.leaks);
    let accused = journal.memory.as_ref().and_then(|error| error.block.as_ref());
    Digest {
        facts,
        drifted: journal.diverged.is_some(),
        made: journal.made,
        leaked: leaked
            .iter()
            .map(|block| (block.born_size, block.align))
            .chain(accused.map(|block| (block.born_size, block.align)))
            .collect(),
        points: arena.values::<usize>(journal.point_stacks),
        trouble: trouble(journal, end, done, arena),
        detail: detail(journal, arena, facts.ending, end, leaked, text),
    }
}

/// The facts of a run that has come back, its memory error with them.
pub(crate) fn facts(journal: &Journal) -> Facts {
    let memory_error = journal.memory.as_ref().map(|error| error.code).or(journal.facts.memory_error);
    Facts { memory_error, ..journal.facts }
}

fn trouble(journal: &Journal, end: End, done: bool, arena: Arena) -> Option<String> {
    if let Some(span) = journal.trouble {
        return Some(arena.text(span));
    }
    if journal.lost > 0 {
        return Some(format!(
            "{} blocks could not be entered in the ledger: the system has no pages left",
            journal.lost
        ));
    }
    match end {
        End::Refused(number) => {
            Some(format!("a process could not be made: {}", std::io::Error::from_raw_os_error(number)))
        }
        End::Exited(96) if !done && journal.fatal.number == 0 && journal.memory.is_none() => {
            Some(String::from(NO_REFERENCE))
        }
        End::Done | End::Exited(_) | End::Signalled(_) | End::TimedOut => None,
    }
}

fn ending(journal: &Journal, end: End, text: &str) -> Ending {
    let fatal = &journal.fatal;
    if end == End::TimedOut {
        return Ending::Timeout;
    }
    // The hook ends the process at the bad call, in whatever way; what an instruction did is a signal as well.
    if journal.memory.is_some() && fatal.number == 0 {
        return Ending::Stopped;
    }
    if fatal.number == ABORT && fatal.in_alloc_error {
        return Ending::AllocAbort;
    }
    if fatal.number == ABORT && fatal.panicking && journal.panics > 0 {
        return Ending::Panic;
    }
    if fatal.number != 0 {
        return Ending::Signal;
    }
    // Our handler saw nothing: a body has put its own in place, or the process was ended from outside.
    if journal.failed > 0 && text.contains(ALLOC_ERROR) {
        return Ending::AllocAbort;
    }
    match end {
        End::Signalled(ABORT) if journal.panics > 0 => Ending::Panic,
        End::Signalled(_) => Ending::Signal,
        End::Exited(_) | End::Done | End::TimedOut | End::Refused(_) => Ending::Exit,
    }
}

fn culprit(journal: &Journal, ending: Ending) -> Option<&Recorded> {
    if ending != Ending::AllocAbort {
        return None;
    }
    if journal.fatal.number == 0 {
        return journal.kept_failures().next().map(|(_, record)| record);
    }
    journal.failure(journal.fatal.culprit?)
}

fn detail(journal: &Journal, arena: Arena, ending: Ending, end: End, leaked: Vec<Leaked>, text: String) -> Detail {
    let failed = (journal.failed > 0).then_some(journal.first);
    Detail {
        failed,
        failed_later: arena.values::<Recorded>(journal.later),
        culprit: culprit(journal, ending).copied(),
        leaks: leaked.iter().map(block).collect(),
        memory: journal.memory.map(Box::new),
        reachable: arena.values::<Leaked>(journal.reachable).iter().map(block).collect(),
        error: text_at(arena, journal.error),
        panic: panic(journal, arena, ending),
        signal: signal(journal, ending, end),
        exit_status: match (ending, end) {
            (Ending::Exit, End::Exited(status)) => Some(status),
            _ => None,
        },
        fds: arena
            .values::<Fd>(journal.fds)
            .iter()
            .map(|fd| OpenFd { fd: fd.fd, target: arena.text(fd.target) })
            .collect(),
        diverges: journal.diverged.map(|index| Divergence { index, baseline: None, trial: Some(diverging(journal)) }),
        output: text,
        notes: unguarded(journal).into_iter().chain(stale(journal)).collect(),
    }
}

/// What is said of a run in which some blocks could not stand between guard pages.
fn unguarded(journal: &Journal) -> Option<String> {
    let (with, without) = (journal.guarded.load(Ordering::Relaxed), journal.unguarded.load(Ordering::Relaxed));
    (without > 0).then(|| {
        format!("guard pages stood round {with} of {} blocks only: the system allows no more mappings", with + without)
    })
}

/// What is said of a run that asked an allocator of an earlier one.
fn stale(journal: &Journal) -> Option<String> {
    let count = journal.stale.load(Ordering::Relaxed);
    let requests = if count == 1 { "1 request" } else { &format!("{count} requests") };
    (count > 0).then(|| {
        format!(
            "{requests} went to an allocator of an earlier run, which is gone: look for one that is kept in a static or a \
             thread-local, and take it from the arguments in every run"
        )
    })
}

fn diverging(journal: &Journal) -> Recorded {
    Recorded { injected: false, ..journal.diverging }
}

fn text_at(arena: Arena, span: Option<Span>) -> Option<String> {
    span.map(|span| arena.text(span))
}

fn block(leaked: &Leaked) -> Block {
    Block {
        size: leaked.size,
        align: leaked.align,
        ordinal: leaked.ordinal,
        thread: (leaked.thread != 0).then_some(leaked.thread),
        allocator: u32::from(leaked.allocator),
        born: leaked.born,
        indirect_count: leaked.indirect_count,
        indirect_bytes: leaked.indirect_bytes,
    }
}

fn panic(journal: &Journal, arena: Arena, ending: Ending) -> Option<PanicInfo> {
    if ending != Ending::Panic {
        return None;
    }
    Some(PanicInfo {
        message: text_at(arena, journal.payload.or(journal.panic.and_then(|panic| panic.message))).unwrap_or_default(),
        file: journal.panic.and_then(|panic| text_at(arena, panic.file)),
        line: journal.panic.map(|panic| panic.line),
        unwound: journal.facts.ending == Ending::Panic && journal.step.load(Ordering::Acquire) == Step::Done as u32,
    })
}

fn signal(journal: &Journal, ending: Ending, end: End) -> Option<SignalInfo> {
    if ending != Ending::Signal {
        return None;
    }
    let fatal = &journal.fatal;
    if fatal.number == 0 {
        let number = if let End::Signalled(number) = end { number } else { 0 };
        return Some(SignalInfo { number, explained: None, stack: None });
    }
    Some(SignalInfo {
        number: fatal.number,
        explained: pointer(fatal.pointer).or_else(|| fatal.address.and_then(|address| explain(address, fatal.sp))),
        stack: (!fatal.stack.ips().is_empty()).then_some(fatal.stack),
    })
}

/// What bytes of ours tell that were taken for a pointer.
fn pointer(pointer: Pointer) -> Option<String> {
    match pointer {
        Pointer::Unknown => None,
        Pointer::Freed => Some(format!("a pointer read from freed memory ({FREED:#04X}…)")),
        Pointer::New => Some(format!("a pointer read from memory that was never written ({NEW:#04X}…)")),
        Pointer::Zone => Some(format!("a pointer read from beside a block ({FRONT:#04X}… or {REAR:#04X}…)")),
    }
}

/// What a faulting address tells. Without addresses: they differ from run to run.
fn explain(address: usize, sp: usize) -> Option<String> {
    if sp != 0 && address.wrapping_add(64 * 1024) >= sp && address < sp.wrapping_add(4096) {
        return Some(String::from("the stack's end: a stack overflow"));
    }
    match address {
        0 => Some(String::from("a null pointer")),
        1..=65_535 => Some(format!("a null pointer, {address} bytes off")),
        _ => None,
    }
}

/// A request about which only kind, size and align are known.
pub(crate) fn bare(index: u64, point: &Logged, allocator: u8) -> Recorded {
    let Logged { size, align, kind, .. } = *point;
    Recorded {
        request: Request { size, old_size: 0, align, index, kind, benign: false, allocator },
        stack: RawStack::EMPTY,
        injected: false,
    }
}

#[cfg(test)]
mod tests;
