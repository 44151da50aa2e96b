//! What Zig promises of its `FailingAllocator` and of `checkAllAllocationFailures`, promised here too.

use super::*;

/// `create` twice, and a third time in vain.
#[test]
fn two_allocations_pass_and_the_third_fails() {
    let failing = FailingAllocator::fail_index(Global, 2);
    let first = take(&failing).unwrap();
    let second = take(&failing).unwrap();
    assert_eq!(take(&failing), Err(AllocError));
    give(&failing, first);
    give(&failing, second);
}

/// There the index stays where it failed, so that all that follows fails as well.
#[test]
fn after_the_index_every_allocation_fails() {
    let backing = Backing::default();
    let failing = FailingAllocator::fail_index(&backing, 2);
    assert_eq!(six(&failing), "..xxxx");
    assert_eq!(six(&failing), "xxxxxx");
}

/// The first resize passes, and from then on none does, however often it is tried; the block is what it was.
#[test]
fn one_resize_passes_and_all_others_fail() {
    let failing = FailingAllocator::resize_fail_index(Global, 1);
    let block = failing.allocate(layout(8, 1)).unwrap();
    // SAFETY: each call has the layout that the block has then.
    unsafe {
        let six = failing.shrink(block.cast(), layout(8, 1), layout(6, 1)).unwrap();
        assert!(failing.shrink(six.cast(), layout(6, 1), layout(4, 1)).is_err());
        assert!(failing.grow(six.cast(), layout(6, 1), layout(9, 1)).is_err());
        // To allocate instead is still possible.
        let nine = failing.allocate(layout(9, 1)).unwrap();
        failing.deallocate(nine.cast(), layout(9, 1));
        failing.deallocate(six.cast(), layout(6, 1));
    }
}

/// By default both indices are out of reach.
#[test]
fn without_an_index_nothing_fails() {
    let failing = FailingAllocator::<Global>::default();
    let block = failing.allocate(layout(8, 1)).unwrap();
    // SAFETY: each call has the layout that the block has then.
    unsafe {
        let more = failing.grow(block.cast(), layout(8, 1), layout(80, 1)).unwrap();
        failing.deallocate(more.cast(), layout(80, 1));
    }
    assert!(!failing.has_induced_failure());
}

/// Bytes given out and freed, allocations and frees; what was refused is in none of them.
#[test]
fn the_numbers_are_those_of_what_succeeded() {
    let plan = FailPlan::new().allocations(Fault::Persistent(1)).resizes(Fault::Persistent(2));
    let failing = FailingAllocator::with_plan(Global, plan);
    let block = failing.allocate(layout(10, 1)).unwrap();
    assert!(failing.allocate(layout(1000, 1)).is_err());
    // SAFETY: each call has the layout that the block has then.
    unsafe {
        let block = failing.grow(block.cast(), layout(10, 1), layout(30, 1)).unwrap();
        let block = failing.shrink(block.cast(), layout(30, 1), layout(25, 1)).unwrap();
        assert!(failing.grow(block.cast(), layout(25, 1), layout(26, 1)).is_err());
        let stats = failing.stats();
        assert_eq!((stats.given_bytes, stats.freed_bytes, stats.live_bytes()), (30, 5, 25));
        failing.deallocate(block.cast(), layout(25, 1));
    }
    let stats = failing.stats();
    assert_eq!((stats.given_bytes, stats.freed_bytes), (30, 30));
    assert_eq!((stats.allocations, stats.resizes, stats.frees, stats.induced), (1, 2, 1, 2));
}

/// A body with extra arguments needs no help here: a closure takes them along.
#[test]
fn a_body_with_arguments_is_swept() {
    struct Lengths {
        foo: usize,
        bar: usize,
    }
    fn body(heap: &dyn Allocator, lengths: &Lengths) -> Result<(), AllocError> {
        let foo = layout(lengths.foo, 1);
        let bar = layout(lengths.bar, 1);
        let first = heap.allocate(foo)?.cast();
        let second = heap.allocate(bar);
        // SAFETY: allocated here, with these layouts.
        unsafe {
            heap.deallocate(first, foo);
            heap.deallocate(second?.cast(), bar);
        }
        Ok(())
    }
    assert_eq!(sweep(|heap| body(heap, &Lengths { foo: 3, bar: 5 })), "..");
}

/// Two vectors that grow in turns: whether a block grows in place or moves, the number of requests is the same in every run.
#[test]
fn the_numbers_do_not_hang_on_growth_in_place() {
    fn body(heap: &dyn Allocator) -> Result<(), AllocError> {
        let (mut a, mut b) = (allocator_api2_04::vec::Vec::new_in(heap), allocator_api2_04::vec::Vec::new_in(heap));
        for i in 0..2000_u32 {
            for list in [&mut a, &mut b] {
                list.try_reserve(1).map_err(|_| AllocError)?;
                list.push(i as u8);
            }
        }
        Ok(())
    }
    let told = sweep(body);
    assert_eq!(told, ".".repeat(told.len()));
    assert_eq!(told.len() % 2, 0);
    assert_eq!(sweep(body), told);
}

/// There a run in which the failure was never reached is an error of its own; here the caller sees that there was none.
#[test]
fn a_fault_beyond_the_last_request_is_known_not_to_have_happened() {
    let failing = FailingAllocator::fail_index(Global, 2);
    assert_eq!(is_clean(&failing), Ok(()));
    assert!(!failing.has_induced_failure());
}
