//! Random programs, judged by the book: the naive model against every candidate.
//!
//! `PROPTEST_CASES=5000 cargo test --test exam` looks longer.

use std::alloc::Layout;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use crate::book::{Book, Fit, layout};
use crate::reach::Candidate;

/// One step of a program. A block is chosen among those that are live when the step is made; a step for which there is none does
/// nothing.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Asks for a block.
    Allocate { size: usize, power: u32, zeroed: bool },
    /// Gives one back.
    Free { which: Index, fit: Fit },
    /// Makes one larger by so much.
    Grow { which: Index, fit: Fit, by: usize, power: u32, zeroed: bool },
    /// Makes one smaller by so much, as far as it goes.
    Shrink { which: Index, fit: Fit, by: usize, power: u32 },
    /// Looks at all of them.
    Verify,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        1 => Just(0_usize),
        8 => 1_usize..80,
        5 => 80_usize..1500,
        3 => 4000_usize..9000,
        1 => 30_000_usize..150_000,
    ]
}

fn power() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0_u32..5, 3 => 5_u32..10, 2 => 10_u32..13, 1 => Just(16_u32)]
}

fn fit() -> impl Strategy<Value = Fit> {
    prop_oneof![Just(Fit::Asked), Just(Fit::Room)]
}

/// Any one step.
fn step() -> impl Strategy<Value = Step> {
    let which = any::<Index>;
    prop_oneof![
        6 => (size(), power(), any::<bool>()).prop_map(|(size, power, zeroed)| Step::Allocate { size, power, zeroed }),
        4 => (which(), fit()).prop_map(|(which, fit)| Step::Free { which, fit }),
        3 => (which(), fit(), size(), power(), any::<bool>())
            .prop_map(|(which, fit, by, power, zeroed)| Step::Grow { which, fit, by, power, zeroed }),
        2 => (which(), fit(), size(), power()).prop_map(|(which, fit, by, power)| Step::Shrink { which, fit, by, power }),
        1 => Just(Step::Verify),
    ]
}

/// Any program.
pub(crate) fn program() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..48)
}

/// Plays a program to its end, and gives everything back. An error must leave everything as it was; where `must` says so, there must
/// be none.
pub(crate) fn play(book: &mut Book<'_>, program: &[Step], must: &mut dyn FnMut(Layout) -> bool) {
    for step in program {
        if let Err(refused) = make(book, step) {
            assert!(!must(refused), "{refused:?} is within its reach, and was refused");
        }
    }
    book.check();
    book.free_all();
}

/// Has programs judged: as many as the environment says, or else `cases`.
pub(crate) fn judge<S: Strategy>(cases: u32, of: S, judge: impl Fn(S::Value)) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    let judged = TestRunner::new(config).run(&of, |value| {
        judge(value);
        Ok(())
    });
    judged.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Makes one step; the layout that was refused, if it was.
pub(crate) fn make(book: &mut Book<'_>, step: &Step) -> Result<(), Layout> {
    let (asked, answer) = match *step {
        Step::Verify => {
            book.check();
            return Ok(());
        }
        Step::Allocate { size, power, zeroed } => {
            let asked = layout(size, 1 << power);
            (asked, if zeroed { book.allocate_zeroed(asked) } else { book.allocate(asked) })
        }
        _ if book.len() == 0 => return Ok(()),
        Step::Free { which, fit } => {
            book.free(which.index(book.len()), fit);
            return Ok(());
        }
        Step::Grow { which, fit, by, power, zeroed } => {
            let index = which.index(book.len());
            let asked = layout(book.size(index, fit) + by, 1 << power);
            (asked, book.grow(index, fit, asked, zeroed))
        }
        Step::Shrink { which, fit, by, power } => {
            let index = which.index(book.len());
            let asked = layout(book.size(index, fit).saturating_sub(by), 1 << power);
            (asked, book.shrink(index, fit, asked))
        }
    };
    answer.map_err(|_| asked)
}

/// Has the candidate judged, by a fresh one for each program.
pub(crate) fn agrees_with_the_book(of: Candidate<'_>) {
    judge(48, program(), |program| {
        (of.fresh)(&mut |heap| play(&mut Book::new(heap), &program, &mut |refused| of.reach.must(refused)));
    });
}
