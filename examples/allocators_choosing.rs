//! One function, any allocator: `cargo run --example allocators_choosing`.
//!
//! Code that is handed its allocator leaves the choice to its caller. There are two ways to take one. `&dyn Allocator` is one type, so the
//! choice can be made while the program runs, and every request is a call through a table. `A: Allocator` is a type for each
//! choice: nothing is looked up, and the allocator's name stands in every type that holds a block.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use std::alloc::System;
use std::mem::MaybeUninit;

use allocator_api2_02::alloc::Allocator as Api2;
use allocator_api2_02::collections::TryReserveError;
use allocator_api2_02::vec::Vec;
use oomsweep::heap::{
    Allocator, ArenaAllocator, CAllocator, DebugAllocator, FixedBufferAllocator, Guard, PageAllocator,
};

const LINE: &str = "it was the best of times, it was the worst of times";

fn main() {
    let debug = DebugAllocator::new(System);
    let pages = PageAllocator::new().guard(Guard::None);
    let arena = ArenaAllocator::new();
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let fixed = FixedBufferAllocator::new(&mut buffer);

    let choices: [(&str, &dyn Allocator, &str); 5] = [
        ("debug", &debug, "while you look for a bug: it tells what is leaked, freed twice or written beside"),
        ("C", &CAllocator, "in production, and for blocks that C code frees"),
        ("pages", &pages, "for a few large blocks: it costs two calls of the system each"),
        ("arena", &&arena, "for all that ends together: nothing is freed one by one"),
        ("buffer", &&fixed, "where there is no heap, or a bound that must hold"),
    ];
    let answers = choices.map(|(name, heap, when)| (name, longest_words(LINE, 2, heap).expect("memory"), when));
    for (name, longest, when) in &answers {
        println!("{name:>6}: {} - {when}", longest.join(" "));
    }

    println!();
    println!("The debug allocator gave out {} block of {} bytes.", debug.live_blocks(), debug.live_bytes());
    println!("The arena took {} bytes of one chunk of {}.", arena.used(), arena.capacity());
    println!("The buffer has {} of its {} bytes left.", fixed.left(), fixed.capacity());
    drop(answers);
    println!("And the debug allocator has nothing to complain of: {:?}", debug.deinit());
}

/// The `count` longest words of a line, the longest first. What it needs it takes from `heap`.
fn longest_words<A: Api2>(line: &str, count: usize, heap: A) -> Result<Vec<&str, A>, TryReserveError> {
    let mut words = Vec::new_in(heap);
    words.try_reserve_exact(line.split_whitespace().count())?;
    words.extend(line.split_whitespace().map(|word| word.trim_end_matches(',')));
    words.sort_unstable_by_key(|word| (std::cmp::Reverse(word.len()), *word));
    words.dedup();
    words.truncate(count);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use oomsweep::{TestAlloc, alloc_test};

    use super::*;

    #[test]
    fn the_choice_changes_nothing_but_where_the_memory_comes_from() {
        let arena = ArenaAllocator::new();
        let chosen: [&dyn Allocator; 3] = [&CAllocator, &PageAllocator::new(), &&arena];
        for heap in chosen {
            assert_eq!(longest_words(LINE, 3, heap).unwrap(), ["times", "worst", "best"]);
        }
        assert_eq!(longest_words(LINE, 1, &arena).unwrap(), ["times"]);
    }

    #[alloc_test]
    fn it_survives_an_empty_memory(alloc: TestAlloc) -> Result<(), TryReserveError> {
        longest_words(LINE, 2, alloc).map(drop)
    }
}
