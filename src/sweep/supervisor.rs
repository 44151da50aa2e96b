//! The supervisor: what is tried when, what is tried again, and what counts. It never runs the body.

use std::time::{Duration, Instant};

use super::again::{needs_more, not_reached};
use super::board::{Alone, BATCH, Closing, Wanted};
use super::crew::{Broken, Crew};
use super::digest::{Digest, bare};
use super::excuse::{self, HasFrame};
use super::order::{self, Plan};
pub(crate) use super::swept::Swept;
use super::verdict::{findings, verdict};
use super::{births, interrupt, plain, standing, warm};
use crate::hook::points::Logged;
use crate::model::code::Verdict;
use crate::model::fault::Fault;
use crate::model::options::{EngineChoice, Guard, Options, Task};
use crate::model::report::Trial;
use crate::model::trial::{Divergence, Ending, Judged, Recorded};
use crate::sys::time;

/// The least time limit of a run, and how many times the slowest plain run it is.
const LEAST_LIMIT: Duration = Duration::from_secs(1);
const LIMIT_FACTOR: u64 = 20;
/// Between guard pages a block costs hundreds of times as much, and plain runs have none.
const GUARDED_FACTOR: u64 = 50 * LIMIT_FACTOR;
/// How many times the limit a hang is confirmed with.
const PATIENCE: u32 = 4;
/// How often a fault that was not reached is tried again.
const RETRIES: u32 = 2;

struct Sweep<'a> {
    crew: &'a mut dyn Crew,
    options: &'a Options,
    has_frame: HasFrame<'a>,
    /// The allocator whose requests are failed.
    space: u8,
    began: Instant,
    swept: Swept,
    base: Vec<Logged>,
    results: Vec<Option<(Verdict, bool)>>,
    failed: Vec<(usize, Judged)>,
    baseline_stacks: Vec<usize>,
    repeats: bool,
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
        }
    }

    fn go(&mut self) -> Result<(), Broken> {
        let mut warmed = self.crew.warm_up()?;
        // Where threads make their requests in any order, no run need make as many as another; nor where nothing is swept.
        let any_number = self.options.threads_all || self.options.task == Task::Leaks;
        self.swept.take_points(&warmed, any_number);
        warmed.warm.number_varies &= !any_number;
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
        } else if warmed.warm.threads_left && self.crew.contains() {
            self.crew.go_cold(warmed.warm.runs);
            self.swept.why = Some(String::from("threads of the body live on, so every batch has a process of its own"));
        }
        self.base = warmed.log;
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
        let plan = order::plan(&self.base, self.options);
        self.swept.coverage.planned = plan.faults.len() as u64 + plan.cut;
        standing::current().plan(plan.faults.len());
        // What was found out before the engine broke down is told all the same.
        if let Err(Broken(why)) = self.run_plan(&plan) {
            self.swept.cut = Some(why);
        }
        self.count(&plan);
        if !self.swept.failed.is_empty() {
            let ask = Alone { point_stacks: true, ..Alone::of(Fault::None) };
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
                let plan = order::plan(&self.base, self.options);
                plan.faults.len() as u64 + plan.cut
            };
            self.swept.coverage.planned = planned;
            self.swept.coverage.left = planned;
        }
    }

    fn run_plan(&mut self, plan: &Plan) -> Result<(), Broken> {
        let faults = &plan.faults;
        self.results = vec![None; faults.len()];
        let mut size = BATCH;
        let mut at = 0;
        while at < faults.len() {
            if self.is_to_stop() {
                return Ok(());
            }
            // With the requests of all threads no plain run could tell that a batch has changed nothing.
            if self.options.engine == EngineChoice::BruteForce || self.options.threads_all {
                let Some(&fault) = faults.get(at) else { break };
                let judged = self.alone(fault, &[], 1)?;
                self.put(at, judged);
                at += 1;
                continue;
            }
            if self.options.engine == EngineChoice::Snapshot && self.crew.contains() {
                at = self.branched(at, faults)?;
                continue;
            }
            let Some(faults) = faults.get(at..faults.len().min(at + size)) else { break };
            let end = match self.crew.batch(faults, self.deadline()) {
                Ok(end) => end,
                Err(broken) => {
                    self.swept.cut = Some(broken.0);
                    return Ok(());
                }
            };
            let good = end.good.len();
            let sure = end.changed || end.closing == Closing::Fits;
            self.settle(at, faults, &end.good, end.closing, sure)?;
            let mut done = good;
            if let (Some(digest), Some(&fault)) = (end.stopped, faults.get(good)) {
                if let Some(trouble) = &digest.trouble
                    && !self.still_works(fault)
                {
                    self.swept.cut = Some(trouble.clone());
                    return Ok(());
                }
                let died = digest.facts.ending != Ending::Ok && digest.facts.ending != Ending::Err;
                let judged = if good == 0 && !needs_more(&digest, self.options) {
                    self.judge(fault, digest)
                } else {
                    let patience = if digest.facts.ending == Ending::Timeout { PATIENCE } else { 1 };
                    self.alone(fault, &digest.leaked, patience)?
                };
                self.put(at + good, judged);
                done += 1;
                size = if died { usize::max(1, good / 2) } else { size };
            } else if good == faults.len() {
                size = BATCH.min(size * 2);
            }
            if done == 0 {
                self.swept.cut = Some(String::from("the runner came back without a trial"));
                return Ok(());
            }
            at += done;
        }
        Ok(())
    }

    /// The next faults, in copies of one run; each that was not good there alone. Returns the place of the first that is left.
    fn branched(&mut self, at: usize, faults: &[Fault]) -> Result<usize, Broken> {
        let end = faults.len().min(at + BATCH);
        let Some(some) = faults.get(at..end) else { return Ok(faults.len()) };
        let results = self.crew.branches(some, self.deadline())?;
        for (place, (&fault, result)) in some.iter().zip(results).enumerate() {
            if let Some(result) = result {
                self.swept.branched += 1;
                self.put_good(at + place, result);
                continue;
            }
            if self.is_to_stop() {
                return Ok(faults.len());
            }
            let judged = self.alone(fault, &[], 1)?;
            self.put(at + place, judged);
        }
        Ok(end)
    }

    /// Whether a process can still be had, after one could not.
    fn still_works(&mut self, fault: Fault) -> bool {
        self.crew.alone(Alone::of(fault), &[]).is_ok_and(|digest| digest.trouble.is_none())
    }

    /// The first of a batch was tried from the reference state and counts; the others count if the batch was closed by a
    /// plain run that fits, or are otherwise known to have begun there.
    fn settle(
        &mut self,
        at: usize,
        faults: &[Fault],
        good: &[(Verdict, bool)],
        closing: Closing,
        sure: bool,
    ) -> Result<(), Broken> {
        if closing == Closing::Differs {
            self.repeats = false;
        }
        let trusted = if sure { good.len() } else { good.len().min(1) };
        for (place, &result) in good.iter().take(trusted).enumerate() {
            self.put_good(at + place, result);
        }
        if trusted == good.len() {
            return Ok(());
        }
        let rest: Vec<Fault> = faults.iter().take(good.len()).skip(trusted).copied().collect();
        if closing == Closing::None
            && let Ok(again) = self.crew.batch(&rest, 0)
            && again.stopped.is_none()
            && again.good.len() == rest.len()
            && (again.closing == Closing::Fits || rest.len() == 1)
        {
            for (place, &result) in again.good.iter().enumerate() {
                self.put_good(at + trusted + place, result);
            }
            return Ok(());
        }
        for (place, &fault) in rest.iter().enumerate() {
            let judged = self.alone(fault, &[], 1)?;
            self.put(at + trusted + place, judged);
        }
        Ok(())
    }

    fn put_good(&mut self, at: usize, result: (Verdict, bool)) {
        if let Some(place) = self.results.get_mut(at)
            && place.replace(result).is_none()
        {
            standing::current().count();
        }
    }

    fn put(&mut self, at: usize, judged: Judged) {
        self.put_good(at, (judged.verdict, judged.drifted));
        if !judged.codes.is_empty() {
            standing::current().count_failed();
            self.failed.push((at, judged));
        }
    }

    /// Tries a fault alone, from the reference state, as often as its ending asks for; only this counts.
    fn alone(&mut self, fault: Fault, leaked: &[(usize, usize)], patience: u32) -> Result<Judged, Broken> {
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

    fn judge(&mut self, fault: Fault, mut digest: Digest) -> Judged {
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
    fn is_to_stop(&mut self) -> bool {
        let is_over = self.options.max_time.is_some_and(|most| self.began.elapsed() >= most);
        let why = interrupt::reason().or_else(|| is_over.then(|| String::from("max_time")));
        let stops = why.is_some();
        self.swept.cut = why.or(self.swept.cut.take());
        stops
    }

    fn deadline(&self) -> u64 {
        let Some(most) = self.options.max_time else { return 0 };
        time::now_ns().saturating_add(nanos(most.saturating_sub(self.began.elapsed()))).max(1)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
