//! The report: a value, in the very form of the report file (schema 1).
//!
//! A missing fact is a missing member, never null. Readers ignore members, and accept codes, that they do not know.

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::event::Kind;
use super::memory::{Noticed, Place};
use super::stack::Stack;
pub use super::tried::{Coverage, Distinct, Trial};

/// The number of the form that this version writes.
pub const SCHEMA: u32 = 1;

/// How a test was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Leak check, then every fault.
    Sweep,
    /// The plain run only.
    Leaks,
    /// One fault, in place.
    Replay,
}

/// Whether the test passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// No finding is left.
    Passed,
    /// At least one finding is left.
    Failed,
}

/// What the baseline asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Points {
    /// Points of the baseline.
    pub total: u64,
    /// Points that only earlier plain runs made.
    pub first_use: u64,
    /// Requests of the baseline inside `exempt`.
    pub exempt: u64,
    /// Requests of the baseline made by other threads.
    pub other_threads: u64,
    /// Requests of the baseline to the global allocator, which are checked and not failed, for the body has allocators of its own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub global: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One of the allocators whose requests were failed, of a body that has allocators of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Its name: a parameter's, or `global`.
    pub name: String,
    /// Points of its baseline.
    pub points: u64,
}

/// Who tried the points, in trials.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Engine {
    /// By running the body again.
    pub replay: u64,
    /// By a child made at the allocation.
    pub snapshot: u64,
    /// In the process of the test.
    pub in_process: u64,
    /// Why it was done so, if that needs saying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How long the sweep was thought to take, in milliseconds, when its first trials were made; there if it looked dear then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foretold_ms: Option<f64>,
}

/// A request, with the stack that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestReport {
    /// Bytes asked for.
    #[serde(serialize_with = "exact_integer")]
    pub size: u64,
    /// Alignment in bytes.
    pub align: u64,
    /// The direction.
    pub kind: Kind,
    /// Bytes before a `realloc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_size: Option<u64>,
    /// The number of the point; absent for a request that is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The explicit allocator that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocator: Option<String>,
    /// Made inside a benign region.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub benign: bool,
    /// Made inside a destructor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_drop: bool,
    /// For a culprit: it was failed by the sweep (absent: the backing allocator refused it).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub injected: bool,
    /// Who made it.
    pub stack: Stack,
}

/// Blocks with one birth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockReport {
    /// Bytes of one block.
    pub size: u64,
    /// Alignment in bytes.
    pub align: u64,
    /// How many blocks.
    pub count: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Blocks that only these reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indirect_count: Option<u64>,
    /// Their bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indirect_bytes: Option<u64>,
    /// The thread that made them, if it was not the body's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<u32>,
    /// The explicit allocator that they came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocator: Option<String>,
    /// The stack of their birth.
    pub born: Stack,
    /// The stack of the (first) free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freed: Option<Stack>,
    /// The stack of the second free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freed_again: Option<Stack>,
}

/// A layout, as a call gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayoutReport {
    /// Bytes.
    #[serde(serialize_with = "exact_integer")]
    pub size: u64,
    /// Alignment in bytes.
    #[serde(serialize_with = "exact_integer")]
    pub align: u64,
}

/// Bytes that were written where nobody may write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamageReport {
    /// Where the first of them lies, counted from the first byte of the block: negative before it, its size and more behind it.
    pub at: i64,
    /// From the first damaged byte to the last, both counted.
    pub span: u64,
    /// How many bytes are damaged.
    pub count: u64,
    /// What the first bytes of the span became, in hex digits.
    pub found: String,
    /// What each of them had been, in hex digits.
    pub expected: String,
}

/// What was done to the block of a memory error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReport {
    /// When it was noticed.
    pub noticed: Noticed,
    /// What the pointer of the bad call is, or the address that was touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// How far the pointer or the address lies from the first byte of the block; `near-null`: from null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// The layout of the bad call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<LayoutReport>,
    /// The new size of a `realloc`.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "exact_option")]
    pub new_size: Option<u64>,
    /// The size that the block was born with, if a `realloc` has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born_size: Option<u64>,
    /// The block was freed by a `realloc` that moved it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moved: bool,
    /// The block was born before the run began.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub older: bool,
    /// The thread that freed the block, if it was not the body's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freed_by: Option<u32>,
    /// The thread of the bad call, if it was not the body's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<u32>,
    /// The explicit allocator that the bad call was made to; absent: the global one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocator: Option<String>,
    /// The damaged bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<DamageReport>,
    /// The stack of the bad call, or of the faulting instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Stack>,
}

/// A panic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanicReport {
    /// The payload, if it was text.
    pub message: String,
    /// Where it was raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line of that place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// It unwound to the harness; false: the process died of it.
    pub unwound: bool,
}

/// A signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalReport {
    /// Its name, such as `SIGSEGV`.
    pub name: String,
    /// Its number.
    pub number: i32,
    /// What the faulting address tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained: Option<String>,
    /// The stack of the faulting instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Stack>,
}

/// A descriptor that was left open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdReport {
    /// Its number.
    pub fd: i32,
    /// What it names.
    pub target: String,
}

/// A contract that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractReport {
    /// Which check.
    pub check: String,
    /// The place of the contract call, `file:line`.
    pub place: String,
    /// The value before, as its `Debug` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The value after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Where two runs part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DivergenceReport {
    /// The index of the first request that differs.
    pub index: u64,
    /// What the baseline asked for there; absent: it had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<RequestReport>,
    /// What the trial asked for there; absent: it had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<RequestReport>,
}

/// One root cause, with everything that it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub code: Code,
    /// Names the finding across edits (16 hex digits); what `known("id")` takes.
    pub id: String,
    /// The headline.
    pub message: String,
    /// How many trials it folds.
    pub count: u64,
    /// The representative trial's fault (`none` = plain run); absent for the whole test's findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The key of the failed point, `hex.n`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The faults of all other trials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The line to type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// The first request that failed, in the representative trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_request: Option<RequestReport>,
    /// Failed requests of the other trials folded here, one for each site, the first two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_requests: Vec<RequestReport>,
    /// The request behind the allocation-error handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<RequestReport>,
    /// The blocks that leaked, or that the memory error is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<BlockReport>,
    /// What was done to the block that a memory error is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryReport>,
    /// The error that the body returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The panic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panic: Option<PanicReport>,
    /// The signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<SignalReport>,
    /// The status with which the body ended the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<i32>,
    /// The descriptors that were left open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fds: Vec<FdReport>,
    /// The contract that was broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<ContractReport>,
    /// Where the runs part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverges: Option<DivergenceReport>,
    /// Things worth saying.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the representative trial printed (its last 64 KiB).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The number of the form, [`SCHEMA`].
    pub schema: u32,
    /// The version of this crate.
    pub version: String,
    /// The test's path, as `--exact` takes it.
    pub test: String,
    /// Its package.
    pub package: String,
    /// The file in which the test stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line of that place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// How it was run.
    pub mode: Mode,
    /// Whether it passed.
    pub result: Outcome,
    /// Everything that was planned was tried.
    pub complete: bool,
    /// What the baseline asked for.
    pub points: Points,
    /// What was planned and what came of it.
    pub coverage: Coverage,
    /// Who tried the points.
    pub engine: Engine,
    /// Wall time of the whole, in milliseconds.
    pub elapsed_ms: f64,
    /// The seed of a random choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Which part of the trials this is, `k/n`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// What was chosen by call stacks, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stacks: Option<Distinct>,
    /// What cut the sweep short, such as `max_time`; absent when everything planned was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// The patterns that were swept, as the coverage line names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
    /// The trials had guard pages round their blocks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guard_pages: bool,
    /// Things worth saying that are no finding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The ids of the findings that were accepted by `known` and did occur.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// The ids that `known` accepts and that did not occur: each of them fails the test.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_gone: Vec<String>,
    /// The blocks of the plain run that something still reaches, if they were asked for; they are no leaks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reachable: Vec<BlockReport>,
    /// The allocators whose requests were failed, one after the other, of a body that has allocators of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spaces: Vec<Space>,
    /// Every trial, in sweep order.
    pub trials: Vec<Trial>,
    /// The findings, in sweep order.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report in which nothing has happened yet, of no test.
    pub(crate) fn empty(mode: Mode) -> Report {
        Report {
            schema: SCHEMA,
            version: String::from(env!("CARGO_PKG_VERSION")),
            test: String::new(),
            package: String::new(),
            file: None,
            line: None,
            mode,
            result: Outcome::Passed,
            complete: true,
            points: Points::default(),
            coverage: Coverage::default(),
            engine: Engine::default(),
            elapsed_ms: 0.0,
            seed: None,
            shard: None,
            stacks: None,
            stopped: None,
            patterns: Vec::new(),
            guard_pages: false,
            notes: Vec::new(),
            known: Vec::new(),
            known_gone: Vec::new(),
            reachable: Vec::new(),
            spaces: Vec::new(),
            trials: Vec::new(),
            findings: Vec::new(),
        }
    }
}

/// Readers may hold numbers as floats: a size that is absurd anyway is written as the largest that they can hold exactly.
pub(super) fn exact_integer<S: serde::Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    const LARGEST: u64 = (1 << 53) - 1;
    serializer.serialize_u64(LARGEST.min(*value))
}

fn exact_option<S: serde::Serializer>(value: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => exact_integer(value, serializer),
        None => serializer.serialize_none(),
    }
}
