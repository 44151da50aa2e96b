//! The call stacks of the points, for a sweep that fails only so many points of each.

use super::board::Alone;
use super::crew::{Broken, Crew};
use super::swept::Swept;
use crate::model::fault::Fault;
use crate::model::options::{Options, Selection};

/// A run that looks at the stack of every point may take this many times the limit of one that does not: an allocation takes some
/// ten nanoseconds, and each frame of its stack a hundred.
pub(super) const PATIENCE: u32 = 1000;

/// The hash of each point's stack, from a plain run in the reference state, if the options choose by stacks; else none. There are as
/// many as that run had points, which are to be as many as the baseline's, `points`; where not, that is noted.
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
    let ask = Alone { point_hashes: true, patience: PATIENCE, ..Alone::of(Fault::None) };
    let mut told = crew.alone(ask, &[])?;
    if told.trouble.is_some() {
        told = crew.alone(ask, &[])?;
    }
    let count = told.points.len();
    if count != points {
        swept.note(&format!(
            "the plain run that was made for the call stacks had {count} requests that could fail, and the one before it {points}: \
             points without a counterpart were taken for stacks of their own"
        ));
    }
    Ok(told.points)
}
