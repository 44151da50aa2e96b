//! The macro by which a candidate sits the exam: one test for each question, one for the model, and one for every method through each
//! generation of allocator-api2.

use crate::reach::Candidate;
use crate::{model, questions};

/// Asks a candidate everything, one question after the other.
pub(crate) fn everything(of: Candidate<'_>) {
    every_question(of);
    model::agrees_with_the_book(of);
}

/// Asks a candidate all questions, without random programs.
pub(crate) fn every_question(of: Candidate<'_>) {
    macro_rules! ask_all {
        ($($question:ident)*) => {
            $( questions::$question(of); )*
        };
    }
    questions::questions!(ask_all);
}

/// What shows whether each method of an allocator is handed over as it is.
pub(crate) fn every_method(of: Candidate<'_>) {
    questions::zeros_in_memory_that_was_used(of);
    questions::blocks_of_no_bytes(of);
    questions::the_alignment_may_change(of);
    questions::what_is_too_large_is_refused(of);
    questions::a_slice_is_good_to_its_end(of);
    model::agrees_with_the_book(of);
}

/// `sits!(name: reach, { set up } => heap);` The statements run before each fresh allocator is made by the expression; it is dropped
/// before what they made. `sits!(ours name: …)` leaves out the foreign traits, for a type that has none.
macro_rules! sits {
    ($name:ident: $reach:expr, { $($setup:tt)* } => $heap:expr) => {
        $crate::sits::sits!(@ $name: $reach, [$($setup)*] $heap => {
            $crate::sits::through!(through_02 Api02 [$($setup)*] $heap);
            $crate::sits::through!(through_03 Api03 [$($setup)*] $heap);
            $crate::sits::through!(through_04 Api04 [$($setup)*] $heap);
        });
    };
    (ours $name:ident: $reach:expr, { $($setup:tt)* } => $heap:expr) => {
        $crate::sits::sits!(@ $name: $reach, [$($setup)*] $heap => {});
    };
    (@ $name:ident: $reach:expr, [$($setup:tt)*] $heap:expr => { $($more:item)* }) => {
        mod $name {
            #[allow(unused_imports, reason = "each candidate needs some of them")]
            use super::*;

            fn fresh(exam: $crate::reach::Exam<'_>) {
                $($setup)*
                exam(&$heap);
            }

            const HERE: $crate::reach::Candidate<'static> = $crate::reach::Candidate { fresh: &fresh, reach: $reach };

            $crate::questions::questions!($crate::sits::asks);

            #[test]
            fn agrees_with_the_book() {
                $crate::model::agrees_with_the_book(HERE);
            }

            $($more)*
        }
    };
}

pub(crate) use sits;

/// One test for each question.
macro_rules! asks {
    ($($question:ident)*) => {
        $(
            #[test]
            fn $question() {
                $crate::questions::$question(HERE);
            }
        )*
    };
}
pub(crate) use asks;

/// Every method through a foreign trait and back.
macro_rules! through {
    ($name:ident $adapter:ident [$($setup:tt)*] $heap:expr) => {
        #[test]
        fn $name() {
            fn fresh(exam: $crate::reach::Exam<'_>) {
                $($setup)*
                exam(&oomsweep::heap::adapt::$adapter(&$heap));
            }
            $crate::sits::every_method($crate::reach::Candidate { fresh: &fresh, ..HERE });
        }
    };
}
pub(crate) use through;
