//! What a sweep has found out, as it goes on.

use super::crew::WarmedUp;
use crate::model::report::{Coverage, Points, Trial};
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
    /// Every trial made, in sweep order.
    pub(crate) trials: Vec<Trial>,
    /// Those with a finding.
    pub(crate) failed: Vec<Judged>,
    /// What was planned and what came of it.
    pub(crate) coverage: Coverage,
    /// Why the sweep is not complete.
    pub(crate) cut: Option<String>,
    /// Things worth saying.
    pub(crate) notes: Vec<String>,
    /// Why the points were tried in the way they were.
    pub(crate) why: Option<String>,
    /// The stack of every point of the baseline, each its length and its addresses; there if something was found.
    pub(crate) stacks: Vec<usize>,
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
        };
        if warm.sizes_vary {
            self.note("sizes vary: ten plain runs made as many requests, but not of the same sizes");
        }
        if varies {
            self.note("numbers vary: ten plain runs did not settle on a number of requests, so that of the last one was taken");
        }
    }

    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
}
