//! One run of a body: what is open when, and what is left at the end.

pub(crate) mod audit;
pub(crate) mod run;
pub(crate) mod witness;

use std::any::Any;
use std::fmt::Debug;

/// The steps of one run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The state is being built: never failed, tracked.
    Setup,
    /// The body runs: its requests are points.
    Body,
    /// The value is matched and formatted: never failed, untracked.
    Judge,
    /// Value, payload and state are dropped: never failed, tracked.
    Drop,
}

/// What a body came back with.
#[derive(Debug)]
pub enum Returned<'a> {
    /// `()`, or `Ok`.
    Ok {
        /// The body's type is a `Result`.
        is_result: bool,
    },
    /// `Err`.
    Err {
        /// It is one that the test promised.
        matches: bool,
        /// How it prints itself.
        debug: &'a dyn Debug,
    },
    /// It panicked with this payload.
    Panic(&'a (dyn Any + Send)),
}

/// Who watches a run: told of every step by the body's driver.
pub trait Stage {
    /// The next step begins.
    fn phase(&mut self, phase: Phase);
    /// The body has ended so. Called once a run, in [`Phase::Judge`].
    fn returned(&mut self, returned: Returned<'_>);
}

/// A body with its types erased: calls the user's function once, telling the stage each step.
pub trait Body {
    /// One run.
    fn call(&mut self, stage: &mut dyn Stage);
}
