//! What a test asks for, after attribute, builder and environment have been put together.

use std::time::Duration;

use super::fault::Fault;
use super::trial::Policy;

/// Which patterns are swept, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Each point alone.
    Once,
    /// Each point and all later ones.
    Persistent,
    /// Each run of this many points.
    Window(u64),
    /// Every budget worth trying.
    Budget,
}

/// How points are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum EngineChoice {
    /// The best that the machine allows.
    #[default]
    Auto,
    /// Run the body again for each point, in forked children.
    Replay,
    /// Run the body once, and copy the process at each point.
    Snapshot,
    /// Everything in this process; cannot contain an abort, a crash, an exit, or a hang.
    InProcess,
    /// A new process for each fault: what the engines are held against. Not for users.
    #[doc(hidden)]
    BruteForce,
}

/// What stands around every block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Guard {
    /// Red zones: a write beside the block shows when it is freed or looked at.
    #[default]
    Zones,
    /// Pages without access: a read or a write beside the block stops the run at once.
    Pages,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Task {
    /// Leak check, then every fault.
    #[default]
    Sweep,
    /// The plain run only.
    Leaks,
    /// Just call the body.
    Off,
    /// One fault, in this process.
    Replay(ReplayAt),
}

/// The point that a replay asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplayAt {
    /// The fault.
    pub fault: Fault,
    /// The space whose points it counts, if it is named.
    pub space: Option<String>,
    /// Hex digits of the key (at least 6), if given.
    pub key: Option<String>,
    /// How many earlier points with that key there are.
    pub occurrence: u64,
}

/// Part `k` (from 1) of `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    /// Which part, from 1.
    pub k: u64,
    /// Of how many.
    pub n: u64,
}

/// Which of the points are made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// Of those with the same call stack so many, from 1: the first, and the others spread evenly as far as the last.
    Stacks(u64),
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is done.
    pub task: Task,
    /// The patterns, in order.
    pub patterns: Vec<Pattern>,
    /// Only points of at least this many bytes.
    pub min_size: Option<usize>,
    /// What is accepted.
    pub policy: Policy,
    /// Prefixes of function paths in which a failure may be swallowed.
    pub benign: Vec<String>,
    /// Prefixes of paths of functions that leak on purpose.
    pub intended: Vec<String>,
    /// Ids of findings accepted for now.
    pub known: Vec<String>,
    /// A body that never allocates passes.
    pub no_points_allow: bool,
    /// A sweep that was cut passes.
    pub incomplete_allow: bool,
    /// Requests of every thread are points, numbered in the order of their arrival.
    pub threads_all: bool,
    /// Shrinks are no points.
    pub shrink_skip: bool,
    /// What stands around every block.
    pub guard: Guard,
    /// Every `realloc` moves its block.
    pub realloc_moves: bool,
    /// Blocks that the plain run leaves reachable are listed.
    pub show_reachable: bool,
    /// `should_panic`, with the expected part of the message (empty: any).
    pub should_panic: Option<String>,
    /// How points are tried.
    pub engine: EngineChoice,
    /// The limit for one run; from the baseline if not given.
    pub timeout: Option<Duration>,
    /// The limit for the whole sweep.
    pub max_time: Option<Duration>,
    /// Which points are made to fail.
    pub selection: Selection,
    /// How many points are tried at most.
    pub max_points: Option<u64>,
    /// Seeds the choice under `max_points`.
    pub seed: u64,
    /// The part of the trials that is made here.
    pub shard: Option<Shard>,
    /// How many copies of a run may be running at once, from 1; what the machine has room for if not given.
    pub jobs: Option<u32>,
    /// The body is a closure, which may keep things in what it captures.
    pub captures: bool,
    /// The names of the allocators that the body is called with, in order.
    pub allocators: Vec<String>,
    /// Of a body with allocators of its own the requests to the global one fail as well.
    pub global_swept: bool,
}

/// How the global allocator is called where it is one of several.
pub const GLOBAL_SPACE: &str = "global";

impl Options {
    /// The allocators whose requests are failed, one after the other, by their numbers: those of the body, from 1, and 0 for the
    /// global one.
    pub fn spaces(&self) -> Vec<u8> {
        let own = (1..=u8::MAX).zip(&self.allocators).map(|(number, _)| number);
        let global = (self.allocators.is_empty() || self.global_swept).then_some(0);
        own.chain(global).collect()
    }

    /// The name of an allocator.
    pub fn allocator_name(&self, number: u32) -> Option<String> {
        match usize::try_from(number).ok()?.checked_sub(1) {
            None => Some(String::from(GLOBAL_SPACE)),
            Some(place) => self.allocators.get(place).cloned(),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            task: Task::Sweep,
            patterns: vec![Pattern::Once, Pattern::Persistent],
            min_size: None,
            policy: Policy::default(),
            benign: Vec::new(),
            intended: Vec::new(),
            known: Vec::new(),
            no_points_allow: false,
            incomplete_allow: false,
            threads_all: false,
            shrink_skip: false,
            guard: Guard::Zones,
            realloc_moves: false,
            show_reachable: false,
            should_panic: None,
            engine: EngineChoice::Auto,
            timeout: None,
            max_time: None,
            selection: Selection::All,
            max_points: None,
            seed: 0,
            shard: None,
            jobs: None,
            captures: true,
            allocators: Vec::new(),
            global_swept: false,
        }
    }
}
