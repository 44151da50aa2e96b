//! Parsing with memory from the stack: `cargo run --example allocators_stack_parsing`.
//!
//! A buffer of bytes becomes an allocator: blocks lie side by side in it, and no heap is asked for anything. When it is full, a request
//! comes back empty-handed like any other, and the allocator can say how long the buffer would have had to be.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use std::fmt;
use std::mem::MaybeUninit;

use allocator_api2_02::alloc::Allocator as Api2;
use allocator_api2_02::vec::Vec;
use oomsweep::heap::{CAllocator, CountingAllocator, FixedBufferAllocator, Shortage};
use oomsweep::{Rule, Sweep};

const SHORT: &str = "3 4 + 2 *";
const LONG: &str = "1 2 3 4 5 6 7 8 9 10 + + + + + + + + +";

/// Room for a stack of eight numbers, but not for the sixteen to which it would grow.
#[repr(align(8))]
struct Room([MaybeUninit<u8>; 96]);

fn main() {
    for expression in [SHORT, "3 +", LONG] {
        match evaluate(expression) {
            Ok(value) => println!("{expression} = {value}"),
            Err(error) => println!("{expression}: {error}"),
        }
    }

    let heap = CountingAllocator::new(CAllocator);
    let value = evaluate_in(LONG, &heap).expect("memory");
    println!("\nWith a heap it is {value}, and the heap was asked {} times.\n", requests(&heap));

    println!("And there is nothing that a sweep could fail:\n");
    let report = Sweep::new("evaluates_on_the_stack").no_points(Rule::Allow).run(|| evaluate(SHORT));
    println!("{report}");
}

#[derive(Debug, PartialEq, Eq)]
enum Failed {
    /// It is no expression in reverse Polish notation.
    NoExpression,
    /// The buffer is too small, and by how much.
    TooLong(Shortage),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::NoExpression => f.write_str("no expression"),
            Failed::TooLong(shortage) => write!(f, "too long: {shortage}"),
        }
    }
}

/// Evaluates an expression with nothing but 96 bytes of this function's own frame.
fn evaluate(expression: &str) -> Result<i64, Failed> {
    let mut room = Room([MaybeUninit::uninit(); 96]);
    let fixed = FixedBufferAllocator::new(&mut room.0);
    let value = evaluate_in(expression, &fixed);
    value.map_err(|()| fixed.needed().map_or(Failed::NoExpression, Failed::TooLong))
}

/// Numbers go onto a stack, and an operator takes two from it. Fails if there is no memory, and if it is no expression.
fn evaluate_in<A: Api2>(expression: &str, scratch: A) -> Result<i64, ()> {
    let mut stack: Vec<i64, A> = Vec::new_in(scratch);
    for word in expression.split(' ') {
        let value = match word {
            "+" | "*" => {
                let (right, left) = (stack.pop().ok_or(())?, stack.pop().ok_or(())?);
                if word == "+" { left + right } else { left * right }
            }
            number => number.parse().map_err(drop)?,
        };
        stack.try_reserve(1).map_err(drop)?;
        stack.push(value);
    }
    match stack[..] {
        [value] => Ok(value),
        _ => Err(()),
    }
}

fn requests(heap: &CountingAllocator<CAllocator>) -> u64 {
    heap.stats().allocations + heap.stats().reallocations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_buffer_says_what_it_lacks() {
        assert_eq!(evaluate(SHORT), Ok(14));
        assert_eq!(evaluate("3 +"), Err(Failed::NoExpression));
        let Err(Failed::TooLong(shortage)) = evaluate(LONG) else { panic!("ten numbers do not fit") };
        assert_eq!((shortage.request.size(), shortage.needed, shortage.capacity), (128, 128, 96));
    }
}
