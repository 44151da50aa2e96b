//! Other threads cannot be stopped, and where pointers can be is not known.

use std::time::Duration;

use super::roots::Root;
use super::state::Range;

/// A thread that could not be stopped: none is known of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Running {}

/// Nobody stands still.
#[derive(Debug)]
#[must_use]
pub(crate) struct Stopped(());

/// Would stop every other thread; none is known of.
pub(crate) fn stop_others(_limit: Duration) -> Stopped {
    Stopped(())
}

/// Would learn where the program lies.
pub(crate) fn learn() {}

impl Stopped {
    /// The other threads that could not be stopped: none is known of.
    pub(crate) fn running(&self) -> impl Iterator<Item = Running> {
        std::iter::empty()
    }

    /// The roots that cost little: not known, so false.
    pub(crate) fn near(&mut self, _entry: usize, _each: &mut dyn FnMut(Root)) -> bool {
        false
    }

    /// All other roots: not known, so false.
    pub(crate) fn far(&mut self, _entry: usize, _without: &[Range], _each: &mut dyn FnMut(Root)) -> bool {
        false
    }
}
