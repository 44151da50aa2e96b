//! All infallible calls in one table.

use crate::model::names;
use crate::model::report::{Finding, RequestReport};
use crate::model::stack::Frame;

use super::frames;
use super::settings::Settings;
use super::wording;

/// The rows of the table, and the ways on; the title is the caller's.
pub(crate) fn rows(findings: &[&Finding], settings: &Settings) -> String {
    let mut table = vec![["trials", "first", "place", "infallible call", "id"].map(str::to_owned)];
    let mut remarks = vec![None];
    for finding in findings {
        let culprit = finding.culprit.as_ref().or(finding.failed_request.as_ref());
        let stack: &[Frame] = culprit.map_or(&[], |culprit| &culprit.stack);
        table.push([
            finding.count.to_string(),
            finding.fault.clone().unwrap_or_default(),
            place(stack, settings),
            frames::library_call(stack).unwrap_or_else(|| "?".to_owned()),
            settings.id(&finding.id).to_owned(),
        ]);
        remarks.push(finding.culprit.as_ref().and_then(|culprit| remark(finding, culprit, stack, settings)));
    }
    let widths: Vec<usize> =
        (0..5).map(|column| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for (row, remark) in table.iter().zip(&remarks) {
        let [count, first, place, call, id] = row;
        let line = format!(
            "  {count:>0$}  {first:<1$}  {place:<2$}  {call:<3$}  {id}",
            widths[0], widths[1], widths[2], widths[3]
        );
        text.push_str(line.trim_end());
        text.push('\n');
        if let Some(remark) = remark {
            text.push_str(&format!("  {:1$}  {remark}\n", "", widths[0]));
        }
    }
    text.push_str("  ways on:\n");
    for way in wording::ABORT_WAYS {
        let bullet = if way.starts_with(' ') { " " } else { "-" };
        text.push_str(&format!("  {bullet} {way}\n"));
    }
    text
}

fn place(stack: &[Frame], settings: &Settings) -> String {
    match frames::shown(stack) {
        Some(Frame { file: Some(file), line, column, .. }) => settings.place(file, *line, *column),
        Some(frame) => names::without_hash(&frame.function).to_owned(),
        None => "?".to_owned(),
    }
}

fn remark(finding: &Finding, culprit: &RequestReport, stack: &[Frame], settings: &Settings) -> Option<String> {
    let mut remarks = Vec::new();
    if !culprit.injected {
        remarks.push(wording::not_injected(culprit.size));
    }
    if let Some(first) =
        finding.failed_request.as_ref().filter(|first| culprit.index.is_some() && first.index != culprit.index)
    {
        remarks.push(wording::earlier(first, &place(&first.stack, settings)));
    }
    if let Some(site) = frames::other_site(stack) {
        let place = site.file.as_deref().map(|file| settings.place(file, site.line, site.column));
        remarks.push(wording::in_callee(&wording::made(culprit), names::without_hash(&site.function), place.as_deref()));
    }
    if remarks.is_empty() { None } else { Some(remarks.join("; ")) }
}
