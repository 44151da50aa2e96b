//! Who tries the points: what the supervisor asks of an engine, whichever it is.

use std::time::Instant;

use super::board::{Alone, Closing, Copying, Warm};
use super::digest::Digest;
use crate::hook::branch::Due;
use crate::hook::points::Logged;
use crate::model::code::Verdict;
use crate::model::fault::Fault;

/// How a warm-up came out.
pub(crate) struct WarmedUp {
    /// What the server says; `None` if its process died of it.
    pub(crate) warm: Warm,
    /// The points of the baseline.
    pub(crate) log: Vec<Logged>,
    /// How long the baseline took to each of its points, in nanoseconds.
    pub(crate) times: Vec<u64>,
    /// The last plain run.
    pub(crate) last: Digest,
    /// The process died, or was over its time, in the plain run that `last` tells of.
    pub(crate) died: bool,
    /// Requests of the last run inside `exempt`.
    pub(crate) exempt: u64,
    /// Requests of the last run on other threads.
    pub(crate) others: u64,
    /// Requests of the last run to the global allocator, where another is swept.
    pub(crate) beside: u64,
}

/// How a batch came out.
pub(crate) struct BatchEnd {
    /// The good trials from its first on: verdict, and whether it drifted.
    pub(crate) good: Vec<(Verdict, bool)>,
    /// The trial after them, if the runner stopped or died there.
    pub(crate) stopped: Option<Digest>,
    /// How it was closed.
    pub(crate) closing: Closing,
    /// It ended because the last trial left another state behind; each began in the reference state.
    pub(crate) changed: bool,
    /// Wall time of the body in the closing run, in nanoseconds; 0: there was none.
    pub(crate) closed: u64,
    /// What it took to make the runner's process and to see it end, without what it did, in nanoseconds; 0: not known.
    pub(crate) fork: u64,
}

/// What a copy of a run came to.
#[cfg_attr(not(all(target_os = "linux", not(oomsweep_portable))), allow(dead_code, reason = "there are no copies"))]
pub(crate) enum Tried {
    /// Nothing bad: its verdict, and whether it drifted.
    Good(Verdict, bool),
    /// Something else, and this is all there is to know of it.
    Told(Box<Digest>),
    /// Something that is to be confirmed by a trial from the reference state.
    Doubtful,
    /// No copy was made.
    Left,
}

/// How a run with copies came out.
pub(crate) struct Copied {
    /// Fault by fault.
    pub(crate) tried: Vec<Tried>,
    /// Copies that were over their time.
    pub(crate) hung: u32,
    /// Faults for which there was none because other threads were alive.
    pub(crate) crowded: u32,
    /// There was no room for more journals or texts: another run may go on.
    pub(crate) full: bool,
    /// How many points the run itself made.
    pub(crate) made: u64,
    /// It came to its end.
    pub(crate) ended: bool,
    /// The run itself, beside its copies, was a plain run like any other.
    pub(crate) fits: bool,
    /// What its first faults have shown, if there were enough of them.
    pub(crate) early: Option<Early>,
}

/// What the first faults of a run with copies have shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Early {
    /// When that was known.
    pub(crate) at: Instant,
    /// How many faults had had their turn.
    pub(crate) faults: usize,
    /// How long the run stood still for a copy, in nanoseconds; 0: not known.
    pub(crate) each: u64,
    /// For which part of the faults, of 1, there was no copy.
    pub(crate) without: f64,
}

/// The engine broke down: nothing can be tried any more.
#[derive(Debug, Clone)]
pub(crate) struct Broken(pub(crate) String);

impl Broken {
    /// There is no place for the blocks of a test.
    pub(crate) fn no_addresses() -> Broken {
        Broken(String::from(
            "the system has no addresses left for the blocks of a test: is there a limit on this process's memory (`ulimit -v`)?",
        ))
    }
}

/// An engine.
pub(crate) trait Crew {
    /// Brings the body to the reference state.
    ///
    /// # Errors
    /// If no process can be had.
    fn warm_up(&mut self) -> Result<WarmedUp, Broken>;

    /// The requests of this allocator are the points from now on. The body is to be warmed up anew.
    fn set_space(&mut self, space: u8);

    /// Tries faults in copies of one run, each made where its fault begins.
    ///
    /// # Errors
    /// If no process can be had.
    fn copies(&mut self, dues: &[Due], _terms: Copying) -> Result<Copied, Broken> {
        let tried = dues.iter().map(|_| Tried::Left).collect();
        Ok(Copied { tried, hung: 0, crowded: 0, full: false, made: 0, ended: true, fits: true, early: None })
    }

    /// From now on every run starts in a process of its own that makes `runs` plain runs first.
    fn go_cold(&mut self, runs: u32);

    /// The time limit of one run, in nanoseconds.
    fn set_limit(&mut self, limit: u64);

    /// Tries faults one after the other while nothing is found; `deadline` in nanoseconds of the monotonic clock (0: none).
    ///
    /// # Errors
    /// If no process can be had.
    fn batch(&mut self, faults: &[Fault], deadline: u64) -> Result<BatchEnd, Broken>;

    /// One run from the reference state. `births` lists the sizes and alignments of blocks whose births are wanted.
    ///
    /// # Errors
    /// If no process can be had.
    fn alone(&mut self, ask: Alone, births: &[(usize, usize)]) -> Result<Digest, Broken>;

    /// The stacks of the points of the very run that is the baseline, as far as it can be made once more: each its length and
    /// then its addresses. `runs`: how many plain runs there were.
    ///
    /// # Errors
    /// If no process can be had.
    fn baseline_stacks(&mut self, runs: u32) -> Result<Vec<usize>, Broken>;

    /// A process can be lost without losing the sweep.
    fn contains(&self) -> bool;
}
