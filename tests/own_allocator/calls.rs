//! Which calls reach the allocator inside, and which do not.

use std::alloc::Layout;
use std::collections::TryReserveError;
use std::mem;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};

use oomsweep::model::code::Verdict;
use oomsweep::{EngineChoice, Report, Sweep, benign, exempt};
use rstest::rstest;

use crate::block::{Block, Home, REQUESTS, Refused, all_calls, few, many, of};
use crate::counting::{LIVE, MOST};

fn every(home: Home, layouts: impl Iterator<Item = Layout>) {
    for layout in layouts {
        assert_eq!(all_calls(home, layout), Ok(()), "{layout:?}");
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
    every(Home::Inside, many());
    // A sweep leaves things as they were.
    in_process("t").leaks_only().run(|| drop(Block::filled(Home::Store, of(8, 8), 1))).assert_clean();
    every(Home::Inside, few());
}

#[test]
fn no_call_is_a_call_in_a_run() {
    let layouts: Vec<Layout> = many().collect();
    let report = in_process("t").leaks_only().run(|| every(Home::Store, layouts.iter().copied()));
    report.assert_clean();
    assert_eq!(report.points.total, (layouts.len() * REQUESTS) as u64, "{report}");
}

/// Where nothing is failed: set-up, exempt places, destructors while unwinding, other threads.
#[test]
fn no_call_is_a_call_where_nothing_fails() {
    struct Unwound;
    impl Drop for Unwound {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            every(Home::Store, few());
        }
    }
    let report = in_process("t").run_with(
        || every(Home::Store, few()),
        |()| {
            exempt(|| every(Home::Store, few()));
            let threads = || std::thread::scope(|scope| scope.spawn(|| every(Home::Store, few())).join());
            assert!(exempt(threads).is_ok(), "a thread of the body is served like the body");
            let unwound = catch_unwind(|| {
                let _unwound = Unwound;
                resume_unwind(Box::new(()));
            });
            assert!(unwound.is_err());
            drop(unwound);
            Block::filled(Home::Store, of(8, 8), 1).map(drop)
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
                every(Home::Inside, few());
            }
        });
        let reports: Vec<Report> =
            (0..20).map(|_| in_process("t").run(|| all_calls(Home::Store, of(100, 8)))).collect();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        beside.join().expect("the thread beside the sweep counts rightly too");
        reports.iter().for_each(Report::assert_clean);
    });
}

#[test]
fn a_failed_request_is_no_call() {
    let layouts: Vec<Layout> = few().collect();
    let report = in_process("t").run(|| layouts.iter().try_for_each(|&layout| all_calls(Home::Store, layout)));
    report.assert_clean();
    let points = layouts.len() * REQUESTS;
    assert_eq!(verdicts(&report), vec![Verdict::Error; 2 * points], "{report}");
}

/// Nobody is asked for what the store could never hold; it is no fault, and the block to be resized stays.
#[rstest]
fn what_has_no_room_is_refused_and_is_no_call(
    #[values(EngineChoice::InProcess, EngineChoice::Auto)] engine: EngineChoice,
    #[values(1 << 46, isize::MAX as usize)] absurd: usize,
) {
    let body = || {
        let mut block = Block::filled(Home::Store, of(64, 1), 7)?;
        let refused = benign(|| {
            let alloc = Block::filled(Home::Store, of(absurd, 1), 7).err();
            let zeroed = Block::zeroed(Home::Store, of(absurd, 1)).err();
            [alloc, zeroed, block.resize(absurd).err()]
        });
        assert_eq!(refused, [Some(Refused::Unasked); 3], "there is not so much");
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
    let body = |home: Home, most: usize, refused: Refused| {
        assert_eq!(Block::filled(home, of(most + 1, 8), 7).err(), Some(refused));
        assert_eq!(Block::zeroed(home, of(most + 1, 1)).err(), Some(refused));
        let mut block = Block::filled(home, of(64, 64), 7)?;
        assert_eq!(block.resize(most + 1), Err(refused));
        block.resize(1)
    };
    assert_eq!(body(Home::Inside, MOST, Refused::Inside), Ok(()));
    in_process("t").leaks_only().run(|| body(Home::Store, 1 << 46, Refused::Unasked)).assert_clean();
    // What the allocator inside has not, the store may have.
    in_process("t").leaks_only().run(|| drop(Block::filled(Home::Store, of(MOST + 1, 8), 7).unwrap())).assert_clean();
}

/// Blocks that were there before the sweep: as many as there will be runs, and more.
fn earlier(layout: Layout) -> Vec<Block> {
    (0..100).map(|_| Block::filled(Home::Inside, layout, 3).expect("there is room for a hundred")).collect()
}

#[rstest]
fn a_block_from_before_goes_back_to_the_allocator_inside(
    #[values(EngineChoice::InProcess, EngineChoice::Auto)] engine: EngineChoice,
) {
    let mut blocks = earlier(of(40, 8));
    let sweep = Sweep::new("t").engine(engine).leaks_only();
    sweep.run(|| drop(blocks.pop().expect("there are enough"))).assert_clean();
    assert!(!blocks.is_empty());
}

/// It is resized where it stands: a request like any other, and one call inside unless it is made to fail.
#[rstest]
fn a_block_from_before_is_resized_by_the_allocator_inside(
    #[values(EngineChoice::InProcess, EngineChoice::Auto)] engine: EngineChoice,
) {
    let mut blocks = earlier(of(40, 8));
    let mut body = |refused: &[Refused]| {
        let mut block = blocks.pop().expect("there are enough");
        block.resize(4000)?;
        let told = benign(|| block.resize(MOST + 1)).expect_err("there is not so much");
        assert!(refused.contains(&told), "{told:?}");
        block.resize(20)
    };
    Sweep::new("t").engine(engine).leaks_only().run(|| body(&[Refused::Inside])).assert_clean();
    let report = Sweep::new("t").engine(engine).run(|| body(&[Refused::Inside, Refused::Unasked]));
    report.assert_clean();
    use Verdict::{Error, Tolerated};
    assert_eq!(verdicts(&report), [Error, Tolerated, Error, Error, Error, Error], "{report}");
}

/// What a run leaves behind.
static LEFT: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// In a process of its own: a block of a run moves to the allocator inside when it is resized while no sweep is open anywhere in
/// the process, and those of the other tests come and go.
#[test]
fn a_block_of_a_run_never_reaches_the_allocator_inside() {
    const ALONE: &str = "OWN_ALLOCATOR_TESTED_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let name = "calls::a_block_of_a_run_never_reaches_the_allocator_inside";
        let this = std::env::current_exe().expect("a test has a file");
        let run = std::process::Command::new(this).args([name, "--exact", "--nocapture"]).env(ALONE, "1").output();
        let output = run.expect("it runs");
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("1 passed"), "{said}\n{errors}");
        return;
    }
    let body = || {
        let room = Block::filled(Home::Store, of(100, 16), 5)?;
        let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        // What an earlier run has left stands in the store too.
        left.clear();
        left.push(room);
        for layout in few() {
            left.push(exempt(|| Block::filled(Home::Store, layout, 6))?);
        }
        Ok::<(), Refused>(())
    };
    in_process("t").run(body).assert_clean();
    let mut left = mem::take(&mut *LEFT.lock().unwrap_or_else(PoisonError::into_inner));
    assert_eq!(left.len(), 1 + few().count());
    for block in &left {
        block.assert_kept(block.layout.size());
    }
    // Some are freed as they are; the others move to the allocator inside, and go back to it.
    for block in left.iter_mut().step_by(2) {
        assert_eq!(block.move_inside(MOST + 1), Err(Refused::Inside));
        assert_eq!(block.move_inside(block.layout.size() + 1), Ok(()));
        assert_eq!(block.resize(1), Ok(()));
    }
    drop(left);
}

/// What a sweep itself asks the allocator inside for, it gives back.
#[rstest]
fn nothing_is_left_of_a_sweep(#[values(EngineChoice::InProcess, EngineChoice::Auto)] engine: EngineChoice) {
    let sweep = || {
        let report = Sweep::new("t").engine(engine).run(|| all_calls(Home::Store, of(100, 8)));
        report.assert_clean();
        assert_eq!(report.trials().len(), 2 * REQUESTS);
    };
    // What is made once in a process.
    (0..2).for_each(|_| sweep());
    let before = LIVE.get();
    (0..3).for_each(|_| sweep());
    assert_eq!(LIVE.get(), before);
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
