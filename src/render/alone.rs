//! Findings that belong to no test: those of an allocator that a program passes round.

use crate::model::report::{Finding, Mode, Outcome, Report};

use super::settings::Settings;
use super::terminal;

/// The findings one after the other, each with its headline, its places and its notes.
pub(crate) fn text(findings: &[Finding], settings: &Settings) -> String {
    let text = terminal::findings(&of_no_test(findings.to_vec()), settings);
    text.trim_end().to_owned()
}

/// A report that says nothing but what its findings say.
fn of_no_test(findings: Vec<Finding>) -> Report {
    Report { result: Outcome::Failed, findings, ..Report::empty(Mode::Leaks) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::code::Code;
    use crate::model::memory::Noticed;
    use crate::model::report::LayoutReport;
    use crate::render::{examples, wording};

    /// The example of a code as an allocator tells it that belongs to no test.
    fn alone(code: Code) -> Finding {
        let mut finding = examples::of(code).findings.remove(0);
        (finding.fault, finding.key, finding.replay, finding.failed_request) = (None, None, None, None);
        (finding.id, finding.count, finding.output) = (String::new(), 1, None);
        for list in [&mut finding.also, &mut finding.notes] {
            list.clear();
        }
        finding.other_requests.clear();
        finding.blocks.iter_mut().for_each(|block| block.allocator = Some("parser".to_owned()));
        if let Some(error) = &mut finding.memory {
            error.allocator = Some("parser".to_owned());
        }
        wording::speak_alone(&mut finding);
        finding
    }

    #[test]
    fn each_error_and_a_leak() {
        let codes = [
            Code::DoubleFree,
            Code::InvalidFree,
            Code::WrongLayout,
            Code::Overflow,
            Code::Underflow,
            Code::UseAfterFree,
            Code::Leak,
        ];
        insta::assert_snapshot!(text(&codes.map(alone), &examples::settings()));
    }

    #[test]
    fn in_other_words() {
        let mut lines = Vec::new();
        for (code, noticed, new_size, moved) in [
            (Code::DoubleFree, Noticed::Realloc, Some(10), false),
            (Code::DoubleFree, Noticed::Realloc, Some(1000), false),
            (Code::DoubleFree, Noticed::Free, None, true),
            (Code::WrongLayout, Noticed::Realloc, Some(1000), false),
            (Code::Overflow, Noticed::Realloc, Some(1000), false),
            (Code::Overflow, Noticed::Demand, None, false),
            (Code::Overflow, Noticed::End, None, false),
            (Code::UseAfterFree, Noticed::Eviction, None, true),
        ] {
            let mut finding = alone(code);
            finding.notes.clear();
            if let Some(error) = &mut finding.memory {
                (error.noticed, error.new_size, error.moved) = (noticed, new_size, moved);
                error.given = error.given.or(new_size.map(|_| LayoutReport { size: 48, align: 8 }));
            }
            wording::speak_alone(&mut finding);
            lines.push(format!("{}: {}", finding.code, finding.message));
            lines.extend(finding.notes.iter().map(|note| format!("  {note}")));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }
}
