mod threads;
mod zig;

use proptest::prelude::*;
use rstest::rstest;
use std::sync::atomic::Ordering;

use super::*;
use crate::heap::watched::tests::{Backing, Done, Step, assert_not, go, layout, sit_exam, steps};
use crate::model::event::Kind;

/// Sweeps a body by hand: what each `once` came to, `.` an error and clean, `L` a leak, `S` a swallowed failure.
fn sweep(body: fn(&dyn Allocator) -> Result<(), AllocError>) -> String {
    let failing = FailingAllocator::new(Global);
    let mut told = String::new();
    loop {
        let live = failing.stats().live_blocks();
        failing.reset(FailPlan::new().requests(Fault::Once(told.len() as u64)));
        let result = body(&failing);
        if !failing.has_induced_failure() {
            assert_eq!(result, Ok(()));
            return told;
        }
        told.push(match result {
            _ if failing.stats().live_blocks() > live => 'L',
            Ok(()) => 'S',
            Err(AllocError) => '.',
        });
    }
}

const EIGHT: Layout = Layout::new::<u64>();

fn take(heap: &dyn Allocator) -> Result<NonNull<u8>, AllocError> {
    heap.allocate(EIGHT).map(NonNull::cast)
}

fn give(heap: &dyn Allocator, block: NonNull<u8>) {
    // SAFETY: the tests give back what they took, once.
    unsafe { heap.deallocate(block, EIGHT) };
}

fn leaks(heap: &dyn Allocator) -> Result<(), AllocError> {
    let first = take(heap)?;
    let second = take(heap)?;
    give(heap, first);
    give(heap, second);
    Ok(())
}

fn swallows(heap: &dyn Allocator) -> Result<(), AllocError> {
    let first = take(heap)?;
    if let Ok(second) = take(heap) {
        give(heap, second);
    }
    give(heap, first);
    Ok(())
}

fn is_clean(heap: &dyn Allocator) -> Result<(), AllocError> {
    let first = take(heap)?;
    let second = take(heap).inspect_err(|_| give(heap, first))?;
    give(heap, first);
    give(heap, second);
    Ok(())
}

#[rstest]
#[case(leaks, ".L")]
#[case(swallows, ".S")]
#[case(is_clean, "..")]
fn a_sweep_by_hand_tells(#[case] body: fn(&dyn Allocator) -> Result<(), AllocError>, #[case] expected: &str) {
    assert_eq!(sweep(body), expected);
}

#[test]
fn sits_the_exam() {
    sit_exam(&Backing::default(), FailingAllocator::new);
}

/// Allocates six blocks of 10 bytes: `.` for each that came, `x` for each that did not.
fn six(failing: &FailingAllocator<&Backing>) -> String {
    let ten = layout(10, 1);
    let blocks: Vec<_> = (0..6).map(|_| failing.allocate(ten)).collect();
    let told = blocks.iter().map(|block| if block.is_ok() { '.' } else { 'x' }).collect();
    for block in blocks.into_iter().flatten() {
        // SAFETY: allocated just now, with this layout.
        unsafe { failing.deallocate(block.cast(), ten) };
    }
    told
}

#[rstest]
#[case(Fault::None, "......")]
#[case(Fault::Once(2), "..x...")]
#[case(Fault::Persistent(4), "....xx")]
#[case(Fault::Window { at: 1, len: 3 }, ".xxx..")]
#[case(Fault::Pair(0, 3), "x..x..")]
#[case(Fault::Budget(25), "..xxxx")]
fn every_pattern_fails_what_it_says(#[case] fault: Fault, #[case] expected: &str) {
    let backing = Backing::default();
    for plan in [FailPlan::new().allocations(fault), FailPlan::new().requests(fault)] {
        let failing = FailingAllocator::with_plan(&backing, plan);
        let asked = backing.calls.load(Ordering::Relaxed);
        assert_eq!(six(&failing), expected);
        let passed = expected.matches('.').count() as u64;
        assert_eq!(backing.calls.load(Ordering::Relaxed) - asked, passed, "what fails does not get to the backing");
        let stats = failing.stats();
        assert_eq!((stats.allocations, stats.induced, stats.refused), (passed, 6 - passed, 0));
        assert_eq!((failing.plan(), failing.has_induced_failure()), (plan, passed < 6));
    }
    let failing = FailingAllocator::with_plan(&backing, FailPlan::new().resizes(fault));
    assert_eq!(six(&failing), "......");
}

proptest! {
    #[test]
    fn statistics_are_those_of_the_backing(steps in steps(), nth in 0..20_u64, is_resize: bool, persistent: bool) {
        let fault = if persistent { Fault::Persistent(nth) } else { Fault::Once(nth) };
        let plan = if is_resize { FailPlan::new().resizes(fault) } else { FailPlan::new().allocations(fault) };
        let backing = Backing::default();
        let failing = FailingAllocator::with_plan(&backing, plan);
        let mut numbers = [0_u64, 0];
        let (mut induced, mut refused) = (0, 0);
        go(&failing, &backing, &steps, |done| {
            let Done { from, to, succeeded, refusing } = done;
            if to > 0 {
                let number = &mut numbers[usize::from(from > 0)];
                let hit = (from > 0) == is_resize && (*number == nth || persistent && *number > nth);
                *number += 1;
                assert_eq!(succeeded, !hit && !refusing);
                induced += u64::from(hit);
                refused += u64::from(!hit && refusing);
            }
            let stats = failing.stats();
            assert_eq!((stats.induced, stats.refused), (induced, refused));
            assert_eq!(stats.live_blocks(), backing.live_blocks() as u64);
            assert_eq!(stats.live_bytes(), backing.live_bytes() as u64);
        });
        let first = failing.induced_failure();
        prop_assert_eq!(first.map(|first| (first.number(), first.fault())), (induced > 0).then_some((nth, fault)));
    }
}

#[test]
fn each_numbering_counts_by_itself() {
    let backing = Backing::default();
    let plan = FailPlan::new().allocations(Fault::Once(1)).resizes(Fault::Once(1)).requests(Fault::Once(4));
    let failing = FailingAllocator::with_plan(&backing, plan);
    let allocate = Step::Allocate { size: 8, align: 8, zeroed: false };
    let resize = |size| Step::Resize { which: 0, size, align: 8, zeroed: false };
    let mut told = String::new();
    let steps = [allocate, resize(9), allocate, resize(10), resize(11), allocate];
    go(&failing, &backing, &steps, |done| told.push(if done.succeeded { '.' } else { 'x' }));
    assert_eq!(told, "..xxx...");
    let first = failing.induced_failure().unwrap();
    assert_eq!((first.numbering(), first.number(), first.request().index), (Numbering::Allocations, 1, 2));
    assert_eq!(plan.to_string(), "allocations once@1, resizes once@1, requests once@4");
    assert_eq!(FailPlan::default().to_string(), "none");
}

#[test]
fn a_failed_resize_leaves_the_block_and_says_what_was_asked() {
    let backing = Backing::default();
    let failing = FailingAllocator::resize_fail_index(&backing, 0);
    let mut told = String::new();
    let steps = [
        Step::Allocate { size: 8, align: 8, zeroed: false },
        Step::Resize { which: 0, size: 4, align: 2, zeroed: false },
        Step::Resize { which: 0, size: 100, align: 8, zeroed: false },
        Step::Resize { which: 0, size: 100, align: 8, zeroed: true },
        Step::Resize { which: 0, size: 8, align: 8, zeroed: true },
    ];
    go(&failing, &backing, &steps, |done| told.push(if done.succeeded { '.' } else { 'x' }));
    assert_eq!(told, ".xxxx.");
    let stats = failing.stats();
    assert_eq!((stats.allocations, stats.resizes, stats.frees, stats.induced), (1, 0, 1, 4));
    let first = failing.induced_failure().unwrap();
    let request = first.request();
    assert_eq!((request.kind, request.size, request.old_size, request.align), (Kind::Shrink, 4, 8, 2));
    let headline = first.to_string().lines().next().unwrap().to_owned();
    assert_eq!(headline, "resize 0 (shrink, from 8 to 4 bytes, alignment 2) was made to fail by persistent@0");
}

#[test]
fn to_shrink_to_nothing_never_fails() {
    let backing = Backing::default();
    let failing = FailingAllocator::with_plan(&backing, FailPlan::new().resizes(Fault::Persistent(0)));
    let block = failing.allocate(layout(8, 8)).unwrap();
    // SAFETY: allocated just now, with this layout; what comes back has no bytes.
    unsafe {
        let nothing = failing.shrink(block.cast(), layout(8, 8), layout(0, 8)).unwrap();
        assert!(!failing.has_induced_failure());
        failing.reset(FailPlan::new().allocations(Fault::Persistent(0)));
        assert!(failing.grow(nothing.cast(), layout(0, 8), layout(8, 8)).is_err());
        failing.deallocate(nothing.cast(), layout(0, 8));
    }
    assert_eq!(failing.stats().frees, 1);
}

#[test]
fn what_the_backing_refuses_has_its_number_and_is_no_induced_failure() {
    let backing = Backing::default();
    let failing = FailingAllocator::fail_index(&backing, 1);
    backing.refuses.store(true, Ordering::Relaxed);
    assert!(failing.allocate(layout(8, 8)).is_err());
    assert!(!failing.has_induced_failure());
    backing.refuses.store(false, Ordering::Relaxed);
    assert!(failing.allocate(layout(8, 8)).is_err());
    assert_eq!(failing.induced_failure().unwrap().number(), 1);
    let expected = FailStats { induced: 1, refused: 1, ..FailStats::default() };
    assert_eq!(failing.stats(), expected);
}

#[test]
fn a_budget_counts_what_was_live_before_the_reset() {
    let failing = FailingAllocator::new(Global);
    let kept = failing.allocate(layout(60, 1)).unwrap();
    failing.reset(FailPlan::new().requests(Fault::Budget(100)));
    assert!(failing.allocate(layout(41, 1)).is_err());
    // SAFETY: each call has the layout that the block has then.
    unsafe {
        let kept = failing.grow(kept.cast(), layout(60, 1), layout(100, 1)).unwrap();
        assert!(failing.grow(kept.cast(), layout(100, 1), layout(101, 1)).is_err());
        let kept = failing.shrink(kept.cast(), layout(100, 1), layout(59, 1)).unwrap();
        let more = failing.allocate(layout(41, 1)).unwrap();
        failing.deallocate(more.cast(), layout(41, 1));
        failing.deallocate(kept.cast(), layout(59, 1));
    }
}

#[test]
fn after_a_reset_all_begins_again_but_the_blocks() {
    let failing = FailingAllocator::fail_index(Global, 1);
    let kept = failing.allocate(EIGHT).unwrap();
    assert!(failing.allocate(EIGHT).is_err());
    failing.reset(FailPlan::new());
    assert!(!failing.has_induced_failure() && failing.induced_failure().is_none());
    let stats = failing.stats();
    assert_eq!((stats.induced, stats.refused, stats.live_blocks(), stats.live_bytes()), (0, 0, 1, 8));
    failing.reset(FailPlan::new().allocations(Fault::Once(0)));
    assert!(failing.allocate(EIGHT).is_err());
    assert_eq!(failing.induced_failure().unwrap().number(), 0);
    give(&failing, kept.cast());
    assert_eq!(failing.stats().live_bytes(), 0);
}

#[test]
fn the_stack_of_the_first_failure_is_kept() {
    #[inline(never)]
    fn asks_in_vain(failing: &FailingAllocator<Global>) {
        std::hint::black_box(failing.allocate(EIGHT)).unwrap_err();
    }
    let failing = FailingAllocator::fail_index(Global, 0);
    asks_in_vain(&failing);
    let first = failing.induced_failure().unwrap();
    failing.allocate(EIGHT).unwrap_err();
    let still_first = failing.induced_failure().unwrap();
    assert_eq!(first.raw_stack().ips(), still_first.raw_stack().ips());
    let mut names = Vec::new();
    for ip in first.raw_stack().ips() {
        backtrace::resolve(*ip as *mut std::ffi::c_void, |symbol| names.extend(symbol.name().map(|n| n.to_string())));
    }
    assert!(names.iter().any(|name| name.contains("asks_in_vain")), "{names:?}");
}

#[test]
fn the_collections_of_others_see_the_failure() {
    macro_rules! fails_at_the_second {
        ($api:ident) => {
            let failing = FailingAllocator::with_plan(Global, FailPlan::new().requests(Fault::Once(1)));
            let mut numbers = $api::vec::Vec::new_in(&failing);
            numbers.try_reserve_exact(1).unwrap();
            numbers.push(7_u64);
            assert!(numbers.try_reserve_exact(100).is_err());
            assert_eq!(failing.induced_failure().unwrap().request().kind, Kind::Grow);
            numbers.try_reserve_exact(100).unwrap();
            assert_eq!(numbers[0], 7);
            drop(numbers);
            assert_eq!(failing.stats().live_blocks(), 0);
            failing.reset(FailPlan::new().allocations(Fault::Once(0)));
            assert!($api::boxed::Box::try_new_in(1_u64, &failing).is_err());
        };
    }
    fails_at_the_second!(allocator_api2_02);
    fails_at_the_second!(allocator_api2_03);
    fails_at_the_second!(allocator_api2_04);
}
