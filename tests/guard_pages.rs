//! Blocks between guard pages: reads and writes beside a block, or of one that is freed, end at the very instruction, and are told.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(oomsweep_portable)))]

#[path = "common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use oomsweep::model::memory::{Noticed, Place};
use oomsweep::model::report::Finding;
use oomsweep::{EngineChoice, Faults, Report, Sweep};
use rstest::rstest;

use common::{Run, run_self};

#[derive(Debug)]
struct Oom;

/// A block of bytes with an alignment, and no owner.
struct Raw {
    at: *mut u8,
    layout: Layout,
}

impl Raw {
    #[inline(never)]
    fn new(size: usize, align: usize) -> Result<Raw, Oom> {
        let layout = Layout::from_size_align(size, align).map_err(|_| Oom)?;
        // SAFETY: no body asks for a size of zero.
        let at = black_box(unsafe { alloc(layout) });
        if at.is_null() { Err(Oom) } else { Ok(Raw { at, layout }) }
    }

    #[inline(never)]
    fn read(&self, offset: isize) {
        // SAFETY: none, where the offset leaves the block: that is what is tested.
        black_box(unsafe { black_box(self.at).wrapping_offset(offset).read_volatile() });
    }

    #[inline(never)]
    fn write(&self, offset: isize) {
        // SAFETY: as above.
        unsafe { black_box(self.at).wrapping_offset(offset).write_volatile(7) };
    }

    #[inline(never)]
    fn free(&self) {
        // SAFETY: each body gives a block back once.
        unsafe { dealloc(black_box(self.at), self.layout) };
    }
}

/// Takes a block, and another; if that fails, does something to the first.
fn on_failure(size: usize, align: usize, what: impl Fn(&Raw)) -> Result<(), Oom> {
    let first = Raw::new(size, align)?;
    let second = Raw::new(10, 1);
    match &second {
        Ok(second) => second.free(),
        Err(Oom) => what(&first),
    }
    first.free();
    second.map(drop)
}

fn sweep(name: &str) -> Sweep {
    Sweep::new(name).guard_pages().faults(Faults::ONCE)
}

fn verdicts(report: &Report) -> String {
    let told: Vec<String> = report.trials().iter().map(|trial| format!("{}:{}", trial.fault, trial.verdict)).collect();
    told.join(" ")
}

#[track_caller]
fn only(report: &Report) -> &Finding {
    assert_eq!(report.findings().len(), 1, "{report}");
    &report.findings()[0]
}

#[rstest]
#[case::in_children(EngineChoice::Auto)]
#[case::alone(EngineChoice::BruteForce)]
#[case::here(EngineChoice::InProcess)]
fn an_innocent_body_passes(#[case] engine: EngineChoice) {
    let report = sweep("innocent").engine(engine).run(|| {
        let mut words: Vec<String> = Vec::new();
        for length in [0, 1, 15, 16, 100, 4095, 4096, 5000, 200_000] {
            let mut word = String::new();
            word.try_reserve(length)?;
            word.extend(std::iter::repeat_n('x', length));
            words.try_reserve(1)?;
            words.push(word);
        }
        words.retain(|word| word.len() > 10);
        Ok::<(), std::collections::TryReserveError>(())
    });
    assert!(report.is_clean(), "{report}");
    assert!(report.coverage.tried > 10 && report.coverage.error == report.coverage.tried, "{report}");
}

#[rstest]
#[case::read_behind(24, 8, 24, false, "overflow", Place::Behind)]
#[case::write_behind(24, 8, 24, true, "overflow", Place::Behind)]
#[case::far_behind(24, 8, 2000, false, "overflow", Place::Behind)]
#[case::read_before(24, 8, -1, false, "underflow", Place::Before)]
#[case::write_before(24, 8, -1, true, "underflow", Place::Before)]
#[case::large(1 << 20, 8, 1 << 20, false, "overflow", Place::Behind)]
#[case::pages(8192, 4096, -1, true, "underflow", Place::Before)]
fn an_access_beside_a_block(
    #[case] size: usize,
    #[case] align: usize,
    #[case] offset: isize,
    #[case] writes: bool,
    #[case] code: &str,
    #[case] place: Place,
) {
    let body = || on_failure(size, align, |block| if writes { block.write(offset) } else { block.read(offset) });
    let report = sweep("beside").run(body);
    assert_eq!(verdicts(&report), format!("once@0:error once@1:{code}"), "{report}");
    let finding = only(&report);
    let error = finding.memory.as_ref().expect("a memory error");
    let noticed = if writes { Noticed::Write } else { Noticed::Read };
    assert_eq!((error.noticed, error.place, error.offset), (noticed, Some(place), Some(offset as i64)), "{report}");
    let block = finding.blocks.first().expect("its block");
    assert_eq!((block.size, block.align), (size as u64, align as u64), "{report}");
    assert!(block.born.iter().any(|frame| frame.function.contains("Raw::new")), "{report}");
    let stack = error.stack.as_ref().expect("the instruction's stack");
    let doer = if writes { "Raw::write" } else { "Raw::read" };
    assert!(stack.iter().any(|frame| frame.function.contains(doer)), "{report}");
    assert!(stack.iter().all(|frame| !frame.function.contains("sweep::runner")), "{report}");
}

#[rstest]
#[case::read(100, 10, false)]
#[case::write(100, 10, true)]
#[case::first_byte(1, 0, false)]
#[case::large(1 << 20, 70_000, false)]
fn an_access_to_a_freed_block(#[case] size: usize, #[case] offset: isize, #[case] writes: bool) {
    let report = sweep("freed").run(|| {
        on_failure(8, 8, |_| {
            let Ok(block) = Raw::new(size, 1) else { return };
            block.free();
            if writes { block.write(offset) } else { block.read(offset) }
        })
    });
    assert_eq!(verdicts(&report), "once@0:error once@1:use-after-free", "{report}");
    let block = only(&report).blocks.first().expect("its block");
    assert_eq!(block.size, size as u64);
    let freed = block.freed.as_ref().expect("the stack of its free");
    assert!(freed.iter().any(|frame| frame.function.contains("Raw::free")), "{report}");
}

#[test]
fn a_freed_huge_block_is_told_between_zones_too() {
    let report = Sweep::new("huge").faults(Faults::ONCE).run(|| {
        on_failure(8, 8, |_| {
            let Ok(block) = Raw::new(1 << 20, 1) else { return };
            block.free();
            block.read(500_000);
        })
    });
    assert_eq!(verdicts(&report), "once@0:error once@1:use-after-free", "{report}");
    assert_eq!(only(&report).memory.as_ref().map(|error| error.noticed), Some(Noticed::Read), "{report}");
}

#[test]
fn a_realloc_always_moves() {
    let report = sweep("moved").run(|| {
        let mut block = Raw::new(64, 1)?;
        // SAFETY: the block is live and has that layout.
        let moved = unsafe { realloc(block.at, block.layout, 65) };
        if moved.is_null() {
            block.free();
            return Err(Oom);
        }
        let old = Raw { at: block.at, layout: block.layout };
        block = Raw { at: moved, layout: Layout::from_size_align(65, 1).map_err(|_| Oom)? };
        let third = Raw::new(1, 1);
        if third.is_err() {
            old.read(3);
        }
        block.free();
        third.map(|third| third.free())
    });
    assert_eq!(verdicts(&report), "once@0:error once@1:error once@2:use-after-free", "{report}");
    assert!(only(&report).memory.as_ref().is_some_and(|error| error.moved), "{report}");
}

#[test]
fn a_plain_run_is_made_between_guard_pages_as_well() {
    for (offset, code) in [(8, "overflow"), (-1, "underflow")] {
        let report = sweep("plain").run(|| {
            let block = Raw::new(8, 8)?;
            block.read(offset);
            block.free();
            Ok::<(), Oom>(())
        });
        let finding = only(&report);
        assert_eq!((finding.code.as_str(), report.coverage.tried), (code, 0), "{report}");
    }
}

#[test]
fn a_fault_of_another_thread_is_told() {
    let report = sweep("thread").run(|| {
        on_failure(24, 8, |block| {
            let at = block.at as usize;
            let other = std::thread::spawn(move || {
                Raw { at: at as *mut u8, layout: Layout::new::<u8>() }.read(24);
            });
            drop(other.join());
        })
    });
    assert_eq!(verdicts(&report), "once@0:error once@1:overflow", "{report}");
}

/// Every failure leaves another state behind, so each run has a process of its own; both ways are tried all the same.
#[rstest]
#[case::behind(24, "overflow")]
#[case::before(-1, "underflow")]
fn both_sides_are_tried_where_runs_leave_traces(#[case] offset: isize, #[case] code: &str) {
    static FAILURES: AtomicU32 = AtomicU32::new(0);
    let report = sweep("traces").run(|| {
        let first = Raw::new(16, 8).inspect_err(|Oom| {
            FAILURES.fetch_add(1, Ordering::Relaxed);
        })?;
        let second = Raw::new(24, 8).inspect_err(|Oom| {
            FAILURES.fetch_add(1, Ordering::Relaxed);
        });
        let third = Raw::new(1, 1);
        if let (Ok(second), Err(Oom)) = (&second, &third) {
            second.read(offset);
        }
        first.free();
        second.as_ref().map(Raw::free).ok();
        third.as_ref().map(Raw::free).ok();
        second.and(third).map(drop)
    });
    assert_eq!(verdicts(&report), format!("once@0:error once@1:error once@2:{code}"), "{report}");
}

/// What a pointer is that was made of bytes of ours.
#[rstest]
#[case::freed(true, "freed memory")]
#[case::new(false, "never written")]
fn a_pointer_made_of_our_bytes_is_told(#[case] freed: bool, #[case] told: &str) {
    let report = Sweep::new("wild").faults(Faults::ONCE).run(|| {
        on_failure(64, 8, |_| {
            let Ok(block) = Raw::new(64, 8) else { return };
            if freed {
                block.free();
            }
            // SAFETY: none, that is the trap.
            black_box(unsafe { black_box(block.at).cast::<*const u8>().read_volatile().read_volatile() });
        })
    });
    assert_eq!(verdicts(&report), "once@0:error once@1:crash", "{report}");
    let signal = only(&report).signal.as_ref().expect("a signal");
    assert!(signal.explained.as_ref().is_some_and(|words| words.contains(told)), "{report}");
}

fn dive(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    if depth == 0 { 0 } else { dive(depth + 1) + room[3] }
}

#[test]
fn the_end_of_another_threads_stack_is_told() {
    let report = Sweep::new("deep").faults(Faults::ONCE).run(|| {
        on_failure(8, 8, |_| {
            drop(std::thread::spawn(|| black_box(dive(1))).join());
        })
    });
    assert_eq!(verdicts(&report), "once@0:error once@1:crash", "{report}");
    let signal = only(&report).signal.as_ref().expect("a signal");
    assert!(signal.explained.as_ref().is_some_and(|words| words.contains("stack's end")), "{report}");
}

#[oomsweep::alloc_test(guard = "pages")]
#[ignore = "run by the test below"]
fn reads_behind() -> Result<(), Oom> {
    on_failure(24, 8, |block| block.read(24))
}

#[test]
fn a_replay_dies_of_the_access_and_says_which() {
    let ran = run_self("reads_behind", &[]);
    assert!(ran.failed() && ran.output().contains("overflow"), "{}", ran.output());
    let ran = Run::new("reads_behind").env("OOMSWEEP_REPLAY", "once@1").go();
    let said = "it read 0 bytes behind the end of a live block of 24 bytes (align 8)";
    assert!(!ran.passed() && ran.output().contains(said), "{}", ran.output());
}
