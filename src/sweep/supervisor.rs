//! The supervisor: what is tried when, what is tried again, and what counts. It never runs the body.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::again::not_reached;
use super::board::{Alone, Wanted};
use super::crew::{Broken, Crew, Early};
use super::digest::{Digest, bare};
use super::excuse::{self, HasFrame};
use super::order::{self, Plan};
use super::rounds::Kind;
pub(crate) use super::swept::Swept;
use super::tactics::Costs;
use super::verdict::{findings, verdict};
use super::{births, distinct, interrupt, plain, standing, warm};
use crate::hook::points::Logged;
use crate::model::code::Verdict;
use crate::model::fault::Fault;
use crate::model::options::{EngineChoice, Guard, Options, Task};
use crate::model::report::Trial;
use crate::model::trial::{Divergence, Ending, Judged, Recorded};
use crate::sys::time::{self, nanos};

/// The least time limit of a run, and how many times the slowest plain run it is.
const LEAST_LIMIT: Duration = Duration::from_secs(1);
const LIMIT_FACTOR: u64 = 20;
/// Between guard pages a block costs hundreds of times as much, and plain runs have none.
const GUARDED_FACTOR: u64 = 50 * LIMIT_FACTOR;
/// How many times the limit a hang is confirmed with.
pub(super) const PATIENCE: u32 = 4;
/// How often a fault that was not reached is tried again.
const RETRIES: u32 = 2;

pub(super) struct Sweep<'a> {
    pub(super) crew: &'a mut dyn Crew,
    pub(super) options: &'a Options,
    has_frame: HasFrame<'a>,
    /// The allocator whose requests are failed.
    space: u8,
    pub(super) began: Instant,
    pub(super) swept: Swept,
    pub(super) base: Vec<Logged>,
    pub(super) results: Vec<Option<(Verdict, bool)>>,
    pub(super) failed: Vec<(usize, Judged)>,
    baseline_stacks: Vec<usize>,
    pub(super) repeats: bool,
    /// What was measured, for the choice between the ways of trying a fault.
    pub(super) costs: Costs,
    /// What the first faults of a run with copies have shown.
    pub(super) early: Option<Early>,
    /// Every run begins in a process of its own.
    pub(super) is_cold: bool,
    /// Plain runs do not settle on a number of points, so that all trials are made in copies of one run: how many points that had.
    pub(super) unsettled: Option<u64>,
    /// What was found in copies, and by a trial from the reference state as well.
    pub(super) kinds: HashSet<Kind>,
    /// Copies of this body's runs come to something else than trials from the reference state do, or spoil the run that they are made of.
    pub(super) copies_mislead: bool,
}

/// Does what the options ask for.
///
/// # Errors
/// If the engine broke down before anything could be said.
pub(crate) fn sweep(crew: &mut dyn Crew, options: &Options, has_frame: HasFrame<'_>) -> Result<Swept, Broken> {
    let began = Instant::now();
    let mut whole = Swept::default();
    standing::current().begin(options.spaces().len());
    if let Some(why) = interrupt::reason() {
        return Err(Broken(why));
    }
    for space in options.spaces() {
        standing::current().next_part();
        crew.set_space(space);
        let mut sweep = Sweep { began, ..Sweep::new(crew, options, &mut *has_frame, space) };
        if let Err(broken) = sweep.go() {
            if whole.trials.is_empty() {
                return Err(broken);
            }
            sweep.swept.cut = Some(broken.0);
        }
        whole.join(space, sweep.swept);
        if whole.plain.is_some() || interrupt::reason().is_some() {
            break;
        }
    }
    Ok(whole)
}

/// Tries one fault on a body that is warmed up.
///
/// # Errors
/// If the engine broke down.
pub(crate) fn one(
    crew: &mut dyn Crew,
    options: &Options,
    has_frame: HasFrame<'_>,
    (space, fault): (u8, Fault),
) -> Result<Judged, Broken> {
    let keep_failures = !options.benign.is_empty();
    let digest = crew.alone(Alone { births: Wanted::All, keep_failures, ..Alone::of(fault) }, &[])?;
    Ok(Sweep::new(crew, options, has_frame, space).judge(fault, digest))
}

impl<'a> Sweep<'a> {
    fn new(crew: &'a mut dyn Crew, options: &'a Options, has_frame: HasFrame<'a>, space: u8) -> Sweep<'a> {
        Sweep {
            crew,
            options,
            has_frame,
            space,
            began: Instant::now(),
            swept: Swept::default(),
            base: Vec::new(),
            results: Vec::new(),
            failed: Vec::new(),
            baseline_stacks: Vec::new(),
            repeats: true,
            costs: Costs::default(),
            early: None,
            is_cold: false,
            unsettled: None,
            kinds: HashSet::new(),
            copies_mislead: false,
        }
    }

    fn go(&mut self) -> Result<(), Broken> {
        let mut warmed = self.crew.warm_up()?;
        // Where threads make their requests in any order, no run need make as many as another; nor where nothing is swept.
        let any_number = self.options.threads_all || self.options.task == Task::Leaks;
        self.swept.take_points(&warmed, any_number);
        warmed.warm.number_varies &= !any_number;
        self.look_for_numbers(&mut warmed);
        self.swept.plain = plain::of_the_warm_up(self.crew, self.options, self.has_frame, &warmed);
        if self.swept.plain.is_some() {
            self.plan_is_left();
            return Ok(());
        }
        let factor = if self.options.guard == Guard::Pages { GUARDED_FACTOR } else { LIMIT_FACTOR };
        let limit = self
            .options
            .timeout
            .map_or_else(|| warmed.warm.slowest.saturating_mul(factor).max(nanos(LEAST_LIMIT)), nanos);
        self.crew.set_limit(limit);
        if self.options.engine == EngineChoice::BruteForce {
            self.crew.go_cold(warmed.warm.runs);
            self.is_cold = true;
        } else if warmed.warm.threads_left && self.crew.contains() {
            self.crew.go_cold(warmed.warm.runs);
            self.is_cold = true;
            self.swept.why = Some(String::from("threads of the body live on, so every batch has a process of its own"));
        }
        self.base = warmed.log;
        self.costs = Costs::new(warmed.times, warmed.warm.took);
        if self.options.show_reachable {
            let ask = Alone { births: Wanted::All, ..Alone::of(Fault::None) };
            self.swept.reachable = births::ask(self.crew, self.has_frame, ask, &[])?.detail.reachable;
        }
        self.swept.plain = plain::leaves_something(self.crew, self.options, self.has_frame, &warmed.last)?;
        if self.swept.plain.is_some() {
            self.plan_is_left();
            return Ok(());
        }
        if self.options.task == Task::Leaks || self.swept.points.total == 0 {
            return Ok(());
        }
        let stacks = distinct::stacks(self.crew, self.options, self.base.len(), &mut self.swept)?;
        let mut plan = order::plan(&self.base, &stacks, self.options);
        self.swept.distinct = plan.distinct;
        self.swept.coverage.planned = plan.faults.len() as u64 + plan.cut;
        standing::current().plan(plan.faults.len());
        // What was found out before the engine broke down is told all the same.
        if let Err(Broken(why)) = self.run_plan(&plan) {
            self.swept.cut = Some(why);
        }
        self.keep_what_was_there(&mut plan);
        self.count(&plan);
        // Of runs that are never alike no other run's points tell anything.
        if !self.swept.failed.is_empty() && self.unsettled.is_none() {
            let ask = Alone { point_stacks: true, patience: distinct::PATIENCE, ..Alone::of(Fault::None) };
            let stacks = self.crew.alone(ask, &[]).map(|digest| digest.points).unwrap_or_default();
            self.swept.stacks.push((self.label(), stacks));
        }
        Ok(())
    }

    /// The space, where there are several.
    fn label(&self) -> Option<u8> {
        (self.options.spaces().len() > 1).then_some(self.space)
    }

    /// Nothing is swept: what would have been is left.
    fn plan_is_left(&mut self) {
        if self.options.task == Task::Sweep {
            let planned = if self.base.is_empty() {
                self.swept.points.total.saturating_mul(self.options.patterns.len() as u64)
            } else {
                let plan = order::plan(&self.base, &[], self.options);
                plan.faults.len() as u64 + plan.cut
            };
            self.swept.coverage.planned = planned;
            self.swept.coverage.left = planned;
        }
    }

    /// Whether a process can still be had, after one could not.
    pub(super) fn still_works(&mut self, fault: Fault) -> bool {
        self.crew.alone(Alone::of(fault), &[]).is_ok_and(|digest| digest.trouble.is_none())
    }

    pub(super) fn put_good(&mut self, at: usize, result: (Verdict, bool)) {
        if let Some(place) = self.results.get_mut(at)
            && place.replace(result).is_none()
        {
            standing::current().count();
        }
    }

    pub(super) fn put(&mut self, at: usize, judged: Judged) {
        self.put_good(at, (judged.verdict, judged.drifted));
        if !judged.codes.is_empty() {
            standing::current().count_failed();
            self.failed.push((at, judged));
        }
    }

    /// Tries a fault alone, from the reference state, as often as its ending asks for; only this counts.
    pub(super) fn alone(&mut self, fault: Fault, leaked: &[(usize, usize)], patience: u32) -> Result<Judged, Broken> {
        let ask = Alone { keep_failures: !self.options.benign.is_empty(), patience, ..Alone::of(fault) };
        let mut digest = births::with_births(self.crew, self.has_frame, ask, leaked)?;
        let timed_out = digest.facts.ending == Ending::Timeout && digest.facts.memory_error.is_none();
        if timed_out && patience < PATIENCE {
            digest = births::with_births(
                self.crew,
                self.has_frame,
                Alone { patience: PATIENCE, ..ask },
                &digest.leaked.clone(),
            )?;
        }
        let mut tries = 0;
        while not_reached(&digest.facts) && tries < RETRIES {
            tries += 1;
            digest = births::with_births(
                self.crew,
                self.has_frame,
                Alone { patience: PATIENCE, ..ask },
                &digest.leaked.clone(),
            )?;
        }
        if not_reached(&digest.facts) && !self.options.policy.moved_allow {
            self.find_divergence(&mut digest)?;
        }
        Ok(self.judge(fault, digest))
    }

    /// Where a run that never came to its fault parted from the baseline, with the baseline's stack there.
    fn find_divergence(&mut self, digest: &mut Digest) -> Result<(), Broken> {
        let trial = digest.detail.diverges.as_ref().and_then(|parting| parting.trial);
        let index = digest.detail.diverges.as_ref().map_or(digest.made, |parting| parting.index);
        let mut baseline: Option<Recorded> = usize::try_from(index)
            .ok()
            .and_then(|place| self.base.get(place))
            .map(|point| bare(index, point, self.space));
        if let Some(record) = &mut baseline
            && let Ok(place) = usize::try_from(index)
        {
            if self.baseline_stacks.is_empty() {
                self.baseline_stacks = self.crew.baseline_stacks(self.swept.runs)?;
            }
            record.stack = warm::nth_stack(&self.baseline_stacks, place);
        }
        digest.detail.diverges = Some(Divergence { index, baseline, trial });
        Ok(())
    }

    pub(super) fn judge(&mut self, fault: Fault, mut digest: Digest) -> Judged {
        let policy = &self.options.policy;
        excuse::intended(&mut digest, self.has_frame);
        let mut told = verdict(&digest.facts, policy);
        if told == Verdict::Swallowed && !self.options.benign.is_empty() {
            excuse::benign(&mut digest, self.has_frame);
            told = verdict(&digest.facts, policy);
        }
        if told == Verdict::NotReached && digest.facts.ending == Ending::Err {
            digest.detail.notes.push(String::from("an error although nothing failed"));
        }
        if told != Verdict::NotReached {
            digest.detail.diverges = None;
        }
        if let Some(trouble) = digest.trouble.take() {
            digest.detail.notes.push(trouble);
        }
        Judged {
            fault,
            space: self.label(),
            verdict: told,
            codes: findings(&digest.facts, policy, told),
            drifted: digest.drifted && digest.facts.delivered > 0,
            detail: Some(Box::new(digest.detail)),
        }
    }

    fn count(&mut self, plan: &Plan) {
        let space = self.label().and_then(|number| self.options.allocator_name(u32::from(number)));
        let coverage = &mut self.swept.coverage;
        for (&fault, result) in plan.faults.iter().zip(&self.results) {
            let Some((told, drifted)) = *result else { continue };
            coverage.add(told, &self.options.policy);
            self.swept.trials.push(Trial { fault, space: space.clone(), verdict: told, drifted });
        }
        coverage.left = coverage.planned.saturating_sub(coverage.tried);
        if self.swept.cut.is_none() && plan.cut > 0 {
            self.swept.cut = Some(String::from("max_points"));
        }
        if !self.repeats {
            self.swept.notes.push(String::from(
                "runs do not repeat: what a trial leaves behind changes the next run, so trials were made from the reference state",
            ));
        }
        self.failed.sort_by_key(|(at, _)| *at);
        self.swept.failed = std::mem::take(&mut self.failed).into_iter().map(|(_, judged)| judged).collect();
    }

    /// Whether nothing more is to be tried; if so, why is written down.
    pub(super) fn is_to_stop(&mut self) -> bool {
        let is_over = self.options.max_time.is_some_and(|most| self.began.elapsed() >= most);
        let why = interrupt::reason().or_else(|| is_over.then(|| String::from("max_time")));
        let stops = why.is_some();
        self.swept.cut = why.or(self.swept.cut.take());
        stops
    }

    pub(super) fn deadline(&self) -> u64 {
        let Some(most) = self.options.max_time else { return 0 };
        time::now_ns().saturating_add(nanos(most.saturating_sub(self.began.elapsed()))).max(1)
    }
}

#[cfg(test)]
mod tests;
