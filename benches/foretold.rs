//! How long a sweep was thought to take when its first trials were made, and how long it took: `cargo bench --bench foretold`.
//!
//! Names of bodies, or parts of names, choose among them. One on a machine that does something else as well tells little.
#![cfg_attr(
    not(all(target_os = "linux", not(oomsweep_portable))),
    allow(dead_code, reason = "nothing is foretold there")
)]

#[path = "../tests/large/bodies.rs"]
mod bodies;

use bodies::Asked;
use oomsweep::Sweep;

const MB: usize = 1 << 20;

/// A body, and what it is called.
type Named = (&'static str, fn() -> Asked);

const BODIES: [Named; 9] = [
    ("300 MB, made by every run, 300 points", || bodies::beside_much(300 * MB, 150, None)),
    ("30 MB, made by every run, 300 points", || bodies::beside_much(30 * MB, 150, None)),
    ("300 MB, kept, 300 points", || bodies::beside_what_is_kept(300 * MB, 150, None)),
    ("500 threads ended, 100 points", || bodies::after_threads(500, 50, None)),
    ("500 threads alive, 20 points", || bodies::among_threads(500, 10, None)),
    ("10,000 points", || bodies::rounds(5_000, None)),
    ("1,000 points", || bodies::rounds(500, None)),
    ("10,000 points, and a leak", || bodies::rounds(5_000, Some(2_500))),
    ("1,000,000 points, 3 of a stack", || bodies::few_of_many(500_000, None)),
];

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    say(["body", "replay", "snapshot", "foretold", "elapsed", "ratio"].map(str::to_owned));
    for (name, body) in BODIES {
        if chosen.is_empty() || chosen.iter().any(|part| name.contains(part.as_str())) {
            measure(name, body);
        }
    }
}

fn measure(name: &str, body: fn() -> Asked) {
    let sweep = Sweep::new(name);
    let sweep = if name.ends_with("of a stack") { sweep.points_per_stack(3) } else { sweep };
    let report = sweep.run(body);
    let (engine, elapsed) = (&report.engine, report.elapsed_ms);
    let millis = |time: f64| format!("{time:.0} ms");
    let foretold = engine.foretold_ms.map_or_else(|| String::from("-"), millis);
    let ratio = engine.foretold_ms.map_or_else(|| String::from("-"), |time| format!("{:.2}", elapsed / time));
    say([name.to_owned(), engine.replay.to_string(), engine.snapshot.to_string(), foretold, millis(elapsed), ratio]);
}

#[allow(clippy::print_stdout, reason = "a table is what this is for")]
fn say([body, replay, snapshot, foretold, elapsed, ratio]: [String; 6]) {
    println!("{body:38} {replay:>8} {snapshot:>8} {foretold:>10} {elapsed:>10} {ratio:>6}");
}
