//! One run of a body, step by step, whatever its types are.
//!
//! The stage is told of every step, and each call ends by returning: what the user's code panics with, in whichever step, is
//! caught here. Between `phase(Phase::Body)` and `phase(Phase::Judge)` nothing runs but the user's code and the two moves around
//! it; nothing there allocates.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::returns::{Matcher, TestReturn};
use crate::session::{Body, Phase, Returned, Stage};

type Payload = Box<dyn Any + Send>;

/// A body, the state that it is called with, and the errors that are expected of it.
pub(super) struct Driver<Setup, Call, M, S, R> {
    setup: Setup,
    call: Call,
    matcher: M,
    types: PhantomData<fn(&mut S) -> R>,
}

impl<Setup, Call, M, S, R> Driver<Setup, Call, M, S, R>
where
    Setup: FnMut() -> S,
    Call: FnMut(&mut Option<S>) -> R,
    M: Matcher<R::Error>,
    R: TestReturn,
{
    /// `setup` makes the state before every run. `call` is handed `Some` state, and may take it; what it leaves is dropped
    /// after what it returned.
    pub(super) fn new(setup: Setup, call: Call, matcher: M) -> Self {
        Driver { setup, call, matcher, types: PhantomData }
    }

    fn judge(&self, result: &Result<R, Payload>, stage: &mut dyn Stage) {
        match result {
            Ok(value) => match value.error() {
                None => stage.returned(Returned::Ok { is_result: R::IS_RESULT }),
                Some(error) => {
                    let matches = guarded(|| self.matcher.matches(error)).unwrap_or_else(|payload| {
                        discard(payload);
                        false
                    });
                    stage.returned(Returned::Err { matches, debug: &Shown(error) });
                }
            },
            Err(payload) => stage.returned(Returned::Panic(&**payload)),
        }
    }
}

impl<Setup, Call, M, S, R> Body for Driver<Setup, Call, M, S, R>
where
    Setup: FnMut() -> S,
    Call: FnMut(&mut Option<S>) -> R,
    M: Matcher<R::Error>,
    R: TestReturn,
{
    fn call(&mut self, stage: &mut dyn Stage) {
        stage.phase(Phase::Setup);
        let mut state = match guarded(&mut self.setup) {
            Ok(state) => Some(state),
            Err(payload) => {
                stage.returned(Returned::Panic(&*payload));
                stage.phase(Phase::Drop);
                discard(payload);
                return;
            }
        };
        stage.phase(Phase::Body);
        let result = guarded(|| (self.call)(&mut state));
        stage.phase(Phase::Judge);
        self.judge(&result, stage);
        stage.phase(Phase::Drop);
        let mut panicked = result.is_err();
        for dropped in [guarded(|| drop(result)), guarded(|| drop(state))] {
            if let Err(payload) = dropped {
                if !mem::replace(&mut panicked, true) {
                    stage.returned(Returned::Panic(&*payload));
                }
                discard(payload);
            }
        }
    }
}

/// Calls the user's code. That it is not used again after a panic in a way that shows is the user's side of the bargain: a
/// body is called many times.
fn guarded<T>(user: impl FnOnce() -> T) -> Result<T, Payload> {
    catch_unwind(AssertUnwindSafe(user))
}

/// Drops what was caught. A payload may panic when it is dropped; what that one panics with is given up.
fn discard(payload: Payload) {
    if let Err(again) = guarded(|| drop(payload)) {
        mem::forget(again);
    }
}

/// Shows an error as its own `Debug` does, and says so where that one panics or fails.
struct Shown<'a, E>(&'a E);

impl<E: fmt::Debug> fmt::Debug for Shown<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match guarded(|| self.0.fmt(&mut *f)) {
            Ok(Ok(())) => Ok(()),
            // If it was the writer that failed it fails again, and the caller learns of it.
            Ok(Err(fmt::Error)) => f.write_str("<its Debug failed>"),
            Err(payload) => {
                discard(payload);
                f.write_str("<its Debug panicked>")
            }
        }
    }
}

#[cfg(test)]
mod tests;
