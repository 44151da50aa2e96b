//! Several threads at one failing allocator.

use super::*;
use crate::heap::watched::tests::Meanwhile;

#[test]
fn a_persistent_fault_lets_as_many_pass_as_it_says() {
    let failing = FailingAllocator::fail_index(Global, 1000);
    let passed = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    if let Ok(block) = failing.allocate(EIGHT) {
                        passed.fetch_add(1, Ordering::Relaxed);
                        give(&failing, block.cast());
                    } else {
                        assert!(failing.has_induced_failure());
                    }
                }
            });
        }
    });
    let stats = failing.stats();
    assert_eq!((passed.into_inner(), stats.allocations, stats.frees, stats.induced), (1000, 1000, 1000, 3000));
    let first = failing.induced_failure().unwrap();
    assert_eq!((first.number(), first.raw_stack().ips().is_empty()), (1000, false));
}

#[test]
fn a_budget_is_kept_while_the_backing_is_still_at_it() {
    let backing = Backing::default();
    let failing = FailingAllocator::with_plan(&backing, FailPlan::new().requests(Fault::Budget(16)));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    if let Ok(block) = failing.allocate(EIGHT) {
                        assert!(backing.live_bytes() <= 16);
                        give(&failing, block.cast());
                    }
                }
            });
        }
    });
    let stats = failing.stats();
    assert_eq!((stats.allocations + stats.induced, stats.live_bytes()), (4000, 0));
}

#[test]
fn a_request_under_way_counts_for_a_budget_and_holds_up_nobody() {
    static FAILING: FailingAllocator<Meanwhile> = FailingAllocator::with_plan(
        Meanwhile(|| {
            assert_eq!(FAILING.stats().allocations, 0, "it is counted when it is given");
            assert!(FAILING.allocate(layout(9, 1)).is_err());
        }),
        FailPlan::new().requests(Fault::Budget(16)),
    );
    let block = FAILING.allocate(EIGHT).unwrap();
    give(&FAILING, block.cast());
    assert_eq!(FAILING.induced_failure().unwrap().number(), 1);
}

#[test]
fn what_began_before_a_reset_and_fails_after_it_is_not_told_of() {
    static FAILING: FailingAllocator<Meanwhile> = FailingAllocator::new(Meanwhile(|| {
        FAILING.reset(FailPlan::new());
        panic!("refuses in its way");
    }));
    assert!(std::panic::catch_unwind(|| FAILING.allocate(EIGHT)).is_err());
    assert_eq!(FAILING.stats(), FailStats::default());
    // Nothing of it is still under way: there is room for another.
    FAILING.reset(FailPlan::new().requests(Fault::Budget(8)));
    assert!(std::panic::catch_unwind(|| FAILING.allocate(EIGHT)).is_err(), "it gets to the allocator behind");
}

#[test]
fn resets_between_the_calls_of_others_lose_no_block() {
    let failing = FailingAllocator::new(Global);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    if let Ok(block) = failing.allocate(EIGHT) {
                        give(&failing, block.cast());
                    }
                }
            });
        }
        for nth in 0..100 {
            failing.reset(FailPlan::new().allocations(Fault::Once(nth % 3)));
            assert!(failing.stats().induced <= 1);
            assert!(failing.induced_failure().is_none_or(|first| first.number() == nth % 3));
        }
    });
    assert_eq!((failing.stats().live_blocks(), failing.stats().live_bytes()), (0, 0));
}

fn assert_shared<T: Send + Sync>() {}

#[test]
fn is_shared_as_its_backing_is() {
    assert_shared::<FailingAllocator<Global>>();
    assert_shared::<InducedFailure>();
    assert_not!(Sync, FailingAllocator<std::cell::Cell<u8>>);
    assert_not!(Send, FailingAllocator<std::rc::Rc<u8>>);
}
