//! Sweeps in which only some of the points with one call stack fail.
//!
//! Every body is ignored. The tests start this binary again for one body after the other.
#![cfg(all(target_os = "linux", not(oomsweep_portable)))]

#[path = "common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

use common::{Row, Run, Want, clean, failing, want};
use oomsweep::{EngineChoice, Faults, Sweep};
use rstest::rstest;
use serde_json::Value;

/// The bodies.
mod bodies {
    use std::alloc::Layout;
    use std::hint::black_box;

    use oomsweep::heap::{AllocError, Allocator};
    use oomsweep::{TestAlloc, alloc_test, exempt};

    const ROOM: Layout = Layout::new::<[u8; 16]>();

    /// Asks for a block.
    #[collapse_debuginfo(yes)]
    macro_rules! take {
        () => {{
            // SAFETY: the layout has a size.
            let block = black_box(unsafe { std::alloc::alloc(ROOM) });
            if block.is_null() { Err(AllocError) } else { Ok(block) }
        }};
    }

    /// Gives it back.
    fn give(block: *mut u8) {
        // SAFETY: every body gives back once what `take!` gave it.
        unsafe { std::alloc::dealloc(black_box(block), ROOM) };
    }

    /// Two blocks a round. In the rounds that `forgets` names the first is lost if there is no second.
    #[inline(always)]
    fn rounds(count: usize, forgets: impl Fn(usize) -> bool) -> Result<(), AllocError> {
        for round in 0..black_box(count) {
            let first = take!()?; // HERE: first
            let second = take!(); // HERE: second
            match second {
                Ok(second) => give(second),
                Err(AllocError) if forgets(round) => return Err(AllocError),
                Err(AllocError) => {
                    give(first);
                    return Err(AllocError);
                }
            }
            give(first);
        }
        Ok(())
    }

    #[alloc_test(points = "stacks")]
    #[ignore = "seeded bug: run by the tests"]
    fn forgets_always() -> Result<(), AllocError> {
        rounds(500, |_| true)
    }

    #[alloc_test(points = "stacks")]
    #[ignore = "clean twin: run by the tests"]
    fn never_forgets() -> Result<(), AllocError> {
        rounds(500, |_| false)
    }

    #[alloc_test(points = "stacks:3")]
    #[ignore = "seeded bug: run by the tests"]
    fn forgets_at_last() -> Result<(), AllocError> {
        rounds(500, |round| round == 499)
    }

    #[alloc_test(points = "stacks:3", faults(once))]
    #[ignore = "clean twin: run by the tests"]
    fn three_of_each() -> Result<(), AllocError> {
        rounds(500, |_| false)
    }

    #[alloc_test(faults(once))]
    #[ignore = "clean twin: run by the tests"]
    fn all_of_them() -> Result<(), AllocError> {
        rounds(20, |_| false)
    }

    #[alloc_test(points = "stacks", faults(once, persistent, window(2), budget))]
    #[ignore = "clean twin: run by the tests"]
    fn every_pattern() -> Result<(), AllocError> {
        rounds(10, |_| false)
    }

    #[alloc_test(points = "stacks:2", faults(once, size(17)))]
    #[ignore = "clean twin: run by the tests"]
    fn large_ones() -> Result<(), AllocError> {
        rounds(5, |_| false)?;
        for _ in 0..black_box(7) {
            Vec::<u8>::new().try_reserve(black_box(17)).map_err(|_| AllocError)?;
        }
        Ok(())
    }

    #[alloc_test(points = "stacks", max_points = 1, incomplete = "allow", faults(once))]
    #[ignore = "clean twin: run by the tests"]
    fn with_a_limit() -> Result<(), AllocError> {
        rounds(50, |_| false)
    }

    /// The same two requests, from as many places as there are depths.
    #[alloc_test(points = "stacks", faults(once))]
    #[ignore = "clean twin: run by the tests"]
    fn at_four_depths() -> Result<(), AllocError> {
        #[inline(never)]
        fn dive(depth: usize) -> Result<(), AllocError> {
            rounds(3, |_| false)?;
            if depth == 0 {
                return Ok(());
            }
            black_box(dive(depth - 1))
        }
        dive(black_box(3))
    }

    /// Deeper than stacks are kept: what parts only further out is one stack.
    #[alloc_test(points = "stacks", faults(once))]
    #[ignore = "clean twin: run by the tests"]
    fn deeper_than_stacks_are_kept() -> Result<(), AllocError> {
        #[inline(never)]
        fn dive(depth: usize) -> Result<(), AllocError> {
            if depth == 0 {
                return rounds(1, |_| false);
            }
            black_box(dive(depth - 1))
        }
        dive(black_box(300))?;
        dive(black_box(400))
    }

    #[alloc_test(points = "stacks", guard = "pages", faults(once))]
    #[ignore = "clean twin: run by the tests"]
    fn between_guard_pages() -> Result<(), AllocError> {
        rounds(20, |_| false)
    }

    #[alloc_test(points = "stacks", threads = "all", faults(once))]
    #[ignore = "clean twin: run by the tests"]
    fn of_all_threads() -> Result<(), AllocError> {
        take!().map(give)?;
        let ask = || (0..black_box(5)).try_for_each(|_| take!().map(give));
        exempt(|| std::thread::scope(|scope| scope.spawn(ask).join().expect("no panic")))
    }

    /// The plain run in which the stacks are looked at is the third, and makes fewer requests than the two before it.
    #[alloc_test(points = "stacks", faults(once))]
    #[ignore = "clean twin: run by the tests"]
    fn fewer_in_the_third_run() -> Result<(), AllocError> {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        rounds(if run < 2 { 5 } else { 4 }, |_| false)
    }

    #[alloc_test(points = "stacks", faults(once), known("0123456789abcdef"))]
    #[ignore = "clean twin: run by the tests"]
    fn knows_of_a_finding() -> Result<(), AllocError> {
        rounds(3, |_| false)
    }

    /// Loops in a recursion: many stacks, of different numbers of points.
    pub(super) fn loops(depth: usize) -> Result<(), AllocError> {
        rounds(depth + 1, |_| false)?;
        (0..depth).try_for_each(|below| black_box(loops(below)))
    }

    #[alloc_test(points = "stacks:2", faults(once))]
    #[ignore = "clean twin: run by the tests"]
    fn of_two_allocators(left: TestAlloc, right: TestAlloc) -> Result<(), AllocError> {
        for round in 0..black_box(30) {
            let block = left.allocate(ROOM)?.cast();
            // SAFETY: it came from there.
            unsafe { left.deallocate(block, ROOM) };
            if round % 3 == 0 {
                let block = right.allocate(ROOM)?.cast();
                // SAFETY: as above.
                unsafe { right.deallocate(block, ROOM) };
            }
        }
        Ok(())
    }

    #[alloc_test(points = "stacks", faults(once))]
    #[ignore = "seeded bug: run by the tests"]
    fn very_many() -> Result<(), AllocError> {
        rounds(super::MANY / 2, |_| true)
    }
}

/// How many requests a body makes that makes very many. Without optimisation as many as an optimised one makes take half a minute.
const MANY: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

const ENGINES: [&str; 3] = ["replay", "snapshot", "in-process"];

/// Holds a row, however the points are tried.
#[track_caller]
fn hold(row: &Row) {
    for engine in ENGINES {
        hold_by(&row.clone().env("OOMSWEEP_ENGINE", engine));
    }
}

#[track_caller]
fn hold_by(row: &Row) {
    row.check("tests/stacks.rs", include_str!("stacks.rs"));
}

/// Says how many stacks there are, of how many points.
fn of(row: Row, distinct: u64, points: u64, each: u64) -> Row {
    row.has("/stacks/distinct", distinct).has("/stacks/points", points).has("/stacks/each", each)
}

fn leak(fault: &'static str) -> Want {
    want("leak", fault, 2).asked("second").born("first").block(16, 1)
}

/// The faults of every trial.
fn faults(report: &Value) -> Vec<String> {
    let trials = report.pointer("/trials").and_then(Value::as_array).expect("there are trials");
    trials.iter().filter_map(|trial| Some(trial.pointer("/fault")?.as_str()?.to_owned())).collect()
}

#[test]
fn a_leak_is_found_at_the_one_place_of_two() {
    let row = failing("bodies::forgets_always").has("/points/total", 1000).trials("error leak error leak");
    hold(&of(row, 2, 1000, 1).finds(leak("once@1").says("/replay", "OOMSWEEP_REPLAY=once@1#")));
    hold(&of(clean("bodies::never_forgets").trials("error*4"), 2, 1000, 1));
}

#[test]
fn the_last_of_three_shows_what_happens_only_at_last() {
    let row = failing("bodies::forgets_at_last").trials("error*5 leak error*5 leak");
    hold(&of(row, 2, 1000, 3).finds(leak("once@999").says("/replay", "OOMSWEEP_REPLAY=once@999#")));
    let report = Run::new("bodies::three_of_each").go().expect_report();
    assert_eq!(faults(&report), ["once@0", "once@1", "once@498", "once@499", "once@998", "once@999"]);
}

/// Which is why one point of each stack is a choice that one has to make.
#[test]
fn the_first_alone_does_not_show_it() {
    let row = clean("bodies::forgets_at_last").env("OOMSWEEP_POINTS", "stacks").trials("error*4");
    hold_by(&of(row, 2, 1000, 1));
}

#[test]
fn the_variable_wins() {
    let row = failing("bodies::forgets_at_last").env("OOMSWEEP_POINTS", "all").has("/stacks", ());
    hold_by(&row.has("/coverage/planned", 2000).finds(leak("once@999")));
    let row = clean("bodies::all_of_them").env("OOMSWEEP_POINTS", "stacks:4").trials("error*8");
    hold_by(&of(row, 2, 40, 4));
    hold_by(&clean("bodies::all_of_them").trials("error*40").has("/stacks", ()));
}

#[rstest]
#[case("every_pattern", "error*8", 2, 20, 1)]
#[case("large_ones", "error*2", 1, 7, 2)]
#[case("at_four_depths", "error*8", 8, 24, 1)]
#[case("deeper_than_stacks_are_kept", "error*2", 2, 4, 1)]
#[case("between_guard_pages", "error*2", 2, 40, 1)]
#[case("of_two_allocators", "error*4", 2, 40, 2)]
fn what_it_goes_together_with(
    #[case] body: &str,
    #[case] trials: &str,
    #[case] distinct: u64,
    #[case] points: u64,
    #[case] each: u64,
) {
    let path: &'static str = format!("bodies::{body}").leak();
    hold(&of(clean(path).trials(trials), distinct, points, each));
}

#[test]
fn each_allocator_has_its_own_stacks() {
    let report = Run::new("bodies::of_two_allocators").go().expect_report();
    assert_eq!(faults(&report), ["once@left:0", "once@left:29", "once@right:0", "once@right:9"]);
}

#[test]
fn requests_of_other_threads_have_stacks_too() {
    hold_by(&of(clean("bodies::of_all_threads").trials("error*2"), 2, 6, 1));
}

#[test]
fn a_limit_cuts_what_the_stacks_have_chosen() {
    let row = clean("bodies::with_a_limit").cut().has("/coverage/planned", 2).has("/coverage/left", 1);
    hold(&of(row, 2, 100, 1).has("/stopped", "max_points"));
}

#[test]
fn parts_are_disjoint_and_complete() {
    let whole = Run::new("bodies::three_of_each").go().expect_report();
    for parts in [2, 4] {
        let mut tried = Vec::new();
        for part in 1..=parts {
            let run = Run::new("bodies::three_of_each").env("OOMSWEEP_SHARD", format!("{part}/{parts}"));
            let report = run.go().expect_report();
            assert_eq!(report.pointer("/stacks"), whole.pointer("/stacks"));
            tried.extend(faults(&report));
        }
        tried.sort_by_key(|fault| fault.trim_start_matches("once@").parse::<u64>().expect("a place"));
        assert_eq!(tried, faults(&whole));
    }
}

#[test]
fn a_run_that_differs_is_told_and_nothing_is_left_out() {
    let row =
        failing("bodies::fewer_in_the_third_run").notes("had 8 requests that could fail, and the one before it 10");
    let row = row.trials("error*2 not-reached*2").finds(want("not-reached", "once@8", 2));
    hold_by(&of(row, 4, 10, 1));
}

#[test]
fn what_was_not_tried_is_not_taken_for_gone() {
    hold_by(&clean("bodies::knows_of_a_finding").trials("error*2").has("/known_gone", ()));
    let report = Run::new("bodies::knows_of_a_finding").env("OOMSWEEP_POINTS", "all").go().expect_report();
    assert_eq!(report.pointer("/known_gone/0"), Some(&"0123456789abcdef".into()));
}

#[test]
fn engines_agree() {
    use EngineChoice::{BruteForce, InProcess, Replay, Snapshot};
    for each in 1..5 {
        let [brute, others @ ..] = [BruteForce, Replay, Snapshot, InProcess].map(|engine| {
            let sweep = Sweep::new("loops").faults(Faults::ONCE | Faults::PERSISTENT).engine(engine);
            let report = sweep.points_per_stack(each).run(|| bodies::loops(3));
            report.assert_clean();
            (report.trials().to_vec(), report.stacks, report.points.total)
        });
        let stacks = brute.1.expect("they are what is chosen by");
        assert!(stacks.stacks > 2 && stacks.stacks < stacks.points, "{stacks:?}");
        assert!(brute.0.len() as u64 > 2 * stacks.stacks * u64::from(each > 1), "{stacks:?}");
        for other in others {
            assert_eq!(other, brute, "{each} of each stack");
        }
    }
}

#[test]
fn what_was_chosen_is_said() {
    let output = Run::new("bodies::never_forgets").arg("--nocapture").go().output();
    let line = "chosen by call stack: the first allocation of each of 2 distinct stacks, of 1000 in all; no fault begins at the others";
    assert!(output.contains(line), "{output}");
    assert!(output.contains("1000 allocations × once, persistent, 4 trials chosen in "), "{output}");
    let output = Run::new("bodies::three_of_each").env("OOMSWEEP_SHARD", "1/2").arg("--nocapture").go().output();
    assert!(output.contains("at most 3 allocations of each of 2 distinct stacks, of 1000 in all"), "{output}");
    assert!(output.contains(", 3 trials chosen, shard 1/2 in "), "{output}");
}

/// What the processes of a test take for it, in bytes.
const MOST_MEMORY: i64 = 512 << 20;

#[test]
fn a_body_with_very_many_allocations_ends() {
    let ran = Run::new("bodies::very_many").go();
    let report = ran.expect_report();
    assert_eq!(report.pointer("/points/total"), Some(&MANY.into()), "{}", ran.output());
    assert_eq!(report.pointer("/stacks/distinct"), Some(&2.into()), "{}", ran.output());
    assert_eq!(faults(&report), ["once@0", "once@1"]);
    assert_eq!(report.pointer("/findings/0/code"), Some(&"leak".into()), "{}", ran.output());
    assert_eq!(report.pointer("/findings/1"), None, "{}", ran.output());
    // SAFETY: zeroes are a valid `rusage`, and the pointer is to one.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage), 0);
        usage
    };
    // In kilobytes: the most that any process took at once, of those that were waited for, and of theirs.
    assert!(usage.ru_maxrss * 1024 < MOST_MEMORY, "{} KB", usage.ru_maxrss);
}
