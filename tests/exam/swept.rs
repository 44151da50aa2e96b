//! Every allocator that has a backing, with one that fails: at each request that it makes there, once and from then on. What it
//! answers is an error or a block; its other blocks stay what they are; when the fault is over it works as before; and at its end
//! everything is back with the backing.

use oomsweep::heap::{AllocError, FailPlan, FailingAllocator};
use oomsweep::model::fault::Fault;

use proptest::prelude::*;

use crate::book::{Book, Fit, layout};
use crate::ledger::Ledger;
use crate::model;
use crate::reach::{Exam, Reach};

/// What the swept allocators stand on.
pub(crate) type Backing<'l> = FailingAllocator<&'l Ledger>;

/// Makes a candidate over this backing, and lends it to the exam.
type Make = fn(&Backing<'_>, Exam<'_>) -> Result<(), AllocError>;

/// `swept!(name: reach, |backing| heap)`: the expression makes a fresh allocator; `?` in it ends the run with an error.
macro_rules! swept {
    ($name:ident: $reach:expr, |$backing:ident| $heap:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "each candidate needs some of them")]
            use super::*;

            fn make(
                $backing: &$crate::swept::Backing<'_>,
                exam: $crate::reach::Exam<'_>,
            ) -> Result<(), oomsweep::heap::AllocError> {
                exam(&$heap);
                Ok(())
            }

            #[test]
            fn each_request_fails() {
                $crate::swept::each_request_fails(make, $reach);
            }

            #[test]
            fn requests_fail_at_random() {
                $crate::swept::requests_fail_at_random(make, $reach);
            }
        }
    };
}
pub(crate) use swept;

/// Makes every request of the program fail, one after the other.
pub(crate) fn each_request_fails(make: Make, reach: Reach) {
    for ledger in [Ledger::exact, Ledger::generous] {
        assert!(!run(make, reach, Fault::None, &ledger()));
        // How many there are may depend on where blocks come to lie.
        let points = (0..).take_while(|&point| {
            run(make, reach, Fault::Persistent(point), &ledger());
            run(make, reach, Fault::Once(point), &ledger())
        });
        assert!(points.count() > 0, "the candidate asks its backing for nothing");
    }
}

/// Random programs, over a backing that refuses random requests. An error must have its cause there.
pub(crate) fn requests_fail_at_random(make: Make, reach: Reach) {
    let refusals = prop::collection::vec(prop::bool::weighted(0.1), 0..120);
    model::judge(48, (model::program(), refusals), |(program, refusals)| {
        let ledger = Ledger::refusing(refusals);
        let failing = FailingAllocator::new(&ledger);
        let made = make(&failing, &mut |heap| {
            let mut before = failing.stats().refused;
            model::play(&mut Book::new(heap), &program, &mut |layout| {
                let refused = failing.stats().refused;
                reach.must(layout) && std::mem::replace(&mut before, refused) == refused
            });
        });
        assert!(made.is_ok() || failing.stats().refused > 0);
        assert_eq!(ledger.live(), 0);
    });
}

/// One run of the program; whether its fault was reached.
fn run(make: Make, reach: Reach, fault: Fault, ledger: &Ledger) -> bool {
    let failing = FailingAllocator::with_plan(ledger, FailPlan::new().requests(fault));
    let mut sat = false;
    let made = make(&failing, &mut |heap| {
        sat = true;
        program(&mut Sweep { book: Book::new(heap), failing: &failing, fault }, reach);
    });
    assert_eq!(made.is_ok(), sat);
    let stats = failing.stats();
    assert!(sat || stats.induced > 0, "it could not be made, though nothing failed");
    assert_eq!((stats.live_blocks(), stats.live_bytes()), (0, 0), "{fault}: not given back, {stats:?}");
    assert_eq!(ledger.live(), 0, "{fault}");
    stats.induced > 0
}

/// A run of the program.
struct Sweep<'s> {
    book: Book<'s>,
    failing: &'s Backing<'s>,
    fault: Fault,
}

impl Sweep<'_> {
    /// Makes a call that may fail if the backing did during it. If it failed for this once, the same call succeeds now.
    #[track_caller]
    fn call(&mut self, mut call: impl FnMut(&mut Book<'_>) -> Result<(), AllocError>) {
        let before = self.failing.stats().induced;
        let answer = call(&mut self.book);
        self.book.check();
        if answer.is_ok() {
            return;
        }
        assert!(self.failing.stats().induced > before, "{}: an error without a failure of the backing", self.fault);
        if matches!(self.fault, Fault::Once(_)) {
            call(&mut self.book).unwrap_or_else(|_| panic!("{}: the fault is over, the error is not", self.fault));
            self.book.check();
        }
    }
}

/// Blocks come, grow, shrink and go in an order that makes most allocators ask for more.
fn program(run: &mut Sweep<'_>, reach: Reach) {
    let fit = |size: usize, power: u32| layout(reach.size.min(size), reach.align.min(1 << power));
    let shapes = [(24, 3), (1, 0), (300, 5), (4000, 4), (64, 12), (0, 3), (2000, 0), (17, 8), (9000, 3), (40, 2)];
    for (nth, (size, power)) in shapes.into_iter().enumerate() {
        let shape = fit(size, power);
        run.call(|book| if nth % 3 == 1 { book.allocate_zeroed(shape) } else { book.allocate(shape) });
    }
    for nth in 0..run.book.len() {
        let (old, power) = (run.book.layout(0), 2 + nth as u32);
        let larger = fit((old.size() * 2 + 10).max(old.size()), power);
        // The block at 0 is replaced by the last one, so each has its turn.
        run.call(|book| book.grow(0, Fit::Asked, larger, nth % 2 == 0));
    }
    for nth in 0..run.book.len() {
        let (old, power) = (run.book.layout(0), 9 - (nth as u32).min(9));
        run.call(|book| book.shrink(0, Fit::Asked, fit(old.size() / 3, power)));
        if nth % 3 == 2 {
            run.book.free(0, Fit::Asked);
        }
    }
    for (size, power) in shapes.into_iter().rev() {
        run.call(|book| book.allocate_zeroed(fit(size, power)));
    }
    while run.book.len() > 0 {
        run.book.free(run.book.len() / 2, Fit::Asked);
        run.book.check();
    }
}
