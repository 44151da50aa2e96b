//! What a trial came to: one exhaustive match over plain facts.

use crate::model::code::{Code, Verdict};
use crate::model::trial::{Ending, Facts, Policy};

/// The verdict: the first row of the table that holds.
pub(crate) fn verdict(facts: &Facts, policy: &Policy) -> Verdict {
    if let Some(code) = facts.memory_error {
        return memory_error(code);
    }
    match facts.ending {
        // Over its limit in time.
        Ending::Timeout => Verdict::Hang,
        // An infallible API was refused, and ended the process.
        Ending::AllocAbort if facts.culprit_injected && policy.infallible_skip => Verdict::Skipped,
        Ending::AllocAbort => Verdict::Abort,
        // A panic that neither the test expects nor the policy takes for the error.
        Ending::Panic if !facts.panic_expected && !panic_is_the_error(facts, policy) => Verdict::Panic,
        // Died by a signal; `Stopped` without a memory error on record was no stop of ours.
        Ending::Signal | Ending::Stopped => Verdict::Crash,
        // The body ended the process.
        Ending::Exit => Verdict::Exit,
        // It came back to the harness.
        Ending::Ok | Ending::Err | Ending::Panic => came_back(facts, policy),
    }
}

/// Rows 8 to 15: the run came back and was audited.
fn came_back(facts: &Facts, policy: &Policy) -> Verdict {
    if facts.delivered == 0 {
        return Verdict::NotReached;
    }
    if facts.contract {
        return Verdict::Contract;
    }
    if wrong_error(facts) {
        return Verdict::WrongError;
    }
    if swallowed(facts, policy) {
        return Verdict::Swallowed;
    }
    if facts.leaks > 0 {
        return Verdict::Leak;
    }
    if facts.thread_leaks > 0 {
        return Verdict::ThreadLeak;
    }
    if facts.fd_leaks > 0 {
        return Verdict::FdLeak;
    }
    match facts.ending {
        Ending::Err => Verdict::Error,
        Ending::Panic if !facts.panic_expected => Verdict::Error,
        Ending::Ok | Ending::Panic => Verdict::Tolerated,
        Ending::AllocAbort | Ending::Signal | Ending::Exit | Ending::Timeout | Ending::Stopped => Verdict::Crash,
    }
}

/// Every finding of a trial with this verdict: the verdict's own first, then every other of the rows 1 and 9 to 13 that holds.
pub(crate) fn findings(facts: &Facts, policy: &Policy, verdict: Verdict) -> Vec<Code> {
    let moved = verdict == Verdict::NotReached && policy.moved_allow;
    let mut codes: Vec<Code> = verdict.finding().filter(|_| !moved).into_iter().collect();
    let mut also = |code: Code, holds: bool| {
        if holds && !codes.contains(&code) {
            codes.push(code);
        }
    };
    if let Some(code) = facts.memory_error {
        also(code, true);
    }
    if audited(facts.ending) {
        also(Code::Contract, facts.contract);
        also(Code::WrongError, wrong_error(facts));
        also(Code::Swallowed, swallowed(facts, policy));
        also(Code::Leak, facts.leaks > 0);
        also(Code::ThreadLeak, facts.thread_leaks > 0);
        also(Code::FdLeak, facts.fd_leaks > 0);
    }
    codes
}

/// What is wrong with a plain run, in the same order; `Baseline` stands for an ending that no plain run may have.
pub(crate) fn plain_findings(facts: &Facts, should_panic: bool) -> Vec<Code> {
    let passed = match facts.ending {
        Ending::Ok => !should_panic,
        Ending::Panic => facts.panic_expected,
        Ending::Err | Ending::AllocAbort | Ending::Signal | Ending::Exit | Ending::Timeout | Ending::Stopped => false,
    };
    let mut codes: Vec<Code> = facts.memory_error.into_iter().collect();
    if !passed && codes.is_empty() {
        codes.push(Code::Baseline);
    }
    if audited(facts.ending) {
        let rows = [
            (Code::Contract, facts.contract),
            (Code::Leak, facts.leaks > 0),
            (Code::ThreadLeak, facts.thread_leaks > 0),
            (Code::FdLeak, facts.fd_leaks > 0),
        ];
        codes.extend(rows.into_iter().filter(|(_, holds)| *holds).map(|(code, _)| code));
    }
    codes
}

fn audited(ending: Ending) -> bool {
    match ending {
        Ending::Ok | Ending::Err => true,
        Ending::Panic => true,
        Ending::AllocAbort | Ending::Signal | Ending::Exit | Ending::Timeout | Ending::Stopped => false,
    }
}

fn panic_is_the_error(facts: &Facts, policy: &Policy) -> bool {
    policy.panics_allow && facts.delivered > 0 && facts.unwound
}

fn wrong_error(facts: &Facts) -> bool {
    facts.ending == Ending::Err && !facts.error_matches && facts.delivered > 0
}

fn swallowed(facts: &Facts, policy: &Policy) -> bool {
    facts.ending == Ending::Ok && facts.returns_result && facts.delivered_outside_benign > 0 && !policy.swallowed_allow
}

fn memory_error(code: Code) -> Verdict {
    match code {
        Code::DoubleFree => Verdict::DoubleFree,
        Code::InvalidFree => Verdict::InvalidFree,
        Code::WrongLayout => Verdict::WrongLayout,
        Code::MixedAllocators => Verdict::MixedAllocators,
        Code::Overflow => Verdict::Overflow,
        Code::Underflow => Verdict::Underflow,
        Code::UseAfterFree => Verdict::UseAfterFree,
        // None of these is a memory error; a record that says so is a crash of the checker's own making.
        Code::Leak
        | Code::Swallowed
        | Code::WrongError
        | Code::Panic
        | Code::Abort
        | Code::Crash
        | Code::Exit
        | Code::Hang
        | Code::Contract
        | Code::FdLeak
        | Code::ThreadLeak
        | Code::NotReached
        | Code::NoPoints
        | Code::NotInstalled
        | Code::Incomplete
        | Code::Baseline => Verdict::Crash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const DENY: Policy =
        Policy { infallible_skip: false, panics_allow: false, swallowed_allow: false, moved_allow: false };
    const ALLOW: Policy =
        Policy { infallible_skip: true, panics_allow: true, swallowed_allow: true, moved_allow: true };

    fn facts(ending: Ending) -> Facts {
        Facts {
            ending,
            memory_error: None,
            delivered: 1,
            delivered_outside_benign: 1,
            returns_result: true,
            error_matches: true,
            panic_expected: false,
            unwound: true,
            culprit_injected: true,
            contract: false,
            leaks: 0,
            thread_leaks: 0,
            fd_leaks: 0,
        }
    }

    #[rstest]
    #[case::row_1_whatever_the_ending(Facts { memory_error: Some(Code::DoubleFree), ..facts(Ending::Timeout) }, DENY, Verdict::DoubleFree)]
    #[case::row_1_when_stopped(Facts { memory_error: Some(Code::Overflow), ..facts(Ending::Stopped) }, DENY, Verdict::Overflow)]
    #[case::row_2(facts(Ending::Timeout), ALLOW, Verdict::Hang)]
    #[case::row_3(facts(Ending::AllocAbort), ALLOW, Verdict::Skipped)]
    #[case::row_4_by_policy(facts(Ending::AllocAbort), DENY, Verdict::Abort)]
    #[case::row_4_not_injected(Facts { culprit_injected: false, ..facts(Ending::AllocAbort) }, ALLOW, Verdict::Abort)]
    #[case::row_4_without_delivery(Facts { culprit_injected: false, delivered: 0, ..facts(Ending::AllocAbort) }, DENY, Verdict::Abort)]
    #[case::row_5(facts(Ending::Panic), DENY, Verdict::Panic)]
    #[case::row_5_died_of_it(Facts { unwound: false, ..facts(Ending::Panic) }, ALLOW, Verdict::Panic)]
    #[case::row_5_although_nothing_failed(Facts { delivered: 0, ..facts(Ending::Panic) }, ALLOW, Verdict::Panic)]
    #[case::row_6(facts(Ending::Signal), ALLOW, Verdict::Crash)]
    #[case::row_7(facts(Ending::Exit), ALLOW, Verdict::Exit)]
    #[case::row_8_ok(Facts { delivered: 0, ..facts(Ending::Ok) }, DENY, Verdict::NotReached)]
    #[case::row_8_err(Facts { delivered: 0, error_matches: false, ..facts(Ending::Err) }, DENY, Verdict::NotReached)]
    #[case::row_8_before_9(Facts { delivered: 0, contract: true, ..facts(Ending::Ok) }, DENY, Verdict::NotReached)]
    #[case::row_9(Facts { contract: true, leaks: 1, ..facts(Ending::Err) }, DENY, Verdict::Contract)]
    #[case::row_10(Facts { error_matches: false, leaks: 1, ..facts(Ending::Err) }, ALLOW, Verdict::WrongError)]
    #[case::row_11(Facts { leaks: 1, ..facts(Ending::Ok) }, DENY, Verdict::Swallowed)]
    #[case::row_11_allowed(facts(Ending::Ok), ALLOW, Verdict::Tolerated)]
    #[case::row_11_benign(Facts { delivered_outside_benign: 0, ..facts(Ending::Ok) }, DENY, Verdict::Tolerated)]
    #[case::row_11_no_result(Facts { returns_result: false, ..facts(Ending::Ok) }, DENY, Verdict::Tolerated)]
    #[case::row_12(Facts { leaks: 2, fd_leaks: 1, thread_leaks: 1, ..facts(Ending::Err) }, DENY, Verdict::Leak)]
    #[case::row_12_after_the_expected_panic(Facts { leaks: 1, panic_expected: true, ..facts(Ending::Panic) }, DENY, Verdict::Leak)]
    #[case::row_13_threads(Facts { fd_leaks: 1, thread_leaks: 1, ..facts(Ending::Err) }, DENY, Verdict::ThreadLeak)]
    #[case::row_13_descriptors(Facts { fd_leaks: 1, ..facts(Ending::Err) }, DENY, Verdict::FdLeak)]
    #[case::row_14(facts(Ending::Err), DENY, Verdict::Error)]
    #[case::row_14_panic_allowed(facts(Ending::Panic), ALLOW, Verdict::Error)]
    #[case::row_15_no_result(Facts { returns_result: false, ..facts(Ending::Ok) }, ALLOW, Verdict::Tolerated)]
    #[case::row_15_expected_panic(Facts { panic_expected: true, ..facts(Ending::Panic) }, DENY, Verdict::Tolerated)]
    fn first_row_that_holds(#[case] facts: Facts, #[case] policy: Policy, #[case] expected: Verdict) {
        assert_eq!(verdict(&facts, &policy), expected);
    }

    #[rstest]
    #[case::panic_and_leak(Facts { leaks: 1, ..facts(Ending::Panic) }, vec![Code::Panic, Code::Leak])]
    #[case::no_audit_after_abort(Facts { leaks: 1, fd_leaks: 1, ..facts(Ending::AllocAbort) }, vec![Code::Abort])]
    #[case::all_of_them(
        Facts { contract: true, leaks: 1, fd_leaks: 1, thread_leaks: 1, ..facts(Ending::Ok) },
        vec![Code::Contract, Code::Swallowed, Code::Leak, Code::ThreadLeak, Code::FdLeak]
    )]
    #[case::good(facts(Ending::Err), vec![])]
    #[case::not_reached_but_leaks(Facts { delivered: 0, leaks: 1, ..facts(Ending::Err) }, vec![Code::NotReached, Code::Leak])]
    fn findings_of_a_trial(#[case] facts: Facts, #[case] expected: Vec<Code>) {
        assert_eq!(findings(&facts, &DENY, verdict(&facts, &DENY)), expected);
    }

    #[rstest]
    #[case::moved(Facts { delivered: 0, ..facts(Ending::Ok) }, vec![])]
    #[case::moved_with_an_error(Facts { delivered: 0, error_matches: false, ..facts(Ending::Err) }, vec![])]
    #[case::moved_but_leaks(Facts { delivered: 0, leaks: 1, ..facts(Ending::Ok) }, vec![Code::Leak])]
    #[case::moved_but_breaks_a_contract(Facts { delivered: 0, contract: true, ..facts(Ending::Ok) }, vec![Code::Contract])]
    fn what_moved_is_no_finding_of_its_own(#[case] facts: Facts, #[case] expected: Vec<Code>) {
        assert_eq!(verdict(&facts, &ALLOW), Verdict::NotReached);
        assert_eq!(findings(&facts, &ALLOW, Verdict::NotReached), expected);
    }

    #[test]
    fn what_moved_is_counted_apart() {
        let mut coverage = crate::model::report::Coverage::default();
        coverage.add(Verdict::NotReached, &DENY);
        assert_eq!((coverage.tried, coverage.failed, coverage.moved), (1, 1, 0));
        coverage.add(Verdict::NotReached, &ALLOW);
        coverage.add(Verdict::Hang, &ALLOW);
        assert_eq!((coverage.tried, coverage.failed, coverage.moved), (3, 2, 1));
    }

    #[rstest]
    #[case::passes(facts(Ending::Ok), false, vec![])]
    #[case::err(facts(Ending::Err), false, vec![Code::Baseline])]
    #[case::leaks(Facts { leaks: 3, ..facts(Ending::Ok) }, false, vec![Code::Leak])]
    #[case::fails_and_leaks(Facts { leaks: 3, ..facts(Ending::Err) }, false, vec![Code::Baseline, Code::Leak])]
    #[case::should_have_panicked(facts(Ending::Ok), true, vec![Code::Baseline])]
    #[case::panicked_as_expected(Facts { panic_expected: true, ..facts(Ending::Panic) }, true, vec![])]
    #[case::panicked_otherwise(facts(Ending::Panic), true, vec![Code::Baseline])]
    fn plain_run(#[case] facts: Facts, #[case] should_panic: bool, #[case] expected: Vec<Code>) {
        assert_eq!(plain_findings(&facts, should_panic), expected);
    }
}
