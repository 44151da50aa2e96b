//! One run of a body: what is open when, and what is left at the end.

pub(crate) mod audit;
pub(crate) mod reach;
pub(crate) mod run;
pub(crate) mod witness;

use std::any::Any;
use std::fmt::Debug;

/// The steps of one run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
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
pub(crate) enum Returned<'a> {
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
pub(crate) trait Stage {
    /// The next step begins.
    fn phase(&mut self, phase: Phase);
    /// The body has ended so. Called once a run, in [`Phase::Judge`], and besides
    ///
    /// - in [`Phase::Setup`], with the panic, if building the state panicked: there is no body then, and [`Phase::Drop`] follows
    ///   at once;
    /// - in [`Phase::Drop`], with the panic, if dropping the value or the state panicked and the run had not panicked before: the
    ///   run's ending is then this panic, in place of what was told in [`Phase::Judge`].
    ///
    /// What it borrows can be shown and looked at without a panic, and lives no longer than the call.
    fn returned(&mut self, returned: Returned<'_>);
}

/// A body with its types erased: calls the user's function once, telling the stage each step.
pub(crate) trait Body {
    /// One run: tells the stage of [`Phase::Setup`], [`Phase::Body`], [`Phase::Judge`] and [`Phase::Drop`] in this order, and
    /// returns whatever the user's code does. Between the second and the third of these calls nothing but the user's code asks
    /// for memory.
    fn call(&mut self, stage: &mut dyn Stage);
}
