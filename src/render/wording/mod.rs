//! Every sentence for people.
//!
//! Points are counted from 0, as in the fault: `allocation 7 of 23` is the point that `once@7` fails.

mod alone;
mod coverage;
mod headline;
mod labels;
mod memory;
mod notes;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod standing;
mod words;

pub(crate) use alone::{and_more, called_by_two, first_call, left_behind, memory_errors, misused, times};
pub(crate) use coverage::{closing, duration, opening};
pub(crate) use headline::{headline, unwraps_injected};
pub(crate) use labels::*;
pub(crate) use memory::{accused_born_here, bad_call, bad_call_here, freed_here, is_by_instruction};
pub(crate) use notes::{IN_DROP, NEVER_KNOWN, RETURNS_NOTHING, asked_for_nothing, fallback, speak, speak_alone};
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
pub(crate) use standing::{Standing, standing};
