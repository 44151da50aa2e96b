//! A report for people.
//!
//! The order is fixed: the test and the number of its findings; each finding with its headline, its places, its facts, its
//! output, its id and the line to type; the tables of unwraps and of infallible calls; what was tried and what was not.

use std::fmt;

use annotate_snippets::renderer::{AnsiColor, Effects, Style};
use annotate_snippets::{Group, Level, Message, Renderer};

use crate::model::code::Code;
use crate::model::names;
use crate::model::report::{DivergenceReport, Finding, Mode, Outcome, PanicReport, Report, RequestReport};
use crate::model::stack::Frame;

use super::excerpt::Sources;
use super::settings::Settings;
use super::{frames, marks, reachable, stacks, table, wording};

/// How many lines of a trial's output are shown; the report file has more.
const OUTPUT_LINES: usize = 30;

/// The report for people.
pub(crate) fn render(report: &Report, settings: &Settings) -> String {
    let mut page =
        Page { report, settings, sources: Sources::new(settings), text: String::new(), lines_missing: false };
    page.opening();
    let (aborts, others): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|finding| finding.code == Code::Abort);
    let several = others.iter().filter(|finding| wording::unwraps_injected(finding)).count() > 1;
    let (unwraps, others): (Vec<&Finding>, Vec<&Finding>) =
        others.into_iter().partition(|finding| several && wording::unwraps_injected(finding));
    for finding in others {
        page.finding(finding);
    }
    page.unwraps(&unwraps);
    page.aborts(&aborts);
    page.closing();
    page.text
}

/// The findings alone, without a test's opening and closing lines.
pub(super) fn findings(report: &Report, settings: &Settings) -> String {
    let mut page =
        Page { report, settings, sources: Sources::new(settings), text: String::new(), lines_missing: false };
    for finding in &report.findings {
        page.finding(finding);
    }
    page.missing();
    page.text
}

/// The report for people, with the settings for a person.
pub(crate) fn terminal_text(report: &Report, color: bool) -> String {
    render(report, &Settings::new(color))
}

/// The report for people, without colour.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&terminal_text(self, false))
    }
}

struct Page<'a> {
    report: &'a Report,
    settings: &'a Settings,
    sources: Sources<'a>,
    text: String,
    lines_missing: bool,
}

impl Page<'_> {
    fn opening(&mut self) {
        let line = wording::opening(self.report);
        let color = if self.report.result == Outcome::Passed { AnsiColor::BrightGreen } else { AnsiColor::BrightRed };
        self.styled(&line, color.on_default().effects(Effects::BOLD));
        self.text.push('\n');
        if !self.report.findings.is_empty() {
            self.text.push('\n');
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let excerpts = self.sources.excerpts(&marks::of(finding));
        self.lines_missing |= excerpts.lines_missing;
        let mut facts: Vec<Message<'static>> = excerpts.in_words.into_iter().map(note).collect();
        self.sites(finding, &mut facts);
        self.facts(finding, &mut facts);
        let title = Level::ERROR.primary_title(headline(finding, self.report)).id(finding.code.as_str());
        self.group(Group::with_title(title).elements(excerpts.snippets).elements(facts));
        if let Some(diverges) = &finding.diverges {
            self.divergence(finding.code, diverges);
        }
        let instruction = finding.memory.as_ref().filter(|error| wording::is_by_instruction(error));
        let faulting = instruction.and_then(|error| error.stack.as_ref());
        let faulting = faulting.or(finding.signal.as_ref().and_then(|signal| signal.stack.as_ref()));
        if let Some(stack) = faulting.filter(|stack| frames::says_more(stack)) {
            self.text.push_str(&format!("  {}\n", wording::FAULTING_STACK));
            self.text.push_str(&stacks::lines(stack, "    ", self.settings));
        }
        if let Some(output) = &finding.output {
            self.output(output, finding.panic.as_ref());
        }
        self.replay(if nothing_fails(finding) { wording::AGAIN } else { wording::REPLAY }, finding);
        self.text.push('\n');
    }

    /// Where requests were really made, if the excerpts show only who called that place, and who called what they show. Calls
    /// that the stack shares with the finding's first one are told there.
    fn sites(&self, finding: &Finding, facts: &mut Vec<Message<'static>>) {
        let culprit = finding.culprit.iter().filter(|culprit| Some(*culprit) != finding.failed_request.as_ref());
        let requests = finding.failed_request.iter().chain(finding.other_requests.iter().take(2)).chain(culprit);
        let requests = requests.map(|request| (wording::made(request), request.stack.as_slice()));
        let blocks = finding.blocks.iter().map(|block| (wording::BLOCK_MADE.to_owned(), block.born.as_slice()));
        let freed = finding.blocks.iter().filter_map(|block| block.freed.as_ref());
        let freed = freed.map(|stack| (wording::BLOCK_FREED.to_owned(), stack.as_slice()));
        let call = finding.memory.as_ref().filter(|error| !wording::is_by_instruction(error));
        let call = call.and_then(|error| Some((wording::bad_call(finding).to_owned(), error.stack.as_deref()?)));
        let mut first: Option<Vec<&Frame>> = None;
        for (what, stack) in requests.chain(blocks).chain(freed).chain(call) {
            let mut callers = frames::callers(stack);
            match &first {
                Some(first) => {
                    let shared = callers.iter().rev().zip(first.iter().rev()).take_while(|(one, other)| one == other);
                    callers.truncate(callers.len() - shared.count());
                }
                None => first = Some(callers.clone()),
            }
            facts.extend(self.callee(&what, stack, &callers).map(note));
        }
    }

    fn callee(&self, what: &str, stack: &[Frame], callers: &[&Frame]) -> Option<String> {
        let place = |frame: &Frame| Some(self.settings.place(frame.file.as_deref()?, frame.line, frame.column));
        let inside = frames::other_site(stack)
            .map(|site| wording::in_callee(what, names::without_hash(&site.function), place(site).as_deref()));
        let callers: Vec<String> = callers.iter().filter_map(|frame| place(frame)).collect();
        wording::called(what, inside, wording::from_callers(&callers))
    }

    fn facts(&self, finding: &Finding, facts: &mut Vec<Message<'static>>) {
        facts.extend(finding.blocks.iter().filter_map(wording::indirect).map(note));
        facts.extend(wording::more_trials(&finding.also).map(note));
        let said = &finding.message;
        let tells = matches!(finding.code, Code::WrongError | Code::Baseline | Code::NotReached);
        if let Some(error) = finding.error.as_ref().filter(|error| tells && !said.ends_with(error.as_str())) {
            facts.push(fact("returned", error));
        }
        if let Some(panic) = finding.panic.as_ref().filter(|panic| !said.ends_with(&panic.message)) {
            facts.push(fact("panic", &panic.message));
        }
        facts.extend(finding.fds.iter().map(|fd| fact("left open", &format!("{} -> {}", fd.fd, fd.target))));
        if let Some(contract) = &finding.contract {
            facts.extend(contract.before.iter().map(|before| fact("before", before)));
            facts.extend(contract.after.iter().map(|after| fact("after", after)));
        }
        facts.extend(finding.notes.iter().cloned().map(note));
        if finding.id.is_empty() {
            return;
        }
        let id = self.settings.id(&finding.id);
        let shared = self.report.findings.iter().filter(|other| other.id == finding.id).count().saturating_sub(1);
        facts.push(fact("id", &if shared == 0 { id.to_owned() } else { wording::shared_id(id, shared) }));
    }

    fn divergence(&mut self, code: Code, diverges: &DivergenceReport) {
        let (first, second) = match code {
            Code::Baseline => (wording::EARLIER_RUN, wording::LAST_RUN),
            _ => (wording::PLAIN_RUN, wording::THIS_RUN),
        };
        self.text.push_str(&format!("  {}\n", wording::part_at(diverges.index)));
        for (run, request) in [(first, &diverges.baseline), (second, &diverges.trial)] {
            self.text.push_str(&format!("    {}\n", wording::in_run(run, request.as_ref())));
            let stack = request.as_ref().map(|request: &RequestReport| request.stack.as_slice());
            self.text.push_str(&stacks::lines(stack.unwrap_or(&[]), "      ", self.settings));
        }
    }

    fn output(&mut self, output: &str, panic: Option<&PanicReport>) {
        let output = printable(output, self.settings);
        let lines = without_panic(output.lines().collect(), panic);
        if lines.is_empty() {
            return;
        }
        let hidden = lines.len().saturating_sub(OUTPUT_LINES);
        self.text.push_str(&format!("  {}\n", wording::OUTPUT));
        if hidden > 0 {
            self.text.push_str(&format!("    {}\n", wording::lines_before(hidden)));
        }
        for line in &lines[hidden..] {
            self.text.push_str(format!("    | {line}").trim_end());
            self.text.push('\n');
        }
    }

    fn unwraps(&mut self, findings: &[&Finding]) {
        let Some(first) = findings.first() else {
            return;
        };
        let title = Level::ERROR.primary_title(wording::unwraps_title(findings)).id(Code::Panic.as_str());
        self.group(Group::with_title(title));
        self.text.push_str(&table::unwraps(findings, self.settings));
        self.replay(wording::REPLAY_FIRST, first);
        self.text.push('\n');
    }

    fn aborts(&mut self, findings: &[&Finding]) {
        let Some(first) = findings.first() else {
            return;
        };
        let title = Level::ERROR.primary_title(wording::abort_title(findings.len())).id(Code::Abort.as_str());
        self.group(Group::with_title(title));
        self.text.push_str(&table::aborts(findings, self.settings, &self.sources));
        let culprits = findings.iter().filter_map(|finding| finding.culprit.as_ref());
        self.lines_missing |=
            culprits.into_iter().any(|culprit| frames::shown(&culprit.stack).is_none_or(|f| f.line.is_none()));
        self.replay(if findings.len() == 1 { wording::REPLAY } else { wording::REPLAY_FIRST }, first);
        self.text.push('\n');
    }

    fn replay(&mut self, words: &str, finding: &Finding) {
        let Some(line) = finding.replay.as_ref().filter(|_| self.report.mode != Mode::Replay) else {
            return;
        };
        self.text.push_str(&format!("  {words}\n  "));
        self.styled(&self.settings.replay(line), Style::new().effects(Effects::BOLD));
        self.text.push('\n');
    }

    /// Says why there are no excerpts.
    fn missing(&mut self) {
        if self.lines_missing {
            self.text.push_str(&format!("note: {}\n", wording::NO_LINES));
        }
    }

    fn closing(&mut self) {
        self.missing();
        let elapsed =
            if self.settings.anonymize { "[elapsed]".to_owned() } else { wording::duration(self.report.elapsed_ms) };
        let closing = wording::closing(self.report, &elapsed, |id| self.settings.id(id));
        for line in closing.into_iter().chain(reachable::lines(&self.report.reachable, self.settings)) {
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    fn group(&mut self, group: Group<'_>) {
        let renderer = if self.settings.color { Renderer::styled() } else { Renderer::plain() };
        let text = renderer.term_width(self.settings.width).render(&[group]);
        self.text.push_str(text.trim_end_matches('\n'));
        self.text.push('\n');
    }

    fn styled(&mut self, text: &str, style: Style) {
        if self.settings.color {
            self.text.push_str(&format!("{style}{text}{style:#}"));
        } else {
            self.text.push_str(text);
        }
    }
}

/// The line to type makes nothing fail.
fn nothing_fails(finding: &Finding) -> bool {
    finding.replay.as_ref().is_some_and(|line| !line.contains("OOMSWEEP_REPLAY="))
}

/// Without what the standard library prints of a panic that the report tells anyway, and without its advice to set a variable:
/// the sweep prints no backtraces.
fn without_panic<'o>(mut lines: Vec<&'o str>, panic: Option<&PanicReport>) -> Vec<&'o str> {
    lines.retain(|line| *line != "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace");
    let Some(panic) = panic else { return lines };
    let message: Vec<&str> = panic.message.lines().collect();
    let starts = |line: &&str| line.starts_with("thread '") && line.contains(" panicked at ");
    while let Some(at) = lines.iter().position(starts) {
        if lines.get(at + 1..).is_none_or(|rest| !rest.starts_with(&message)) {
            break;
        }
        let blank = at.checked_sub(1).filter(|before| lines[*before].is_empty()).unwrap_or(at);
        lines.drain(blank..=at + message.len());
    }
    lines
}

/// The headline that the report carries; one that carries none yet is given one.
fn headline(finding: &Finding, report: &Report) -> String {
    if finding.message.is_empty() { wording::headline(finding, report) } else { finding.message.clone() }
}

fn note(text: String) -> Message<'static> {
    Level::NOTE.message(plain(&text))
}

fn fact(name: &'static str, text: &str) -> Message<'static> {
    Level::NOTE.with_name(name).message(plain(text.trim_end()))
}

/// Text of others for a message: no control characters but the ends of lines.
fn plain(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(annotate_snippets::normalize_untrusted_str).collect();
    lines.join("\n")
}

/// What a trial printed: escape sequences only where colour is wanted, and no other control characters.
fn printable(output: &str, settings: &Settings) -> String {
    let mut text = String::with_capacity(output.len());
    let mut chars = output.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if settings.color => text.push(c),
            '\u{1b}' => {
                if chars.next_if_eq(&'[').is_some() {
                    while chars.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                    chars.next();
                }
            }
            '\n' | '\t' => text.push(c),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    if settings.color && output.contains('\u{1b}') {
        text.push_str("\u{1b}[0m");
    }
    if settings.anonymize { without_thread_ids(&text) } else { text }
}

/// `thread 'x' (9730) panicked` with the number replaced.
fn without_thread_ids(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let id = line.strip_prefix("thread '").and_then(|rest| {
            let (name, rest) = rest.split_once("' (")?;
            let (number, rest) = rest.split_once(')')?;
            number.bytes().all(|b| b.is_ascii_digit()).then(|| format!("thread '{name}' ([thread]){rest}"))
        });
        result.push_str(id.as_deref().unwrap_or(line));
    }
    result
}
