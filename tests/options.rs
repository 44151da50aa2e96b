//! Options that change what is asked of a body, or what is told of it, with the builder.

use std::collections::TryReserveError;
use std::hint::black_box;

use oomsweep::{EngineChoice, Faults, Report, Sweep};
use rstest::rstest;

fn room(bytes: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut room = Vec::new();
    room.try_reserve_exact(bytes)?;
    Ok(black_box(room))
}

/// A library that keeps its words for ever.
mod words {
    use super::TryReserveError;

    #[inline(never)]
    pub(crate) fn interned(bytes: usize) -> Result<usize, TryReserveError> {
        let mut room = super::room(bytes)?;
        room.push(1);
        Ok(room.leak().len())
    }
}

#[inline(never)]
fn forgotten() {
    std::mem::forget(black_box(vec![0_u8; 40]));
}

fn verdicts(report: &Report) -> String {
    let told: Vec<String> = report.trials().iter().map(|trial| format!("{}:{}", trial.fault, trial.verdict)).collect();
    told.join(" ")
}

/// Leaks one block on purpose in every run that comes so far.
fn interns() -> Result<(), TryReserveError> {
    assert_eq!(words::interned(24)?, 1);
    room(10).map(drop)
}

#[rstest]
#[case::in_children(EngineChoice::Auto)]
#[case::alone(EngineChoice::BruteForce)]
#[case::here(EngineChoice::InProcess)]
fn what_is_leaked_on_purpose_is_no_leak(#[case] engine: EngineChoice) {
    let sweep = || Sweep::new("interns").engine(engine).faults(Faults::ONCE);
    let report = sweep().intended(["options::words"]).run(interns);
    assert_eq!(verdicts(&report), "once@0:error once@1:error", "{report}");
    assert!(report.is_clean(), "{report}");
    let report = sweep().run(interns);
    assert_eq!((report.findings()[0].code.as_str(), report.coverage.tried), ("leak", 0), "{report}");
}

#[test]
fn a_plain_run_alone_knows_what_is_intended_and_what_is_not() {
    let sweep = || Sweep::new("options::alone").leaks_only();
    assert!(sweep().intended(["crate::words::interned"]).run(|| drop(words::interned(24))).is_clean());
    let report = sweep().intended(["crate::words::interned"]).run(|| {
        drop(words::interned(24));
        forgotten();
    });
    let sizes: Vec<u64> = report.findings().iter().flat_map(|finding| &finding.blocks).map(|b| b.size).collect();
    assert_eq!(sizes, [40], "{report}");
}

#[test]
fn a_leak_beside_one_on_purpose_is_found_at_its_point() {
    let report = Sweep::new("leaks_beside").faults(Faults::ONCE).intended(["options::words"]).run(|| {
        words::interned(24)?;
        room(10).inspect_err(|_| forgotten()).map(drop)
    });
    assert_eq!(verdicts(&report), "once@0:error once@1:leak", "{report}");
    let [finding] = report.findings() else { panic!("one finding: {report}") };
    assert_eq!((finding.blocks.len(), finding.blocks[0].size), (1, 40), "{report}");
}

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
#[test]
fn a_run_that_does_not_repeat_has_moved_points_with_the_requests_of_all_threads() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static RUNS: AtomicUsize = AtomicUsize::new(0);
    fn one_or_two() -> Result<(), TryReserveError> {
        let more = RUNS.fetch_add(1, Ordering::SeqCst) % 2;
        (0..=more).try_for_each(|_| room(8).map(drop))
    }
    let report = Sweep::new("moves").faults(Faults::ONCE).threads_all().run(one_or_two);
    // The tenth plain run makes two requests, the run after it makes one.
    assert_eq!(verdicts(&report), "once@0:error once@1:not-reached", "{report}");
    assert!(report.is_clean() && report.complete, "{report}");
    let coverage = &report.coverage;
    assert_eq!((coverage.tried, coverage.error, coverage.moved, coverage.failed), (2, 1, 1, 0), "{report}");
    assert!(report.notes.iter().any(|note| note.starts_with("numbers vary: ")), "{report}");
    assert!(report.to_string().contains("1 moved by other threads"), "{report}");

    let report = Sweep::new("varies").faults(Faults::ONCE).engine(EngineChoice::Replay).run(one_or_two);
    assert_eq!(report.findings()[0].code.as_str(), "baseline", "{report}");
    let report = Sweep::new("varies").faults(Faults::ONCE).run(one_or_two);
    assert_eq!(verdicts(&report), "once@0:error", "the points of that one run: {report}");
}

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
#[rstest]
#[case::auto(EngineChoice::Auto)]
#[case::named(EngineChoice::Snapshot)]
fn runs_that_never_settle_are_tried_in_copies_of_one(#[case] engine: EngineChoice) {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let sweep = || {
        RUNS.store(0, Ordering::SeqCst);
        Sweep::new("grows").engine(engine).faults(Faults::ONCE).captures_nothing()
    };
    let grows = |at_third: fn(usize)| {
        let all = RUNS.fetch_add(1, Ordering::SeqCst) + 1;
        (0..all).try_for_each(|nth| room(8).map(drop).inspect_err(|_| at_third(nth)))
    };
    let report = sweep().run(|| grows(|_| ()));
    assert!(report.is_clean() && report.complete, "{report}");
    assert_eq!((report.points.total, report.coverage.error, report.engine.snapshot), (11, 11, 11), "{report}");
    assert!(report.to_string().contains("no two plain runs made as many requests"), "{report}");

    let leaks = |nth| {
        if nth == 2 {
            forgotten()
        }
    };
    let report = sweep().run(|| grows(leaks));
    let [finding] = report.findings() else { panic!("one finding: {report}") };
    assert_eq!(
        (finding.code.as_str(), finding.fault.as_deref(), finding.count),
        ("leak", Some("once@2"), 1),
        "{report}"
    );
    assert_eq!((finding.blocks[0].size, report.coverage.error), (40, 10), "{report}");

    let dies = |nth| {
        if nth == 3 {
            std::process::abort()
        }
    };
    let report = sweep().run(|| grows(dies));
    let [finding] = report.findings() else { panic!("one finding: {report}") };
    assert_eq!((finding.code.as_str(), finding.count, report.coverage.error), ("crash", 1, 10), "{report}");
}

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
#[test]
fn a_run_that_never_settles_ends_with_the_time() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let sweep = || {
        RUNS.store(0, Ordering::SeqCst);
        Sweep::new("grows").faults(Faults::ONCE).captures_nothing()
    };
    let slow_after_ten = || {
        let all = RUNS.fetch_add(1, Ordering::SeqCst) + 1;
        (0..all).try_for_each(|_| {
            if all > 10 {
                std::thread::sleep(Duration::from_millis(200));
            }
            room(8).map(drop)
        })
    };
    let report = sweep().timeout(Duration::from_secs(60)).max_time(Duration::from_secs(1)).run(slow_after_ten);
    assert!(!report.complete && report.coverage.left > 0, "{report}");
    assert_eq!((report.points.total, report.stopped.as_deref()), (11, Some("max_time")), "{report}");

    let hangs_after_ten = || {
        let all = RUNS.fetch_add(1, Ordering::SeqCst) + 1;
        (0..all).try_for_each(|nth| {
            if (all, nth) == (11, 7) {
                std::thread::sleep(Duration::from_secs(1000));
            }
            room(8).map(drop)
        })
    };
    let report = sweep().timeout(Duration::from_millis(500)).run(hangs_after_ten);
    assert!(!report.complete && report.coverage.error == 7, "{report}");
    assert!(report.findings().iter().all(|finding| finding.code.as_str() == "incomplete"), "{report}");
    assert!(report.stopped.as_deref().is_some_and(|why| why.contains("the run that was copied")), "{report}");
}

/// Makes one request more in every run.
fn grows_without_end() -> Result<(), TryReserveError> {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let more = RUNS.fetch_add(1, Ordering::SeqCst);
    (0..=more).try_for_each(|_| room(8).map(drop))
}

#[rstest]
#[case::in_children(EngineChoice::Auto)]
#[case::here(EngineChoice::InProcess)]
fn where_nothing_is_swept_any_number_of_requests_will_do(#[case] engine: EngineChoice) {
    let sweep = || Sweep::new("grows").engine(engine);
    let report = sweep().leaks_only().run(grows_without_end);
    assert!(report.is_clean() && report.complete, "{report}");
    assert!(report.notes.iter().any(|note| note.starts_with("numbers vary: ")), "{report}");

    // What it leaves behind is found all the same.
    let report = sweep().leaks_only().run(|| {
        forgotten();
        grows_without_end()
    });
    let codes: Vec<&str> = report.findings().iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["leak"], "{report}");

    let report = sweep().run(grows_without_end);
    if engine == EngineChoice::InProcess {
        assert_eq!(report.findings()[0].code.as_str(), "baseline", "{report}");
    } else {
        assert!(report.is_clean() && report.engine.snapshot > 0, "{report}");
    }
}

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
#[test]
fn with_the_requests_of_all_threads_every_trial_has_a_process_of_its_own() {
    use std::collections::BTreeSet;
    use std::io::{Read, Seek, Write};

    let processes = |set: fn(Sweep) -> Sweep| {
        let mut file = tempfile::tempfile().expect("a file for the numbers of processes");
        let report = set(Sweep::new("processes").faults(Faults::ONCE)).run(|| {
            (&file).write_all(&std::process::id().to_le_bytes()).expect("the file takes four bytes");
            (1..=3).try_for_each(|bytes| room(bytes).map(drop))
        });
        assert_eq!(verdicts(&report), "once@0:error once@1:error once@2:error", "{report}");
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("the file is read");
        bytes.chunks(4).map(<[u8]>::to_vec).collect::<BTreeSet<_>>().len()
    };
    // One makes the plain runs.
    assert_eq!(processes(Sweep::threads_all), 1 + 3);
    assert_eq!(processes(|sweep| sweep), 1 + 1);
}

#[test]
fn a_sweep_of_all_threads_keeps_its_limit_in_time() {
    let report = Sweep::new("slow")
        .faults(Faults::ONCE)
        .threads_all()
        .max_time(std::time::Duration::from_nanos(1))
        .run(|| room(1).map(drop));
    assert_eq!((report.coverage.tried, report.coverage.left), (0, 1), "{report}");
    assert_eq!(report.stopped.as_deref(), Some("max_time"), "{report}");
}
