use proptest::prelude::*;

use super::*;
use crate::heap::watched::tests::{Backing, Done, Meanwhile, assert_not, go, layout, sit_exam, steps};

#[test]
fn sits_the_exam() {
    sit_exam(&Backing::default(), |backing| LimitAllocator::new(backing, usize::MAX));
}

proptest! {
    #[test]
    fn refuses_what_would_be_too_much_and_nothing_else(steps in steps(), limit in 0..8000_usize) {
        let backing = Backing::default();
        let limited = LimitAllocator::new(&backing, limit);
        let mut used = 0;
        go(&limited, &backing, &steps, |done| {
            let Done { from, to, succeeded, refusing } = done;
            let fits = to <= from || used + to - from <= limit;
            assert_eq!(succeeded, to == 0 || fits && !refusing, "{done:?} with {used} of {limit}");
            if succeeded {
                used = used + to - from;
            }
            assert_eq!((limited.used(), limited.left(), limited.limit()), (used, limit - used, limit));
            assert_eq!(backing.live_bytes(), used);
        });
        prop_assert_eq!(limited.used(), 0);
    }
}

#[test]
fn what_is_refused_does_not_reach_the_backing() {
    let backing = Backing::default();
    let limited = LimitAllocator::new(&backing, 10);
    let ten = limited.allocate(layout(10, 1)).unwrap();
    let asked = backing.calls.load(Ordering::Relaxed);
    assert!(limited.allocate(layout(1, 1)).is_err());
    // SAFETY: allocated above, with this layout.
    unsafe {
        assert!(limited.grow(ten.cast(), layout(10, 1), layout(11, 1)).is_err());
        assert!(limited.grow_zeroed(ten.cast(), layout(10, 1), layout(11, 1)).is_err());
    }
    assert_eq!(backing.calls.load(Ordering::Relaxed), asked);
    // SAFETY: it is still there, with its layout.
    unsafe { limited.deallocate(ten.cast(), layout(10, 1)) };
}

#[test]
fn room_comes_back_when_the_backing_refuses_or_panics() {
    let backing = Backing::default();
    let limited = LimitAllocator::new(&backing, 10);
    backing.refuses.store(true, Ordering::Relaxed);
    assert!(limited.allocate(layout(10, 1)).is_err());
    assert_eq!(limited.left(), 10);
    backing.panics.store(true, Ordering::Relaxed);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| limited.allocate(layout(10, 1))));
    assert!(caught.is_err());
    assert_eq!(limited.left(), 10);
}

#[test]
fn a_limit_below_what_is_used_only_refuses() {
    let limited = LimitAllocator::new(Global, 100);
    let block = limited.allocate(layout(100, 1)).unwrap();
    limited.set_limit(50);
    assert_eq!((limited.used(), limited.left(), limited.limit()), (100, 0, 50));
    assert!(limited.allocate(layout(1, 1)).is_err());
    assert!(limited.allocate(layout(0, 1)).is_ok());
    // SAFETY: the block is live with the layout that is given each time.
    unsafe {
        let block = limited.shrink(block.cast(), layout(100, 1), layout(20, 1)).unwrap();
        let block = limited.grow(block.cast(), layout(20, 1), layout(50, 1)).unwrap();
        assert!(limited.grow(block.cast(), layout(50, 1), layout(51, 1)).is_err());
        limited.deallocate(block.cast(), layout(50, 1));
    }
    assert_eq!(limited.left(), 50);
}

#[test]
fn a_size_that_overflows_the_sum_is_refused() {
    let backing = Backing::default();
    let limited = LimitAllocator::new(&backing, usize::MAX);
    let huge = layout(isize::MAX as usize, 1);
    let halves = limited.used.fetch_add(usize::MAX - 5, Ordering::Relaxed);
    assert!(limited.allocate(huge).is_err());
    assert!(limited.allocate(layout(6, 1)).is_err());
    assert_eq!((halves, backing.calls.load(Ordering::Relaxed)), (0, 0));
}

#[test]
fn room_is_taken_before_the_backing_is_asked() {
    static LIMITED: LimitAllocator<Meanwhile> = LimitAllocator::new(
        Meanwhile(|| {
            assert_eq!(LIMITED.used(), 8);
            assert!(LIMITED.allocate(layout(1, 1)).is_err());
        }),
        8,
    );
    let block = LIMITED.allocate(layout(8, 8)).unwrap();
    // SAFETY: allocated just now, with this layout.
    unsafe { LIMITED.deallocate(block.cast(), layout(8, 8)) };
    assert_eq!(LIMITED.used(), 0);
}

#[test]
fn threads_never_pass_the_limit() {
    let backing = Backing::default();
    let limited = LimitAllocator::new(&backing, 3 * 64);
    let (refused, served) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3000 {
                    match limited.allocate(layout(64, 8)) {
                        Err(AllocError) => refused.fetch_add(1, Ordering::Relaxed),
                        Ok(block) => {
                            assert!(limited.used() <= 3 * 64);
                            assert!(backing.live_bytes() <= 3 * 64);
                            std::thread::yield_now();
                            // SAFETY: allocated just now, with this layout.
                            unsafe { limited.deallocate(block.cast(), layout(64, 8)) };
                            served.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                }
            });
        }
    });
    assert_eq!(refused.into_inner() + served.into_inner(), 12_000);
    assert_eq!(limited.used(), 0);
}

fn assert_shared<T: Send + Sync>() {}

#[test]
fn is_shared_as_its_backing_is() {
    assert_shared::<LimitAllocator<Global>>();
    assert_not!(Sync, LimitAllocator<std::cell::Cell<u8>>);
    assert_not!(Send, LimitAllocator<std::rc::Rc<u8>>);
}
