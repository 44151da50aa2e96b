//! How long whole sweeps take.

use super::Plan;
use super::clock::{Cost, Rounds, Side};
use super::table::{Goal, Line, Table, number, took};

/// Our sweeps.
pub(super) const OURS: &str = "oomsweep-sweeps";
/// Those of alloc-chaos.
pub(super) const CHAOS: &str = "alloc-chaos-sweeps";

/// Figure 1: a thousand and a hundred points, each side as its users test.
pub(crate) fn debug(plan: &Plan, table: &mut Table) {
    if plan.zig("debug", 100).is_none() {
        return table.skip("1", "no Zig");
    }
    for (points, rounds, goal) in
        [("1,000", plan.thousand(), Goal::Faster(50.0)), ("100", plan.hundred(), Goal::Beside)]
    {
        for (ours, what) in WAYS {
            let what = format!("debug, {points} points, {what}; Zig, persistent alone");
            against(table, ("1", what), rounds, (ours, "zig"), goal);
        }
    }
}

/// What of ours is swept, by the names of the sides.
const WAYS: [(&str, &str); 5] = [
    ("persistent", "persistent alone"),
    ("default", "once and persistent"),
    ("once", "once alone"),
    ("replay", "once and persistent, by replay"),
    ("snapshot", "once and persistent, by snapshots"),
];

/// Ours in all its ways, and Zig in so many rounds with so many points.
fn sides(plan: &Plan, build: &str, module: &str, zig: Option<(usize, usize)>) -> Vec<Side> {
    let test = |way: &str| plan.test(build, OURS, &format!("{module}::{way}"));
    let side = |name, program| Side { name, program, rounds: plan.rounds };
    let mut sides =
        vec![side("default", test("default")), side("once", test("once")), side("persistent", test("persistent"))];
    for engine in ["replay", "snapshot"] {
        sides
            .push(Side { rounds: plan.slow_rounds(), ..side(engine, test("default").with("OOMSWEEP_ENGINE", engine)) });
    }
    let zig = zig.and_then(|(rounds, points)| Some((rounds, plan.zig(build, points)?)));
    sides.extend(zig.map(|(rounds, program)| Side { name: "zig", program, rounds }));
    sides
}

/// A hundred points, debug: ours in all its ways, and Zig.
pub(crate) fn hundred(plan: &Plan) -> Rounds {
    Rounds::race(&sides(plan, "debug", "n100", Some((plan.rounds, 100))))
}

/// A thousand points, debug: ours in all its ways, alloc-chaos and Zig.
pub(crate) fn thousand(plan: &Plan) -> Rounds {
    let mut sides = sides(plan, "debug", "n1000", Some((plan.slow_rounds(), 1_000)));
    sides.push(Side { name: "chaos", program: plan.test("debug", CHAOS, "n1000"), rounds: plan.rounds });
    Rounds::race(&sides)
}

/// Ten thousand points, debug: ours and alloc-chaos, ours at a thousand beside it, and of Zig what it can do in the time.
pub(crate) fn ten_thousand(plan: &Plan) -> Rounds {
    let rounds = plan.slow_rounds();
    let test = |name, program, test: &str| Side { name, program: plan.test("debug", program, test), rounds };
    let mut sides = vec![
        test("persistent", OURS, "n10000::persistent"),
        test("thousand", OURS, "n1000::persistent"),
        test("once", OURS, "n10000::once"),
        test("chaos", CHAOS, "n10000"),
        Side { rounds: 1, ..test("default", OURS, "n10000::default") },
    ];
    let zigs = [("zig thousand", 1_000), ("zig two thousand", 2_000), ("zig", 10_000)];
    for (name, points) in zigs.into_iter().take(if plan.whole { 3 } else { 2 }) {
        sides.extend(plan.zig("debug", points).map(|program| Side { name, program, rounds: 1 }));
    }
    let mut all = Rounds::race(&sides);
    if !plan.whole && plan.zig("debug", 100).is_some() {
        let (one, two) = (all.of("zig thousand"), all.of("zig two thousand"));
        // By processor time, which other work on the machine disturbs less: how many times as long twice as many points take.
        let further = 5_f64.powf((two.processor / one.processor).log2());
        let cost = Cost { time: two.time * further, processor: two.processor * further };
        all.put("zig", cost);
    }
    all
}

/// Figure 2: ten thousand points.
pub(crate) fn large(plan: &Plan, table: &mut Table) {
    let rounds = plan.ten_thousand();
    if !rounds.has("zig") {
        return table.skip("2", "no Zig");
    }
    let how = if plan.whole {
        String::new()
    } else {
        let (one, two) = (rounds.of("zig thousand").time, rounds.of("zig two thousand").time);
        format!(", EXTRAPOLATED from {} at 1,000 and {} at 2,000", took(one), took(two))
    };
    for (ours, what) in &WAYS[..2] {
        let what = format!("debug, 10,000 points, {what}; Zig, persistent alone{how}");
        against(table, ("2", what), rounds, (ours, "zig"), Goal::Faster(200.0));
    }
}

/// Figure 3: both optimised.
pub(crate) fn release(plan: &Plan, table: &mut Table) {
    if plan.zig("release", 100).is_none() {
        return table.skip("3", "no Zig");
    }
    for (points, module, count) in [("1,000", "n1000", 1_000), ("100", "n100", 100)] {
        let mut sides = sides(plan, "release", module, Some((plan.rounds, count)));
        let bare = plan.zig("release", count).map(|program| program.with("PEERS_BARE", "1"));
        sides.extend(bare.map(|program| Side { name: "bare", program, rounds: plan.rounds }));
        let rounds = Rounds::race(&sides);
        for (ours, what) in WAYS {
            let goal = if count == 1_000 { Goal::Faster(1.0) } else { Goal::Beside };
            let what = format!("release, {points} points, {what}");
            against(
                table,
                ("3", format!("{what}; Zig, ReleaseFast, its testing allocator")),
                &rounds,
                (ours, "zig"),
                goal,
            );
            if ours == "persistent" {
                against(
                    table,
                    ("3", format!("{what}; Zig, ReleaseFast, nothing that checks")),
                    &rounds,
                    (ours, "bare"),
                    Goal::Beside,
                );
            }
        }
    }
}

/// Figure 4: against alloc-chaos, which fails each point once and looks at nothing.
pub(crate) fn beside_alloc_chaos(plan: &Plan, table: &mut Table) {
    for (points, rounds) in [("1,000", plan.thousand()), ("10,000", plan.ten_thousand())] {
        for (ours, what, goal) in
            [("once", "once alone", Goal::Faster(2.0)), ("default", "once and persistent", Goal::Beside)]
        {
            let what = format!("debug, {points} points, {what}; alloc-chaos 0.1, once alone");
            against(table, ("4", what), rounds, (ours, "chaos"), goal);
        }
    }
}

/// Figure 10: how much longer ten times as many points take.
pub(crate) fn growth(plan: &Plan, table: &mut Table) {
    let rounds = plan.ten_thousand();
    let brute = |name, module: &str| {
        let program = plan.test("debug", OURS, &format!("{module}::brute_force"));
        Side { name, program, rounds: 1 }
    };
    let force = Rounds::race(&[brute("less", "n100"), brute("more", "n1000")]);
    let times = |rounds: &Rounds, more: &str, less: &str| {
        format!("{} times", number(rounds.of(more).time / rounds.of(less).time))
    };
    let line = |what: &str, ours: String, peer: String| Line {
        number: "10",
        what: what.to_owned(),
        ours,
        peer,
        ratio: None,
        seconds: 0.0,
        goal: Goal::None,
    };
    let ours = times(rounds, "persistent", "thousand");
    let how = if plan.whole { "" } else { " (extrapolated)" };
    let zig =
        if rounds.has("zig") { times(rounds, "zig", "zig thousand") } else { String::from("not measured: no Zig") };
    table.line(line(&format!("debug, from 1,000 points to 10,000, persistent alone; Zig{how}"), ours, zig));
    table.line(line(
        "debug, from 100 points to 1,000, once and persistent; a new process for every fault",
        format!("{} times", number(plan.thousand().of("default").time / plan.hundred().of("default").time)),
        format!(
            "{} ({} to {})",
            times(&force, "more", "less"),
            took(force.of("less").time),
            took(force.of("more").time)
        ),
    ));
}

/// Figure 11: what is found costs more than what is fine.
pub(crate) fn failing(plan: &Plan, table: &mut Table) {
    let side = |name, test| Side { name, program: plan.test("debug", OURS, test), rounds: plan.rounds };
    let rounds = Rounds::race(&[side("clean", "n100::once"), side("abort", "all_abort"), side("leak", "all_leak")]);
    for (side, what) in [("abort", "each ends the process"), ("leak", "each leaks what was made before")] {
        table.line(Line {
            number: "11",
            what: format!("debug, 100 points, once alone, {what}, one report; ours where all is well"),
            ours: took(rounds.of(side).time),
            peer: took(rounds.of("clean").time),
            ratio: Some(rounds.ratio(side, "clean")),
            seconds: rounds.of(side).time,
            goal: Goal::None,
        });
    }
}

/// A line of ours against a peer.
fn against(
    table: &mut Table,
    (figure, what): (&'static str, String),
    rounds: &Rounds,
    (ours, peer): (&str, &str),
    goal: Goal,
) {
    let (here, there) = (rounds.of(ours), rounds.of(peer));
    table.line(Line {
        number: figure,
        what,
        ours: took(here.time),
        peer: took(there.time),
        ratio: Some(rounds.ratio(peer, ours)),
        seconds: here.time,
        goal,
    });
}
