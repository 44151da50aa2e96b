//! One sweep at a time in a process, and none inside another.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::hook::core;
use crate::hook::gate::{self, State};

static TURN: Mutex<()> = Mutex::new(());
static OUTER: Mutex<String> = Mutex::new(String::new());

thread_local! {
    /// This thread has the turn.
    static SWEEPS: Cell<bool> = const { Cell::new(false) };
}

/// The right to sweep, until it is dropped.
pub(super) struct Turn {
    _held: MutexGuard<'static, ()>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        SWEEPS.set(false);
    }
}

/// Waits for the turn of the sweep at `place`. On a thread of a body that is being swept, the outer sweep's place is the error.
///
/// The own thread has the turn itself, in a child too. Of other threads it is known only in a child, where nobody but the
/// body has any.
pub(super) fn take(place: &str) -> Result<Turn, String> {
    let in_child = core::core().is_some_and(|core| core.everyone.load(Ordering::Relaxed));
    if SWEEPS.get() || (in_child && gate::state() != State::Off as u32) {
        // In a child the lock is a copy that nobody frees; whoever held it was the outer sweep, which wrote its place before.
        let outer = OUTER.try_lock().map(|place| place.clone()).unwrap_or_default();
        return Err(outer);
    }
    let held = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    place.clone_into(&mut OUTER.lock().unwrap_or_else(PoisonError::into_inner));
    SWEEPS.set(true);
    Ok(Turn { _held: held })
}
