//! One sweep at a time in a process, and none inside another.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::hook::gate::{self, State};

static TURN: Mutex<()> = Mutex::new(());
static OUTER: Mutex<String> = Mutex::new(String::new());

/// The right to sweep, until it is dropped.
pub(super) struct Turn {
    _held: MutexGuard<'static, ()>,
}

/// Waits for the turn of the sweep at `place`. On a thread of a body that is being swept, the outer sweep's place is the error.
pub(super) fn take(place: &str) -> Result<Turn, String> {
    if gate::state() == State::Session as u32 && gate::local(|local| local.own.get()) {
        // In a child the lock is a copy that nobody frees; whoever held it was the outer sweep, which wrote its place before.
        let outer = OUTER.try_lock().map(|place| place.clone()).unwrap_or_default();
        return Err(outer);
    }
    let held = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    place.clone_into(&mut OUTER.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Turn { _held: held })
}
