//! Bodies with several allocators.

use std::collections::TryReserveError;

use oomsweep::{TestAlloc, alloc_test, benign};

use crate::kit::{AllocError, Allocator, give, take};

/// The global one is asked as well, and never fails; the right one may fail.
#[alloc_test]
#[ignore]
fn two(left: TestAlloc, right: TestAlloc) -> Result<(), AllocError> {
    let mut text = String::new();
    text.push_str("asked of the global one");
    for _ in 0..2 {
        let one = take!(left, 40)?;
        if let Ok(two) = benign(|| take!(right, 8)) {
            give!(right, two, 8);
        }
        give!(left, one, 40);
    }
    Ok(())
}

#[alloc_test(global = "swept")]
#[ignore]
fn with_the_global_one(alloc: TestAlloc) -> Result<(), String> {
    let mut text = Vec::<u8>::new();
    text.try_reserve_exact(40).map_err(|_: TryReserveError| String::new())?;
    let block = take!(alloc, 40).map_err(|_| String::new())?;
    give!(alloc, block, 40);
    Ok(())
}

#[alloc_test]
#[ignore]
fn leaks_a_when_b_fails(a: TestAlloc, b: TestAlloc) -> Result<(), AllocError> {
    let first = take!(b, 8)?;
    give!(b, first, 8);
    let block = take!(a, 40)?;
    let second = take!(b, 8)?;
    give!(b, second, 8);
    give!(a, block, 40);
    Ok(())
}

/// Requests of other threads are points as well, if that is asked for.
#[alloc_test(threads = "all")]
#[ignore]
fn of_all_threads(alloc: TestAlloc) -> Result<(), AllocError> {
    let ask = move || take!(alloc, 40).map(|block| give!(alloc, block, 40));
    ask()?;
    std::thread::scope(|scope| scope.spawn(ask).join().expect("no panic"))
}

#[alloc_test]
#[ignore]
fn one_of_two(alloc: TestAlloc, _other: TestAlloc) -> Result<(), AllocError> {
    take!(alloc, 40).map(|block| give!(alloc, block, 40))
}

#[alloc_test]
#[ignore]
fn unused(_alloc: TestAlloc) -> Result<(), AllocError> {
    drop(std::hint::black_box(Box::new(7)));
    Ok(())
}
