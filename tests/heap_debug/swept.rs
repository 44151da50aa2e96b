//! In a body whose allocations are made to fail: what it asks of the debug allocator fails with it, and nothing is held against what
//! the allocator keeps for itself.

use std::alloc::Layout;

use oomsweep::heap::adapt::Global;
use oomsweep::heap::{AllocError, Allocator, DebugAllocator};
use oomsweep::{AnyError, Report, Sweep};

use crate::seeds::{give, layout, resize, take, told};

fn grown(heap: &DebugAllocator) -> Result<(), AllocError> {
    let block = heap.allocate(layout(24, 8))?.cast::<u8>();
    let Some(block) = resize!(heap, grow, block, (24, 8), (100, 8)) else {
        give!(heap, block, 24, 8);
        return Err(AllocError);
    };
    give!(heap, block, 100, 8);
    Ok(())
}

fn sweep(body: impl FnMut() -> Result<(), AllocError>) -> Report {
    Sweep::<AnyError>::new("a debug allocator").run(body)
}

#[test]
fn its_requests_are_points() {
    let report = sweep(|| {
        let heap = DebugAllocator::new(Global);
        let done = grown(&heap);
        heap.deinit().expect("nothing is left");
        done
    });
    report.assert_clean();
    assert_eq!((report.points.total, report.coverage.error), (2, 4), "{report}");
}

#[test]
fn what_it_holds_back_is_no_leak() {
    static HEAP: DebugAllocator = DebugAllocator::new(Global);
    let report = sweep(|| grown(&HEAP));
    report.assert_clean();
    assert_eq!(report.coverage.error, 4, "{report}");
    assert_eq!(HEAP.live_blocks(), 0);
}

#[test]
fn what_leaks_from_it_is_a_leak() {
    static HEAP: DebugAllocator = DebugAllocator::new(Global);
    let report = sweep(|| {
        let first = HEAP.allocate(layout(24, 8))?.cast::<u8>();
        let second = HEAP.allocate(layout(48, 8))?.cast::<u8>();
        give!(HEAP, first, 24, 8);
        give!(HEAP, second, 48, 8);
        Ok(())
    });
    let codes: Vec<&str> = report.findings().iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["leak"], "{report}");
    assert!(report.to_string().contains("swept.rs"), "{report}");
}

#[test]
fn its_reports_ask_for_nothing_that_fails() {
    let report = sweep(|| {
        let heap = DebugAllocator::new(Global);
        let layout = Layout::new::<[u64; 4]>();
        let block = heap.allocate(layout)?.cast::<u8>();
        give!(heap, block, 32, 8);
        let text = oomsweep::exempt(|| told(|| give!(heap, block, 32, 8)));
        oomsweep::exempt(|| {
            assert!(text.contains("freed twice"), "{text}");
            let again = take!(heap, 8);
            give!(heap, again, 8);
            assert_eq!(heap.deinit().unwrap_err().errors().len(), 1);
            drop(text);
        });
        Ok(())
    });
    report.assert_clean();
}

/// A body that forgets its first block where the second is refused, and `ends` its allocator then.
fn forgets(ends: impl Fn(DebugAllocator) + Copy) -> String {
    let report = sweep(|| {
        let heap = DebugAllocator::new(Global);
        let first = heap.allocate(layout(24, 8))?.cast::<u8>();
        let Ok(second) = heap.allocate(layout(48, 8)) else {
            oomsweep::exempt(|| ends(heap));
            return Err(AllocError);
        };
        give!(heap, first, 24, 8);
        give!(heap, second.cast::<u8>(), 48, 8);
        Ok(())
    });
    assert!(report.findings().iter().any(|finding| finding.code.as_str() == "panic"), "{report}");
    report.to_string()
}

#[test]
fn an_end_with_leaks_that_is_unwrapped_is_no_refused_request() {
    let text = forgets(|heap| heap.deinit().unwrap());
    assert!(!text.contains("unwraps the injected error"), "{text}");
}

#[test]
fn a_panic_without_a_place_is_no_missing_line() {
    let text = forgets(drop);
    assert!(cfg!(not(debug_assertions)) || !text.contains("no line numbers"), "{text}");
}
