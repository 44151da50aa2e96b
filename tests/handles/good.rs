//! Bodies without a bug.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Mutex;

use allocator_api2_02::vec::Vec as Vec2;
use allocator_api2_03::vec::Vec as Vec3;
use allocator_api2_04::vec::Vec as Vec4;
use oomsweep::{TestAlloc, alloc_test, benign, exempt, untracked};

use crate::kit::{AllocError, Allocator, give, layout, take};

#[alloc_test]
#[ignore]
fn vectors(alloc: TestAlloc) -> Result<(), AllocError> {
    let (mut two, mut three, mut four) = (Vec2::new_in(alloc), Vec3::new_in(alloc), Vec4::new_in(alloc));
    for number in 0..20_u64 {
        two.try_reserve(1).map_err(|_| AllocError)?;
        two.push(number);
    }
    three.try_reserve_exact(3).map_err(|_| AllocError)?;
    three.extend([1, 2, 3_u8]);
    four.try_reserve_exact(1).map_err(|_| AllocError)?;
    four.push(7_u32);
    four.try_reserve_exact(100).map_err(|_| AllocError)?;
    assert_eq!((two.iter().sum::<u64>(), three.len(), four[0]), (190, 3, 7));
    Ok(())
}

#[alloc_test]
#[ignore]
fn zeros(alloc: TestAlloc) -> Result<(), AllocError> {
    // SAFETY: all callers name bytes of a block.
    let is_zero = |from: *const u8, len: usize| (0..len).all(|at| unsafe { from.add(at).read() } == 0);
    for size in [1, 300] {
        let block = alloc.allocate_zeroed(layout(size, 1))?.cast::<u8>();
        assert!(is_zero(block.as_ptr(), size));
        // SAFETY: the block has that size.
        unsafe { block.write_bytes(7, size) };
        // SAFETY: allocated above, with this layout.
        let larger = unsafe { alloc.grow_zeroed(block, layout(size, 1), layout(size + 5000, 1)) };
        let Ok(larger) = larger else {
            give!(alloc, block, size, 1);
            return Err(AllocError);
        };
        let larger = larger.cast::<u8>();
        // SAFETY: the block has that size.
        unsafe {
            assert_eq!(larger.add(size - 1).read(), 7);
            assert!(is_zero(larger.as_ptr().add(size), 5000));
        }
        give!(alloc, larger, size + 5000, 1);
    }
    Ok(())
}

/// Nothing is asked for nothing; from no bytes to some is a request, and back to none is no request.
#[alloc_test]
#[ignore]
fn no_bytes(alloc: TestAlloc) -> Result<(), AllocError> {
    let empty = alloc.allocate(layout(0, 64))?;
    assert_eq!((empty.len(), empty.cast::<u8>().as_ptr() as usize % 64), (0, 0));
    // SAFETY: each pointer takes the place of the one before, with its layout.
    unsafe {
        let still = alloc.grow_zeroed(empty.cast(), layout(0, 64), layout(0, 128))?;
        let some = alloc.grow(still.cast(), layout(0, 128), layout(10, 4))?;
        let none = alloc.shrink(some.cast(), layout(10, 4), layout(0, 8))?;
        alloc.deallocate(none.cast(), layout(0, 8));
    }
    Ok(())
}

#[alloc_test]
#[ignore]
fn aligned(alloc: TestAlloc) -> Result<(), AllocError> {
    for align in [64, 4096, 65_536] {
        let block = take!(alloc, 100, align)?;
        assert_eq!(block.as_ptr() as usize % align, 0);
        give!(alloc, block, 100, align);
    }
    Ok(())
}

/// A failed request leaves the block as it was; alignments may change with sizes.
#[alloc_test]
#[ignore]
fn resized(alloc: TestAlloc) -> Result<(), AllocError> {
    let mut block = take!(alloc, 10, 1)?;
    let mut now = layout(10, 1);
    // SAFETY: the block has that size.
    unsafe { block.write_bytes(9, 10) };
    for (size, align) in [(500, 16), (20, 4096), (10, 2)] {
        let wanted = layout(size, align);
        // SAFETY: the block is allocated, with the layout that is kept beside it.
        let moved = unsafe {
            if size > now.size() { alloc.grow(block, now, wanted) } else { alloc.shrink(block, now, wanted) }
        };
        let Ok(moved) = moved else {
            // SAFETY: as above.
            unsafe {
                assert_eq!(block.add(9).read(), 9);
                alloc.deallocate(block, now);
            }
            return Err(AllocError);
        };
        (block, now) = (moved.cast(), wanted);
        // SAFETY: as above.
        assert_eq!(unsafe { block.add(9).read() }, 9);
        assert_eq!(block.as_ptr() as usize % align, 0);
    }
    // SAFETY: as above.
    unsafe { alloc.deallocate(block, now) };
    Ok(())
}

/// Requests of other threads are checked, and no points.
#[alloc_test]
#[ignore]
fn threads(alloc: TestAlloc) -> Result<(), AllocError> {
    let made = exempt(|| {
        std::thread::spawn(move || {
            let mut numbers = Vec2::new_in(alloc);
            numbers.extend(0..1000_u32);
            numbers
        })
        .join()
        .expect("no panic")
    });
    let block = take!(alloc, 40)?;
    give!(alloc, block, 40);
    assert_eq!(made.len(), 1000);
    Ok(())
}

#[alloc_test]
#[ignore]
fn exempted(alloc: TestAlloc) -> Result<(), AllocError> {
    let first = exempt(|| take!(alloc, 40))?;
    let second = take!(alloc, 8);
    give!(alloc, first, 40);
    give!(alloc, second?, 8);
    Ok(())
}

#[alloc_test(faults(once, window(2)))]
#[ignore]
fn fallback(alloc: TestAlloc) -> Result<(), AllocError> {
    let block = match benign(|| take!(alloc, 4000)) {
        Ok(block) => (block, 4000),
        Err(_) => return take!(alloc, 40).map(|block| give!(alloc, block, 40)),
    };
    give!(alloc, block.0, block.1);
    Ok(())
}

#[alloc_test]
#[ignore]
fn untracked_blocks(alloc: TestAlloc) -> Result<(), AllocError> {
    let kept = untracked(|| take!(alloc, 40))?;
    let _ = black_box(kept);
    Ok(())
}

thread_local! {
    static OLD: RefCell<Option<Vec2<u8, TestAlloc>>> = const { RefCell::new(None) };
}

/// What a handle's run has left somewhere can still be dropped, and asks in vain for more.
#[alloc_test]
#[ignore]
fn an_old_handle(alloc: TestAlloc) -> Result<(), AllocError> {
    let mut fresh = Vec2::new_in(alloc);
    fresh.try_reserve_exact(40).map_err(|_| AllocError)?;
    fresh.push(1);
    if let Some(mut old) = OLD.with(|place| place.replace(Some(fresh))) {
        assert_ne!(*old.allocator(), alloc);
        assert!(old.try_reserve(100).is_err());
        assert_eq!(old, [1]);
    }
    Ok(())
}

/// In a process that the body forks the handle goes on, unwatched.
#[alloc_test]
#[ignore]
fn forks(alloc: TestAlloc) -> Result<(), AllocError> {
    let mut numbers = Vec2::new_in(alloc);
    numbers.try_reserve_exact(4).map_err(|_| AllocError)?;
    numbers.push(7_u32);
    // SAFETY: the child calls nothing but this allocator, and leaves.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let is_good = numbers.try_reserve(1000).is_ok() && numbers[0] == 7;
        let block = take!(alloc, 40).map(|block| give!(alloc, block, 40));
        drop(numbers);
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!(is_good && block.is_ok()))) };
    }
    let mut status = -1;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child could not go on");
    Ok(())
}

static HELD: Mutex<Option<Vec2<u8, TestAlloc>>> = Mutex::new(None);

#[alloc_test]
#[ignore]
fn held_by_a_static(alloc: TestAlloc) -> Result<(), AllocError> {
    let mut bytes = Vec2::new_in(alloc);
    bytes.try_reserve_exact(40).map_err(|_| AllocError)?;
    bytes.push(1);
    *HELD.lock().expect("no panic") = Some(bytes);
    Ok(())
}
