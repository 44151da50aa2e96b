use proptest::prelude::*;

use super::*;
use crate::heap::watched::tests::{Backing, Done, assert_not, go, layout, sit_exam, steps};

#[test]
fn sits_the_exam() {
    sit_exam(&Backing::default(), CountingAllocator::new);
}

/// Counts by hand, from what the steps came to.
#[derive(Default)]
struct Naive {
    stats: AllocStats,
    live: u64,
}

impl Naive {
    fn see(&mut self, done: Done) {
        let Done { from, to, succeeded, .. } = done;
        let (from, to) = (from as u64, to as u64);
        match (succeeded, from, to) {
            (_, 0, 0) => return,
            (false, ..) => {
                self.stats.failed += 1;
                return;
            }
            (true, 0, _) => self.stats.allocations += 1,
            (true, _, 0) => self.stats.frees += 1,
            (true, ..) => self.stats.reallocations += 1,
        }
        self.stats.bytes += to.saturating_sub(from);
        self.live = self.live + to - from;
        self.stats.peak = self.stats.peak.max(self.live);
    }
}

proptest! {
    #[test]
    fn counts_as_one_would_by_hand(steps in steps()) {
        let backing = Backing::default();
        let counting = CountingAllocator::new(&backing);
        let mut naive = Naive::default();
        go(&counting, &backing, &steps, |done| {
            naive.see(done);
            assert_eq!(counting.stats(), naive.stats);
            assert_eq!(counting.live_bytes(), naive.live);
            assert_eq!(counting.live_bytes(), backing.live_bytes() as u64);
            assert_eq!(counting.live_blocks(), backing.live_blocks() as u64);
        });
    }
}

#[test]
fn the_peak_starts_anew_at_what_is_live() {
    let counting = CountingAllocator::new(Global);
    let (small, large) = (layout(10, 1), layout(90, 1));
    let kept = counting.allocate(small).unwrap();
    let block = counting.allocate(large).unwrap();
    // SAFETY: allocated just now, with this layout.
    unsafe { counting.deallocate(block.cast(), large) };
    assert_eq!(counting.stats().peak, 100);
    counting.reset_peak();
    assert_eq!(counting.stats().peak, 10);
    // SAFETY: allocated above, with this layout.
    unsafe { counting.deallocate(kept.cast(), small) };
    assert_eq!(
        counting.stats().to_string(),
        "allocations: 2, reallocations: 0, frees: 2, failed: 0, bytes: 100, peak: 10"
    );
}

#[test]
fn what_the_backing_refuses_has_failed_and_is_not_counted() {
    let backing = Backing::default();
    let counting = CountingAllocator::new(&backing);
    backing.refuses.store(true, Ordering::Relaxed);
    assert!(counting.allocate(layout(8, 8)).is_err());
    assert_eq!(counting.stats(), AllocStats { failed: 1, ..AllocStats::default() });
}

#[test]
fn threads_lose_no_count() {
    let counting = CountingAllocator::new(Global);
    std::thread::scope(|scope| {
        for size in 1..=4 {
            let counting = &counting;
            scope.spawn(move || {
                for _ in 0..5000 {
                    let (small, large) = (layout(size, 1), layout(size + 10, 1));
                    let block = counting.allocate(small).unwrap();
                    // SAFETY: allocated just now, with this layout.
                    let block = unsafe { counting.grow(block.cast(), small, large) }.unwrap();
                    assert!(counting.live_blocks() <= 4);
                    // SAFETY: grown just now to this layout.
                    unsafe { counting.deallocate(block.cast(), large) };
                    counting.reset_peak();
                }
            });
        }
    });
    let stats = counting.stats();
    assert_eq!((stats.allocations, stats.reallocations, stats.frees), (20_000, 20_000, 20_000));
    assert_eq!((stats.failed, stats.bytes), (0, 5000 * (11 + 12 + 13 + 14)));
    assert_eq!((counting.live_blocks(), counting.live_bytes()), (0, 0));
    counting.reset_peak();
    assert_eq!(counting.stats().peak, 0);
}

fn assert_shared<T: Send + Sync>() {}

#[test]
fn is_shared_as_its_backing_is() {
    assert_shared::<CountingAllocator<Global>>();
    assert_shared::<AllocStats>();
    assert_not!(Sync, CountingAllocator<std::cell::Cell<u8>>);
    assert_not!(Send, CountingAllocator<std::rc::Rc<u8>>);
}
