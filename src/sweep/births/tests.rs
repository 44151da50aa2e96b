use std::collections::VecDeque;

use super::*;
use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::memory::{MemoryError, Noticed};
use crate::model::stack::RawStack;
use crate::model::trial::{Block, Ending};
use crate::sweep::crew::{BatchEnd, WarmedUp};

const SIZE: (usize, usize) = (48, 8);

/// Answers what it was given, and writes down what it was asked.
pub(in crate::sweep) struct Answers {
    pub(in crate::sweep) digests: VecDeque<Digest>,
    pub(in crate::sweep) asked: Vec<(Wanted, Vec<(usize, usize)>)>,
    pub(in crate::sweep) cold: Option<u32>,
}

impl Answers {
    pub(in crate::sweep) fn of(digests: impl IntoIterator<Item = Digest>) -> Answers {
        Answers { digests: digests.into_iter().collect(), asked: Vec::new(), cold: None }
    }
}

impl Crew for Answers {
    fn warm_up(&mut self) -> Result<WarmedUp, Broken> {
        Err(Broken(String::from("not asked for")))
    }

    fn set_space(&mut self, _space: u8) {}

    fn go_cold(&mut self, runs: u32) {
        self.cold = Some(runs);
    }

    fn set_limit(&mut self, _limit: u64) {}

    fn batch(&mut self, _faults: &[Fault], _deadline: u64) -> Result<BatchEnd, Broken> {
        Err(Broken(String::from("not asked for")))
    }

    fn alone(&mut self, ask: Alone, births: &[(usize, usize)]) -> Result<Digest, Broken> {
        self.asked.push((ask.births, births.to_vec()));
        self.digests.pop_front().ok_or_else(|| Broken(String::from("no more digests")))
    }

    fn baseline_stacks(&mut self, _runs: u32) -> Result<Vec<usize>, Broken> {
        Ok(Vec::new())
    }

    fn contains(&self) -> bool {
        true
    }
}

pub(in crate::sweep) fn nothing() -> Digest {
    Digest {
        facts: Default::default(),
        detail: Default::default(),
        drifted: false,
        made: 0,
        leaked: Vec::new(),
        points: Vec::new(),
        trouble: None,
    }
}

fn stack(told: bool) -> RawStack {
    if told { RawStack::from_ips(&[1]) } else { RawStack::EMPTY }
}

/// A run that was stopped at a double free; `told`: which of the stacks of birth and free are there.
pub(in crate::sweep) fn double_free(told: [bool; 2]) -> Digest {
    let accused = Accused { is_freed: true, born: stack(told[0]), freed: stack(told[1]), ..Accused::NONE };
    let error = MemoryError { block: Some(accused), ..MemoryError::new(Code::DoubleFree, Noticed::Free) };
    let mut digest = nothing();
    digest.facts.ending = Ending::Stopped;
    digest.facts.memory_error = Some(Code::DoubleFree);
    digest.detail.memory = Some(Box::new(error));
    digest.leaked = vec![SIZE, SIZE];
    digest
}

fn leak(told: bool) -> Digest {
    let block = Block {
        size: 48,
        align: 8,
        ordinal: 0,
        thread: None,
        allocator: 0,
        born: stack(told),
        indirect_count: 0,
        indirect_bytes: 0,
    };
    let mut digest = nothing();
    digest.facts.leaks = 1;
    digest.detail.leaks = vec![block];
    digest.leaked = vec![SIZE];
    digest
}

fn wanted(answers: &Answers) -> Vec<Wanted> {
    answers.asked.iter().map(|(wanted, _)| *wanted).collect()
}

fn made(digests: impl IntoIterator<Item = Digest>, listed: &[(usize, usize)]) -> (Digest, Answers) {
    let mut answers = Answers::of(digests);
    let digest = with_births(&mut answers, &mut |_, _| false, Alone::of(Fault::Once(3)), listed)
        .unwrap_or_else(|Broken(why)| panic!("{why}"));
    assert!(answers.digests.is_empty(), "asked too seldom");
    (digest, answers)
}

#[test]
fn a_run_that_leaves_nothing_is_made_once() {
    assert_eq!(wanted(&made([nothing()], &[]).1), [Wanted::None]);
}

#[test]
fn a_spoiled_block_is_asked_for_by_its_size_and_then_by_all() {
    let (digest, answers) = made([double_free([false; 2]), double_free([true; 2])], &[]);
    assert!(complete(&digest));
    assert_eq!(answers.asked, [(Wanted::None, vec![]), (Wanted::Listed, vec![SIZE])]);
    let (digest, answers) =
        made([double_free([false; 2]), double_free([true, false]), double_free([true, false])], &[]);
    assert!(!complete(&digest));
    assert_eq!(wanted(&answers), [Wanted::None, Wanted::Listed, Wanted::All]);
}

#[test]
fn a_size_that_is_known_is_asked_for_at_once() {
    let (_, answers) = made([double_free([true; 2])], &[SIZE]);
    assert_eq!(answers.asked, [(Wanted::Listed, vec![SIZE])]);
    let (_, answers) = made([double_free([false, true]), double_free([true; 2])], &[SIZE]);
    assert_eq!(wanted(&answers), [Wanted::Listed, Wanted::All]);
}

#[test]
fn a_memory_error_that_does_not_come_again_is_told_as_it_came() {
    let (digest, answers) = made([double_free([false; 2]), nothing()], &[]);
    assert_eq!(digest.facts.memory_error, Some(Code::DoubleFree));
    assert_eq!(wanted(&answers), [Wanted::None, Wanted::Listed]);
    let (digest, _) = made([leak(false), nothing()], &[]);
    assert_eq!(digest.facts.leaks, 0);
}

#[test]
fn no_stack_is_asked_for_that_cannot_be_had() {
    let mut older = double_free([false, true]);
    if let Some(block) = older.detail.memory.as_mut().and_then(|error| error.block.as_mut()) {
        block.older = true;
    }
    assert!(complete(&older));
    let mut unknown = double_free([false; 2]);
    if let Some(error) = &mut unknown.detail.memory {
        error.block = None;
    }
    assert!(complete(&unknown));
    let mut live = double_free([true, false]);
    assert!(!complete(&live));
    if let Some(block) = live.detail.memory.as_mut().and_then(|error| error.block.as_mut()) {
        block.is_freed = false;
    }
    assert!(complete(&live));
}

#[test]
fn a_leak_is_always_made_twice() {
    assert_eq!(wanted(&made([leak(true), leak(true)], &[]).1), [Wanted::None, Wanted::Listed]);
    assert_eq!(wanted(&made([leak(true)], &[SIZE]).1), [Wanted::Listed]);
}
