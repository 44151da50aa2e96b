use super::*;
use crate::model::report::{Coverage, Points};
use crate::model::stack::Frame;

fn site() -> Site {
    Site {
        path: "words::adds".to_owned(),
        package: "words".to_owned(),
        target: "words".to_owned(),
        manifest_dir: "/ws".to_owned(),
        file: "src/lib.rs".to_owned(),
        line: 3,
        command: None,
    }
}

fn accepting(codes: &[Code], also: &str) -> Report {
    let mut report = whole(&site(), Mode::Sweep, Code::Leak, None);
    report.complete = true;
    report.findings = codes.iter().map(|code| fold::of_the_test(*code)).collect();
    let known = report.findings.iter().map(|finding| finding.id.clone()).chain([also.to_owned()]).collect();
    let options = Options { known, ..Options::default() };
    finish(&mut report, &options, &Resolver::new("/ws"));
    report
}

#[test]
fn a_memory_error_is_never_accepted() {
    for code in Code::ALL.iter().filter(|code| code.is_memory_error()) {
        let report = accepting(&[Code::Leak, *code], "0123456789abcdef");
        let left: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
        assert_eq!((left.as_slice(), report.result), ([*code].as_slice(), Outcome::Failed));
        assert_eq!(report.findings[0].notes, [wording::NEVER_KNOWN]);
        assert_eq!(report.known, [fold::of_the_test(Code::Leak).id]);
        assert_eq!(report.known_gone, ["0123456789abcdef"]);
    }
}

#[test]
fn what_is_accepted_is_told_only() {
    let report = accepting(&[Code::Leak], &fold::of_the_test(Code::Leak).id);
    assert!(report.findings.is_empty() && report.known_gone.is_empty());
    assert_eq!((report.known.len(), report.result), (1, Outcome::Passed));
}

#[test]
fn the_files_of_a_memory_error_are_named_from_the_workspace() {
    let file = || Some("/ws/src/lib.rs".to_owned());
    let frame = Frame { function: "words::adds".to_owned(), file: file(), line: Some(3), column: None, own: true };
    let error = serde_json::json!({ "noticed": "free", "stack": [serde_json::to_value(&frame).unwrap()] });
    let mut report = whole(&site(), Mode::Sweep, Code::DoubleFree, None);
    report.findings[0].memory = Some(serde_json::from_value(error).unwrap());
    finish(&mut report, &Options::default(), &Resolver::new("/ws"));
    let stack = report.findings[0].memory.as_ref().and_then(|error| error.stack.as_ref()).unwrap();
    assert_eq!(stack[0].file.as_deref(), Some("src/lib.rs"));
}

#[test]
fn a_sweep_that_broke_off_before_it_knew_what_was_left_is_incomplete() {
    let coverage = Coverage { planned: 4, tried: 4, error: 4, ..Coverage::default() };
    let points = Points { total: 2, ..Points::default() };
    let cut = Some(String::from("a process could not be made"));
    let swept = || Swept { coverage, points, returns_result: true, ..Swept::default() };
    let told = |swept, options: &Options| report(&site(), options, swept, true, &mut Resolver::new("/ws"));
    let whole = told(swept(), &Options::default());
    assert_eq!((whole.complete, whole.result, whole.findings.len()), (true, Outcome::Passed, 0));
    let broken = told(Swept { cut: cut.clone(), ..swept() }, &Options::default());
    assert_eq!((broken.complete, broken.result), (false, Outcome::Failed));
    assert_eq!(broken.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::Incomplete]);
    assert_eq!(broken.findings[0].notes, ["a process could not be made"]);
    let allowed = Options { incomplete_allow: true, ..Options::default() };
    let allowed = told(Swept { cut, ..swept() }, &allowed);
    assert_eq!((allowed.complete, allowed.result), (false, Outcome::Passed));
}
