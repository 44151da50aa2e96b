//! An arena for each request: `cargo run --example allocators_request_arena`.
//!
//! Whatever a request needs on its way goes into an arena and ends with it; only the answer, which lives longer, comes from the
//! allocator of the caller. The arena takes its chunks from that same allocator, so whoever counts there sees everything.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use allocator_api2_02::alloc::Allocator as Api2;
use allocator_api2_02::collections::TryReserveError;
use allocator_api2_02::vec::Vec;
use oomsweep::Sweep;
use oomsweep::heap::adapt::Global;
use oomsweep::heap::{Allocator, ArenaAllocator, CountingAllocator};

const REQUESTS: [&str; 3] = ["sum 3 4 5", "sum 10 20 30 40 50 60 70 80 90", "sum one two"];

fn main() {
    let permanent = CountingAllocator::new(Global);
    for request in REQUESTS {
        permanent.reset_peak();
        let answer = handle(&permanent, request).expect("memory");
        let (live, peak) = (permanent.live_bytes(), permanent.stats().peak);
        println!("{request:<32} -> {:<22} live after it: {live} bytes, at most: {peak}", text(&answer));
    }
    println!("\nAnd when memory runs out at any of its requests:\n");
    let report = Sweep::new("handles_a_request").run_alloc(["permanent"], |[permanent]| handle(permanent, REQUESTS[1]));
    println!("{report}");
}

/// Answers a request. All that is only needed on the way there is gone when it returns, also by a `?`.
fn handle<A: Allocator + Api2 + Copy>(permanent: A, request: &str) -> Result<Vec<u8, A>, TryReserveError> {
    let arena = ArenaAllocator::new_in(permanent);
    let words = split(request, &arena)?;
    let numbers = parse(&words, &arena)?;

    let mut answer = Vec::new_in(permanent);
    match numbers {
        Some(numbers) => append(&mut answer, format_args!("{}", numbers.iter().sum::<i64>()))?,
        None => append(&mut answer, format_args!("a word is no number"))?,
    }
    Ok(answer)
}

fn split<'r, A: Api2>(request: &'r str, scratch: A) -> Result<Vec<&'r str, A>, TryReserveError> {
    let mut words = Vec::new_in(scratch);
    for word in request.split(' ').skip(1) {
        words.try_reserve(1)?;
        words.push(word);
    }
    Ok(words)
}

fn parse<A: Api2>(words: &[&str], scratch: A) -> Result<Option<Vec<i64, A>>, TryReserveError> {
    let mut numbers = Vec::new_in(scratch);
    numbers.try_reserve_exact(words.len())?;
    for word in words {
        let Ok(number) = word.parse() else { return Ok(None) };
        numbers.push(number);
    }
    Ok(Some(numbers))
}

/// Formats onto the end of a text, as `write!` does, but for what it returns when there is no memory.
fn append<A: Api2>(text: &mut Vec<u8, A>, what: std::fmt::Arguments<'_>) -> Result<(), TryReserveError> {
    struct Appending<'t, A: Api2>(&'t mut Vec<u8, A>, Result<(), TryReserveError>);

    impl<A: Api2> std::fmt::Write for Appending<'_, A> {
        fn write_str(&mut self, more: &str) -> std::fmt::Result {
            self.1 = self.0.try_reserve(more.len());
            self.1.as_ref().map_err(|_| std::fmt::Error)?;
            self.0.extend_from_slice(more.as_bytes());
            Ok(())
        }
    }

    let mut appending = Appending(text, Ok(()));
    let written = std::fmt::write(&mut appending, what);
    debug_assert_eq!(written.is_ok(), appending.1.is_ok());
    appending.1
}

fn text<A: Api2>(answer: &Vec<u8, A>) -> &str {
    std::str::from_utf8(answer).expect("answers are text")
}

#[cfg(test)]
mod tests {
    use oomsweep::{TestAlloc, alloc_test};

    use super::*;

    #[alloc_test]
    fn answers_a_request(permanent: TestAlloc) -> Result<(), TryReserveError> {
        let answers = [handle(permanent, REQUESTS[0])?, handle(permanent, REQUESTS[2])?];
        assert_eq!(answers.each_ref().map(text), ["12", "a word is no number"]);
        Ok(())
    }

    #[test]
    fn only_the_answer_is_left() {
        let permanent = CountingAllocator::new(Global);
        let answer = handle(&permanent, REQUESTS[1]).unwrap();
        assert_eq!((permanent.live_blocks(), permanent.live_bytes()), (1, answer.capacity() as u64));
    }
}
