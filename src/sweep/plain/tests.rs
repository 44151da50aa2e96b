use rstest::rstest;

use super::*;
use crate::model::memory::Accused;
use crate::sweep::births::tests::{Answers, double_free, nothing};
use crate::sweep::board::Warm;

fn warmed(last: Digest, died: bool) -> WarmedUp {
    let warm = Warm { runs: 3, failed: !died, ..Warm::NONE };
    WarmedUp { warm, log: Vec::new(), last, died, times: Vec::new(), exempt: 0, others: 0, beside: 0 }
}

fn accused(judged: &Judged) -> Option<&Accused> {
    judged.detail.as_ref()?.memory.as_ref()?.block.as_ref()
}

#[rstest]
#[case::it_died_of_it(true)]
#[case::it_came_back(false)]
fn a_memory_error_keeps_its_code_and_is_made_again_where_it_came(#[case] died: bool) {
    let mut first = double_free([false; 2]);
    (first.facts.leaks, first.facts.fd_leaks) = (1, 1);
    if !died {
        first.facts.ending = Ending::Ok;
    }
    let mut crew = Answers::of([double_free([true; 2])]);
    let judged = of_the_warm_up(&mut crew, &Options::default(), &mut |_, _| false, &warmed(first, died)).unwrap();
    assert_eq!((judged.fault, judged.codes.as_slice()), (Fault::None, [Code::DoubleFree].as_slice()));
    assert_eq!(accused(&judged).map(|block| block.born.ips().len()), Some(1));
    // The third plain run failed: two come before it.
    assert_eq!((crew.cold, crew.asked.len()), (Some(2), 1));
}

#[test]
fn a_memory_error_of_the_first_time_only_is_told_without_stacks() {
    let first = double_free([false; 2]);
    let judged =
        of_the_warm_up(&mut Answers::of([nothing()]), &Options::default(), &mut |_, _| false, &warmed(first, true))
            .unwrap();
    assert_eq!(judged.codes, [Code::DoubleFree]);
    assert_eq!(accused(&judged).map(|block| block.born.ips().len()), Some(0));
    // No process could be had.
    let first = double_free([false; 2]);
    let judged =
        of_the_warm_up(&mut Answers::of([]), &Options::default(), &mut |_, _| false, &warmed(first, true)).unwrap();
    assert_eq!(judged.codes, [Code::DoubleFree]);
}

#[test]
fn what_is_known_is_not_asked_for() {
    let mut crew = Answers::of([]);
    of_the_warm_up(&mut crew, &Options::default(), &mut |_, _| false, &warmed(double_free([true; 2]), true)).unwrap();
    let mut failed = nothing();
    failed.facts.ending = Ending::Err;
    let judged = of_the_warm_up(&mut crew, &Options::default(), &mut |_, _| false, &warmed(failed, false)).unwrap();
    assert_eq!(judged.codes, [Code::Baseline]);
    assert!(crew.asked.is_empty() && crew.cold.is_none());
}

#[test]
fn a_memory_error_that_shows_while_a_leak_is_looked_into() {
    let mut leaks = nothing();
    leaks.facts.leaks = 1;
    leaks.leaked = vec![(48, 8)];
    let mut crew = Answers::of([double_free([true; 2])]);
    let judged = leaves_something(&mut crew, &Options::default(), &mut |_, _| false, &leaks).unwrap_or(None).unwrap();
    assert_eq!(judged.codes, [Code::DoubleFree]);
    assert_eq!(accused(&judged).map(|block| block.freed.ips().len()), Some(1));
}

/// A thread of the body ends the process between two plain runs.
#[test]
fn a_process_that_ends_after_a_good_run_is_told() {
    let mut last = nothing();
    last.facts.ending = Ending::Ok;
    let mut crew = Answers::of([]);
    let judged = of_the_warm_up(&mut crew, &Options::default(), &mut |_, _| false, &warmed(last, true)).unwrap();
    assert_eq!(judged.codes, [Code::Baseline]);
    assert_eq!(judged.detail.map(|detail| detail.notes.len()), Some(1));
}
