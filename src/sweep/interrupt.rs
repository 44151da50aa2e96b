//! A sweep that its user breaks off: what was found so far is told.
//!
//! 1. No order is given any more, and a batch ends behind its present trial.
//! 2. What goes on for longer than [`PATIENCE`] is ended; of its trials those count that are known to be good.

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
pub(super) use waiting::{first_of, look, or};

use crate::sys::interrupts;

/// Why a sweep stops here, if it is to.
pub(super) fn reason() -> Option<String> {
    interrupts::name().map(|name| format!("interrupt ({name})"))
}

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod waiting {
    use std::time::Duration;

    use super::reason;
    use crate::sweep::board::{Closing, Pages};
    use crate::sweep::crew::{BatchEnd, Broken};
    use crate::sweep::room::Room;
    use crate::sys::interrupts;

    /// How long orders may go on when a signal has arrived.
    const PATIENCE: Duration = Duration::from_secs(1);

    /// Has the open batch end behind its present trial, and a run make no more copies; an error when orders have had their time.
    pub(in crate::sweep) fn look(pages: &Pages, room: &Room) -> Result<(), Broken> {
        let (Some(age), Some(why)) = (interrupts::age(), reason()) else { return Ok(()) };
        // SAFETY: who carries an order out reads the number between two trials; one that is in the past ends the batch.
        unsafe { (&raw mut (*pages.board()).deadline).write_volatile(1) };
        room.stop();
        if age >= PATIENCE { Err(Broken(why)) } else { Ok(()) }
    }

    /// Of a batch that was ended in its middle, and so has no closing run, the first trial is sure to have begun in the reference
    /// state. For who has given the order, when the server is ended.
    pub(in crate::sweep) fn first_of(pages: &Pages, broken: Broken) -> Result<BatchEnd, Broken> {
        or(broken.clone())?;
        let (_, mut good) = pages.batch_answer();
        good.truncate(1);
        if good.is_empty() {
            return Err(broken);
        }
        Ok(BatchEnd { good, stopped: None, closing: Closing::None, changed: false, closed: 0, fork: 0 })
    }

    /// The error, unless a signal is why there is one.
    pub(in crate::sweep) fn or(broken: Broken) -> Result<(), Broken> {
        if reason().is_some() { Ok(()) } else { Err(broken) }
    }
}
