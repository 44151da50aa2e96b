//! The standard library's `Vec` and `Box` over oomsweep's other allocators.

use std::alloc::{AllocError, System};
use std::collections::TryReserveError;
use std::hint::black_box;
use std::mem::MaybeUninit;

use oomsweep::heap::{
    ArenaAllocator, CountingAllocator, FailPlan, FailingAllocator, FixedBufferAllocator, LimitAllocator,
};
use oomsweep::model::fault::Fault;
use oomsweep::{TestAlloc, alloc_test};

/// The second request fails: the vector keeps what it has, and gives it back.
#[test]
fn failing() {
    let failing = FailingAllocator::with_plan(System, FailPlan::new().requests(Fault::Once(1)));
    let mut v = Vec::new_in(&failing);
    assert_eq!(v.try_reserve(4), Ok(()));
    v.extend_from_slice(&[1, 2, 3, 4]);
    assert!(v.try_reserve(100).is_err());
    assert!(failing.has_induced_failure());
    assert_eq!(v, [1, 2, 3, 4]);
    drop(v);
    assert_eq!(failing.stats().live_blocks(), 0);
}

/// No memory but a buffer's, and of that no more than a limit.
#[test]
fn limited() {
    let mut room = [MaybeUninit::uninit(); 256];
    let buffer = FixedBufferAllocator::new(&mut room);
    let limited = LimitAllocator::new(&buffer, 100);
    let first = Box::try_new_in([1_u8; 60], &limited);
    assert!(first.is_ok());
    assert!(Box::try_new_in([1_u8; 60], &limited).is_err());
    drop(first);
    assert!(Box::try_new_in([1_u8; 60], &limited).is_ok());
}

/// Each over the next, and the last over the handle.
#[alloc_test]
fn a_stack_of_them(alloc: TestAlloc) -> Result<(), AllocError> {
    let counting = CountingAllocator::new(alloc);
    let arena = ArenaAllocator::new_in(&counting);
    let mut v = Vec::new_in(&arena);
    let fill = |v: &mut Vec<u64, _>| -> Result<(), TryReserveError> {
        for i in 0..1000 {
            v.try_reserve(1)?;
            v.push(i);
        }
        Ok(())
    };
    fill(&mut v).map_err(|_| AllocError)?;
    let one = Box::try_new_in(1, &counting)?;
    black_box((&v, &one));
    assert!(counting.live_blocks() > 1);
    Ok(())
}
