//! Every message has a picture that a test compares.

use crate::model::code::Code;
use crate::model::memory::Noticed;
use crate::model::report::{Coverage, Distinct, Finding, Mode, Outcome, Report};

use super::settings::Settings;
use super::{examples, json, terminal, wording};

fn picture(report: &Report) -> String {
    terminal::render(report, &examples::settings())
}

#[test]
fn every_code_has_a_picture() {
    for code in Code::ALL {
        let report = examples::of(*code);
        assert!(report.findings.iter().any(|finding| finding.code == *code), "the example of {code} has another code");
        insta::assert_snapshot!(format!("code-{code}"), picture(&report));
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/render/snapshots");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pictures = names.filter(|name| name.contains("__code-") && name.ends_with(".snap")).count();
    assert_eq!(pictures, Code::ALL.len(), "a picture is left of a code that is no more");
}

#[test]
fn a_sweep_without_a_finding() {
    insta::assert_snapshot!(picture(&examples::clean()));
}

#[test]
fn a_plain_run_that_leaks() {
    insta::assert_snapshot!(picture(&examples::plain_leak()));
}

#[test]
fn a_build_without_lines() {
    insta::assert_snapshot!(picture(&examples::without_lines()));
}

#[test]
fn one_file_under_two_names_is_one_excerpt() {
    let mut report = examples::of(Code::Panic);
    report.findings.truncate(1);
    let same = picture(&report);
    report.findings[0].panic.as_mut().unwrap().file = Some("/home/user/words/src/index.rs".to_owned());
    let mut settings = examples::settings();
    let relative = settings.source;
    settings.source = Box::new(move |path| relative(path.strip_prefix("/home/user/words/").unwrap_or(path)));
    assert_eq!(terminal::render(&report, &settings), same);
}

#[test]
fn several_unwraps_are_one_table() {
    let mut report = examples::of(Code::Panic);
    let mut second = report.findings[0].clone();
    second.fault = Some("once@11".to_owned());
    second.also.clear();
    second.count = 1;
    second.panic.as_mut().unwrap().line = Some(21);
    report.findings.insert(1, second);
    insta::assert_snapshot!(picture(&report));
}

#[test]
fn what_a_panic_prints_is_told_once() {
    let mut report = examples::of(Code::Panic);
    let finding = report.findings.remove(1);
    let message = finding.panic.as_ref().unwrap().message.clone();
    let advice = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
    let printed = format!("one\n\nthread 'x' (9) panicked at src/index.rs:22:5:\n{message}\n{advice}\ntwo\n");
    report.findings = vec![Finding { output: Some(printed), ..finding.clone() }];
    let text = picture(&report);
    assert!(text.contains("the run printed:\n    | one\n    | two\n"), "{text}");
    let another = "thread 'x' (9) panicked at src/index.rs:22:5:\nanother\n".to_owned();
    report.findings = vec![Finding { output: Some(another), ..finding }];
    assert!(picture(&report).contains("    | another\n"));
}

#[test]
fn other_ways_to_run() {
    let mut leaks = examples::report(Vec::new());
    leaks.mode = Mode::Leaks;
    let mut replay = examples::report(Vec::new());
    replay.mode = Mode::Replay;
    replay.trials.truncate(1);
    let mut allowed = examples::truncated();
    allowed.findings.clear();
    allowed.result = Outcome::Passed;
    allowed.shard = Some("1/4".to_owned());
    (allowed.seed, allowed.patterns) = (Some(7), vec!["once".to_owned()]);
    let mut gone = examples::report(Vec::new());
    gone.result = Outcome::Failed;
    gone.known_gone = vec!["9f86d081884c7d65".to_owned()];
    let mut chosen = examples::report(Vec::new());
    chosen.stacks = Some(Distinct { stacks: 9, points: 23, each: 1 });
    chosen.coverage = Coverage { planned: 18, tried: 18, error: 18, ..Coverage::default() };
    let mut of_each = chosen.clone();
    of_each.stacks = Some(Distinct { stacks: 1, points: 23, each: 3 });
    let texts: Vec<String> = [leaks, replay, allowed, gone, chosen, of_each].iter().map(picture).collect();
    insta::assert_snapshot!(texts.join("---\n"));
}

#[test]
fn headlines_name_every_fault() {
    let mut finding = examples::finding(Code::Swallowed);
    let mut lines = Vec::new();
    let mut report = examples::report(Vec::new());
    report.spaces = examples::spaces();
    for fault in ["once@7", "persistent@7", "window@7+1", "window@7+3", "pair@7,9", "budget@4096", "once@a:7", "none"] {
        finding.fault = Some(fault.to_owned());
        lines.push(wording::headline(&finding, &report));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    allocation 7 of 23 failed, and the body still returned `Ok`
    allocation 7 of 23 and every later one failed, and the body still returned `Ok`
    allocation 7 of 23 failed, and the body still returned `Ok`
    allocations 7 to 9 of 23 failed, and the body still returned `Ok`
    allocations 7 and 9 of 23 failed, and the body still returned `Ok`
    with a budget of 4096 bytes allocation 7 of 23 failed, and the body still returned `Ok`
    allocation 7 of 15 of `a` failed, and the body still returned `Ok`
    the body still returned `Ok`
    ");
}

#[test]
fn headlines_of_plain_runs() {
    let report = examples::report(Vec::new());
    let of = |code| {
        let mut finding = examples::of(code).findings.remove(0);
        (finding.code, finding.fault) = (Code::Baseline, Some("none".to_owned()));
        wording::headline(&finding, &report)
    };
    let codes = [Code::WrongError, Code::Panic, Code::Crash, Code::Exit, Code::Hang, Code::NotReached];
    insta::assert_snapshot!(codes.map(of).join("\n"), @r"
    the plain run returned an error, before anything was made to fail: Parse { line: 3 }
    the plain run panicked, before anything was made to fail: called `Result::unwrap()` on an `Err` value: TryReserveError { kind: AllocError { layout: Layout { size: 100, align: 1 }…
    before anything was made to fail, the process died by SIGSEGV (an access to memory that is not there)
    before anything was made to fail, the body ended the process with status 3
    the plain run failed, before anything was made to fail
    the plain runs do not settle: the last two part at allocation 5
    ");
}

#[test]
fn memory_errors_in_other_words() {
    let report = examples::report(examples::memory::others());
    let mut lines = Vec::new();
    for finding in &report.findings {
        lines.push(format!("{}: {}", finding.code, finding.message));
        lines.extend(super::marks::of(finding).iter().skip(1).map(|mark| format!("  [{}]", mark.label)));
        lines.extend(finding.notes.iter().map(|note| format!("  {note}")));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn guard_pages_are_not_advised_where_they_are() {
    for noticed in [Noticed::Free, Noticed::Realloc, Noticed::Eviction, Noticed::End, Noticed::Demand] {
        let mut report = examples::of(Code::Overflow);
        let finding = &mut report.findings[0];
        finding.memory.as_mut().unwrap().noticed = noticed;
        finding.notes.clear();
        let advised = |mut report: Report| {
            wording::speak(&mut report);
            let notes = report.findings.remove(0).notes;
            let late = notes.iter().find(|note| note.contains("so who wrote is not known")).cloned();
            late.expect("it is said that it was noticed late").contains("guard")
        };
        assert!(advised(report.clone()));
        assert!(!advised(Report { guard_pages: true, ..report }));
    }
}

#[test]
fn a_plain_run_that_frees_twice() {
    insta::assert_snapshot!(picture(&examples::plain_double_free()));
}

#[test]
fn reports_of_before_tell_what_they_know() {
    for code in Code::ALL.iter().filter(|code| code.is_memory_error()) {
        let mut report = examples::of(*code);
        let new = json::to_string(&report).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&new).unwrap();
        value["findings"][0].as_object_mut().unwrap().remove("memory").expect("the example tells of it");
        let old = json::from_str(&value.to_string()).unwrap();
        report.findings[0].memory = None;
        assert_eq!(old, report);
        assert!(picture(&old).contains(&format!("error[{code}]: allocation 7 of 23 failed, and ")));
    }
}

#[test]
fn colour_adds_only_escape_sequences() {
    for code in Code::ALL {
        let report = examples::of(*code);
        let colored = terminal::render(&report, &Settings { color: true, ..examples::settings() });
        assert!(colored.contains("\u{1b}["), "no colour in {code}");
        let plain = picture(&report);
        assert!(!plain.contains('\u{1b}'), "colour in {code}");
        let output =
            report.findings.iter().any(|finding| finding.output.as_ref().is_some_and(|text| text.contains('\u{1b}')));
        if !output {
            assert_eq!(without_escapes(&colored), plain);
        }
    }
}

fn without_escapes(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or("").to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn nothing_of_the_machine_is_left_when_anonymized() {
    for code in Code::ALL {
        let text = picture(&examples::of(*code));
        for what in ["/home/", "/rustc/", "9730", "1f3a9c02d4e5f607", "9f86d081884c7d65", " ms:"] {
            assert!(!text.contains(what), "{what} in\n{text}");
        }
    }
}

#[test]
fn sentences_are_the_same_when_spoken_twice() {
    for code in Code::ALL {
        let once = examples::of(*code);
        let mut twice = once.clone();
        wording::speak(&mut twice);
        assert_eq!(once, twice);
        assert!(once.findings.iter().all(|finding| finding.message.starts_with(|c: char| !c.is_uppercase())));
    }
}

#[test]
fn display_is_plain_and_reads_the_disk() {
    let text = examples::of(Code::Leak).to_string();
    assert!(text.contains("error[leak]: ") && !text.contains('\u{1b}'));
    assert_eq!(super::terminal_text(&examples::clean(), false), examples::clean().to_string());
}

#[test]
fn reports_survive_the_file() {
    for report in Code::ALL.iter().map(|code| examples::of(*code)).chain([examples::everything(), examples::clean()]) {
        let text = json::to_string(&report).unwrap();
        assert!(text.ends_with("}\n") && !text.ends_with("\n\n"));
        assert!(!holds_null(&serde_json::from_str(&text).unwrap()), "{text}");
        assert_eq!(json::from_str(&text).unwrap(), report);
    }
    insta::assert_snapshot!("file", json::to_string(&examples::of(Code::Leak)).unwrap());
}

fn holds_null(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::Array(items) => items.iter().any(holds_null),
        serde_json::Value::Object(members) => members.values().any(holds_null),
        _ => false,
    }
}

#[test]
fn readers_ignore_members_that_they_do_not_know() {
    let text = json::to_string(&examples::clean()).unwrap();
    let text = text.replacen('{', "{ \"from_a_later_version\": [1],", 1);
    assert_eq!(json::from_str(&text).unwrap(), examples::clean());
}
