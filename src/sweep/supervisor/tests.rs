//! What the supervisor asks of an engine, and what it makes of the answers: with an engine that only answers.

use super::*;
use crate::model::code::Code;
use crate::model::report::Coverage;
use crate::model::trial::{Block, Detail, Facts};
use crate::sweep::board::Closing;
use crate::sweep::board::Warm;
use crate::sweep::crew::{BatchEnd, WarmedUp};
use crate::sweep::excuse::Paths;

/// Says of every run what it is told to say, and writes down what it was asked.
struct Told {
    warm: Warm,
    /// What an alone run leaves to be listed, if its births are recorded.
    kept: Vec<Block>,
    asked: Vec<Alone>,
    batches: usize,
}

impl Told {
    fn new(warm: Warm) -> Told {
        Told { warm: Warm { runs: 2, ..warm }, kept: Vec::new(), asked: Vec::new(), batches: 0 }
    }
}

fn ended(ending: Ending, delivered: u64) -> Digest {
    Digest {
        facts: Facts { ending, delivered, error_matches: true, ..Facts::default() },
        detail: Detail::default(),
        drifted: false,
        made: 2,
        leaked: Vec::new(),
        points: Vec::new(),
        trouble: None,
    }
}

impl Crew for Told {
    fn warm_up(&mut self) -> Result<WarmedUp, Broken> {
        let point = Logged { size: 8, align: 1, kind: crate::model::event::Kind::Alloc, demand: 8 };
        let last = ended(Ending::Ok, 0);
        Ok(WarmedUp {
            warm: self.warm,
            log: vec![point; 2],
            last,
            died: false,
            times: Vec::new(),
            exempt: 0,
            others: 0,
            beside: 0,
        })
    }

    fn set_space(&mut self, _space: u8) {}

    fn go_cold(&mut self, _runs: u32) {}

    fn set_limit(&mut self, _limit: u64) {}

    fn batch(&mut self, faults: &[Fault], _deadline: u64) -> Result<BatchEnd, Broken> {
        self.batches += 1;
        let good = vec![(Verdict::Error, false); faults.len()];
        Ok(BatchEnd { good, stopped: None, closing: Closing::Fits, changed: false, closed: 0, fork: 0 })
    }

    fn alone(&mut self, ask: Alone, _births: &[(usize, usize)]) -> Result<Digest, Broken> {
        self.asked.push(ask);
        let mut digest = match ask.fault {
            Fault::None => ended(Ending::Ok, 0),
            // The second point is never reached.
            Fault::Once(1) => ended(Ending::Err, 0),
            _ => ended(Ending::Err, 1),
        };
        if ask.births == Wanted::All {
            digest.detail.reachable.clone_from(&self.kept);
        }
        Ok(digest)
    }

    fn baseline_stacks(&mut self, _runs: u32) -> Result<Vec<usize>, Broken> {
        Ok(Vec::new())
    }

    fn contains(&self) -> bool {
        true
    }
}

fn swept(crew: &mut Told, options: &Options) -> Swept {
    let mut nowhere = |_: Paths, _: &crate::model::stack::RawStack| false;
    sweep(crew, options, &mut nowhere).unwrap_or_else(|Broken(why)| panic!("{why}"))
}

/// `once` on both points.
fn once() -> Options {
    Options { patterns: vec![crate::model::options::Pattern::Once], ..Options::default() }
}

fn of_all_threads() -> Options {
    let mut options = Options { threads_all: true, ..once() };
    options.policy.moved_allow = true;
    options
}

#[test]
fn with_the_requests_of_all_threads_each_fault_is_tried_alone_and_what_is_not_reached_has_moved() {
    let mut crew = Told::new(Warm::NONE);
    let swept = swept(&mut crew, &of_all_threads());
    assert_eq!((crew.batches, swept.failed.len(), swept.notes.len()), (0, 0, 0));
    let faults: Vec<Fault> = crew.asked.iter().map(|ask| ask.fault).collect();
    assert_eq!(faults, [Fault::Once(0), Fault::Once(1), Fault::Once(1), Fault::Once(1)], "tried twice more");
    let Coverage { planned, tried, error, moved, failed, left, .. } = swept.coverage;
    assert_eq!((planned, tried, error, moved, failed, left), (2, 2, 1, 1, 0, 0));
}

#[test]
fn with_the_requests_of_the_own_thread_faults_are_tried_together() {
    let mut crew = Told::new(Warm::NONE);
    let swept = swept(&mut crew, &once());
    assert_eq!((crew.batches, crew.asked.len(), swept.coverage.error), (1, 0, 2));
}

#[test]
fn a_number_that_varies_is_a_finding_only_where_points_are_numbered_in_a_fixed_order() {
    let varies = Warm { number_varies: true, first_points: 9, ..Warm::NONE };
    let found = swept(&mut Told::new(varies), &Options { engine: EngineChoice::Replay, ..once() });
    assert_eq!(found.plain.map(|plain| plain.codes), Some(vec![Code::Baseline]));
    let copied = swept(&mut Told::new(varies), &once());
    assert!(copied.plain.is_none(), "copies of one run need no baseline");
    let swept = swept(&mut Told::new(varies), &of_all_threads());
    assert!(swept.plain.is_none() && swept.notes.iter().any(|note| note.starts_with("numbers vary")));
    assert_eq!((swept.coverage.tried, swept.points.total, swept.points.first_use), (2, 2, 0));
    let swept = self::swept(&mut Told::new(varies), &Options { task: Task::Leaks, ..once() });
    assert!(swept.plain.is_none() && swept.notes.iter().any(|note| note.starts_with("numbers vary")));
    assert_eq!((swept.coverage, swept.points.total, swept.points.first_use), (Coverage::default(), 2, 0));
}

#[test]
fn reachable_blocks_are_looked_for_once_and_only_when_asked_for() {
    let born = crate::model::stack::RawStack::from_ips(&[7]);
    let block = Block {
        size: 48,
        align: 8,
        ordinal: 0,
        thread: None,
        allocator: 0,
        born,
        indirect_count: 0,
        indirect_bytes: 0,
    };
    for (show_reachable, listed) in [(true, 1), (false, 0)] {
        let mut crew = Told { kept: vec![block.clone()], ..Told::new(Warm::NONE) };
        let swept = swept(&mut crew, &Options { show_reachable, ..once() });
        let sizes: Vec<usize> = swept.reachable.iter().map(|block| block.size).collect();
        assert_eq!((sizes, crew.asked.len()), (vec![48; listed], listed));
        assert!(swept.plain.is_none() && swept.failed.is_empty());
        assert!(crew.asked.iter().all(|ask| ask.fault == Fault::None && ask.births == Wanted::All));
    }
}
