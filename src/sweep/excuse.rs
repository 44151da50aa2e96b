//! What the test's lists of paths excuse: failures that may be swallowed, and blocks that are leaked on purpose.

use super::digest::Digest;
use crate::model::stack::RawStack;

/// A list of paths among the options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paths {
    /// `benign("…")`.
    Benign,
    /// `intended("…")`.
    Intended,
}

/// Says whether a stack has a frame at or below one of the paths of a list.
pub(crate) type HasFrame<'a> = &'a mut dyn FnMut(Paths, &RawStack) -> bool;

/// Of the failures that count as swallowed, leaves those that no benign frame made.
pub(super) fn benign(digest: &mut Digest, has_frame: HasFrame<'_>) {
    let detail = &digest.detail;
    let all = detail.failed.iter().chain(&detail.failed_later).filter(|record| record.injected);
    let (mut known, mut outside) = (0_u64, 0_u64);
    for record in all {
        known += 1;
        outside += u64::from(!record.request.benign && !has_frame(Paths::Benign, &record.stack));
    }
    // More than there was room for: nothing excuses those.
    let unknown = digest.facts.delivered.saturating_sub(known);
    digest.facts.delivered_outside_benign = digest.facts.delivered_outside_benign.min(outside + unknown);
}

/// Of the blocks that leaked, leaves those that no intended frame made. One whose birth was not recorded stays; `leaked` too,
/// for it says whose births the next run is to record.
pub(super) fn intended(digest: &mut Digest, has_frame: HasFrame<'_>) {
    let leaks = &mut digest.detail.leaks;
    let before = leaks.len();
    leaks.retain(|block| block.born.ips().is_empty() || !has_frame(Paths::Intended, &block.born));
    let dropped = before.saturating_sub(leaks.len()) as u64;
    digest.facts.leaks = digest.facts.leaks.saturating_sub(dropped);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trial::{Block, Detail, Facts};

    fn block(ips: &[usize]) -> Block {
        let born = RawStack::from_ips(ips);
        Block { size: 8, align: 8, ordinal: 0, thread: None, allocator: 0, born, indirect_count: 0, indirect_bytes: 0 }
    }

    #[test]
    fn what_is_leaked_on_purpose_is_no_leak_and_the_rest_is() {
        let leaks = vec![block(&[1, 7]), block(&[1, 2]), block(&[])];
        let mut digest = Digest {
            facts: Facts { leaks: 3, ..Facts::default() },
            detail: Detail { leaks, ..Detail::default() },
            drifted: false,
            made: 0,
            leaked: vec![(8, 8); 3],
            points: Vec::new(),
            trouble: None,
        };
        let mut has_seven = |paths, stack: &RawStack| {
            assert_eq!(paths, Paths::Intended);
            stack.ips().contains(&7) || stack.ips().is_empty()
        };
        for _ in 0..2 {
            intended(&mut digest, &mut has_seven);
            let left: Vec<&[usize]> = digest.detail.leaks.iter().map(|block| block.born.ips()).collect();
            assert_eq!((digest.facts.leaks, left, digest.leaked.len()), (2, vec![&[1, 2][..], &[]], 3));
        }
    }
}
