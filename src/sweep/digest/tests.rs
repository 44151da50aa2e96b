use rstest::rstest;

use super::*;
use crate::hook::journal::NO_RECORD;
use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::memory::{Accused, MemoryError, Noticed};
use crate::sweep::board::Pages;

fn overflow() -> MemoryError {
    let block = Accused { size: 96, born_size: 48, align: 8, ..Accused::NONE };
    MemoryError { block: Some(block), ..MemoryError::new(Code::Overflow, Noticed::Free) }
}

/// Reads a journal that `write` has written in.
fn read(end: End, write: impl FnOnce(&mut Journal)) -> Digest {
    let pages = Pages::map().expect("the system has pages");
    // SAFETY: mapped just now, and nobody else knows of it.
    let journal = unsafe { &mut *pages.journal() };
    write(journal);
    digest(journal, pages.arena, end, None)
}

#[test]
fn a_fresh_journal_tells_of_no_memory_error() {
    let digest = read(End::Exited(0), |_| ());
    assert_eq!((digest.facts.memory_error, digest.detail.memory.is_none()), (None, true));
    let digest = read(End::Exited(0), |journal| {
        journal.memory = Some(overflow());
        journal.reset(Fault::None);
    });
    assert_eq!(digest.facts.memory_error, None);
}

#[rstest]
#[case::left_by_itself(End::Exited(0), 0, Ending::Stopped)]
#[case::left_with_the_status_of_trouble(End::Exited(96), 0, Ending::Stopped)]
#[case::killed(End::Signalled(9), 0, Ending::Stopped)]
#[case::a_guard_page(End::Signalled(11), 11, Ending::Signal)]
#[case::over_its_time(End::TimedOut, 0, Ending::Timeout)]
fn the_ending_of_a_run_with_a_memory_error(#[case] end: End, #[case] signal: i32, #[case] expected: Ending) {
    let digest = read(end, |journal| {
        journal.memory = Some(overflow());
        journal.fatal.number = signal;
        journal.facts.leaks = 2;
    });
    assert_eq!((digest.facts.ending, digest.facts.memory_error), (expected, Some(Code::Overflow)));
    assert_eq!((digest.facts.leaks, digest.trouble), (0, None));
    assert_eq!(digest.detail.signal.map_or(0, |signal| signal.number), signal);
    assert_eq!(digest.detail.exit_status, None);
}

#[test]
fn a_run_that_came_back_keeps_its_ending() {
    let digest = read(End::Done, |journal| {
        journal.memory = Some(overflow());
        journal.facts.ending = Ending::Err;
        journal.step.store(Step::Done as u32, Ordering::Release);
    });
    assert_eq!((digest.facts.ending, digest.facts.memory_error), (Ending::Err, Some(Code::Overflow)));
}

#[test]
fn the_accused_block_is_asked_for_as_it_was_born() {
    let digest = read(End::Exited(0), |journal| journal.memory = Some(overflow()));
    assert_eq!(digest.leaked, [(48, 8)]);
    assert_eq!(digest.detail.memory.and_then(|error| error.block).map(|block| block.size), Some(96));
    let none = read(End::Exited(0), |journal| journal.memory = Some(MemoryError { block: None, ..overflow() }));
    assert!(none.leaked.is_empty());
}

#[test]
fn what_leaked_and_what_is_reachable_are_told_apart() {
    let pages = Pages::map().expect("pages for a sweep");
    let left = |size| Leaked {
        hidden: 0,
        session: 1,
        size,
        born_size: size,
        align: 8,
        ordinal: 3,
        thread: 0,
        allocator: 0,
        indirect_count: 0,
        indirect_bytes: 0,
        born: RawStack::EMPTY,
    };
    // SAFETY: nobody else knows these pages.
    let journal = unsafe { &mut *pages.journal() };
    journal.reset(Fault::None);
    journal.first = NO_RECORD;
    journal.leaks = pages.arena.put(&[left(16)]).expect("room");
    journal.reachable = pages.arena.put(&[left(32), left(48)]).expect("room");
    let sizes = |blocks: &[Block]| blocks.iter().map(|block| block.size).collect::<Vec<_>>();
    let digested = digest(journal, pages.arena, End::Done, None);
    assert_eq!((sizes(&digested.detail.leaks), sizes(&digested.detail.reachable)), (vec![16], vec![32, 48]));
    assert_eq!(digested.leaked, [(16, 8)], "only the births of what leaked are asked for");
    journal.reset(Fault::None);
    let digested = digest(journal, pages.arena, End::Done, None);
    assert!(digested.detail.leaks.is_empty() && digested.detail.reachable.is_empty());
}

#[test]
fn blocks_that_no_guard_page_stood_at_are_counted() {
    let notes = |without: u64| {
        read(End::Done, |journal| {
            *journal.guarded.get_mut() = 40;
            *journal.unguarded.get_mut() = without;
        })
        .detail
        .notes
    };
    assert_eq!(notes(0), Vec::<String>::new());
    assert_eq!(notes(2), ["guard pages stood round 40 of 42 blocks only: the system allows no more mappings"]);
}

#[rstest]
#[case::freed(Pointer::Freed, Some(0xDDDD_DDDD), Some("a pointer read from freed memory (0xDD…)"))]
#[case::new(Pointer::New, None, Some("a pointer read from memory that was never written (0xAA…)"))]
#[case::zone(Pointer::Zone, None, Some("a pointer read from beside a block (0xFA… or 0xFB…)"))]
#[case::null(Pointer::Unknown, Some(8), Some("a null pointer, 8 bytes off"))]
#[case::nothing(Pointer::Unknown, None, None)]
fn what_was_taken_for_a_pointer(
    #[case] pointer: Pointer,
    #[case] address: Option<usize>,
    #[case] expected: Option<&str>,
) {
    let digest = read(End::Exited(99), |journal| {
        journal.fatal.number = 11;
        journal.fatal.pointer = pointer;
        journal.fatal.address = address;
    });
    let signal = digest.detail.signal.expect("a signal");
    assert_eq!(signal.explained.as_deref(), expected);
}
