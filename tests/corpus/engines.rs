//! Every body of the corpus, tried by runs from the start and by copies of one run: the reports are the same, to the last byte.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::common::Run;

/// The ways: what `OOMSWEEP_ENGINE` and `OOMSWEEP_JOBS` say.
const WAYS: [(&str, &str); 3] = [("replay", "1"), ("snapshot", "1"), ("snapshot", "4")];

/// Bodies of which the ways need not say the same, and why.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("baseline::never_settles", "the number of requests differs from run to run, which copies of one run do not mind"),
    ("incomplete::by_time", "how many trials there are depends on the time"),
    ("innocent_first_use::random_state", "the order of a map's keys is another in each run"),
];

/// Bodies whose other threads ask for memory when they have to wait: how often is the machine's to say, and is not compared.
const WAIT: [&str; 1] = ["innocent_threads::channel"];

/// How many are tried at a time.
const AT_A_TIME: usize = 4;

/// The names of all bodies.
fn bodies() -> VecDeque<String> {
    let this = std::env::current_exe().expect("the path of this binary");
    let listed = Command::new(this).args(["--list", "--ignored", "--format=terse"]).output().expect("it starts");
    let text = String::from_utf8(listed.stdout).expect("names");
    text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// What a way says: how the test ended, and its report without what the ways need not say alike.
fn said(body: &str, (engine, jobs): (&str, &str)) -> (Option<i32>, String) {
    let ran = Run::new(body).env("OOMSWEEP_ENGINE", engine).env("OOMSWEEP_JOBS", jobs).go();
    ran.assert_nothing_left();
    let mut report = ran.report().unwrap_or(Value::Null);
    for member in ["elapsed_ms", "engine"] {
        report.as_object_mut().and_then(|report| report.remove(member));
    }
    if WAIT.contains(&body) {
        report.pointer_mut("/points").and_then(Value::as_object_mut).and_then(|points| points.remove("other_threads"));
    }
    for finding in report.pointer_mut("/findings").and_then(Value::as_array_mut).into_iter().flatten() {
        // Of copies that run at once each may print between two words of another.
        finding.as_object_mut().and_then(|finding| finding.remove("output"));
    }
    (ran.status.code(), format!("{report:#}"))
}

/// What the ways do not say alike of this body.
fn differences(body: &str) -> Option<String> {
    let first = said(body, WAYS[0]);
    let differs = |way: &(&str, &str)| {
        let other = said(body, *way);
        (first != other).then(|| format!("{body}, by {way:?}: {other:#?}\nby {:?}: {first:#?}", WAYS[0]))
    };
    WAYS.iter().skip(1).find_map(differs)
}

#[test]
fn every_way_says_the_same() {
    let known = |body: &String| EXCEPTIONS.iter().any(|(exception, _)| exception == body);
    let bodies = bodies();
    assert!(bodies.len() > 90, "{bodies:?}");
    let (queue, told) = (Mutex::new(bodies), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                while let Some(body) = next() {
                    if !known(&body)
                        && let Some(text) = differences(&body)
                    {
                        told.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                    }
                }
            });
        }
    });
    let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(told.is_empty(), "{}", told.join("\n\n").replace("\\n", "\n"));
}
