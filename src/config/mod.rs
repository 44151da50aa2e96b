//! What a test asks for and what the variables say, put together once into [`Options`].
//!
//! For *how to run* (task, engine, guard, what is listed, limits, points, seed, shard, jobs) the variable wins; for *what is accepted*
//! (`infallible`, `swallowed`, `panics`, `incomplete`) the test wins and the variable is the default.

mod choices;
mod environment;
mod error;
mod value;

pub use choices::{Faults, Infallible, Rule, Shrink};
pub(crate) use environment::Environment;
pub(crate) use error::ConfigError;
pub(crate) use value::checked_shard;

use std::time::Duration;

use crate::model::options::{EngineChoice, GLOBAL_SPACE, Guard, Options, Selection, Shard, Task};
use crate::model::trial::Policy;

/// How many allocators a body may be called with.
const MOST_ALLOCATORS: usize = 64;

/// What an attribute or a builder asked for. `None`, false and empty lists: it said nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Requested {
    /// Patterns and filter.
    pub(crate) faults: Option<Faults>,
    /// No faults, whatever the variables say.
    pub(crate) leaks_only: bool,
    /// Whether a failure may be swallowed.
    pub(crate) swallowed: Option<Rule>,
    /// What an abort in an infallible API is.
    pub(crate) infallible: Option<Infallible>,
    /// Whether a panic counts as the error.
    pub(crate) panics: Option<Rule>,
    /// Beginnings of function paths in which a failure may be swallowed.
    pub(crate) benign: Vec<String>,
    /// Beginnings of paths of functions that leak on purpose.
    pub(crate) intended: Vec<String>,
    /// Ids of findings accepted for now.
    pub(crate) known: Vec<String>,
    /// Whether a body may make no points.
    pub(crate) no_points: Option<Rule>,
    /// Whether a sweep may be cut.
    pub(crate) incomplete: Option<Rule>,
    /// Requests of every thread are points.
    pub(crate) threads_all: bool,
    /// Pages without access stand around every block.
    pub(crate) guard_pages: bool,
    /// Every `realloc` moves its block.
    pub(crate) realloc_moves: bool,
    /// Blocks that stay reachable are listed.
    pub(crate) show_reachable: bool,
    /// Whether shrinks are points.
    pub(crate) shrink: Option<Shrink>,
    /// The plain run must panic; the inner text is the part of the message that is expected.
    pub(crate) should_panic: Option<Option<String>>,
    /// How points are tried, the hidden way included.
    pub(crate) engine: Option<EngineChoice>,
    /// The limit for one run.
    pub(crate) timeout: Option<Duration>,
    /// The limit for the whole sweep.
    pub(crate) max_time: Option<Duration>,
    /// How many points of each call stack fail.
    pub(crate) per_stack: Option<u64>,
    /// How many points are tried at most.
    pub(crate) max_points: Option<u64>,
    /// Seeds the choice of points.
    pub(crate) seed: Option<u64>,
    /// The part of the trials.
    pub(crate) shard: Option<Shard>,
    /// How many copies of a run may be running at once.
    pub(crate) jobs: Option<u32>,
    /// What the body captures keeps nothing from run to run: it is the attribute's function, or as good as one.
    pub(crate) captures_nothing: bool,
    /// The names of the allocators that the body is called with.
    pub(crate) allocators: Vec<String>,
    /// Of a body with allocators of its own the requests to the global one fail as well.
    pub(crate) global_swept: bool,
}

/// Puts the test's wishes and the variables together.
///
/// # Errors
///
/// If the test asks for something senseless: a limit or a number of zero, a seed that the report cannot hold, a part that there is
/// not, an empty path for `benign` or `intended` (which would excuse everything).
pub(crate) fn merge(requested: Requested, environment: &Environment) -> Result<Options, ConfigError> {
    requested.validate()?;
    let defaults = Options::default();
    let faults = requested.faults.unwrap_or_default();
    let policy = Policy {
        infallible_skip: requested.infallible.or(environment.infallible).unwrap_or_default() == Infallible::Skip,
        panics_allow: allowed(requested.panics.or(environment.panics)),
        swallowed_allow: allowed(requested.swallowed.or(environment.swallowed)),
        moved_allow: requested.threads_all,
    };
    Ok(Options {
        task: task(requested.leaks_only, environment),
        patterns: faults.patterns(),
        min_size: faults.min_size(),
        policy,
        benign: requested.benign,
        intended: requested.intended,
        known: requested.known,
        no_points_allow: allowed(requested.no_points),
        incomplete_allow: allowed(requested.incomplete.or(environment.incomplete)),
        threads_all: requested.threads_all,
        guard: environment.guard.unwrap_or(if requested.guard_pages { Guard::Pages } else { Guard::Zones }),
        realloc_moves: requested.realloc_moves,
        show_reachable: environment.show_reachable.unwrap_or(requested.show_reachable),
        shrink_skip: requested.shrink.unwrap_or_default() == Shrink::Skip,
        should_panic: requested.should_panic.map(Option::unwrap_or_default),
        engine: environment.engine.or(requested.engine).unwrap_or(defaults.engine),
        timeout: limit(environment.timeout.or(requested.timeout)),
        max_time: limit(environment.max_time.or(requested.max_time)),
        selection: environment.points.unwrap_or(requested.per_stack.map_or(Selection::All, Selection::Stacks)),
        max_points: environment.max_points.or(requested.max_points),
        seed: environment.seed.or(requested.seed).unwrap_or(defaults.seed),
        shard: environment.shard.or(requested.shard),
        jobs: environment.jobs.or(requested.jobs),
        captures: !requested.captures_nothing,
        allocators: requested.allocators,
        global_swept: requested.global_swept,
    })
}

impl Requested {
    /// The values whose types allow more than makes sense; the variables were held to the same when they were read.
    fn validate(&self) -> Result<(), ConfigError> {
        for (name, limit) in [("timeout", self.timeout), ("max_time", self.max_time)] {
            if limit == Some(Duration::ZERO) {
                return Err(ConfigError::not_understood(name, "0s", environment::A_DURATION));
            }
        }
        for (name, count) in [("max_points", self.max_points), ("points_per_stack", self.per_stack)] {
            if count == Some(0) {
                return Err(ConfigError::not_understood(name, "0", environment::A_COUNT));
            }
        }
        if self.jobs == Some(0) {
            return Err(ConfigError::not_understood("jobs", "0", environment::JOBS));
        }
        if let Some(seed) = self.seed.filter(|&seed| seed >= value::SEED_END) {
            return Err(ConfigError::not_understood("seed", &seed.to_string(), environment::A_SEED));
        }
        if let Some(Shard { k, n }) = self.shard.filter(|shard| checked_shard(shard.k, shard.n).is_none()) {
            return Err(ConfigError::not_understood("shard", &format!("{k}/{n}"), environment::A_SHARD));
        }
        self.validate_allocators()?;
        for (name, paths) in [("benign", &self.benign), ("intended", &self.intended)] {
            if paths.iter().any(String::is_empty) {
                return Err(ConfigError::not_understood(
                    name,
                    "",
                    "the beginning of a function's path, such as `indexmap::`",
                ));
            }
        }
        Ok(())
    }
}

impl Requested {
    /// Names of allocators: as many as the hook can tell apart, each a word of its own.
    fn validate_allocators(&self) -> Result<(), ConfigError> {
        let is_word = |name: &str| !name.is_empty() && name.chars().all(|c| c == '_' || c.is_alphanumeric());
        for (place, name) in self.allocators.iter().enumerate() {
            let is_taken = self.allocators.iter().take(place).any(|earlier| earlier == name);
            if is_taken || name == GLOBAL_SPACE || !is_word(name) || place >= MOST_ALLOCATORS {
                return Err(ConfigError::not_understood(
                    "allocators",
                    name,
                    "up to 64 different names of letters, digits and `_`, none of them `global`",
                ));
            }
        }
        Ok(())
    }
}

fn task(leaks_only: bool, environment: &Environment) -> Task {
    if let Some(replay) = &environment.replay {
        return Task::Replay(replay.clone());
    }
    match environment.task.clone().unwrap_or_default() {
        Task::Sweep if leaks_only => Task::Leaks,
        task => task,
    }
}

fn allowed(rule: Option<Rule>) -> bool {
    rule.unwrap_or_default() == Rule::Allow
}

fn limit(asked: Option<Duration>) -> Option<Duration> {
    asked.map(|limit| limit.min(value::LONGEST))
}

#[cfg(test)]
mod tests;
