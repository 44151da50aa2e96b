//! How long sweeps take, as a table of medians; nothing is asserted. Every ratio is of one and the same run.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::alloc::{GlobalAlloc, Layout, System, alloc, dealloc, handle_alloc_error};
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::Instant;

use oomsweep::{Faults, Sweep};

const RUNS: usize = 5;
const PAIRS: u32 = 200_000;

#[derive(Debug)]
struct Refused;

fn main() {
    // The attribute starts this program again, as it would a test binary.
    if std::env::args().any(|arg| arg == "--exact" || arg == "--one") {
        twenty();
        return;
    }
    println!("{:<44} {:>12} {:>14}", "", "time", "points/s");
    for points in [100, 1_000, 10_000] {
        if points > 1_000 && cfg!(debug_assertions) {
            continue;
        }
        for (name, faults) in [("once", Faults::ONCE), ("persistent", Faults::PERSISTENT)] {
            let seconds = median(|| sweep(faults, || held(points, false)));
            row(&format!("{points} held blocks, {name}"), seconds, points);
        }
    }
    row("every point aborts, 100 points", median(|| sweep(Faults::ONCE, || aborts(100))), 100);
    row("every trial leaks, 100 points", median(|| sweep(Faults::ONCE, || held(100, true))), 100);
    let whole = median(|| {
        let program = std::env::current_exe().expect("the path of this program");
        let status = Command::new(program).arg("--one").stdout(Stdio::null()).status();
        assert!(status.expect("this program starts").success(), "the attribute's body is clean");
    });
    println!("{:<44} {:>9.3} ms", "one attribute, 20 allocations, whole process", whole * 1e3);
    let (system, outside) = (median(|| pairs_with(&System)), median(pairs));
    println!("{:<44} {:>9.1} ns", "alloc + free, the system's", system / f64::from(PAIRS) * 1e9);
    println!("{:<44} {:>9.2} ×", "alloc + free, outside any test", outside / system);
    println!("{:<44} {:>9.2} ×", "alloc + free, inside a test", inside() / system);
}

fn row(name: &str, seconds: f64, points: usize) {
    println!("{name:<44} {:>9.3} ms {:>14.0}", seconds * 1e3, points as f64 / seconds);
}

fn median(mut work: impl FnMut()) -> f64 {
    let mut took: Vec<f64> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed().as_secs_f64()
        })
        .collect();
    took.sort_by(f64::total_cmp);
    took[RUNS / 2]
}

fn sweep(faults: Faults, body: impl FnMut() -> Result<(), Refused>) {
    black_box(Sweep::new("bench").faults(faults).run(body));
}

/// So many blocks, held by one more; all are freed at the end, or none is.
fn held(points: usize, leak: bool) -> Result<(), Refused> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    all.try_reserve_exact(points - 1).map_err(|_| Refused)?;
    for n in 1..points {
        let mut block = Vec::new();
        if block.try_reserve_exact(16 + n % 48).is_err() {
            if leak {
                std::mem::forget(black_box(all));
            }
            return Err(Refused);
        }
        all.push(black_box(block));
    }
    Ok(())
}

fn aborts(points: usize) -> Result<(), Refused> {
    for n in 0..points {
        let layout = Layout::from_size_align(16 + n, 8).map_err(|_| Refused)?;
        // SAFETY: the layout is not empty, and the block is freed with it.
        unsafe {
            let block = black_box(alloc(layout));
            if block.is_null() {
                handle_alloc_error(layout);
            }
            dealloc(block, layout);
        }
    }
    Ok(())
}

/// What the attribute expands to; the attribute itself is a test, and a program without a harness has none.
fn twenty() {
    Sweep::new("sweep::twenty").check(|| held(20, false));
}

fn pairs() {
    for n in 0..PAIRS {
        let layout = Layout::new::<[u64; 6]>();
        // SAFETY: the layout is not empty, and the block is freed with it.
        unsafe {
            let block = black_box(alloc(layout));
            assert!(!block.is_null(), "there is memory for pair {n}");
            dealloc(block, layout);
        }
    }
}

fn pairs_with(allocator: &dyn GlobalAlloc) {
    for n in 0..PAIRS {
        let layout = Layout::new::<[u64; 6]>();
        // SAFETY: as above.
        unsafe {
            let block = black_box(allocator.alloc(layout));
            assert!(!block.is_null(), "there is memory for pair {n}");
            allocator.dealloc(block, layout);
        }
    }
}

/// The body tells its own time in a file, for it runs in another process.
fn inside() -> f64 {
    let path = std::env::temp_dir().join(format!("oomsweep-bench-{}", std::process::id()));
    let report = Sweep::new("pairs").leaks_only().run(|| {
        let seconds = median_inside();
        oomsweep::exempt(|| std::fs::write(&path, seconds.to_string())).expect("the time is written down");
    });
    assert!(report.is_clean(), "{report}");
    let text = std::fs::read_to_string(&path).expect("the time was written down");
    std::fs::remove_file(&path).expect("the file is ours");
    text.parse().expect("a number")
}

fn median_inside() -> f64 {
    median(pairs)
}
