//! Runs from the reference state that tell where their blocks were born. To record the stacks of births is dear, so a run is made
//! without them, and made again only if it lost or spoiled a block.

use super::board::{Alone, Wanted};
use super::crew::{Broken, Crew};
use super::digest::Digest;
use super::excuse::{self, HasFrame};
use crate::model::memory::Accused;

/// Every block that the run lost or spoiled comes with the stacks that a report shows of it.
pub(super) fn complete(digest: &Digest) -> bool {
    let accused = digest.detail.memory.as_ref().and_then(|error| error.block.as_ref());
    digest.detail.leaks.iter().all(|block| !block.born.ips().is_empty()) && accused.is_none_or(is_told)
}

fn is_told(block: &Accused) -> bool {
    // What is older than the run was born where nothing is recorded.
    let born = block.older || !block.born.ips().is_empty();
    born && (!block.is_freed || !block.freed.ips().is_empty())
}

/// One run from the reference state, without what it leaks on purpose. What could not be made is made once more; it is never
/// taken for the body's doing.
pub(super) fn ask(
    crew: &mut dyn Crew,
    has_frame: HasFrame<'_>,
    ask: Alone,
    births: &[(usize, usize)],
) -> Result<Digest, Broken> {
    let mut digest = crew.alone(ask, births)?;
    if digest.trouble.is_some() {
        digest = crew.alone(ask, births)?;
    }
    if let Some(trouble) = digest.trouble {
        return Err(Broken(trouble));
    }
    excuse::intended(&mut digest, has_frame);
    Ok(digest)
}

/// A run that loses or spoils blocks is made again with the stacks of their births: at first of those with the same sizes. A
/// memory error that does not come again is told as it came.
pub(super) fn with_births(
    crew: &mut dyn Crew,
    has_frame: HasFrame<'_>,
    alone: Alone,
    listed: &[(usize, usize)],
) -> Result<Digest, Broken> {
    let mut wanted = if listed.is_empty() { Wanted::None } else { Wanted::Listed };
    let mut digest = ask(crew, has_frame, Alone { births: wanted, ..alone }, &sizes(listed))?;
    let unconfirmed = digest.facts.leaks + digest.facts.fd_leaks > 0 && wanted == Wanted::None;
    if !unconfirmed && complete(&digest) {
        return Ok(digest);
    }
    while wanted != Wanted::All {
        let listed = if wanted == Wanted::None { sizes(&digest.leaked) } else { Vec::new() };
        wanted = if listed.is_empty() { Wanted::All } else { Wanted::Listed };
        let next = ask(crew, has_frame, Alone { births: wanted, ..alone }, &listed)?;
        if digest.facts.memory_error.is_some() && next.facts.memory_error != digest.facts.memory_error {
            break;
        }
        digest = next;
        if complete(&digest) {
            break;
        }
    }
    Ok(digest)
}

fn sizes(listed: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut sizes = listed.to_vec();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

#[cfg(test)]
pub(super) mod tests;
