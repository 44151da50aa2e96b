//! One row of a table: a test of this binary, and everything that its report must say.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::process::{Ran, Run};

/// A test, and what must come of it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    path: &'static str,
    passes: bool,
    complete: Option<bool>,
    trials: Option<Vec<String>>,
    facts: Vec<(&'static str, Value)>,
    notes: Vec<&'static str>,
    findings: Vec<Want>,
    env: Vec<(&'static str, &'static str)>,
}

/// A finding that must be there.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    code: &'static str,
    fault: Option<&'static str>,
    count: u64,
    lines: Vec<(&'static str, &'static str)>,
    facts: Vec<(&'static str, Value)>,
    texts: Vec<(&'static str, &'static str)>,
    present: Vec<&'static str>,
    functions: Vec<(&'static str, &'static str)>,
}

/// A row for a test without a finding, every trial made.
pub(crate) fn clean(path: &'static str) -> Row {
    let (trials, facts, notes, findings, env) = (None, Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Row { path, passes: true, complete: Some(true), trials, facts, notes, findings, env }
}

/// A row for a test that fails, every trial made.
pub(crate) fn failing(path: &'static str) -> Row {
    Row { passes: false, ..clean(path) }
}

/// A finding: its code, the fault of its first trial (empty: not looked at), and how many trials it folds.
pub(crate) fn want(code: &'static str, fault: &'static str, count: u64) -> Want {
    let fault = if fault.is_empty() { None } else { Some(fault) };
    let (lines, facts, texts) = (Vec::new(), Vec::new(), Vec::new());
    Want { code, fault, count, lines, facts, texts, present: Vec::new(), functions: Vec::new() }
}

impl Want {
    /// The own frame of the request that failed stands on the line marked so.
    pub(crate) fn asked(self, marker: &'static str) -> Want {
        self.line("/failed_request/stack", marker)
    }

    /// The first block was born on the line marked so.
    pub(crate) fn born(self, marker: &'static str) -> Want {
        self.line("/blocks/0/born", marker)
    }

    /// The request behind the allocation-error handler stands on the line marked so.
    pub(crate) fn culprit(self, marker: &'static str) -> Want {
        self.line("/culprit/stack", marker)
    }

    /// The first group of blocks: the size of one, and how many.
    pub(crate) fn block(self, size: u64, count: u64) -> Want {
        self.has("/blocks/0/size", size).has("/blocks/0/count", count).has("/blocks/0/bytes", size * count)
    }

    /// The member at this place has this value.
    pub(crate) fn has(mut self, pointer: &'static str, value: impl Into<Value>) -> Want {
        self.facts.push((pointer, value.into()));
        self
    }

    /// There is a member at this place.
    pub(crate) fn present(mut self, pointer: &'static str) -> Want {
        self.present.push(pointer);
        self
    }

    /// The text at this place contains this.
    pub(crate) fn says(mut self, pointer: &'static str, part: &'static str) -> Want {
        self.texts.push((pointer, part));
        self
    }

    /// The stack (or the line) at this place is that of the line marked so.
    pub(crate) fn line(mut self, pointer: &'static str, marker: &'static str) -> Want {
        self.lines.push((pointer, marker));
        self
    }

    /// The stack at this place has a frame of this function, or of a closure in it. Every build can know it.
    pub(crate) fn in_function(mut self, pointer: &'static str, path: &'static str) -> Want {
        self.functions.push((pointer, path));
        self
    }
}

impl Row {
    /// The verdicts in sweep order, `error*3 leak` for three errors and a leak.
    pub(crate) fn trials(mut self, words: &str) -> Row {
        let mut trials = Vec::new();
        for word in words.split_ascii_whitespace() {
            let (verdict, times) = word.split_once('*').unwrap_or((word, "1"));
            let times = times.parse().expect("`verdict*times`");
            trials.extend(std::iter::repeat_n(verdict.to_owned(), times));
        }
        self.trials = Some(trials);
        self
    }

    /// The next finding.
    pub(crate) fn finds(mut self, want: Want) -> Row {
        self.findings.push(want);
        self
    }

    /// The test fails although no finding is left.
    pub(crate) fn still_fails(mut self) -> Row {
        self.passes = false;
        self
    }

    /// The sweep does not come to its end.
    pub(crate) fn cut(mut self) -> Row {
        self.complete = Some(false);
        self
    }

    /// Nothing is swept: the plain run was bad, or no sweep was asked for.
    pub(crate) fn not_swept(mut self) -> Row {
        self.complete = None;
        self.trials("")
    }

    /// The member of the report at this place has this value.
    pub(crate) fn has(mut self, pointer: &'static str, value: impl Into<Value>) -> Row {
        self.facts.push((pointer, value.into()));
        self
    }

    /// A note of the report contains this.
    pub(crate) fn notes(mut self, part: &'static str) -> Row {
        self.notes.push(part);
        self
    }

    /// A variable.
    pub(crate) fn env(mut self, key: &'static str, value: &'static str) -> Row {
        self.env.push((key, value));
        self
    }

    /// The name of the test.
    pub(crate) fn path(&self) -> &'static str {
        self.path
    }

    /// The module that the test stands in.
    pub(crate) fn module(&self) -> &'static str {
        self.path.split_once("::").map_or(self.path, |(module, _)| module)
    }

    /// Runs the test and holds what came of it against the row; `source` is the text of the file that it stands in.
    #[track_caller]
    pub(crate) fn check(&self, file: &str, source: &str) {
        let ran = self.env.iter().fold(Run::new(self.path), |run, (key, value)| run.env(key, value)).go();
        ran.assert_nothing_left();
        let report = ran.expect_report();
        let mut wrong = Wrong { file, source, found: String::new() };
        self.hold_ending(&mut wrong, &ran, &report);
        self.hold_report(&mut wrong, &report);
        self.hold_trials(&mut wrong, &report);
        self.hold_findings(&mut wrong, &report);
        if !wrong.found.is_empty() {
            let report = serde_json::to_string_pretty(&report).unwrap_or_default();
            panic!("`{}` is not as its row says:\n{}\n{report}\n{}", self.path, wrong.found, ran.output());
        }
    }

    fn hold_ending(&self, wrong: &mut Wrong<'_>, ran: &Ran, report: &Value) {
        let as_expected = if self.passes { ran.passed() } else { ran.failed() };
        let word = if self.passes { "passed" } else { "failed" };
        wrong.unless(as_expected, || format!("libtest must say {word}, and ended with {}", ran.status));
        wrong.same("/result", report.pointer("/result"), &word.into());
    }

    fn hold_report(&self, wrong: &mut Wrong<'_>, report: &Value) {
        wrong.same("/schema", report.pointer("/schema"), &1.into());
        wrong.same("/test", report.pointer("/test"), &self.path.into());
        wrong.same("/package", report.pointer("/package"), &env!("CARGO_PKG_NAME").into());
        if let Some(complete) = self.complete {
            wrong.same("/complete", report.pointer("/complete"), &complete.into());
        }
        for (pointer, value) in &self.facts {
            wrong.same(pointer, report.pointer(pointer), value);
        }
        let notes = report.pointer("/notes").map(Value::to_string).unwrap_or_default();
        for part in &self.notes {
            wrong.unless(notes.contains(part), || format!("no note says `{part}`"));
        }
    }

    fn hold_trials(&self, wrong: &mut Wrong<'_>, report: &Value) {
        let verdicts: Vec<&str> =
            array(report, "/trials").iter().filter_map(|trial| trial.pointer("/verdict")?.as_str()).collect();
        if let Some(trials) = &self.trials {
            let met = verdicts.join(" ");
            wrong.unless(trials.join(" ") == met, || format!("trials: want `{}`, met `{met}`", trials.join(" ")));
        }
        let mut counted = BTreeMap::from([("error", 0_u64), ("tolerated", 0), ("skipped", 0), ("failed", 0)]);
        for verdict in &verdicts {
            let class = if counted.contains_key(verdict) { verdict } else { "failed" };
            *counted.entry(class).or_default() += 1;
        }
        let coverage = |member: &str| report.pointer(&format!("/coverage/{member}")).and_then(Value::as_u64);
        for (class, count) in counted {
            wrong.unless(coverage(class) == Some(count), || {
                format!("coverage counts {class} as {:?}, trials {count}", coverage(class))
            });
        }
        let tried = u64::try_from(verdicts.len()).ok();
        wrong
            .unless(coverage("tried") == tried, || format!("coverage tried {:?}, {tried:?} trials", coverage("tried")));
        let sum = coverage("tried").zip(coverage("left")).map(|(tried, left)| tried + left);
        wrong.unless(coverage("planned") == sum, || {
            format!("planned {:?} is not tried + left {sum:?}", coverage("planned"))
        });
        if self.complete == Some(true) {
            wrong.unless(coverage("left") == Some(0), || format!("{:?} trials are left", coverage("left")));
        }
    }

    fn hold_findings(&self, wrong: &mut Wrong<'_>, report: &Value) {
        let findings = array(report, "/findings");
        let met: Vec<&str> = findings.iter().filter_map(|finding| finding.pointer("/code")?.as_str()).collect();
        let want: Vec<&str> = self.findings.iter().map(|want| want.code).collect();
        wrong.unless(met == want, || format!("findings: want {want:?}, met {met:?}"));
        for (want, met) in self.findings.iter().zip(findings) {
            want.hold(wrong, met);
        }
    }
}

impl Want {
    fn hold(&self, wrong: &mut Wrong<'_>, met: &Value) {
        wrong.same("count", met.pointer("/count"), &self.count.into());
        if let Some(fault) = self.fault {
            wrong.same("fault", met.pointer("/fault"), &fault.into());
            let others = u64::try_from(array(met, "/also").len()).ok();
            wrong.unless(others == Some(self.count - 1), || {
                format!("`also` lists {others:?} of {} others", self.count - 1)
            });
        }
        let id = met.pointer("/id").and_then(Value::as_str).unwrap_or_default();
        let is_id = id.len() == 16 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        wrong.unless(is_id, || format!("`{id}` is no id"));
        wrong.unless(met.pointer("/message").and_then(Value::as_str).is_some_and(|text| !text.is_empty()), || {
            "no message".into()
        });
        for (pointer, value) in &self.facts {
            wrong.same(pointer, met.pointer(pointer), value);
        }
        for pointer in &self.present {
            wrong.unless(met.pointer(pointer).is_some(), || format!("{pointer}: nothing is there"));
        }
        for (pointer, part) in &self.texts {
            let text = met.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            wrong.unless(text.contains(part), || format!("{pointer} says `{text}`, not `{part}`"));
        }
        for (pointer, marker) in &self.lines {
            wrong.on_line(pointer, met.pointer(pointer), marker);
        }
        for (pointer, path) in &self.functions {
            let names = array(met, pointer).iter().filter_map(|frame| frame.pointer("/function")?.as_str());
            let is_in = |name: &str| name.split_once(path).is_some_and(|(_, rest)| !rest.starts_with(is_word));
            let names: Vec<&str> = names.collect();
            wrong.unless(names.iter().any(|name| is_in(name)), || format!("{pointer}: no `{path}` in {names:?}"));
        }
    }
}

/// What is not as the row says, so far.
struct Wrong<'a> {
    file: &'a str,
    source: &'a str,
    found: String,
}

impl Wrong<'_> {
    fn unless(&mut self, holds: bool, message: impl FnOnce() -> String) {
        if !holds {
            let _ = writeln!(self.found, "  - {}", message());
        }
    }

    fn same(&mut self, pointer: &str, met: Option<&Value>, want: &Value) {
        self.unless(met == Some(want) || (met.is_none() && want.is_null()), || {
            format!("{pointer}: want {want}, met {met:?}")
        });
    }

    /// The own frame of a stack, or a line by itself. Only a build with line tables can know it.
    fn on_line(&mut self, pointer: &str, met: Option<&Value>, marker: &str) {
        let line = match met {
            Some(Value::Array(stack)) => {
                let own = stack.iter().find(|frame| frame.pointer("/own") == Some(&true.into()));
                let file = own.and_then(|frame| frame.pointer("/file")?.as_str()).unwrap_or(self.file).to_owned();
                self.unless(file.ends_with(self.file), || format!("{pointer}: its own frame is in {file}"));
                own.and_then(|frame| frame.pointer("/line")?.as_u64())
            }
            Some(Value::Number(line)) => line.as_u64(),
            _ => None,
        };
        let want = line_of(self.source, marker);
        let unknown = line.is_none() && !cfg!(debug_assertions);
        self.unless(unknown || line == Some(want), || {
            format!("{pointer}: want line {want} (`{marker}`), met {line:?}")
        });
    }
}

/// The one line that ends in `// HERE: marker`.
fn line_of(source: &str, marker: &str) -> u64 {
    let tag = format!("// HERE: {marker}");
    let mut lines = (1..).zip(source.lines()).filter(|(_, line)| line.ends_with(&tag)).map(|(number, _)| number);
    match (lines.next(), lines.next()) {
        (Some(line), None) => line,
        (None, _) => panic!("no line is marked `{tag}`"),
        (Some(_), Some(_)) => panic!("two lines are marked `{tag}`"),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn array<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
