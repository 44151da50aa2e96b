//! What became of one fault, and of all of them, as reports have it.

use serde::{Deserialize, Serialize};

use super::code::Verdict;
use super::fault::Fault;
use super::trial::Policy;

/// What was planned and what came of it, in trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Trials planned: `tried + left`.
    pub planned: u64,
    /// Trials made: the sum of the five that follow.
    pub tried: u64,
    /// Ended in the expected error.
    pub error: u64,
    /// Ended in an allowed success.
    pub tolerated: u64,
    /// Ended in the allocation-error handler, which the policy skips.
    pub skipped: u64,
    /// Ended in a finding.
    pub failed: u64,
    /// Not reached, and no finding: with `threads = "all"` threads make their requests in any order.
    pub moved: u64,
    /// Not tried.
    pub left: u64,
}

impl Coverage {
    /// Adds what came of other trials.
    pub fn join(&mut self, more: &Coverage) {
        let Coverage { planned, tried, error, tolerated, skipped, failed, moved, left } = more;
        for (sum, added) in [
            (&mut self.planned, planned),
            (&mut self.tried, tried),
            (&mut self.error, error),
            (&mut self.tolerated, tolerated),
            (&mut self.skipped, skipped),
            (&mut self.failed, failed),
            (&mut self.moved, moved),
            (&mut self.left, left),
        ] {
            *sum = sum.saturating_add(*added);
        }
    }

    /// Counts one trial that was made.
    pub fn add(&mut self, verdict: Verdict, policy: &Policy) {
        self.tried = self.tried.saturating_add(1);
        let place = match (verdict.finding(), verdict) {
            (_, Verdict::NotReached) if policy.moved_allow => &mut self.moved,
            (Some(_), _) => &mut self.failed,
            (None, Verdict::Error) => &mut self.error,
            (None, Verdict::Tolerated) => &mut self.tolerated,
            (None, _) => &mut self.skipped,
        };
        *place = place.saturating_add(1);
    }
}

/// Of the points with the same call stack only some were to fail: how many there are of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distinct {
    /// Distinct call stacks; of several allocators, of each by itself.
    #[serde(rename = "distinct")]
    pub stacks: u64,
    /// The points that have them, and could have failed.
    pub points: u64,
    /// How many points of each stack were to fail at most.
    #[serde(serialize_with = "super::report::exact_integer")]
    pub each: u64,
}

impl Distinct {
    /// Adds the stacks of another allocator's points.
    pub fn join(&mut self, more: &Distinct) {
        self.stacks = self.stacks.saturating_add(more.stacks);
        self.points = self.points.saturating_add(more.points);
    }
}

/// One trial: never folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TrialForm", into = "TrialForm")]
pub struct Trial {
    /// What was failed.
    pub fault: Fault,
    /// Whose points the fault counts, where there are several such spaces.
    pub space: Option<String>,
    /// What it came to.
    pub verdict: Verdict,
    /// The points before the fault were not those of the baseline.
    pub drifted: bool,
}

/// A trial as the report file has it.
#[derive(Serialize, Deserialize)]
struct TrialForm {
    fault: String,
    verdict: Verdict,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    drifted: bool,
}

impl TryFrom<TrialForm> for Trial {
    type Error = String;

    fn try_from(form: TrialForm) -> Result<Trial, String> {
        let TrialForm { fault: text, verdict, drifted } = form;
        let (fault, space) = Fault::read_in(&text).map_err(|_| format!("`{text}` is no fault"))?;
        Ok(Trial { fault, space: space.map(str::to_owned), verdict, drifted })
    }
}

impl From<Trial> for TrialForm {
    fn from(trial: Trial) -> TrialForm {
        let fault = trial.fault.text_in(trial.space.as_deref());
        TrialForm { fault, verdict: trial.verdict, drifted: trial.drifted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_written_with_its_space_and_read_again() {
        let space = Some(String::from("cache"));
        let trial = Trial { fault: Fault::Window { at: 7, len: 3 }, space, verdict: Verdict::Error, drifted: false };
        let text = serde_json::to_string(&trial).unwrap();
        assert_eq!(text, r#"{"fault":"window@cache:7+3","verdict":"error"}"#);
        assert_eq!(serde_json::from_str::<Trial>(&text).unwrap(), trial);
        let drifted = Trial { space: None, drifted: true, ..trial };
        let text = serde_json::to_string(&drifted).unwrap();
        assert_eq!(text, r#"{"fault":"window@7+3","verdict":"error","drifted":true}"#);
        assert_eq!(serde_json::from_str::<Trial>(&text).unwrap(), drifted);
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for fault in ["", "once", "once@", "once@a", "once@:7", "once@a b:7", "once:a@7", "@a:7"] {
            let text = format!(r#"{{"fault":"{fault}","verdict":"error"}}"#);
            let error = serde_json::from_str::<Trial>(&text).unwrap_err().to_string();
            assert!(error.contains(&format!("`{fault}` is no fault")), "{error}");
        }
    }
}
