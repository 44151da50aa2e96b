//! What a request costs, and what an attribute does.

use super::Plan;
use super::clock::{Cost, Program, Rounds, Side};
use super::table::{Goal, Line, Table, took};

/// The shapes of `work.rs` that the figure is about.
const SHAPES: &[&str] = &["pair of 8 B", "ring of 64, 16-216 B"];

/// Figure 7: an alloc and its free, inside a test and outside, against the system's allocator.
pub(crate) fn pairs(plan: &Plan, table: &mut Table) {
    for build in ["release", "debug"] {
        let programs = ["system", "system-declared", "oomsweep-inside", "oomsweep-outside"];
        let mut shapes: Vec<Rounds> = SHAPES.iter().map(|_| Rounds::default()).collect();
        for _ in 0..plan.rounds {
            for name in programs {
                let program = Program::new(&plan.programs.join(build).join(name), &[]);
                let said = program.with("PEERS_FIGURES", plan.programs.join("figures").display().to_string()).run().1;
                for (shape, rounds) in SHAPES.iter().zip(&mut shapes) {
                    let figure: Option<f64> =
                        said.lines().find_map(|line| line.strip_prefix(*shape)?.strip_prefix('\t')?.parse().ok());
                    let seconds = figure.unwrap_or_else(|| panic!("{name} has no {shape}:\n{said}")) * 1e-9;
                    rounds.put(name, Cost { time: seconds, processor: f64::NAN });
                }
            }
        }
        for (shape, rounds) in SHAPES.iter().zip(&shapes) {
            for (name, where_, most) in
                [("oomsweep-inside", "inside a test", 2.0), ("oomsweep-outside", "outside", 1.1)]
            {
                line(
                    table,
                    rounds,
                    (name, "system"),
                    format!("{build}, {shape}, {where_}; the system's allocator"),
                    Goal::Within(most),
                );
                if build == "debug" {
                    let what = format!("{build}, {shape}, {where_}; the system's, declared as the global one");
                    line(table, rounds, (name, "system-declared"), what, Goal::Within(most));
                }
            }
        }
    }
}

fn line(table: &mut Table, rounds: &Rounds, (ours, peer): (&str, &str), what: String, goal: Goal) {
    let (here, there) = (rounds.of(ours), rounds.of(peer));
    table.line(Line {
        number: "7",
        what,
        ours: took(here.time),
        peer: took(there.time),
        ratio: Some(rounds.ratio(ours, peer)),
        seconds: here.time,
        goal,
    });
}

/// Figure 8: a test with an attribute that makes 20 allocations.
pub(crate) fn attribute(plan: &Plan, table: &mut Table) {
    for build in ["debug", "release"] {
        let test = plan.test(build, "oomsweep-sweeps", "n20::default");
        let off = test.clone().with("OOMSWEEP", "off");
        let rounds = Rounds::race(&[
            Side { name: "ours", program: test, rounds: plan.rounds * 2 },
            Side { name: "off", program: off, rounds: plan.rounds * 2 },
        ]);
        table.line(Line {
            number: "8",
            what: format!("{build}, one attribute on 20 allocations, the whole process; the same with OOMSWEEP=off"),
            ours: took(rounds.of("ours").time),
            peer: took(rounds.of("off").time),
            ratio: Some(rounds.ratio("ours", "off")),
            seconds: rounds.of("ours").time,
            goal: Goal::Under(0.015),
        });
    }
}
