//! The call stacks of the points, for a sweep that fails only so many points of each.

use super::board::Alone;
use super::crew::{Broken, Crew};
use super::swept::Swept;
use crate::hook::stack_log::places;
use crate::model::fault::Fault;
use crate::model::options::{Options, Selection};

/// A run that looks at the stack of every point may take this many times the limit of one that does not: an allocation takes some
/// ten nanoseconds, and each frame of its stack a hundred.
pub(super) const PATIENCE: u32 = 1000;

/// A number for each point's stack, from a plain run in the reference state, if the options choose by stacks; else none. They are to be
/// as many as the baseline's `points`; where that run had others, or too many stacks to keep, that is noted.
///
/// # Errors
/// If no process can be had.
pub(super) fn stacks(
    crew: &mut dyn Crew,
    options: &Options,
    points: usize,
    swept: &mut Swept,
) -> Result<Vec<usize>, Broken> {
    if options.selection == Selection::All {
        return Ok(Vec::new());
    }
    let ask = Alone { point_stacks: true, patience: PATIENCE, ..Alone::of(Fault::None) };
    let mut told = crew.alone(ask, &[])?;
    if told.trouble.is_some() {
        told = crew.alone(ask, &[])?;
    }
    let stacks: Vec<usize> = places(&told.points).collect();
    if told.made != points as u64 {
        swept.note(&format!(
            "the plain run that was made for the call stacks had {} requests that could fail, and the one before it {points}: \
             requests without a counterpart were taken for stacks of their own",
            told.made
        ));
    } else if stacks.len() < points {
        swept.note(&format!(
            "there was room for the call stacks of {} requests: each later one was taken for a stack of its own",
            stacks.len()
        ));
    }
    Ok(stacks)
}
