//! A report in, a `String` out.

use crate::model::report::Report;

/// The report as a terminal shows it.
pub(crate) fn terminal(report: &Report) -> String {
    format!("{report:?}")
}
