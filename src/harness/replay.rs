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

/// W plain runs, then the trial.
pub(super) fn run(site: &Site, options: &Options, at: &ReplayAt, body: &mut dyn Body) -> Report {
    replay(site, options, at, body)
        .unwrap_or_else(|Broken(why)| assemble::whole(site, Mode::Replay, Code::Incomplete, Some(why)))
}

fn replay(site: &Site, options: &Options, at: &ReplayAt, body: &mut dyn Body) -> Result<Report, Broken> {
    let mut resolver = Resolver::new(&site.manifest_dir);
    let mut crew = InPlace::new(body, Terms::of(options))?;
    crew.record_stacks();
    let warmed = crew.warm_up()?;
    let points = warmed.log.len() as u64;
    let keys = reach::not_a_root(|| assemble::keys(&warmed.last.points, &mut resolver));
    let mut report = assemble::empty(site, Mode::Replay);
    report.points.total = points;
    report.points.exempt = warmed.exempt;
    report.points.other_threads = warmed.others;
    report.guard_pages = options.guard == Guard::Pages;
    report.patterns = vec![at.fault.to_string()];
    report.coverage.planned = 1;
    let (fault, said) = match find(at, &keys, &warmed.log) {
        Ok(found) => found,
        Err(why) => return Ok(lost(report, why)),
    };
    announce(site, fault, said.as_deref());
    report.notes.extend(said);
    crew.break_at_failures();
    let judged = supervisor::one(&mut crew, options, &mut assemble::has_frame(site, options, &mut resolver), fault)?;
    report.coverage.add(judged.verdict, &options.policy);
    report.engine = Engine { in_process: 1, ..Engine::default() };
    report.trials.push(Trial { fault, verdict: judged.verdict, drifted: judged.drifted });
    let lookup = |index: u64| usize::try_from(index).ok().and_then(|place| keys.get(place)).copied();
    let target = site.target();
    report.findings = fold::fold(&[judged], target, &mut resolver, &lookup, &fold::unnamed);
    assemble::finish(&mut report, options, &resolver);
    Ok(report)
}

/// The fault at the place where its key is now, and what is to be said of that.
fn find(at: &ReplayAt, keys: &[(u64, u64)], log: &[Logged]) -> Result<(Fault, Option<String>), String> {
    let place = at.fault.place();
    let (Some(digits), Some(index)) = (&at.key, place) else {
        return match place {
            Some(index) if index >= log.len() as u64 => Err(format!(
                "there is no allocation {index}: the plain run makes {} that can fail, numbered from 0",
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
fn announce(site: &Site, fault: Fault, said: Option<&str>) {
    let said = said.map(|said| format!(" ({said})")).unwrap_or_default();
    eprintln!("oomsweep: replaying {fault}{said} of {} in this process", site.test());
}
