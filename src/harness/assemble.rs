//! From what a sweep found out to a report: folded, named, counted, and measured against what the user accepts.

use std::collections::HashMap;

use super::{Site, mode};
use crate::inspect::key::{self, Occurrences};
use crate::inspect::stacks::Stacks;
use crate::inspect::symbols::Resolver;
use crate::inspect::{blocks, fold};
use crate::model::code::Code;
use crate::model::names;
use crate::model::options::{Guard, Options, Pattern, Selection, Task};
use crate::model::place::{self, Origin};
use crate::model::report::{Engine, Finding, Mode, Outcome, Report, RequestReport, Space};
use crate::model::stack::{RawStack, Stack};
use crate::model::trial::Block;
use crate::render::wording;
use crate::sweep::excuse::Paths;
use crate::sweep::supervisor::Swept;
use crate::sweep::warm;

/// A report in which nothing has happened yet.
pub(super) fn empty(site: &Site, mode: Mode) -> Report {
    Report {
        test: site.test().to_owned(),
        package: site.package.clone(),
        file: Some(site.file.clone()),
        line: Some(site.line),
        ..Report::empty(mode)
    }
}

/// A report with one finding of the whole test.
pub(super) fn whole(site: &Site, mode: Mode, code: Code, why: Option<String>) -> Report {
    let mut report = empty(site, mode);
    report.result = Outcome::Failed;
    report.complete = false;
    let mut finding = fold::of_the_test(code);
    finding.notes.extend(why);
    report.findings.push(finding);
    report
}

/// Whether a stack has a frame at or below one of the paths of `benign("…")` or `intended("…")`.
pub(super) fn has_frame<'r>(
    site: &Site,
    options: &Options,
    resolver: &'r mut Resolver,
) -> impl FnMut(Paths, &RawStack) -> bool + use<'r> {
    let (benign, intended) = (prefixes(site, &options.benign), prefixes(site, &options.intended));
    move |paths, stack| {
        let prefixes = match paths {
            Paths::Benign => &benign,
            Paths::Intended => &intended,
        };
        !prefixes.is_empty() && place::has_frame_prefix(&resolver.resolve(stack), prefixes)
    }
}

/// The paths of a list, with `crate::` put in words.
fn prefixes(site: &Site, paths: &[String]) -> Vec<String> {
    let name = site.path.split("::").next().unwrap_or_default();
    paths
        .iter()
        .map(|prefix| prefix.strip_prefix("crate::").map_or_else(|| prefix.clone(), |rest| format!("{name}::{rest}")))
        .collect()
}

/// The report of a sweep.
pub(super) fn report(site: &Site, options: &Options, swept: Swept, contained: bool, resolver: &mut Resolver) -> Report {
    let mut report = empty(site, mode(options));
    report.points = swept.points;
    report.coverage = swept.coverage;
    report.complete = swept.is_complete();
    if !options.allocators.is_empty() {
        let spaces = swept.spaces.iter();
        report.spaces = spaces
            .filter_map(|&(number, points)| Some(Space { name: options.allocator_name(u32::from(number))?, points }))
            .collect();
    }
    let reasons = swept.reasons();
    report.notes = swept.notes;
    let unused = report.spaces.iter().filter(|space| space.points == 0 && report.spaces.len() > 1);
    report.notes.extend(unused.map(|space| wording::asked_for_nothing(&space.name)));
    report.guard_pages = options.guard == Guard::Pages;
    report.stopped = swept.cut.clone();
    report.shard = options.shard.map(|shard| format!("{}/{}", shard.k, shard.n));
    report.stacks = swept.distinct;
    report.seed = options.max_points.map(|_| options.seed);
    report.engine = Engine {
        replay: if contained { swept.coverage.tried.saturating_sub(swept.branched) } else { 0 },
        snapshot: swept.branched,
        in_process: if contained { 0 } else { swept.coverage.tried },
        why: why(reasons, contained),
        foretold_ms: swept.foretold.map(|time| time.as_secs_f64() * 1000.0),
    };
    if options.task == Task::Sweep {
        report.patterns = options.patterns.iter().map(|&pattern| pattern_text(pattern)).collect();
    }
    let names = &|number: u32| options.allocator_name(number);
    let reachable: Vec<&Block> = swept.reachable.iter().collect();
    report.reachable = blocks::group(&reachable, &mut Stacks::new(resolver), names);
    let target = site.target();
    let plain_failed = swept.plain.is_some();
    if let Some(plain) = swept.plain {
        report.findings = fold::fold(&[plain], target, resolver, &|_, _| None, names);
        report.complete = false;
    } else if options.task == Task::Sweep && swept.points.total == 0 {
        if !options.no_points_allow {
            report.findings.push(fold::of_the_test(Code::NoPoints));
        }
    } else if options.task == Task::Sweep && !swept.returns_result && options.should_panic.is_none() {
        report.notes.push(wording::RETURNS_NOTHING.to_owned());
    }
    if !swept.failed.is_empty() {
        let known: HashMap<Option<u8>, Vec<(u64, u64)>> =
            swept.stacks.iter().map(|(space, stacks)| (*space, keys(stacks, resolver))).collect();
        // Where threads make their requests in any order, a point's number says nothing of its stack: its own stack does.
        let numbered = |index: &u64| usize::try_from(*index).ok().filter(|_| !options.threads_all);
        let lookup = |space, index| numbered(&index).and_then(|at| known.get(&space)?.get(at)).copied();
        report.findings.extend(fold::fold(&swept.failed, target, resolver, &lookup, names));
    }
    suggest_fallbacks(&mut report.findings);
    report.trials = swept.trials;
    if !plain_failed && !report.complete && !options.incomplete_allow {
        let mut finding = fold::of_the_test(Code::Incomplete);
        // What the headline says of a sweep that had begun is not said again.
        let is_said = |cut: &str| cut.starts_with("max_") || cut.starts_with("interrupt ");
        finding.notes.extend(swept.cut.filter(|cut| !is_said(cut)));
        report.findings.push(finding);
    }
    finish(&mut report, options, resolver);
    report
}

/// Takes out what the test accepts, names files from the workspace, and says whether the test passed.
pub(super) fn finish(report: &mut Report, options: &Options, resolver: &Resolver) {
    accept_known(report, options);
    for stack in stacks(report) {
        name_files(stack, resolver);
    }
    let clean = report.findings.is_empty() && report.known_gone.is_empty();
    report.result = if clean { Outcome::Passed } else { Outcome::Failed };
}

fn why(told: Option<String>, contained: bool) -> Option<String> {
    if contained {
        return told;
    }
    Some(String::from("in this process: an abort, a crash, an exit or a hang would have ended it"))
}

fn pattern_text(pattern: Pattern) -> String {
    match pattern {
        Pattern::Once => String::from("once"),
        Pattern::Persistent => String::from("persistent"),
        Pattern::Window(len) => format!("window({len})"),
        Pattern::Budget => String::from("budget"),
    }
}

/// Key and occurrence of every point, from the stacks of a plain run.
pub(super) fn keys(words: &[usize], resolver: &mut Resolver) -> Vec<(u64, u64)> {
    let mut known: HashMap<&[usize], u64> = HashMap::new();
    let mut occurrences = Occurrences::default();
    warm::stacks(words)
        .map(|ips| {
            let key = *known.entry(ips).or_insert_with(|| key::of(&resolver.resolve(&RawStack::from_ips(ips))));
            (key, occurrences.next(key))
        })
        .collect()
}

/// Findings that the test accepts are left out of the judgement, memory errors never; those that do not occur fail the test.
fn accept_known(report: &mut Report, options: &Options) {
    // A part of the trials, or none, does not tell that a finding is gone.
    let chosen = options.shard.is_some() || options.selection != Selection::All;
    let whole = report.complete && options.task == Task::Sweep && !chosen;
    for (place, id) in options.known.iter().enumerate() {
        if options.known.iter().take(place).any(|earlier| earlier == id) {
            continue;
        }
        for finding in report.findings.iter_mut().filter(|finding| finding.id == *id && finding.code.is_memory_error())
        {
            finding.notes.push(wording::NEVER_KNOWN.to_owned());
        }
        let before = report.findings.len();
        report.findings.retain(|finding| finding.id != *id || finding.code.is_memory_error());
        if report.findings.len() < before {
            report.known.push(id.clone());
        } else if whole && !report.findings.iter().any(|finding| finding.id == *id) {
            report.known_gone.push(id.clone());
        }
    }
}

/// A swallowed failure inside a library may be that library's own fallback.
fn suggest_fallbacks(findings: &mut [Finding]) {
    for finding in findings.iter_mut().filter(|finding| finding.code == Code::Swallowed) {
        let Some(request) = &finding.failed_request else { continue };
        // Whatever asks an allocator that was passed asks through a collection's crate, which has swallowed nothing by that.
        if request.allocator.is_some() {
            continue;
        }
        // Without a file nobody knows whether the function is the user's own.
        let site = place::site(&request.stack).filter(|site| !site.own && site.file.is_some());
        let path = site.map(|site| names::owner_path(&site.function)).unwrap_or_default();
        if let Some(krate) = names::crate_of(&path)
            && krate.chars().all(|c| c.is_alphanumeric() || c == '_')
        {
            finding.notes.push(wording::fallback(&format!("{krate}::")));
        }
    }
}

/// Files of the workspace are named from its folder; our own keep their full names, by which they are known.
fn name_files(stack: &mut Stack, resolver: &Resolver) {
    for frame in stack.iter_mut().filter(|frame| place::origin(frame) != Origin::Ours) {
        if let Some(file) = &mut frame.file
            && let Ok(below) = std::path::Path::new(file.as_str()).strip_prefix(resolver.root())
            && let Some(below) = below.to_str()
        {
            *file = below.to_owned();
        }
    }
}

/// Every stack of a report.
fn stacks(report: &mut Report) -> impl Iterator<Item = &mut Stack> {
    report.findings.iter_mut().flat_map(stacks_of).chain(report.reachable.iter_mut().map(|block| &mut block.born))
}

fn stacks_of(finding: &mut Finding) -> impl Iterator<Item = &mut Stack> {
    let requests = finding.failed_request.iter_mut().chain(&mut finding.other_requests).chain(&mut finding.culprit);
    let parting = finding.diverges.iter_mut().flat_map(|at| at.baseline.iter_mut().chain(&mut at.trial));
    let stacks = requests.chain(parting).map(|request: &mut RequestReport| &mut request.stack);
    let blocks = finding
        .blocks
        .iter_mut()
        .flat_map(|block| std::iter::once(&mut block.born).chain(&mut block.freed).chain(&mut block.freed_again));
    let signal = finding.signal.iter_mut().filter_map(|signal| signal.stack.as_mut());
    let memory = finding.memory.iter_mut().filter_map(|error| error.stack.as_mut());
    stacks.chain(blocks).chain(signal).chain(memory)
}

#[cfg(test)]
mod tests;
