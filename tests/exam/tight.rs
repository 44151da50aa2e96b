//! Candidates that soon have nothing left: they say so, nothing that is there suffers, and what is given back is there again where
//! that is promised.

use crate::book::{Book, Fit, layout};
use crate::reach::{Candidate, Reuse};

/// Fills it, asks for more in every way, empties it, and fills it again.
pub(crate) fn exhaustion_harms_nobody(of: Candidate<'_>) {
    (of.fresh)(&mut |heap| {
        let mut book = Book::new(heap);
        let first = fill(&mut book, of);
        assert!((4..100_000).contains(&first), "{first} blocks until nothing was left");
        let piece = book.layout(0);
        assert!(book.allocate_zeroed(piece).is_err(), "what is used up is used up for zeros too");
        for zeroed in [false, true] {
            for index in 0..book.len() {
                let larger = layout(1 << 20, piece.align());
                assert!(book.grow(index, Fit::Asked, larger, zeroed).is_err(), "nothing is left to grow into");
            }
        }
        book.check();
        book.allocate(layout(0, 8)).expect("nothing needs no memory");
        let last = book.len() - 1;
        book.free(last, Fit::Asked);
        if of.reach.reuse == Reuse::Any {
            (0..first / 2).for_each(|index| book.free(index, Fit::Asked));
            assert_eq!(fill(&mut book, of), first / 2, "as many as were given back");
        }
        book.free_all();
        if of.reach.reuse != Reuse::No {
            assert_eq!(fill(&mut book, of), first, "all was given back");
        }
        book.free_all();
    });
}

/// The same few blocks over and over come to a hundred times what it has.
pub(crate) fn what_is_given_back_can_be_had_again(of: Candidate<'_>) {
    if of.reach.reuse == Reuse::No {
        return;
    }
    (of.fresh)(&mut |heap| {
        let mut book = Book::new(heap);
        let one_end = of.reach.reuse == Reuse::LastFirst;
        let shapes = if one_end { [(32, 8), (1504, 16), (704, 1)] } else { [(24, 8), (1500, 16), (700, 128)] };
        for round in 0..500 {
            for (size, align) in shapes {
                let shape = layout(of.reach.size.min(size), of.reach.align.min(align));
                book.allocate(shape).unwrap_or_else(|_| panic!("nothing is left in round {round}"));
            }
            if !one_end && round % 2 == 0 {
                book.free(0, Fit::Asked);
            }
            book.free_all();
        }
    });
}

/// Blocks until there is none; how many.
fn fill(book: &mut Book<'_>, of: Candidate<'_>) -> usize {
    let piece = layout(of.reach.size.min(48), of.reach.align.min(16));
    let filled = (0..100_000).take_while(|_| book.allocate(piece).is_ok()).count();
    book.check();
    filled
}

/// `tight!(name: reach, { set up } => heap)`: a candidate that has room for some blocks of 48 bytes, and for no megabyte.
macro_rules! tight {
    ($name:ident: $reach:expr, { $($setup:tt)* } => $heap:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "each candidate needs some of them")]
            use super::*;

            fn fresh(exam: $crate::reach::Exam<'_>) {
                $($setup)*
                exam(&$heap);
            }

            const HERE: $crate::reach::Candidate<'static> =
                $crate::reach::Candidate { fresh: &fresh, reach: $crate::reach::Reach { ample: false, ..$reach } };

            #[test]
            fn exhaustion_harms_nobody() {
                $crate::tight::exhaustion_harms_nobody(HERE);
            }

            #[test]
            fn what_is_given_back_can_be_had_again() {
                $crate::tight::what_is_given_back_can_be_had_again(HERE);
            }

            #[test]
            fn agrees_with_the_book() {
                $crate::model::agrees_with_the_book(HERE);
            }
        }
    };
}
pub(crate) use tight;
