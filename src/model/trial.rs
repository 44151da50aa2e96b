//! One run, told as plain facts, and what was recorded beside them.

use super::code::{Code, Verdict};
use super::event::Request;
use super::fault::Fault;
use super::memory::MemoryError;
use super::stack::RawStack;

/// How a run ended. Every run has exactly one ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Ending {
    /// The body returned `Ok` or `()`.
    #[default]
    Ok,
    /// The body returned `Err`.
    Err,
    /// The body panicked: caught, or the process died of it.
    Panic,
    /// The process aborted in Rust's allocation-error handler.
    AllocAbort,
    /// The process died by a signal.
    Signal,
    /// The process ended by itself.
    Exit,
    /// The run was over its time limit.
    Timeout,
    /// The process was ended at a memory error.
    Stopped,
}

/// Everything that a verdict is made of, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// How the run ended.
    pub ending: Ending,
    /// The first memory error on record, if there is one.
    pub memory_error: Option<Code>,
    /// Requests that really came back empty-handed because of the fault.
    pub delivered: u64,
    /// Those of them that were made outside every `benign` region and frame.
    pub delivered_outside_benign: u64,
    /// The body's type is a `Result`.
    pub returns_result: bool,
    /// The `Err` is one that the test promised (any, if it promised nothing).
    pub error_matches: bool,
    /// The panic is the one that `should_panic` expects.
    pub panic_expected: bool,
    /// The panic was caught by the harness (false: the process died of it).
    pub unwound: bool,
    /// The request behind the allocation-error handler was failed by us.
    pub culprit_injected: bool,
    /// A contract was broken.
    pub contract: bool,
    /// Blocks that leaked.
    pub leaks: u64,
    /// Threads that still run and hold blocks of this run.
    pub thread_leaks: u64,
    /// Descriptors that this run left open.
    pub fd_leaks: u64,
}

/// What the user accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// `infallible = "skip"`.
    pub infallible_skip: bool,
    /// `panics = "allow"`.
    pub panics_allow: bool,
    /// `swallowed = "allow"`.
    pub swallowed_allow: bool,
    /// `threads = "all"`: a fault that was not reached has moved, for threads make their requests in any order.
    pub moved_allow: bool,
}

/// A request with the stack that made it.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Recorded {
    /// The request.
    pub request: Request,
    /// Who made it.
    pub stack: RawStack,
    /// It came back empty-handed because of the fault (false: the backing allocator had nothing, or it is only shown).
    pub injected: bool,
}

/// A block that leaked.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its size, in bytes.
    pub size: usize,
    /// Its alignment, in bytes.
    pub align: usize,
    /// How many allocations of the run came before it.
    pub ordinal: u64,
    /// The number of the thread that made it, if that was not the body's own.
    pub thread: Option<u32>,
    /// The allocator that it came from; 0: the global one.
    pub allocator: u32,
    /// The stack of its birth.
    pub born: RawStack,
    /// Blocks that only this one reaches.
    pub indirect_count: u64,
    /// Their bytes.
    pub indirect_bytes: u64,
}

/// A panic, as the hook and the payload tell it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PanicInfo {
    /// The payload, if it was text.
    pub message: String,
    /// Where it was raised.
    pub file: Option<String>,
    /// The line of that place.
    pub line: Option<u32>,
    /// It unwound to the harness.
    pub unwound: bool,
}

/// The first place where a run parts from the baseline.
#[derive(Debug, Clone, Copy)]
pub struct Divergence {
    /// The index of the first request that differs.
    pub index: u64,
    /// What the baseline asked for there; `None`: the baseline had ended.
    pub baseline: Option<Recorded>,
    /// What this run asked for there; `None`: this run had ended.
    pub trial: Option<Recorded>,
}

/// A descriptor that was left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFd {
    /// Its number.
    pub fd: i32,
    /// What it names, as the system says.
    pub target: String,
}

/// A signal that ended a run.
#[derive(Debug, Clone, Default)]
pub struct SignalInfo {
    /// Its number.
    pub number: i32,
    /// What the faulting address tells, in words, if anything.
    pub explained: Option<String>,
    /// The stack of the faulting instruction, where it could be had.
    pub stack: Option<RawStack>,
}

/// What is kept of one run beside its facts, for the report.
#[derive(Debug, Clone, Default)]
pub struct Detail {
    /// The first request that failed.
    pub failed: Option<Recorded>,
    /// The stacks of further requests that failed, in order (the first is not repeated); may be cut.
    pub failed_later: Vec<Recorded>,
    /// The request behind the allocation-error handler.
    pub culprit: Option<Recorded>,
    /// The root blocks that leaked.
    pub leaks: Vec<Block>,
    /// The first memory error of the run.
    pub memory: Option<Box<MemoryError>>,
    /// The blocks of the run that something still reaches; there if they were asked for.
    pub reachable: Vec<Block>,
    /// The error that the body returned, as its `Debug` prints it.
    pub error: Option<String>,
    /// The panic.
    pub panic: Option<PanicInfo>,
    /// The signal.
    pub signal: Option<SignalInfo>,
    /// The status with which the body ended the process.
    pub exit_status: Option<i32>,
    /// The descriptors left open.
    pub fds: Vec<OpenFd>,
    /// Where the run parted from the baseline.
    pub diverges: Option<Divergence>,
    /// What the run printed (its last 64 KiB).
    pub output: String,
    /// Things worth saying that are no finding.
    pub notes: Vec<String>,
}

/// One trial, judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What was failed.
    pub fault: Fault,
    /// Whose points the fault counts, by the allocator's number; `None`: there is one such space only.
    pub space: Option<u8>,
    /// What it came to.
    pub verdict: Verdict,
    /// Every finding of this trial, the verdict's first (if the policy makes it one).
    pub codes: Vec<Code>,
    /// The points before the fault were not those of the baseline.
    pub drifted: bool,
    /// What is needed to explain it; present whenever `codes` is not empty.
    pub detail: Option<Box<Detail>>,
}
