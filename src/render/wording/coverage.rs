//! The first line of a report, and the last: what was tried, and what was not.

use crate::model::code::Code;
use crate::model::report::{Distinct, Mode, Outcome, Report};

use super::headline::unwraps_injected;
use super::words::plural;

/// The first line.
pub(crate) fn opening(report: &Report) -> String {
    let test = &report.test;
    if report.result == Outcome::Passed {
        return format!("{test} passed");
    }
    if report.findings.is_empty() && !report.known_gone.is_empty() {
        return format!("{test} failed: {} gone", plural(report.known_gone.len() as u64, "known finding"));
    }
    let place = match (&report.file, report.line) {
        (Some(file), Some(line)) => format!(" ({file}:{line})"),
        _ => String::new(),
    };
    let total = report.findings.len();
    let text = format!("{test}{place} failed: {}", plural(total as u64, "finding"));
    let unwraps = report.findings.iter().filter(|finding| unwraps_injected(finding)).count();
    let aborts = report.findings.iter().filter(|finding| finding.code == Code::Abort).count();
    let tables = [(unwraps, "unwraps"), (aborts, "infallible calls")];
    let tables: Vec<(usize, &str)> = tables.into_iter().filter(|(count, _)| *count > 1).collect();
    match tables.as_slice() {
        [] => text,
        [(all, what)] if *all == total => format!("{text}, all of them {what}"),
        [(some, what)] => format!("{text}, {some} of them {what}, in one table at the end"),
        _ => format!("{text}, {unwraps} of them unwraps and {aborts} infallible calls, in tables at the end"),
    }
}

/// The last lines; `elapsed` is the time, and `id` an id, as it is to be shown.
pub(crate) fn closing<'r>(report: &'r Report, elapsed: &str, id: impl Fn(&'r str) -> &'r str) -> Vec<String> {
    let mut lines = Vec::new();
    match report.mode {
        Mode::Sweep => sweep(report, elapsed, &mut lines),
        Mode::Leaks => lines.push(format!(
            "leak check of the plain run in {elapsed}: {}, none of them made to fail",
            plural(report.points.total, "allocation")
        )),
        Mode::Replay => {
            let allocations = plural(report.points.total, "allocation");
            lines.push(match report.trials.first() {
                Some(trial) => {
                    let fault = trial.fault.text_in(trial.space.as_deref());
                    format!("{fault} of {allocations} replayed in {elapsed}: {}", trial.verdict)
                }
                None => format!("replay in {elapsed} of a body with {allocations}: nothing was made to fail"),
            });
        }
    }
    match report.trials.iter().filter(|trial| trial.drifted).count() as u64 {
        0 => {}
        drifted => lines.push(format!(
            "{} drifted: before the fault other memory was asked for than in the plain run",
            plural(drifted, "trial")
        )),
    }
    lines.extend(engine(report));
    if !report.known.is_empty() {
        let ids: Vec<&str> = report.known.iter().map(|known| id(known)).collect();
        lines.push(format!("{} accepted: {}", plural(report.known.len() as u64, "known finding"), ids.join(", ")));
    }
    let gone = report.known_gone.iter().map(|gone| id(gone));
    lines.extend(gone.map(|id| format!("error: the known finding {id} no longer occurs: take its id out of `known`")));
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines
}

/// How the trials were made, where that needs saying.
fn engine(report: &Report) -> Option<String> {
    let engine = &report.engine;
    let mut parts = Vec::new();
    if engine.snapshot > 0 {
        parts.push(format!("{} in copies of one run", plural(engine.snapshot, "trial")));
        if engine.replay > 0 {
            parts.push(format!("{} from the start", engine.replay));
        }
    }
    let counts = (!parts.is_empty()).then(|| parts.join(", "));
    let told: Vec<&str> = counts.as_deref().into_iter().chain(engine.why.as_deref()).collect();
    (!told.is_empty()).then(|| format!("engine: {}", told.join("; ")))
}

fn sweep(report: &Report, elapsed: &str, lines: &mut Vec<String>) {
    if report.findings.iter().any(|finding| finding.code == Code::NotInstalled) {
        return;
    }
    let (points, coverage) = (&report.points, &report.coverage);
    let allocations = format!("{}{}", plural(points.total, "allocation"), by_space(report));
    if points.total > 0 && coverage.tried == 0 && report.findings.iter().any(|f| f.fault.as_deref() == Some("none")) {
        lines.push(format!("0 of {allocations} tried in {elapsed}: the plain run failed"));
    } else if coverage.planned > 0 {
        let mut line = format!("{}{} in {elapsed}, ", allocations, planned(report));
        line.push_str(&match (coverage.left, &report.stopped) {
            (0, None) => format!("{} of {} tried", coverage.tried, coverage.planned),
            (_, Some(by)) => format!("stopped by {by} at {} of {}", coverage.tried, coverage.planned),
            (_, None) => format!("stopped at {} of {}", coverage.tried, coverage.planned),
        });
        line.push_str(&counts(report));
        lines.push(line);
    } else {
        lines.push(format!("{allocations} in {elapsed}: nothing to try"));
    }
    lines.extend(report.stacks.as_ref().map(by_stack));
    let kinds = [
        (points.exempt, "exempt"),
        (points.first_use, "on first use, in an earlier plain run"),
        (points.other_threads, "on other threads (`threads = \"all\"` fails them too)"),
        (points.global, "of the global allocator (`global = \"swept\"` fails them too)"),
    ];
    let spared: Vec<String> =
        kinds.iter().filter(|kind| kind.0 > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if !spared.is_empty() {
        lines.push(format!("not made to fail: {}", spared.join("; ")));
    }
}

/// ` (cache 40, index 6)`, where there are several allocators.
fn by_space(report: &Report) -> String {
    if report.spaces.len() < 2 {
        return String::new();
    }
    let each: Vec<String> = report.spaces.iter().map(|space| format!("{} {}", space.name, space.points)).collect();
    format!(" ({})", each.join(", "))
}

/// What was chosen by call stacks.
fn by_stack(chosen: &Distinct) -> String {
    let Distinct { stacks, points, each } = *chosen;
    let which = match each {
        1 => String::from("the first allocation"),
        _ => format!("at most {}", plural(each, "allocation")),
    };
    format!(
        "chosen by call stack: {which} of each of {}, of {points} in all; no fault begins at the others",
        plural(stacks, "distinct stack")
    )
}

/// ` × once, persistent = 92 trials`, or what was chosen of them.
fn planned(report: &Report) -> String {
    let trials = plural(report.coverage.planned, "trial");
    let mut text = String::new();
    if !report.patterns.is_empty() {
        text.push_str(&format!(" × {}", report.patterns.join(", ")));
    }
    let all = report.points.total.checked_mul(report.patterns.len() as u64);
    if all == Some(report.coverage.planned) {
        text.push_str(&format!(" = {trials}"));
    } else {
        text.push_str(&format!(", {trials} chosen"));
    }
    if let Some(shard) = &report.shard {
        text.push_str(&format!(", shard {shard}"));
    }
    if let Some(seed) = report.seed {
        text.push_str(&format!(", seed {seed}"));
    }
    text
}

fn counts(report: &Report) -> String {
    let coverage = &report.coverage;
    let kinds = [
        (coverage.error, "ended in the error"),
        (coverage.tolerated, "tolerated"),
        (coverage.skipped, "skipped"),
        (coverage.moved, "moved by other threads"),
        (coverage.failed, "failed"),
    ];
    let kinds: Vec<String> =
        kinds.iter().filter(|kind| kind.0 > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) }
}

/// A time for people: `0.4 ms`, `12 ms`, `1.5 s`.
pub(crate) fn duration(ms: f64) -> String {
    if ms < 1.0 {
        format!("{ms:.1} ms")
    } else if ms < 1000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1000.0)
    }
}
