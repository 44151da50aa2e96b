//! What a point costs that the process is copied for.

use super::Plan;
use super::clock::{Cost, Program, Rounds, Side};
use super::sweeps::{CHAOS, OURS};
use super::table::{Goal, Line, Table, took};

/// Figure 5: a thousand points behind a hundred milliseconds of work.
pub(crate) fn after_work(plan: &Plan, table: &mut Table) {
    /// How many bodies alloc-chaos runs for its 20 points, and for a thousand.
    const BODIES: (f64, f64) = (21.0, 1_001.0);
    let test = |name, program: Program| Side { name, program, rounds: plan.slow_rounds() };
    let ours = plan.test("debug", OURS, "after_work");
    let rounds = Rounds::race(&[test("ours", ours), test("chaos", plan.test("debug", CHAOS, "after_work"))]);
    let (here, there) = (rounds.of("ours"), rounds.of("chaos"));
    table.line(Line {
        number: "5",
        what: String::from(
            "debug, 100 ms of work and then 1,000 points, once and persistent; alloc-chaos, once alone, EXTRAPOLATED from 20 points",
        ),
        ours: took(here.time),
        peer: took(there.time * BODIES.1 / BODIES.0),
        ratio: None,
        seconds: here.time,
        goal: Goal::Under(2.0),
    });
}

/// Figure 6: a point of the snapshot engine against a copy of the same process that ends at once.
pub(crate) fn snapshot(plan: &Plan, table: &mut Table) {
    /// A thousand points, once and persistent.
    const TRIALS: f64 = 2_000.0;
    let figures = plan.programs.join("figures");
    for build in ["debug", "release"] {
        let test = |name: &str| plan.test(build, OURS, name).with("PEERS_FIGURES", figures.display().to_string());
        let mut rounds = Rounds::default();
        for _ in 0..plan.rounds {
            let swept = test("passing_swept").with("OOMSWEEP_ENGINE", "snapshot").with("OOMSWEEP_JOBS", "1").run().0;
            let plain = test("passing_plain").run().0;
            rounds.put("point", (swept - plain) / TRIALS);
            test("passing_bare").run();
            let text = std::fs::read_to_string(&figures).expect("the body has told what its copies cost");
            let mut told = text.split(' ').map(|figure| figure.parse().expect("a figure"));
            let (Some(time), Some(processor)) = (told.next(), told.next()) else { panic!("two figures: {text}") };
            rounds.put("bare", Cost { time, processor });
        }
        let (point, bare) = (rounds.of("point"), rounds.of("bare"));
        table.line(Line {
            number: "6",
            what: format!("{build}, one point by a snapshot, its error path empty; a bare clone, exit and wait there"),
            ours: took(point.time),
            peer: took(bare.time),
            ratio: Some(rounds.ratio("point", "bare")),
            seconds: point.time,
            goal: Goal::Within(1.3),
        });
    }
}
