use std::cell::{Cell, RefCell};
use std::panic::panic_any;
use std::sync::Mutex;

use super::*;
use crate::heap::FailingAllocator;
use crate::heap::watched::tests::{Backing, Step, assert_not, go, layout, sit_exam};

const EIGHT: Layout = Layout::new::<u64>();

fn take_and_give(heap: &impl Allocator) {
    let block = heap.allocate(EIGHT).unwrap();
    // SAFETY: allocated just now, with this layout.
    unsafe { heap.deallocate(block.cast(), EIGHT) };
}

fn count(told: &AtomicU64) {
    told.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn sits_the_exam() {
    let told = AtomicU64::new(0);
    sit_exam(&Backing::default(), |backing| LoggingAllocator::with(backing, |_: &AllocEvent| count(&told)));
    assert!(told.into_inner() > 0);
    sit_exam(&Backing::default(), LoggingAllocator::new);
}

#[test]
fn every_call_is_told_with_what_it_came_to() {
    let backing = Backing::default();
    let told = RefCell::new(Vec::new());
    let logging = LoggingAllocator::with(&backing, |event: &AllocEvent| told.borrow_mut().push(*event));
    let resize = |size, zeroed| Step::Resize { which: 0, size, align: 4, zeroed };
    let steps = [
        Step::Allocate { size: 0, align: 8, zeroed: false },
        resize(10, false),
        resize(20, false),
        resize(30, true),
        Step::Refuse(true),
        resize(40, true),
        Step::Refuse(false),
        resize(5, false),
        resize(0, false),
        Step::Allocate { size: 7, align: 1, zeroed: true },
    ];
    go(&logging, &backing, &steps, |_| {});
    let told = told.take();
    let calls: Vec<_> = told.iter().map(|event| (event.call.as_str(), event.size, event.is_failure())).collect();
    let expected = [
        ("allocate", 10, false),
        ("grow", 20, false),
        ("grow_zeroed", 30, false),
        ("grow_zeroed", 40, true),
        ("shrink", 5, false),
        ("deallocate", 5, false),
        ("allocate_zeroed", 7, false),
        ("deallocate", 7, false),
    ];
    assert_eq!(calls, expected);
    let old: Vec<_> = told.iter().map(|event| event.old.map(|old| (old.size, old.align))).collect();
    assert_eq!(old[..5], [None, Some((10, 4)), Some((20, 4)), Some((30, 4)), Some((30, 4))]);
    for (earlier, later) in [(0, 1), (1, 2), (2, 3), (2, 4)] {
        assert_eq!(
            told[later].old.map(|old| old.address),
            told[earlier].address,
            "{later} begins where {earlier} ended"
        );
    }
    assert_eq!(told[4].address, told[5].address);
}

#[test]
fn events_read_well() {
    let event = |call, address, old| AllocEvent { call, size: 48, align: 8, address, old };
    let old = Some(OldBlock { address: 0x1000, size: 24, align: 4 });
    let told = [
        event(AllocCall::Allocate, Some(0x2000), None),
        event(AllocCall::AllocateZeroed, None, None),
        event(AllocCall::Grow, Some(0x2000), old),
        event(AllocCall::Shrink, None, old),
    ];
    let expected = [
        "allocate: 48 bytes, alignment 8, at 0x2000",
        "allocate_zeroed: 48 bytes, alignment 8: failed",
        "grow: 24 bytes, alignment 4, at 0x1000, to 48 bytes, alignment 8, at 0x2000",
        "shrink: 24 bytes, alignment 4, at 0x1000, to 48 bytes, alignment 8: failed",
    ];
    assert_eq!(told.map(|event| event.to_string()), expected);
}

thread_local! {
    static TOLD: Cell<u32> = const { Cell::new(0) };
}

/// A sink that asks for memory through the allocator that it is told of.
fn asks_again(_: &AllocEvent) {
    TOLD.set(TOLD.get() + 1);
    take_and_give(&RECURSIVE);
}

static RECURSIVE: LoggingAllocator<Global, fn(&AllocEvent)> = LoggingAllocator::with(Global, asks_again);

#[test]
fn a_sink_that_allocates_through_it_is_not_told_of_that() {
    TOLD.set(0);
    take_and_give(&RECURSIVE);
    assert_eq!(TOLD.get(), 2);
    take_and_give(&RECURSIVE);
    assert_eq!(TOLD.get(), 4);
}

#[test]
fn a_sink_that_allocates_through_another_is_told_once_by_each() {
    static FIRST: LoggingAllocator<Global, fn(&AllocEvent)> = LoggingAllocator::with(Global, |_| {
        TOLD.set(TOLD.get() + 1);
        take_and_give(&SECOND);
    });
    static SECOND: LoggingAllocator<Global, fn(&AllocEvent)> = LoggingAllocator::with(Global, |_| {
        TOLD.set(TOLD.get() + 100);
        take_and_give(&FIRST);
    });
    TOLD.set(0);
    take_and_give(&FIRST);
    assert_eq!(TOLD.get(), 402, "twice by the first, and twice by the second for each");
}

#[test]
fn one_within_another_is_told_of_by_both() {
    let (inner, outer) = (AtomicU64::new(0), AtomicU64::new(0));
    let both =
        LoggingAllocator::with(LoggingAllocator::with(Global, |_: &AllocEvent| count(&inner)), |_: &AllocEvent| {
            count(&outer);
        });
    take_and_give(&both);
    assert_eq!((inner.into_inner(), outer.into_inner()), (2, 2));
}

#[test]
fn destructors_at_the_end_of_a_thread_are_told_of() {
    struct AtTheEnd;
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            take_and_give(&LAST);
        }
    }
    thread_local! {
        static HOLDS: AtTheEnd = const { AtTheEnd };
    }
    static SEEN: AtomicU64 = AtomicU64::new(0);
    static LAST: LoggingAllocator<Global, fn(&AllocEvent)> = LoggingAllocator::with(Global, |_| {
        SEEN.fetch_add(1, Ordering::Relaxed);
        take_and_give(&LAST);
    });
    std::thread::spawn(|| HOLDS.with(|_| take_and_give(&LAST))).join().unwrap();
    assert_eq!(SEEN.load(Ordering::Relaxed), 4);
}

/// What a panic carries, and panics itself when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn a_sink_that_panics_loses_the_event_and_nothing_else() {
    let backing = Backing::default();
    let told = Cell::new(0);
    let logging = LoggingAllocator::with(&backing, |_: &AllocEvent| {
        told.set(told.get() + 1);
        match told.get() {
            1 | 2 => panic!("of the sink"),
            3 => panic_any(Bomb),
            _ => {}
        }
    });
    let block = logging.allocate(EIGHT).unwrap();
    // SAFETY: each call has the layout that the block has then.
    unsafe {
        let block = logging.grow(block.cast(), EIGHT, layout(80, 8)).unwrap();
        logging.deallocate(block.cast(), layout(80, 8));
    }
    assert_eq!((logging.lost_events(), backing.live_blocks()), (3, 0));
    take_and_give(&logging);
    assert_eq!((logging.lost_events(), told.get()), (3, 5), "it is told of later calls as before");
}

#[test]
fn while_the_thread_unwinds_a_sink_may_panic_too() {
    struct Gives<'a, S: Sink>(&'a LoggingAllocator<Global, S>, NonNull<u8>);
    impl<S: Sink> Drop for Gives<'_, S> {
        fn drop(&mut self) {
            // SAFETY: the block was taken for this value, with this layout.
            unsafe { self.0.deallocate(self.1, EIGHT) };
        }
    }
    let logging = LoggingAllocator::with(Global, |_: &AllocEvent| panic!("of the sink"));
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let _gives = Gives(&logging, logging.allocate(EIGHT).unwrap().cast());
        panic!("of the test");
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"of the test"));
    assert_eq!(logging.lost_events(), 2);
}

#[test]
fn threads_tell_of_all_their_calls() {
    let told = Mutex::new(Vec::new());
    let logging = LoggingAllocator::with(Global, |event: &AllocEvent| told.lock().unwrap().push(*event));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| take_and_give(&logging)));
        }
    });
    let told = told.into_inner().unwrap();
    assert_eq!(told.len(), 4000);
    let mut live = std::collections::HashSet::new();
    for event in told {
        let address = event.address.unwrap();
        let fits = match event.call {
            AllocCall::Deallocate => live.remove(&address),
            _ => live.insert(address),
        };
        assert!(fits, "no address is given out again before it went back: {event}");
    }
}

#[test]
fn a_failure_of_the_backing_is_told_as_one() {
    let told = RefCell::new(Vec::new());
    let logging = LoggingAllocator::with(FailingAllocator::fail_index(Global, 1), |event: &AllocEvent| {
        told.borrow_mut().push(event.is_failure());
    });
    take_and_give(&logging);
    assert!(logging.allocate(EIGHT).is_err());
    assert_eq!(told.take(), [false, false, true]);
}

fn assert_shared<T: Send + Sync>() {}

#[test]
fn is_shared_as_its_backing_and_its_sink_are() {
    assert_shared::<LoggingAllocator<Global>>();
    assert_shared::<LoggingAllocator<Global, fn(&AllocEvent)>>();
    assert_not!(Sync, LoggingAllocator<Cell<u8>>);
    assert_not!(Send, LoggingAllocator<std::rc::Rc<u8>>);
    assert_not!(Sync, LoggingAllocator<Global, Cell<u8>>);
    assert_not!(Send, LoggingAllocator<Global, std::rc::Rc<u8>>);
}
