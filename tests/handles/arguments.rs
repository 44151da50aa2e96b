use allocator_api2_02::alloc::Allocator as Api2;
use allocator_api2_02::vec::Vec;
use oomsweep::heap::{AllocError, Allocator};
use oomsweep::{TestAlloc, alloc_test};
use rstest::rstest;
use std::alloc::Layout;

fn pairs(first: impl Api2, second: impl Api2, count: usize) -> Result<usize, AllocError> {
    let (mut one, mut two) = (Vec::new_in(first), Vec::new_in(second));
    for number in 0..count {
        one.try_reserve(1).map_err(|_| AllocError)?;
        one.push(number);
        two.try_reserve_exact(1).map_err(|_| AllocError)?;
        two.push(number);
    }
    Ok(one.len())
}

#[alloc_test]
fn one(alloc: TestAlloc) -> Result<(), AllocError> {
    pairs(alloc, alloc, 3).map(drop)
}

#[alloc_test(global = "swept")]
fn several(left: TestAlloc, mut right: impl Api2 + Copy) -> Result<(), AllocError> {
    right = std::hint::black_box(right);
    let mut text = String::new();
    text.try_reserve(10).map_err(|_| AllocError)?;
    pairs(left, right, 3).map(drop)
}

#[alloc_test]
fn generic<A: Api2 + Copy>(alloc: A) -> Result<(), AllocError> {
    pairs(alloc, alloc, 3).map(drop)
}

#[alloc_test]
fn borrowed(alloc: &dyn Allocator, other: &impl Allocator) -> Result<(), AllocError> {
    let block = alloc.allocate(Layout::new::<u64>())?;
    // SAFETY: allocated just now, with this layout.
    unsafe { alloc.deallocate(block.cast(), Layout::new::<u64>()) };
    other.allocate(Layout::new::<()>()).map(drop)
}

#[alloc_test]
#[rstest]
#[case(1)]
#[case::three(3)]
fn cases(#[case] count: usize, alloc: TestAlloc) -> Result<(), AllocError> {
    pairs(alloc, alloc, count).map(drop)
}

#[rstest]
#[case(2)]
#[alloc_test]
fn below(#[case] count: usize) -> Result<(), AllocError> {
    let _ = count;
    let mut text = String::new();
    text.try_reserve(10).map_err(|_| AllocError)
}
