//! One fault, in this process, nothing forked: ready for a debugger.

use super::{Site, assemble};
use crate::hook::points::Logged;
use crate::inspect::fold;
use crate::inspect::key::{self, Located};
use crate::inspect::symbols::Resolver;
use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::options::{Guard, Options, ReplayAt};
use crate::model::report::{Engine, Mode, Outcome, Report, Trial};
use crate::session::{Body, reach};
use crate::sweep::crew::{Broken, Crew};
use crate::sweep::in_place::InPlace;
use crate::sweep::runner::Terms;
use crate::sweep::supervisor;
use crate::sys;

/// W plain runs, then the trial.
pub(super) fn run(site: &Site, options: &Options, at: &ReplayAt, body: &mut dyn Body) -> Report {
    replay(site, options, at, body)
        .unwrap_or_else(|Broken(why)| assemble::whole(site, Mode::Replay, Code::Incomplete, Some(why)))
}

fn replay(site: &Site, options: &Options, at: &ReplayAt, body: &mut dyn Body) -> Result<Report, Broken> {
    let mut resolver = Resolver::new(&site.manifest_dir);
    let (space, label) = match space(options, at) {
        Ok(space) => space,
        Err(why) => return Ok(lost(assemble::empty(site, Mode::Replay), why)),
    };
    let mut crew = InPlace::new(body, Terms { space, ..Terms::of(options, sys::stacks::pointer()) })?;
    crew.record_stacks();
    let warmed = crew.warm_up()?;
    let points = warmed.log.len() as u64;
    let keys = reach::not_a_root(|| assemble::keys(&warmed.last.points, &mut resolver));
    let mut report = assemble::empty(site, Mode::Replay);
    report.points.total = points;
    report.points.exempt = warmed.exempt;
    report.points.other_threads = warmed.others;
    report.guard_pages = options.guard == Guard::Pages;
    report.points.global = warmed.beside;
    report.patterns = vec![at.fault.text_in(label.as_deref())];
    report.coverage.planned = 1;
    let (fault, said) = match find(at, label.as_deref(), &keys, &warmed.log) {
        Ok(found) => found,
        Err(why) => return Ok(lost(report, why)),
    };
    announce(site, &fault.text_in(label.as_deref()), said.as_deref());
    report.notes.extend(said);
    crew.break_at_failures();
    let judged =
        supervisor::one(&mut crew, options, &mut assemble::has_frame(site, options, &mut resolver), (space, fault))?;
    report.coverage.add(judged.verdict, &options.policy);
    report.engine = Engine { in_process: 1, ..Engine::default() };
    report.trials.push(Trial { fault, space: label, verdict: judged.verdict, drifted: judged.drifted });
    let lookup = |_, index: u64| usize::try_from(index).ok().and_then(|place| keys.get(place)).copied();
    let (target, names) = (site.target(), &|number: u32| options.allocator_name(number));
    report.findings = fold::fold(&[judged], target, &mut resolver, &lookup, names);
    assemble::finish(&mut report, options, &resolver);
    Ok(report)
}

/// The space that is asked for, and its name if there are several.
fn space(options: &Options, at: &ReplayAt) -> Result<(u8, Option<String>), String> {
    let spaces = options.spaces();
    let named: Vec<(u8, String)> =
        spaces.iter().filter_map(|&number| Some((number, options.allocator_name(u32::from(number))?))).collect();
    let list = || named.iter().map(|(_, name)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let label = |name: &str| (named.len() > 1).then(|| name.to_owned());
    match (&at.space, named.as_slice()) {
        (None, [(number, _)]) => Ok((*number, None)),
        (None, _) => Err(format!(
            "this body has several allocators, each with points of its own: say which, as in `{}`; there are {}",
            at.fault.text_in(named.first().map(|(_, name)| name.as_str())),
            list()
        )),
        (Some(asked), _) => match named.iter().find(|(_, name)| name == asked) {
            Some((number, name)) => Ok((*number, label(name))),
            None => Err(format!("no allocator `{asked}` is swept in this test; there are {}", list())),
        },
    }
}

/// The fault at the place where its key is now, and what is to be said of that.
fn find(
    at: &ReplayAt,
    space: Option<&str>,
    keys: &[(u64, u64)],
    log: &[Logged],
) -> Result<(Fault, Option<String>), String> {
    let place = at.fault.place();
    let (Some(digits), Some(index)) = (&at.key, place) else {
        return match place {
            Some(index) if index >= log.len() as u64 => Err(format!(
                "there is no allocation {index}{}: the plain run makes {} that can fail, numbered from 0",
                space.map(|space| format!(" of `{space}`")).unwrap_or_default(),
                log.len()
            )),
            _ => Ok((at.fault, None)),
        };
    };
    let only: Vec<u64> = keys.iter().map(|&(key, _)| key).collect();
    match key::locate(&only, index, digits, at.occurrence) {
        Located::Here => Ok((at.fault, None)),
        Located::Drifted(now) => Ok((at.fault.moved_to(now), Some(format!("drifted from {index} to {now}")))),
        Located::Nearest(now) => Ok((
            at.fault.moved_to(now),
            Some(format!(
                "occurrence {} of this stack is not left: the nearest with this stack is {now}, and {index} was asked for",
                at.occurrence
            )),
        )),
        Located::Ambiguous => Err(format!("`#{digits}` is the beginning of several keys: give more of its digits")),
        Located::Gone => Err(String::from(
            "no allocation with this stack is left: nothing was failed; run the test without OOMSWEEP_REPLAY for today's findings",
        )),
    }
}

fn lost(mut report: Report, why: String) -> Report {
    let mut finding = fold::of_the_test(Code::NotReached);
    finding.notes.push(why);
    report.findings.push(finding);
    report.coverage.left = 1;
    report.complete = false;
    report.result = Outcome::Failed;
    report
}

#[allow(clippy::print_stderr, reason = "said before the trial, which may not come back")]
fn announce(site: &Site, fault: &str, said: Option<&str>) {
    let said = said.map(|said| format!(" ({said})")).unwrap_or_default();
    eprintln!("oomsweep: replaying {fault}{said} of {} in this process", site.test());
}
