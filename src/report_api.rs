//! What a report can be asked.

use crate::model::report::{Finding, Outcome, Report, Trial};
use crate::render;

impl Report {
    /// Whether the test passed: no finding is left.
    pub fn is_clean(&self) -> bool {
        self.result == Outcome::Passed
    }

    /// Makes the calling test fail unless this report [is clean](Report::is_clean).
    ///
    /// # Panics
    ///
    /// With the whole report as its message, as a terminal shows it, if a finding is left.
    ///
    /// ```
    /// oomsweep::Sweep::new("reserves").run(|| Vec::<u8>::new().try_reserve(100)).assert_clean();
    /// ```
    #[track_caller]
    pub fn assert_clean(&self) {
        if !self.is_clean() {
            panic!("{}", render::terminal_text(self, false));
        }
    }

    /// The findings that are left, in sweep order: each is one root cause, with all the trials that it spoiled.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Every trial, in sweep order, never folded.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }
}
