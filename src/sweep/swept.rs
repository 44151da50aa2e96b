//! What a sweep has found out, as it goes on.

use super::crew::WarmedUp;
use crate::hook::handles::GLOBAL;
use crate::model::report::{Coverage, Distinct, Points, Trial};
use crate::model::trial::{Block, Judged};

/// Everything that a sweep found out.
#[derive(Default)]
pub(crate) struct Swept {
    /// What the baseline asked for.
    pub(crate) points: Points,
    /// Plain runs made.
    pub(crate) runs: u32,
    /// What is wrong with the plain run.
    pub(crate) plain: Option<Judged>,
    /// The blocks of the plain run that something still reaches, if the options ask for them.
    pub(crate) reachable: Vec<Block>,
    /// How many of them were made in copies of a run.
    pub(crate) branched: u64,
    /// Copies that were over their time.
    pub(crate) hung: u32,
    /// Faults for which no copy was made because other threads were alive.
    pub(crate) crowded: u32,
    /// Trials that were bad in a copy and not from the reference state.
    pub(crate) unconfirmed: u64,
    /// How long the sweep was thought to take, once that could be told.
    pub(crate) foretold: Option<std::time::Duration>,
    /// Every trial made, in sweep order.
    pub(crate) trials: Vec<Trial>,
    /// Those with a finding.
    pub(crate) failed: Vec<Judged>,
    /// What was planned and what came of it.
    pub(crate) coverage: Coverage,
    /// What was chosen by call stacks, if it was.
    pub(crate) distinct: Option<Distinct>,
    /// Why the sweep is not complete.
    pub(crate) cut: Option<String>,
    /// Things worth saying.
    pub(crate) notes: Vec<String>,
    /// Why the points were tried in the way they were.
    pub(crate) why: Option<String>,
    /// The stack of every point of the baseline, each its length and its addresses; there if something was found.
    /// For each space by itself.
    pub(crate) stacks: Vec<(Option<u8>, Vec<usize>)>,
    /// The points of each space, by the allocator's number.
    pub(crate) spaces: Vec<(u8, u64)>,
    /// The body's type is a `Result`.
    pub(crate) returns_result: bool,
}

impl Swept {
    /// Puts down what the plain runs asked for. `any_number`: no run need make as many requests as another.
    pub(super) fn take_points(&mut self, warmed: &WarmedUp, any_number: bool) {
        let warm = &warmed.warm;
        let total = if warmed.died { warmed.last.made } else { warmed.log.len() as u64 };
        let varies = any_number && warm.number_varies;
        self.runs = warm.runs;
        self.returns_result = warmed.last.facts.returns_result;
        self.points = Points {
            total,
            first_use: if warmed.died || varies { 0 } else { warm.first_points.saturating_sub(total) },
            exempt: warmed.exempt,
            other_threads: warmed.others,
            global: warmed.beside,
        };
        if warm.sizes_vary {
            self.note("sizes vary: ten plain runs made as many requests, but not of the same sizes");
        }
        if varies {
            self.note("numbers vary: ten plain runs did not settle on a number of requests, so that of the last one was taken");
        }
    }

    /// Takes in what the sweep of one more space found out.
    pub(super) fn join(&mut self, space: u8, more: Swept) {
        let (points, added) = (&mut self.points, &more.points);
        points.total = points.total.saturating_add(added.total);
        points.first_use = points.first_use.saturating_add(added.first_use);
        points.exempt = points.exempt.saturating_add(added.exempt);
        points.other_threads = points.other_threads.saturating_add(added.other_threads);
        // Where the global allocator is a space too, what others left to it was made to fail there.
        let is_swept = space == GLOBAL || self.spaces.iter().any(|&(earlier, _)| earlier == GLOBAL);
        points.global = if is_swept { 0 } else { points.global.max(added.global) };
        self.spaces.push((space, added.total));
        self.coverage.join(&more.coverage);
        match (&mut self.distinct, more.distinct) {
            (Some(all), Some(more)) => all.join(&more),
            (all, more) => *all = all.or(more),
        }
        self.runs = self.runs.max(more.runs);
        self.returns_result = more.returns_result;
        self.plain = self.plain.take().or(more.plain);
        if self.reachable.is_empty() {
            self.reachable = more.reachable;
        }
        self.branched = self.branched.saturating_add(more.branched);
        self.hung = self.hung.saturating_add(more.hung);
        self.crowded = self.crowded.saturating_add(more.crowded);
        self.unconfirmed = self.unconfirmed.saturating_add(more.unconfirmed);
        self.foretold = self.foretold.max(more.foretold);
        self.trials.extend(more.trials);
        self.failed.extend(more.failed);
        self.stacks.extend(more.stacks);
        self.cut = self.cut.take().or(more.cut);
        self.why = self.why.take().or(more.why);
        for note in more.notes {
            self.note(&note);
        }
    }

    /// Whether all that there is to try was tried. What breaks off before it has a plan leaves nothing that could be counted.
    pub(crate) fn is_complete(&self) -> bool {
        self.coverage.left == 0 && self.cut.is_none()
    }

    /// Why the trials were made as they were: what the report says of its engine.
    pub(crate) fn reasons(&self) -> Option<String> {
        let counted = |count: u64, one: &str, more: &str| match count {
            0 => None,
            1 => Some(one.to_owned()),
            count => Some(format!("{count} {more}")),
        };
        let reasons = [
            self.why.clone(),
            counted(
                u64::from(self.crowded),
                "one fault begins where other threads are alive, where no copy is made",
                "faults begin where other threads are alive, where no copies are made",
            ),
            counted(
                u64::from(self.hung),
                "a copy of the run was over its time, which counts as no trial",
                "copies of the run were over their time, which counts as no trial",
            ),
            counted(
                self.unconfirmed,
                "a trial was bad in a copy of the run and good from the start, which counts",
                "trials were bad in copies of the run and good from the start, which counts",
            ),
        ];
        let told: Vec<String> = reasons.into_iter().flatten().collect();
        if told.is_empty() { None } else { Some(told.join("; ")) }
    }

    /// Says it once, however many spaces it holds for.
    pub(super) fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|note| note == text) {
            self.notes.push(text.to_owned());
        }
    }
}
