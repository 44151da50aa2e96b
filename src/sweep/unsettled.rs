//! Bodies whose plain runs do not settle on a number of requests: no trial from the start repeats another, so each is made in a copy of
//! one run, which needs no baseline.

use super::crew::{Copied, WarmedUp};
use super::order::Plan;
use super::supervisor::Sweep;
use crate::hook::points::Logged;
use crate::model::event::Kind;
use crate::model::options::{EngineChoice, Options, Pattern, Selection, Task};

/// A point that nothing is known of.
const UNKNOWN: Logged = Logged { size: 1, align: 1, kind: Kind::Alloc, demand: 0 };

impl Sweep<'_> {
    /// If the number of requests varies and copies may be made, the sweep goes on with them alone.
    pub(super) fn look_for_numbers(&mut self, warmed: &mut WarmedUp) {
        let warm = &mut warmed.warm;
        if !warm.number_varies || warm.failed || warmed.died || warm.threads_left {
            return;
        }
        if !self.crew.contains() || !needs_no_baseline(self.options) {
            return;
        }
        warm.number_varies = false;
        self.unsettled = Some(0);
        // As many as any run may make that is like those before; the run itself tells how many there are.
        let most = warmed.log.len().max(usize::try_from(warm.first_points).unwrap_or(0));
        warmed.log.resize(most.saturating_mul(2).saturating_add(64), UNKNOWN);
        self.swept.why =
            Some(String::from("no two plain runs made as many requests, so each trial was made in a copy of one run"));
    }

    /// How many points the run with copies had. One that did not come to its end, which is none of its trials, had more.
    pub(super) fn count_points(&mut self, copied: &Copied) {
        let Some(points) = &mut self.unsettled else { return };
        *points = (*points).max(copied.made).max(u64::from(!copied.ended));
        if !copied.ended && !self.is_to_stop() {
            let why = "the end of the run that was copied: it died or was over its time, although nothing failed in it";
            self.swept.cut.get_or_insert_with(|| String::from(why));
        }
    }

    /// Of a plan that was made for more points than the run had, keeps those that it had.
    pub(super) fn keep_what_was_there(&mut self, plan: &mut Plan) {
        let Some(points) = self.unsettled else { return };
        let (faults, results) = std::mem::take(&mut plan.faults)
            .into_iter()
            .zip(std::mem::take(&mut self.results))
            .filter(|(fault, _)| fault.place().is_some_and(|place| place < points))
            .unzip();
        (plan.faults, self.results) = (faults, results);
        self.swept.points.total = points;
        self.swept.points.first_use = 0;
        self.swept.coverage.planned = plan.faults.len() as u64;
        if self.results.iter().any(Option::is_none) && !self.is_to_stop() {
            self.swept.cut.get_or_insert_with(|| String::from(lack(self.swept.hung, self.swept.crowded)));
        }
    }
}

/// Why there were fewer copies than faults, when so many hung, and so many faults began beside other threads.
fn lack(hung: u32, crowded: u32) -> &'static str {
    match (hung, crowded) {
        (0, 0) => "the lack of copies",
        (0, _) => "the lack of copies: where other threads were alive there were none",
        (_, _) => "the lack of copies: too many of them were over their time",
    }
}

/// Whether the plan says nothing of the points but their numbers.
fn needs_no_baseline(options: &Options) -> bool {
    matches!(options.engine, EngineChoice::Auto | EngineChoice::Snapshot)
        && options.task == Task::Sweep
        && options.min_size.is_none()
        && options.selection == Selection::All
        && options.max_points.is_none()
        && options.shard.is_none()
        && !options.patterns.contains(&Pattern::Budget)
}
