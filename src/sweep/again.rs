//! Which trials are to be made again.

use super::births;
use super::digest::Digest;
use crate::model::options::Options;
use crate::model::trial::{Ending, Facts};

/// The run came to its end, and never to its fault.
pub(super) fn not_reached(facts: &Facts) -> bool {
    facts.memory_error.is_none()
        && facts.delivered == 0
        && (matches!(facts.ending, Ending::Ok | Ending::Err) || facts.ending == Ending::Panic && facts.panic_expected)
}

/// A trial made from the reference state that has to be made again all the same: for the stacks of what it left behind, or
/// because one try is not enough.
pub(super) fn needs_more(digest: &Digest, options: &Options) -> bool {
    let facts = &digest.facts;
    let only_one = facts.delivered == 1 && digest.detail.failed.is_some_and(|first| first.injected);
    let swallowed = facts.ending == Ending::Ok && facts.delivered > 0 && !only_one && !options.benign.is_empty();
    facts.leaks > 0
        || facts.fd_leaks > 0
        || facts.thread_leaks > 0
        || facts.ending == Ending::Timeout
        || not_reached(facts)
        || digest.trouble.is_some()
        || !births::complete(digest)
        || swallowed
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::ok(Ending::Ok, false, 0, true)]
    #[case::err(Ending::Err, false, 0, true)]
    #[case::expected_panic(Ending::Panic, true, 0, true)]
    #[case::panic(Ending::Panic, false, 0, false)]
    #[case::delivered(Ending::Ok, false, 1, false)]
    #[case::died(Ending::Exit, false, 0, false)]
    fn a_fault_that_did_not_come(
        #[case] ending: Ending,
        #[case] panic_expected: bool,
        #[case] delivered: u64,
        #[case] again: bool,
    ) {
        let facts = Facts { ending, panic_expected, delivered, ..Facts::default() };
        assert_eq!(not_reached(&facts), again);
    }
}
