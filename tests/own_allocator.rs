//! A testing allocator round an allocator of the program's own, which counts: one call outside is exactly one call inside, with
//! the caller's own arguments and answer, and a failed request is none.
//!
//! Built by `cargo test --no-default-features --test own_allocator`.
#![cfg(all(target_os = "linux", not(feature = "global")))]

#[path = "common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

use std::alloc::{GlobalAlloc, Layout, System, alloc, alloc_zeroed, dealloc, realloc};
use std::cell::Cell;
use std::collections::TryReserveError;
use std::hint::black_box;
use std::mem;
use std::panic::{catch_unwind, resume_unwind};
use std::ptr;
use std::sync::{Mutex, PoisonError};

use common::{Row, clean, failing, want};
use oomsweep::model::code::Verdict;
use oomsweep::{EngineChoice, Report, Sweep, TestingAllocator, alloc_test, benign, exempt};
use rstest::rstest;
use serde_json::Value::Null;

#[global_allocator]
static ALLOCATOR: TestingAllocator<Counting<System>> = TestingAllocator::new(Counting(System));

/// More than this the allocator has not.
const MOST: usize = 16 << 20;

/// Counts the calls of each thread, and keeps the last one.
struct Counting<A>(A);

/// How often which method was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Calls {
    alloc: u64,
    zeroed: u64,
    realloc: u64,
    dealloc: u64,
}

/// What a call was given, and what it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    layout: Layout,
    block: *mut u8,
    new_size: usize,
    answer: *mut u8,
}

thread_local! {
    static CALLS: Cell<Calls> = const { Cell::new(Calls { alloc: 0, zeroed: 0, realloc: 0, dealloc: 0 }) };
    static LAST: Cell<Option<Last>> = const { Cell::new(None) };
}

impl<A> Counting<A> {
    fn note(&self, count: impl FnOnce(&mut Calls), last: Last) -> *mut u8 {
        let mut calls = CALLS.get();
        count(&mut calls);
        CALLS.set(calls);
        LAST.set(Some(last));
        last.answer
    }
}

fn unless_absurd(size: usize, answer: impl FnOnce() -> *mut u8) -> *mut u8 {
    if size > MOST { ptr::null_mut() } else { answer() }
}

// SAFETY: every call is passed on as it is, or answered null; nothing here allocates or unwinds.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's obligations are those of the allocator inside; so below.
        let answer = unless_absurd(layout.size(), || unsafe { self.0.alloc(layout) });
        self.note(|calls| calls.alloc += 1, Last { layout, block: ptr::null_mut(), new_size: 0, answer })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let answer = unless_absurd(layout.size(), || unsafe { self.0.alloc_zeroed(layout) });
        self.note(|calls| calls.zeroed += 1, Last { layout, block: ptr::null_mut(), new_size: 0, answer })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        let answer = unless_absurd(new_size, || unsafe { self.0.realloc(block, layout, new_size) });
        self.note(|calls| calls.realloc += 1, Last { layout, block, new_size, answer })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.0.dealloc(block, layout) };
        self.note(|calls| calls.dealloc += 1, Last { layout, block, new_size: 0, answer: ptr::null_mut() });
    }
}

/// What a call of the program's came to inside: the answer, and the calls that were made there.
fn counted<T>(call: impl FnOnce() -> T) -> (T, Calls) {
    let before = CALLS.get();
    let answer = call();
    let after = CALLS.get();
    let calls = Calls {
        alloc: after.alloc - before.alloc,
        zeroed: after.zeroed - before.zeroed,
        realloc: after.realloc - before.realloc,
        dealloc: after.dealloc - before.dealloc,
    };
    (answer, calls)
}

const NONE: Calls = Calls { alloc: 0, zeroed: 0, realloc: 0, dealloc: 0 };
const ALLOC: Calls = Calls { alloc: 1, ..NONE };
const ZEROED: Calls = Calls { zeroed: 1, ..NONE };
const REALLOC: Calls = Calls { realloc: 1, ..NONE };
const DEALLOC: Calls = Calls { dealloc: 1, ..NONE };

/// Who refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// The sweep: the allocator inside was not called.
    Injected,
    /// The allocator inside, which was called once.
    Really,
}

/// A null, by what was called inside for it.
#[track_caller]
fn refusal(calls: Calls, one: Calls) -> Refused {
    if calls == NONE {
        return Refused::Injected;
    }
    assert_eq!(calls, one, "a refused request is one call inside, or none");
    assert_eq!(
        LAST.get().map(|last| last.answer),
        Some(ptr::null_mut()),
        "what the allocator gave out was thrown away"
    );
    Refused::Really
}

/// A block of one repeated byte. Every call that it is made of is held against what happened inside.
struct Block {
    at: *mut u8,
    layout: Layout,
    byte: u8,
}

impl Block {
    /// Uninitialised memory, filled.
    fn filled(layout: Layout, byte: u8) -> Result<Block, Refused> {
        // SAFETY: the layouts here have sizes.
        let (at, calls) = counted(|| black_box(unsafe { alloc(layout) }));
        let mut block = Block::taken(at, layout, calls, ALLOC)?;
        block.fill(byte);
        Ok(block)
    }

    /// Zeroed memory, seen to be zero.
    fn zeroed(layout: Layout) -> Result<Block, Refused> {
        // SAFETY: as above.
        let (at, calls) = counted(|| black_box(unsafe { alloc_zeroed(layout) }));
        let block = Block::taken(at, layout, calls, ZEROED)?;
        block.assert_kept(layout.size());
        Ok(block)
    }

    fn taken(at: *mut u8, layout: Layout, calls: Calls, one: Calls) -> Result<Block, Refused> {
        if at.is_null() {
            return Err(refusal(calls, one));
        }
        assert_eq!(calls, one, "{layout:?}");
        assert_eq!(LAST.get(), Some(Last { layout, block: ptr::null_mut(), new_size: 0, answer: at }));
        assert_eq!(at as usize % layout.align(), 0, "{layout:?}");
        Ok(Block { at, layout, byte: 0 })
    }

    /// Makes it larger or smaller; a failure changes nothing.
    fn resize(&mut self, new_size: usize) -> Result<(), Refused> {
        let (at, layout) = (self.at, self.layout);
        // SAFETY: the block is live with this layout; the sizes here are above zero and far below the largest.
        let (moved, calls) = counted(|| black_box(unsafe { realloc(black_box(at), layout, new_size) }));
        if moved.is_null() {
            self.assert_kept(layout.size());
            return Err(refusal(calls, REALLOC));
        }
        assert_eq!(calls, REALLOC, "{layout:?} to {new_size}");
        assert_eq!(LAST.get(), Some(Last { layout, block: at, new_size, answer: moved }));
        assert_eq!(moved as usize % layout.align(), 0, "{layout:?}");
        self.at = moved;
        self.layout = of(new_size, layout.align());
        self.assert_kept(usize::min(layout.size(), new_size));
        self.fill(self.byte.wrapping_add(1));
        Ok(())
    }

    fn fill(&mut self, byte: u8) {
        // SAFETY: the block is live, ours and as long as its layout says.
        unsafe { self.at.write_bytes(byte, self.layout.size()) };
        self.byte = byte;
    }

    /// Its first bytes are as they were.
    #[track_caller]
    fn assert_kept(&self, len: usize) {
        // SAFETY: as above; every byte of it is initialised.
        let bytes = unsafe { std::slice::from_raw_parts(self.at, len) };
        // Two comparisons of memory, which cost the same with and without optimisation.
        let kept = bytes.first() == Some(&self.byte) && bytes[1..] == bytes[..len - 1];
        assert!(kept, "{:?}: not {len} times {}", self.layout, self.byte);
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let (at, layout) = (self.at, self.layout);
        // SAFETY: the block is live with this layout, and nobody uses it any more.
        let ((), calls) = counted(|| unsafe { dealloc(black_box(at), layout) });
        assert_eq!(calls, DEALLOC, "{layout:?}");
        assert_eq!(LAST.get(), Some(Last { layout, block: at, new_size: 0, answer: ptr::null_mut() }));
    }
}

fn of(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a size and an alignment that go together")
}

/// How many requests [`all_calls`] makes.
const REQUESTS: usize = 5;

/// Every method of the allocator, in every direction.
fn all_calls(layout: Layout) -> Result<(), Refused> {
    // So that zeroed memory is not zero by chance.
    drop(Block::filled(layout, 0xA5)?);
    let mut block = Block::zeroed(layout)?;
    block.resize(layout.size() + layout.size() / 2 + 1)?;
    block.resize(block.layout.size())?;
    block.resize(usize::max(1, layout.size() / 3))
}

/// Every alignment up to a page's.
fn alignments() -> impl Iterator<Item = usize> {
    (0..=12).map(|power| 1 << power)
}

/// Sizes from 1 to 100,000, with every alignment among them.
fn many() -> impl Iterator<Item = Layout> {
    let sizes = (1..=64).chain((65..=100_000).step_by(131)).chain([4095, 4096, 4097, 65_535, 65_536, 99_999, 100_000]);
    sizes.zip(alignments().collect::<Vec<_>>().into_iter().cycle()).map(|(size, align)| of(size, align))
}

/// The corners.
fn few() -> impl Iterator<Item = Layout> {
    [1, 24, 4097, 100_000].into_iter().flat_map(|size| alignments().map(move |align| of(size, align)))
}

fn every(layouts: impl Iterator<Item = Layout>) {
    for layout in layouts {
        assert_eq!(all_calls(layout), Ok(()), "{layout:?}");
    }
}

/// The engine that runs in this process, whose calls the thread has counted.
fn in_process(name: &str) -> Sweep {
    Sweep::new(name).engine(EngineChoice::InProcess)
}

fn verdicts(report: &Report) -> Vec<Verdict> {
    report.trials().iter().map(|trial| trial.verdict).collect()
}

#[test]
fn one_call_is_one_call_outside_a_run() {
    every(many());
    // A sweep leaves things as they were.
    in_process("t").leaks_only().run(|| drop(Block::filled(of(8, 8), 1))).assert_clean();
    every(few());
}

#[test]
fn one_call_is_one_call_in_a_run() {
    let layouts: Vec<Layout> = many().collect();
    let report = in_process("t").leaks_only().run(|| every(layouts.iter().copied()));
    report.assert_clean();
    assert_eq!(report.points.total, (layouts.len() * REQUESTS) as u64, "{report}");
}

/// Where nothing is failed: set-up, exempt places, destructors while unwinding, other threads.
#[test]
fn one_call_is_one_call_where_nothing_fails() {
    struct Unwound;
    impl Drop for Unwound {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            every(few());
        }
    }
    let report = in_process("t").run_with(
        || every(few()),
        |()| {
            exempt(|| every(few()));
            exempt(|| std::thread::scope(|scope| drop(scope.spawn(|| every(few())).join())));
            let unwound = catch_unwind(|| {
                let _unwound = Unwound;
                resume_unwind(Box::new(()));
            });
            assert!(unwound.is_err());
            drop(unwound);
            Block::filled(of(8, 8), 1).map(drop)
        },
    );
    report.assert_clean();
    assert_eq!(verdicts(&report), [Verdict::Error; 2], "{report}");
}

/// A thread that has nothing to do with a sweep, while one is open and while one is between its runs.
#[test]
fn one_call_is_one_call_beside_a_sweep() {
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                every(few());
            }
        });
        let reports: Vec<Report> = (0..20).map(|_| in_process("t").run(|| all_calls(of(100, 8)))).collect();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        beside.join().expect("the thread beside the sweep counts rightly too");
        reports.iter().for_each(Report::assert_clean);
    });
}

#[test]
fn a_failed_request_is_no_call() {
    let layouts: Vec<Layout> = few().collect();
    let body = || {
        let result = layouts.iter().try_for_each(|&layout| all_calls(layout));
        assert_ne!(result, Err(Refused::Really), "nothing here is too large");
        result
    };
    let report = in_process("t").run(body);
    report.assert_clean();
    let points = layouts.len() * REQUESTS;
    assert_eq!(verdicts(&report), vec![Verdict::Error; 2 * points], "{report}");
}

/// What the allocator inside refuses is passed through: no fault, and the block to be resized stays.
#[rstest]
fn a_real_failure_is_one_call(#[values(EngineChoice::InProcess, EngineChoice::Auto)] engine: EngineChoice) {
    let body = || {
        let mut block = Block::filled(of(64, 64), 7)?;
        let refused = benign(|| {
            let alloc = Block::filled(of(MOST + 1, 8), 7).err();
            let zeroed = Block::zeroed(of(MOST + 1, 4096)).err();
            [alloc, zeroed, block.resize(MOST + 1).err()]
        });
        assert!(refused.iter().all(Option::is_some), "there is not so much");
        block.assert_kept(64);
        block.resize(65)
    };
    let report = Sweep::new("t").engine(engine).run(body);
    report.assert_clean();
    use Verdict::{Error, Tolerated};
    let once = [Error, Tolerated, Tolerated, Tolerated, Error];
    let persistent = [Error; 5];
    assert_eq!(verdicts(&report), [once, persistent].concat(), "{report}");
}

#[test]
fn without_a_fault_every_failure_is_real() {
    let body = || {
        assert_eq!(Block::filled(of(MOST + 1, 8), 7).err(), Some(Refused::Really));
        assert_eq!(Block::zeroed(of(MOST + 1, 1)).err(), Some(Refused::Really));
        let mut block = Block::filled(of(64, 64), 7)?;
        assert_eq!(block.resize(MOST + 1), Err(Refused::Really));
        block.resize(1)
    };
    assert_eq!(body(), Ok(()));
    in_process("t").leaks_only().run(body).assert_clean();
}

/// What a run leaves in a static is looked through for pointers, bytes that were never written included; it is no leak.
#[test]
fn what_a_static_holds_is_no_leak() {
    static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    let body = || {
        let mut outer: Vec<Vec<u8>> = Vec::new();
        outer.try_reserve_exact(8)?;
        let mut inner = Vec::new();
        inner.try_reserve_exact(800)?;
        outer.push(inner);
        *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = outer;
        Ok::<(), TryReserveError>(())
    };
    let report = in_process("t").run(body);
    report.assert_clean();
    assert_eq!(verdicts(&report), [Verdict::Error; 4], "{report}");
}

// ---- Seeded bugs, each with its twin, in processes of their own ---------------------------------------------------------------

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn leaks() -> Result<(), Refused> {
    let first = Block::filled(of(48, 16), 1)?;
    let second = Block::filled(of(20, 4), 1);
    if second.is_err() {
        mem::forget(first);
    }
    second.map(drop)
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn keeps() -> Result<(), Refused> {
    let first = Block::filled(of(48, 16), 1)?;
    let second = Block::filled(of(20, 4), 1);
    if second.is_err() {
        drop(first);
    }
    second.map(drop)
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn loses_what_did_not_grow() -> Result<(), Refused> {
    let mut block = Block::filled(of(40, 4096), 1)?;
    let grown = block.resize(4000);
    if grown.is_err() {
        mem::forget(block);
    }
    grown
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn frees_what_did_not_grow() -> Result<(), Refused> {
    let mut block = Block::filled(of(40, 4096), 1)?;
    block.resize(4000)
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn loses_what_could_not_grow() -> Result<(), Refused> {
    let mut block = Block::filled(of(40, 4096), 1)?;
    assert!(benign(|| block.resize(MOST + 1)).is_err());
    let second = Block::filled(of(20, 4), 1);
    if second.is_err() {
        mem::forget(block);
    }
    second.map(drop)
}

/// The allocator would have had this much, but for its own limit.
#[alloc_test(infallible = "skip")]
#[ignore = "seeded bug: run by the table"]
fn asks_for_too_much() -> Result<(), Refused> {
    let room = Block::filled(of(24, 1), 1);
    if room.is_err() {
        drop(black_box(Vec::<u8>::with_capacity(black_box(MOST + 1)))); // HERE: absurd
    }
    room.map(drop)
}

#[rstest]
#[case::leak(failing("leaks").trials("error leak error leak").finds(want("leak", "once@1", 2).block(48, 1)))]
#[case::leak_twin(clean("keeps").trials("error*4"))]
#[case::resized(failing("loses_what_did_not_grow").trials("error leak error leak")
    .finds(want("leak", "once@1", 2).block(40, 1).has("/failed_request/old_size", 40)))]
#[case::resized_twin(clean("frees_what_did_not_grow").trials("error*4"))]
#[case::too_large(failing("loses_what_could_not_grow").trials("error tolerated leak error leak leak")
    .finds(want("leak", "once@2", 3).block(40, 1)))]
#[case::real(failing("asks_for_too_much").trials("abort skipped")
    .finds(want("abort", "once@0", 1).culprit("absurd").has("/culprit/injected", Null)))]
fn bugs_are_found(#[case] row: Row) {
    row.check("tests/own_allocator.rs", include_str!("own_allocator.rs"));
}
