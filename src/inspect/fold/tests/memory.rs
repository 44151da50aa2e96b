use super::*;
use crate::model::memory::{Accused, Damage, MemoryError, Noticed, Place};

/// A block of 48 bytes that was born at `born` and, if there is such a stack, freed at `freed`.
fn accused(born: &[usize], freed: &[usize]) -> Accused {
    let is_freed = !freed.is_empty();
    Accused { size: 48, born_size: 48, align: 8, is_freed, born: raw(born), freed: raw(freed), ..Accused::NONE }
}

fn error(code: Code, noticed: Noticed, block: Accused, stack: &[usize]) -> MemoryError {
    MemoryError { block: Some(block), stack: raw(stack), ..MemoryError::new(code, noticed) }
}

fn with(error: MemoryError) -> Detail {
    Detail { memory: Some(Box::new(error)), ..failed(&[1, 2, 5], 0) }
}

fn found(errors: &[MemoryError]) -> Vec<Finding> {
    let trials: Vec<Judged> =
        errors.iter().zip(0..).map(|(error, i)| trial(Fault::Once(i), &[error.code], with(*error))).collect();
    folded(&trials)
}

#[test]
fn a_double_free_in_full() {
    let block = Accused { thread: 2, freed_by: 3, moved: true, ..accused(&[1, 2, 5], &[3, 5]) };
    let double_free = MemoryError { thread: 4, ..error(Code::DoubleFree, Noticed::Free, block, &[4, 5]) };
    let findings = found(&[double_free]);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.id, format!("{:016x}", fnv1a64(b"double-free/add@index.rs/get@index.rs")));
    let [block] = &finding.blocks[..] else { panic!("{:?}", finding.blocks) };
    assert_eq!((block.size, block.align, block.count, block.bytes), (48, 8, 1, 48));
    assert_eq!((block.thread, block.allocator.as_deref()), (Some(2), None));
    let lines = |stack: &[crate::model::stack::Frame]| stack.iter().filter_map(|frame| frame.line).collect::<Vec<_>>();
    assert_eq!(lines(&block.born), [1, 3, 20]);
    assert_eq!(block.freed.as_deref().map(lines), Some(vec![4, 20]));
    assert_eq!(block.freed_again.as_deref().map(lines), Some(vec![9, 20]));
    let memory = finding.memory.as_ref().unwrap();
    assert_eq!((memory.noticed, memory.place, memory.offset), (Noticed::Free, Some(Place::Start), None));
    assert_eq!((memory.moved, memory.freed_by, memory.thread, memory.born_size), (true, Some(3), Some(4), None));
    assert_eq!(memory.stack.as_deref().map(lines), Some(vec![9, 20]));
    assert!(finding.failed_request.is_some() && finding.signal.is_none());
}

/// The second error against the first, which was born at 2 and noticed by the call at 4.
#[rstest]
#[case::the_same(&[1, 2, 5], &[4, 5], Noticed::Free, true)]
#[case::called_from_elsewhere(&[2], &[4], Noticed::Free, true)]
#[case::another_birth(&[3], &[4], Noticed::Free, false)]
#[case::another_call(&[2], &[3], Noticed::Free, false)]
#[case::no_stack_of_its_birth(&[], &[4], Noticed::Free, false)]
#[case::in_a_check_that_nobody_blames(&[2], &[4], Noticed::Demand, false)]
fn errors_fold_by_birth_and_call(
    #[case] born: &[usize],
    #[case] stack: &[usize],
    #[case] noticed: Noticed,
    #[case] same: bool,
) {
    let first = error(Code::Overflow, Noticed::Free, accused(&[2], &[]), &[4]);
    let second = error(Code::Overflow, noticed, accused(born, &[]), stack);
    assert_eq!(found(&[first, second]).len(), if same { 1 } else { 2 });
}

#[rstest]
#[case(Noticed::Eviction)]
#[case(Noticed::End)]
#[case(Noticed::Demand)]
fn what_is_noticed_late_is_told_by_the_free(#[case] noticed: Noticed) {
    let of = |freed: &[usize], by: &[usize]| error(Code::UseAfterFree, noticed, accused(&[2], freed), by);
    let findings = found(&[of(&[3], &[4]), of(&[3], &[5]), of(&[4], &[4])]);
    assert_eq!(findings.iter().map(|f| f.count).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(findings[0].id, format!("{:016x}", fnv1a64(b"use-after-free/add@index.rs/add@index.rs")));
    // A check that was asked for stands in the body; whoever evicts a block is not to be shown.
    assert_eq!(findings[0].memory.as_ref().unwrap().stack.is_some(), noticed == Noticed::Demand);
    let live = found(&[error(Code::Overflow, noticed, accused(&[2], &[]), &[4])]);
    assert_eq!(live[0].id, format!("{:016x}", fnv1a64(b"overflow/add@index.rs")));
    assert!(live[0].blocks[0].freed.is_none());
}

#[test]
fn an_instruction_without_a_stack_is_told_by_the_free() {
    let findings = found(&[error(Code::UseAfterFree, Noticed::Read, accused(&[2], &[4]), &[])]);
    assert_eq!(findings[0].id, format!("{:016x}", fnv1a64(b"use-after-free/add@index.rs/get@index.rs")));
}

#[test]
fn a_pointer_that_is_no_block() {
    let near = MemoryError {
        place: Place::NearNull,
        offset: 16,
        stack: raw(&[4]),
        ..MemoryError::new(Code::InvalidFree, Noticed::Free)
    };
    let stack = MemoryError { place: Place::Stack, offset: 99, ..near };
    let findings = found(&[near, stack]);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].id, format!("{:016x}", fnv1a64(b"invalid-free/get@index.rs")));
    assert!(findings[0].blocks.is_empty());
    let memory = findings[0].memory.as_ref().unwrap();
    assert_eq!((memory.place, memory.offset), (Some(Place::NearNull), Some(16)));
    let memory = found(&[stack]).remove(0).memory.unwrap();
    assert_eq!((memory.place, memory.offset), (Some(Place::Stack), None));
}

#[test]
fn damage_is_told_in_hex_and_no_further_than_it_is_known() {
    let damage = |span| Damage { at: 48, span, count: 2, found: *b"AB\xfaCDEFGHIJKLMNO", expected: 0xfa };
    let of = |span| MemoryError {
        damage: Some(damage(span)),
        ..error(Code::Overflow, Noticed::End, Accused { born_size: 24, ..accused(&[2], &[]) }, &[])
    };
    let told = |span| found(&[of(span)]).remove(0).memory.unwrap();
    let memory = told(4);
    assert_eq!((memory.place, memory.born_size), (None, Some(24)));
    let damage = memory.damage.unwrap();
    assert_eq!((damage.at, damage.span, damage.count), (48, 4, 2));
    assert_eq!((damage.found.as_str(), damage.expected.as_str()), ("41 42 fa 43", "fa"));
    assert_eq!(told(400).damage.unwrap().found.split(' ').count(), 16);
}

#[test]
fn layouts_and_allocators() {
    let bad =
        MemoryError { given: Some((0, 3)), stack: raw(&[4]), ..MemoryError::new(Code::WrongLayout, Noticed::Alloc) };
    let memory = found(&[bad]).remove(0).memory.unwrap();
    assert_eq!((memory.place, memory.given.map(|given| (given.size, given.align))), (None, Some((0, 3))));
    let block = Accused { allocator: 1, older: true, ..accused(&[], &[]) };
    let mixed = MemoryError { allocator: 2, ..error(Code::MixedAllocators, Noticed::Free, block, &[4]) };
    let trials = [trial(Fault::Once(0), &[Code::MixedAllocators], with(mixed))];
    let names = |number| (number == 1).then(|| "a".to_owned());
    let finding = fold(&trials, TARGET, &mut resolver(), &|_, _| None, &names).remove(0);
    assert_eq!(finding.blocks[0].allocator.as_deref(), Some("a"));
    let memory = finding.memory.unwrap();
    assert_eq!((memory.allocator.as_deref(), memory.older), (Some("allocator 2"), true));
    let global = MemoryError { allocator: 0, ..mixed };
    assert_eq!(found(&[global]).remove(0).memory.unwrap().allocator, None);
}

#[test]
fn other_findings_of_the_trial_do_not_tell_of_it() {
    let overflow = error(Code::Overflow, Noticed::End, accused(&[2], &[]), &[]);
    let detail = Detail { leaks: vec![block(&[3], 8)], ..with(overflow) };
    let findings = folded(&[trial(Fault::Once(0), &[Code::Overflow, Code::Leak], detail)]);
    let told: Vec<(Code, bool, u64)> =
        findings.iter().map(|f| (f.code, f.memory.is_some(), f.blocks[0].size)).collect();
    assert_eq!(told, [(Code::Overflow, true, 48), (Code::Leak, false, 8)]);
}
