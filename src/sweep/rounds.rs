//! The rounds of a sweep: batches of trials from the start, and runs with copies; what neither can tell is tried alone.

use std::time::Instant;

use super::again::needs_more;
use super::births;
use super::board::{BATCH, Closing, Copying, PLAN};
use super::crew::{BatchEnd, Broken, Copied, Tried};
use super::order::Plan;
use super::supervisor::{PATIENCE, Sweep};
use crate::hook::branch::Due;
use crate::model::code::{Code, Verdict};
use crate::model::fault::Fault;
use crate::model::options::EngineChoice;
use crate::model::trial::{Ending, Judged};

/// To record the stack of a birth takes this long or so, and a copy of the process as long as this many of them.
const BIRTHS_A_COPY: usize = 50;
/// How many copies may hang before the rest is tried otherwise: where that is free to choose, and where it is not.
const MOST_HUNG: [u32; 2] = [1, 8];

/// What trials have in common whose findings are the same but for the place of the fault.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    codes: Vec<Code>,
    failed: Vec<usize>,
    panicked: Option<(Option<String>, Option<u32>)>,
}

impl Kind {
    fn of(judged: &Judged) -> Kind {
        let detail = judged.detail.as_ref();
        let failed = detail.and_then(|detail| detail.failed.as_ref());
        let panic = detail.and_then(|detail| detail.panic.as_ref());
        Kind {
            codes: judged.codes.clone(),
            failed: failed.map(|record| record.stack.ips().to_vec()).unwrap_or_default(),
            panicked: panic.map(|panic| (panic.file.clone(), panic.line)),
        }
    }
}

/// Places of the plan, and their faults.
struct Round<'p> {
    places: &'p [usize],
    faults: Vec<Fault>,
}

impl<'p> Round<'p> {
    fn of(plan: &Plan, places: &'p [usize]) -> Round<'p> {
        let faults = places.iter().filter_map(|&place| plan.faults.get(place).copied()).collect();
        Round { places, faults }
    }

    fn place(&self, nth: usize) -> usize {
        self.places.get(nth).copied().unwrap_or(usize::MAX)
    }
}

impl Sweep<'_> {
    /// Tries every fault of the plan, each by the cheaper way, or by the one that the options name.
    pub(super) fn run_plan(&mut self, plan: &Plan) -> Result<(), Broken> {
        self.results = vec![None; plan.faults.len()];
        let all: Vec<usize> = (0..plan.faults.len()).collect();
        if self.unsettled.is_some() {
            return self.copied(plan, all).map(|_| ());
        }
        // With the requests of all threads no plain run could tell that a batch has changed nothing.
        if self.options.engine == EngineChoice::BruteForce || self.options.threads_all {
            return self.one_by_one(plan, &all);
        }
        match self.options.engine {
            EngineChoice::Snapshot if self.may_copy() => {
                let left = self.copied(plan, all)?;
                self.replayed(plan, &left)
            }
            EngineChoice::Auto if self.may_copy() => self.by_the_cheaper(plan, &all),
            _ => self.replayed(plan, &all),
        }
    }

    fn may_copy(&self) -> bool {
        self.crew.contains() && !self.is_cold
    }

    fn by_the_cheaper(&mut self, plan: &Plan, all: &[usize]) -> Result<(), Broken> {
        if self.costs.is_small(&plan.faults) {
            return self.replayed(plan, all);
        }
        let (first, rest) = all.split_at(self.costs.probe(&plan.faults));
        self.replayed(plan, first)?;
        let rest: Vec<(usize, Fault)> =
            rest.iter().filter_map(|&place| Some((place, *plan.faults.get(place)?))).collect();
        let split = self.costs.split(&rest);
        self.swept.foretold =
            Some(self.began.elapsed().saturating_add(std::time::Duration::from_nanos(split.foretold)));
        let mut cheap = split.cheap;
        if !split.dear.is_empty() && self.swept.cut.is_none() {
            let (dear, others) = (Round::of(plan, &split.dear).faults, Round::of(plan, &cheap).faults);
            cheap.extend(self.copied(plan, split.dear)?);
            cheap.sort_unstable();
            self.foretell_anew(dear, &others);
        }
        self.replayed(plan, &cheap)
    }

    /// What a copy costs is known only when some were made: as the first of the run with copies tell it.
    fn foretell_anew(&mut self, mut dear: Vec<Fault>, cheap: &[Fault]) {
        let Some(early) = self.early.take() else { return };
        dear.sort_by_key(|fault| fault.place());
        self.swept.foretold = Some(early.at.duration_since(self.began) + self.costs.rest(&dear, cheap, &early));
    }

    fn one_by_one(&mut self, plan: &Plan, places: &[usize]) -> Result<(), Broken> {
        for &place in places {
            if self.is_over() {
                return Ok(());
            }
            let Some(&fault) = plan.faults.get(place) else { break };
            let judged = self.alone(fault, &[], 1)?;
            self.put(place, judged);
        }
        Ok(())
    }

    /// Whether the sweep breaks off here.
    fn is_over(&mut self) -> bool {
        self.swept.cut.is_some() || self.is_to_stop()
    }

    /// Trials from the start, in batches.
    fn replayed(&mut self, plan: &Plan, places: &[usize]) -> Result<(), Broken> {
        let mut size = BATCH;
        let mut at = 0;
        while at < places.len() && !self.is_over() {
            let Some(some) = places.get(at..places.len().min(at.saturating_add(size))) else { break };
            let round = Round::of(plan, some);
            let began = Instant::now();
            let end = match self.crew.batch(&round.faults, self.deadline()) {
                Ok(end) => end,
                Err(broken) => {
                    self.swept.cut = Some(broken.0);
                    break;
                }
            };
            self.costs.learn(&round.faults, &end, began.elapsed());
            let (good, whole) = (end.good.len(), end.good.len() == round.faults.len());
            let stopped = self.take_batch(&round, end)?;
            let done = good + usize::from(stopped.is_some());
            match stopped {
                Some(died) => size = if died { usize::max(1, good / 2) } else { size },
                None if whole => size = BATCH.min(size * 2),
                None => {}
            }
            if done == 0 && self.swept.cut.is_none() {
                self.swept.cut = Some(String::from("the runner came back without a trial"));
            }
            at += done;
        }
        Ok(())
    }

    /// Takes in what a batch came to. `Some`: the trial after the good ones was looked at as well, and whether its process died.
    fn take_batch(&mut self, round: &Round<'_>, end: BatchEnd) -> Result<Option<bool>, Broken> {
        let good = end.good.len();
        let sure = end.changed || end.closing == Closing::Fits;
        self.settle(round, &end.good, end.closing, sure)?;
        let (Some(digest), Some(&fault)) = (end.stopped, round.faults.get(good)) else { return Ok(None) };
        if let Some(trouble) = &digest.trouble
            && !self.still_works(fault)
        {
            self.swept.cut = Some(trouble.clone());
            return Ok(None);
        }
        let died = digest.facts.ending != Ending::Ok && digest.facts.ending != Ending::Err;
        let judged = if good == 0 && !needs_more(&digest, self.options) {
            self.judge(fault, digest)
        } else {
            let patience = if digest.facts.ending == Ending::Timeout { PATIENCE } else { 1 };
            self.alone(fault, &digest.leaked, patience)?
        };
        self.put(round.place(good), judged);
        Ok(Some(died))
    }

    /// The first of a batch was tried from the reference state and counts; the others count if the batch was closed by a
    /// plain run that fits, or are otherwise known to have begun there.
    fn settle(
        &mut self,
        round: &Round<'_>,
        good: &[(Verdict, bool)],
        closing: Closing,
        sure: bool,
    ) -> Result<(), Broken> {
        if closing == Closing::Differs {
            self.repeats = false;
        }
        let trusted = if sure { good.len() } else { good.len().min(1) };
        for (nth, &result) in good.iter().take(trusted).enumerate() {
            self.put_good(round.place(nth), result);
        }
        if trusted == good.len() {
            return Ok(());
        }
        let rest: Vec<Fault> = round.faults.iter().take(good.len()).skip(trusted).copied().collect();
        if closing == Closing::None
            && let Ok(again) = self.crew.batch(&rest, 0)
            && again.stopped.is_none()
            && again.good.len() == rest.len()
            && (again.closing == Closing::Fits || rest.len() == 1)
        {
            for (nth, &result) in again.good.iter().enumerate() {
                self.put_good(round.place(trusted + nth), result);
            }
            return Ok(());
        }
        for (nth, &fault) in rest.iter().enumerate() {
            let judged = self.alone(fault, &[], 1)?;
            self.put(round.place(trusted + nth), judged);
        }
        Ok(())
    }

    /// Trials in copies of runs. Returns the places for which none was made, or none that counts.
    fn copied(&mut self, plan: &Plan, places: Vec<usize>) -> Result<Vec<usize>, Broken> {
        let mut left = places;
        let mut others = Vec::new();
        while !left.is_empty() && !self.copies_mislead && !self.is_over() {
            let later = left.split_off(left.len().min(PLAN));
            let round = Round::of(plan, &left);
            let copied = self.crew.copies(&self.dues(&round), self.terms(&round))?;
            self.note_reasons(&copied);
            self.early = self.early.or(copied.early);
            self.count_points(&copied);
            let goes_on = copied.full || !later.is_empty();
            if !copied.fits && self.unsettled.is_none() {
                self.distrust_copies();
                left.extend(later);
                break;
            }
            let before = left.len();
            let mut next = self.take_copies(&round, copied.tried, &mut others)?;
            let stands = next.len() == before;
            next.extend(later);
            left = next;
            if !goes_on || stands {
                break;
            }
        }
        others.extend(left);
        others.sort_unstable();
        Ok(others)
    }

    /// What copies came to. Returns the places for which there was none; in `others` those whose copy does not count.
    fn take_copies(
        &mut self,
        round: &Round<'_>,
        tried: Vec<Tried>,
        others: &mut Vec<usize>,
    ) -> Result<Vec<usize>, Broken> {
        let (mut left, mut good) = (Vec::new(), Vec::new());
        let free = self.is_free();
        for (nth, (tried, &fault)) in tried.into_iter().zip(&round.faults).enumerate() {
            let place = round.place(nth);
            match tried {
                // Where runs go other ways than the baseline did, a trial from the start counts, if there is a choice.
                Tried::Good(_, true) if free => others.push(place),
                Tried::Good(verdict, drifted) => good.push((place, (verdict, drifted))),
                Tried::Told(digest)
                    if !(free && digest.drifted) && births::complete(&digest) && digest.trouble.is_none() =>
                {
                    let judged = self.judge(fault, *digest);
                    self.take_told(place, judged, others)?;
                }
                // There is no trial from the start that would be the same: the copy is the run.
                Tried::Told(digest) if self.unsettled.is_some() => {
                    self.swept.branched += 1;
                    let judged = self.judge(fault, *digest);
                    self.put(place, judged);
                }
                Tried::Doubtful if self.unsettled.is_some() => left.push(place),
                Tried::Told(_) | Tried::Doubtful => {
                    // The copies after it have been made all the same.
                    if self.is_over() {
                        left.push(place);
                        continue;
                    }
                    let judged = self.alone(fault, &[], 1)?;
                    self.confirmed(&judged);
                    self.put(place, judged);
                }
                Tried::Left => left.push(place),
            }
        }
        if self.copies_mislead {
            others.extend(good.into_iter().map(|(place, _)| place));
            return Ok(left);
        }
        for (place, result) in good {
            self.swept.branched += 1;
            self.put_good(place, result);
        }
        Ok(left)
    }

    /// What a copy came to, and all that there is to know of it. The first of its kind is tried from the reference state as well: to a
    /// body that has children, timers, or a number of its own, a copy of its process is not what the process is. If the two differ, no
    /// copy counts any more.
    fn take_told(&mut self, place: usize, judged: Judged, others: &mut Vec<usize>) -> Result<(), Broken> {
        let kind = Kind::of(&judged);
        if self.unsettled.is_some() || !self.copies_mislead && self.kinds.contains(&kind) {
            self.swept.branched += 1;
            self.put(place, judged);
            return Ok(());
        }
        if self.copies_mislead || self.is_over() {
            others.push(place);
            return Ok(());
        }
        let again = self.alone(judged.fault, &[], 1)?;
        self.confirmed(&again);
        if again.verdict == judged.verdict && again.codes == judged.codes {
            self.kinds.insert(kind);
        } else {
            self.distrust_copies();
        }
        self.put(place, again);
        Ok(())
    }

    fn distrust_copies(&mut self) {
        self.copies_mislead = true;
        let why = "a copy of the run was not what the run is, or disturbed it, so trials were made from the start";
        self.swept.why.get_or_insert_with(|| String::from(why));
    }

    /// What was not good in a copy was tried from the reference state.
    fn confirmed(&mut self, judged: &Judged) {
        if judged.codes.is_empty() && judged.verdict != Verdict::Skipped {
            self.swept.unconfirmed += 1;
        }
    }

    fn dues(&self, round: &Round<'_>) -> Vec<Due> {
        let free = self.is_free();
        let worth = |fault| if free { self.costs.replay(fault).max(1) } else { u64::MAX };
        let due = |(nth, &fault): (usize, &Fault)| Due { fault, place: nth as u32, worth: worth(fault) };
        round.faults.iter().enumerate().map(due).collect()
    }

    fn terms(&self, round: &Round<'_>) -> Copying {
        let free = self.is_free();
        Copying {
            count: round.faults.len(),
            jobs: self.options.jobs.unwrap_or(0),
            shared_with: 0,
            cost: if free { self.costs.copy() } else { 0 },
            most_hung: MOST_HUNG[usize::from(!free)],
            births: self.unsettled.is_some() || self.base.len() < round.faults.len().saturating_mul(BIRTHS_A_COPY),
            keep_failures: !self.options.benign.is_empty(),
            keeps_all: self.unsettled.is_some(),
            deadline: self.deadline(),
        }
    }

    /// There is a choice between the ways of trying a fault.
    fn is_free(&self) -> bool {
        self.options.engine == EngineChoice::Auto && self.unsettled.is_none()
    }

    fn note_reasons(&mut self, copied: &Copied) {
        self.swept.hung = self.swept.hung.saturating_add(copied.hung);
        self.swept.crowded = self.swept.crowded.saturating_add(copied.crowded);
    }
}
