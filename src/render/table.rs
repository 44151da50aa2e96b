//! What would repeat itself in many findings, in one table: infallible calls, and unwrapped errors.

use crate::model::names;
use crate::model::report::{Finding, RequestReport};
use crate::model::stack::Frame;

use super::excerpt::Sources;
use super::frames;
use super::settings::Settings;
use super::wording;

/// The rows of the table of infallible calls, and the ways on; the title is the caller's.
pub(crate) fn aborts(findings: &[&Finding], settings: &Settings, sources: &Sources<'_>) -> String {
    let row = |finding: &&Finding| {
        let culprit = finding.culprit.as_ref().or(finding.failed_request.as_ref());
        let stack: &[Frame] = culprit.map_or(&[], |culprit| &culprit.stack);
        let call = frames::library_call(stack, |site| sources.macro_at(site)).unwrap_or_else(|| "?".to_owned());
        let remark = finding.culprit.as_ref().and_then(|culprit| remark(finding, culprit, stack, settings));
        (vec![place(stack, settings), call], remark)
    };
    let mut text = grid(findings, &["place", "infallible call"], row, settings);
    text.push_str("  ways on:\n");
    for way in wording::ABORT_WAYS {
        let bullet = if way.starts_with(' ') { " " } else { "-" };
        text.push_str(&format!("  {bullet} {way}\n"));
    }
    text
}

/// The rows of the table of unwrapped errors; the title is the caller's.
pub(crate) fn unwraps(findings: &[&Finding], settings: &Settings) -> String {
    let row = |finding: &&Finding| {
        let panic = finding.panic.as_ref();
        let file = panic.and_then(|panic| Some((panic.file.as_deref()?, panic.line)));
        let unwrapped = file.map_or_else(|| "?".to_owned(), |(file, line)| settings.place(file, line, None));
        let failed = finding.failed_request.as_ref().map_or(&[][..], |failed| &failed.stack);
        (vec![unwrapped, place(failed, settings)], None)
    };
    grid(findings, &["unwrapped at", "failed request at"], row, settings)
}

/// Rows that begin with the number of trials and the first of them and end with the id, which is told once if it is the same
/// for all. A row may have a remark, on a line of its own.
fn grid<'f>(
    findings: &[&'f Finding],
    titles: &[&str],
    row: impl Fn(&&'f Finding) -> (Vec<String>, Option<String>),
    settings: &Settings,
) -> String {
    let same = findings.windows(2).all(|two| two[0].id == two[1].id) && findings.len() > 1;
    let mut head = vec!["trials".to_owned(), "first".to_owned()];
    head.extend(titles.iter().map(|&title| title.to_owned()));
    head.extend((!same).then(|| "id".to_owned()));
    let mut table = vec![(head, None)];
    for finding in findings {
        let mut cells = vec![finding.count.to_string(), finding.fault.clone().unwrap_or_default()];
        let (own, remark) = row(finding);
        cells.extend(own);
        cells.extend((!same).then(|| settings.id(&finding.id).to_owned()));
        table.push((cells, remark));
    }
    let width = |column: usize| table.iter().map(|(cells, _)| cells[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table[0].0.len()).map(width).collect();
    let mut text = String::new();
    for (cells, remark) in &table {
        let mut line = format!("  {:>1$}", cells[0], widths[0]);
        for (cell, width) in cells.iter().zip(&widths).skip(1) {
            line.push_str(&format!("  {cell:<width$}"));
        }
        text.push_str(line.trim_end());
        text.push('\n');
        if let Some(remark) = remark {
            text.push_str(&format!("  {:1$}  {remark}\n", "", widths[0]));
        }
    }
    if let Some(first) = findings.first().filter(|_| same) {
        text.push_str(&format!("  {}\n", wording::id_of_all(settings.id(&first.id))));
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
        remarks.push(wording::in_callee(
            &wording::made(culprit),
            names::without_hash(&site.function),
            place.as_deref(),
        ));
    }
    if culprit.in_drop {
        remarks.push(wording::IN_DROP.to_owned());
    }
    if remarks.is_empty() { None } else { Some(remarks.join("; ")) }
}
