//! Hand-made reports, one for each code and each shape of a sweep, over one small source file.

pub(crate) mod memory;

use crate::model::code::{Code, Verdict};
use crate::model::event::Kind;
use crate::model::fault::Fault;
use crate::model::report::*;
use crate::model::stack::{Frame, Stack};

use super::settings::Settings;
use super::wording;

/// The file that the examples stand in.
const INDEX: &str = "src/index.rs";
const INDEX_SOURCE: &str = r#"use std::collections::{HashMap, TryReserveError};

impl Index {
    pub fn build(text: &str) -> Result<Index, TryReserveError> {
        let node = Node::raw(text.len());
        let mut words: Vec<u8> = Vec::new();
        words.try_reserve(text.len())?;
        let mut map = HashMap::new();
        map.try_reserve(16)?;
        words.push(0);
        let name = text.to_owned();
        unsafe { give_back(node) };
        unsafe { give_back(node) };
        Ok(Index { words, node, map, name: Box::new(name) })
    }
}

#[alloc_test]
fn builds_an_index() -> Result<(), TryReserveError> {
    let mut index = Index::build("a text").unwrap();
    unchanged_on_err(&mut index, |index| index.add("b"))?;
    drop(index);
    Ok(())
}
"#;
const ALLOC: &str = "/rustc/0123456789abcdef0123456789abcdef01234567/library/alloc/src";
const HASHBROWN: &str = "/home/user/.cargo/registry/src/index.crates.io-0123/hashbrown-0.17.1/src/raw.rs";

/// Settings for pictures: the sources are here, and nothing differs from machine to machine.
pub(crate) fn settings() -> Settings {
    Settings {
        color: false,
        width: 140,
        anonymize: true,
        roots: vec!["/home/user/words".into()],
        source: Box::new(|path| (path == INDEX).then(|| INDEX_SOURCE.to_owned())),
    }
}

fn frame(function: &str, file: &str, line: u32, column: u32) -> Frame {
    let own = file == INDEX;
    Frame { function: function.to_owned(), file: Some(file.to_owned()), line: Some(line), column: Some(column), own }
}

/// A stack in `Index::build` at this line, called from the test, with frames of std inside and outside.
fn stack(line: u32, column: u32, library: &str, library_file: &str) -> Stack {
    vec![
        frame("alloc::alloc::alloc", &format!("{ALLOC}/alloc.rs"), 95, 9),
        frame(library, &format!("{ALLOC}/{library_file}"), 1300, 9),
        frame("words::index::Index::build", INDEX, line, column),
        frame("words::index::builds_an_index", INDEX, 20, 21),
        frame(
            "core::ops::function::FnOnce::call_once",
            "/rustc/0123456789abcdef/library/core/src/ops/function.rs",
            253,
            5,
        ),
    ]
}

fn try_reserve() -> Stack {
    stack(7, 15, "alloc::vec::Vec<T,A>::try_reserve", "vec/mod.rs")
}

fn in_hashbrown() -> Stack {
    let mut stack = stack(
        9,
        13,
        "std::collections::hash::map::HashMap<K,V,S,A>::try_reserve",
        "../../std/src/collections/hash/map.rs",
    );
    stack.insert(2, frame("hashbrown::raw::RawTable<T,A>::reserve_rehash", HASHBROWN, 1183, 20));
    stack
}

fn born() -> Stack {
    stack(5, 20, "alloc::boxed::Box<T>::new", "boxed.rs")
}

/// A request of 100 bytes.
pub(crate) fn request(index: u64, stack: Stack) -> RequestReport {
    RequestReport {
        size: 100,
        align: 1,
        kind: Kind::Alloc,
        old_size: None,
        index: Some(index),
        allocator: None,
        benign: false,
        in_drop: false,
        injected: true,
        stack,
    }
}

fn block() -> BlockReport {
    BlockReport {
        size: 48,
        align: 8,
        count: 1,
        bytes: 48,
        indirect_count: None,
        indirect_bytes: None,
        thread: None,
        allocator: None,
        born: born(),
        freed: None,
        freed_again: None,
    }
}

/// A block that a static still holds.
pub(crate) fn reachable() -> BlockReport {
    block()
}

/// A finding of `once@7` with nothing but its failed request.
pub(crate) fn finding(code: Code) -> Finding {
    Finding {
        code,
        id: "9f86d081884c7d65".to_owned(),
        message: String::new(),
        count: 1,
        fault: Some("once@7".to_owned()),
        key: Some("1f3a9c02d4e5f607.0".to_owned()),
        also: Vec::new(),
        replay: Some(replay("once@7")),
        failed_request: Some(request(7, try_reserve())),
        other_requests: Vec::new(),
        culprit: None,
        blocks: Vec::new(),
        memory: None,
        error: None,
        panic: None,
        signal: None,
        exit_status: None,
        fds: Vec::new(),
        contract: None,
        diverges: None,
        notes: Vec::new(),
        output: None,
    }
}

fn replay(fault: &str) -> String {
    format!(
        "OOMSWEEP_REPLAY={fault}#1f3a9c02d4e5f607.0 cargo test -p words -- --exact index::builds_an_index --nocapture --test-threads=1"
    )
}

/// A finding of the whole test.
fn whole(code: Code) -> Finding {
    Finding { fault: None, key: None, replay: None, failed_request: None, ..finding(code) }
}

fn trial(fault: Fault, verdict: Verdict) -> Trial {
    Trial { fault, space: None, verdict, drifted: false }
}

/// A complete sweep of 23 allocations with these findings.
pub(crate) fn report(findings: Vec<Finding>) -> Report {
    let failed = findings.iter().map(|finding| finding.count).sum::<u64>().min(44);
    let mut report = Report {
        version: "0.1.0".to_owned(),
        test: "index::builds_an_index".to_owned(),
        package: "words".to_owned(),
        file: Some(INDEX.to_owned()),
        line: Some(19),
        result: if findings.is_empty() { Outcome::Passed } else { Outcome::Failed },
        points: Points { total: 23, first_use: 3, exempt: 30, other_threads: 0, global: 0 },
        coverage: Coverage { planned: 46, tried: 46, error: 44 - failed, tolerated: 2, failed, ..Coverage::default() },
        engine: Engine { replay: 46, ..Engine::default() },
        elapsed_ms: 4.2,
        patterns: vec!["once".to_owned(), "persistent".to_owned()],
        trials: (0..23)
            .map(Fault::Once)
            .chain((0..23).map(Fault::Persistent))
            .map(|f| trial(f, Verdict::Error))
            .collect(),
        findings,
        ..Report::empty(Mode::Sweep)
    };
    wording::speak(&mut report);
    report
}

/// A report whose one finding is of the plain run.
fn plain_run(mut finding: Finding) -> Report {
    finding.fault = Some("none".to_owned());
    finding.key = None;
    finding.failed_request = None;
    finding.replay = Some(
        "OOMSWEEP=leaks cargo test -p words -- --exact index::builds_an_index --nocapture --test-threads=1".to_owned(),
    );
    untried(finding)
}

/// A report of a sweep that did not begin.
fn untried(finding: Finding) -> Report {
    let mut report = report(vec![finding]);
    report.trials.clear();
    report.complete = false;
    report.coverage = Coverage { planned: 46, left: 46, ..Coverage::default() };
    report.engine.replay = 0;
    report
}

/// The picture of a code.
pub(crate) fn of(code: Code) -> Report {
    match code {
        Code::Leak => report(vec![leak()]),
        Code::DoubleFree
        | Code::InvalidFree
        | Code::WrongLayout
        | Code::MixedAllocators
        | Code::Overflow
        | Code::Underflow
        | Code::UseAfterFree => memory::of(code),
        Code::Swallowed => {
            let notes = vec![wording::fallback("hashbrown::")];
            report(vec![Finding { failed_request: Some(request(7, in_hashbrown())), notes, ..finding(code) }])
        }
        Code::WrongError => report(vec![Finding { error: Some("Parse { line: 3 }".to_owned()), ..finding(code) }]),
        Code::Panic => report(vec![unwrapped(), panicked()]),
        Code::Abort => aborts(),
        Code::Crash => report(vec![crashed()]),
        Code::Exit => report(vec![Finding {
            exit_status: Some(3),
            output: Some("fatal: no memory\n".to_owned()),
            ..finding(code)
        }]),
        Code::Hang => report(vec![finding(code)]),
        Code::Contract => report(vec![broken_contract()]),
        Code::FdLeak => {
            let fds = vec![FdReport { fd: 7, target: "/tmp/index.lock".to_owned() }];
            report(vec![Finding { fds, ..finding(code) }])
        }
        Code::ThreadLeak => {
            let blocks = vec![BlockReport { thread: Some(2), ..block() }];
            report(vec![Finding { blocks, ..finding(code) }])
        }
        Code::NotReached => report(vec![not_reached()]),
        Code::NoPoints => {
            let mut report = untried(whole(code));
            report.points.total = 0;
            report.coverage = Coverage::default();
            report.complete = true;
            wording::speak(&mut report);
            report
        }
        Code::NotInstalled => {
            let mut report = untried(whole(code));
            (report.points, report.coverage) = (Points::default(), Coverage::default());
            report
        }
        Code::Incomplete => truncated(),
        Code::Baseline => unsettled(),
    }
}

fn leak() -> Finding {
    let also =
        ["persistent@7", "once@9", "persistent@9", "once@11", "persistent@11", "once@12", "persistent@12", "once@13"];
    Finding {
        count: 9,
        also: also.map(str::to_owned).to_vec(),
        other_requests: vec![request(9, in_hashbrown())],
        blocks: vec![BlockReport { indirect_count: Some(3), indirect_bytes: Some(96), ..block() }],
        output: Some("building…\nthread 'index::builds_an_index' (9730) says \u{1b}[31mno\u{1b}[0m\n".to_owned()),
        ..finding(Code::Leak)
    }
}

fn unwrapped() -> Finding {
    let message = "called `Result::unwrap()` on an `Err` value: TryReserveError { kind: AllocError { layout: Layout { size: 100, align: 1 } } }";
    Finding {
        count: 4,
        also: ["persistent@7", "once@9", "persistent@9"].map(str::to_owned).to_vec(),
        panic: Some(PanicReport {
            message: message.to_owned(),
            file: Some(INDEX.to_owned()),
            line: Some(20),
            unwound: true,
        }),
        ..finding(Code::Panic)
    }
}

fn panicked() -> Finding {
    let message = "index is half built\nsecond line".to_owned();
    let mut failed = request(8, try_reserve());
    (failed.kind, failed.old_size, failed.in_drop) = (Kind::Grow, Some(50), true);
    Finding {
        fault: Some("persistent@8".to_owned()),
        replay: Some(replay("persistent@8")),
        failed_request: Some(failed),
        panic: Some(PanicReport { message, file: Some(INDEX.to_owned()), line: Some(22), unwound: false }),
        ..finding(Code::Panic)
    }
}

/// Three places that abort, one of them refused for real, and a leak before them.
fn aborts() -> Report {
    let push = stack(10, 15, "alloc::vec::Vec<T,A>::push", "vec/mod.rs");
    let to_owned = stack(11, 25, "alloc::str::<impl alloc::borrow::ToOwned for str>::to_owned", "str.rs");
    let boxed = stack(14, 50, "alloc::boxed::Box<T>::new", "boxed.rs");
    let of = |fault: &str, count, culprit: RequestReport| Finding {
        count,
        fault: Some(fault.to_owned()),
        replay: Some(replay(fault)),
        failed_request: Some(request(culprit.index.unwrap_or(0), culprit.stack.clone())),
        culprit: Some(culprit),
        ..finding(Code::Abort)
    };
    let later =
        Finding { failed_request: Some(request(7, try_reserve())), ..of("persistent@7", 2, request(12, boxed)) };
    let huge = RequestReport { size: 1 << 40, injected: false, ..request(11, to_owned) };
    report(vec![leak(), of("once@10", 12, request(10, push)), of("once@11", 1, huge), later])
}

fn crashed() -> Finding {
    let signal = SignalReport {
        name: "SIGSEGV".to_owned(),
        number: 11,
        explained: None,
        stack: Some(stack(12, 18, "core::ptr::read", "../../core/src/ptr/mod.rs")),
    };
    Finding { signal: Some(signal), ..finding(Code::Crash) }
}

fn broken_contract() -> Finding {
    let contract = ContractReport {
        check: "unchanged_on_err: the value differs after the error".to_owned(),
        place: format!("{INDEX}:21"),
        before: Some("Index { words: [] }".to_owned()),
        after: Some("Index { words: [0] }".to_owned()),
    };
    Finding { contract: Some(contract), ..finding(Code::Contract) }
}

fn not_reached() -> Finding {
    let diverges = DivergenceReport {
        index: 5,
        baseline: Some(request(5, try_reserve())),
        trial: Some(RequestReport { size: 64, ..request(5, in_hashbrown()) }),
    };
    Finding {
        failed_request: None,
        error: Some("Busy".to_owned()),
        diverges: Some(diverges),
        ..finding(Code::NotReached)
    }
}

/// A sweep that was cut.
pub(crate) fn truncated() -> Report {
    let mut report = report(vec![whole(Code::Incomplete)]);
    report.complete = false;
    report.stopped = Some("max_time".to_owned());
    report.coverage = Coverage { planned: 46, tried: 9, error: 9, left: 37, ..Coverage::default() };
    report.trials.truncate(9);
    wording::speak(&mut report);
    report
}

fn unsettled() -> Report {
    let diverges = DivergenceReport { index: 5, baseline: Some(request(5, try_reserve())), trial: None };
    plain_run(Finding { diverges: Some(diverges), ..finding(Code::Baseline) })
}

/// A plain run that leaks.
pub(crate) fn plain_leak() -> Report {
    plain_run(Finding { blocks: vec![BlockReport { count: 3, bytes: 144, ..block() }], ..finding(Code::Leak) })
}

/// A plain run that frees a block twice.
pub(crate) fn plain_double_free() -> Report {
    plain_run(memory::of(Code::DoubleFree).findings.remove(0))
}

/// A sweep without a finding, with everything that is worth saying.
pub(crate) fn clean() -> Report {
    let mut report = report(Vec::new());
    report.notes.push(wording::RETURNS_NOTHING.to_owned());
    report.known.push("9f86d081884c7d65".to_owned());
    report.reachable.push(reachable());
    report.coverage = Coverage { error: 41, moved: 3, ..report.coverage };
    report.engine.why = Some("in this process, since no other could be had".to_owned());
    if let Some(trial) = report.trials.first_mut() {
        trial.drifted = true;
    }
    report
}

/// A leak in a build without debug information.
pub(crate) fn without_lines() -> Report {
    fn strip(stack: &mut Stack) {
        for frame in stack {
            (frame.file, frame.line, frame.column, frame.own) = (None, None, None, false);
        }
    }
    let mut finding = leak();
    finding.failed_request.iter_mut().chain(&mut finding.other_requests).for_each(|request| strip(&mut request.stack));
    finding.blocks.iter_mut().for_each(|block| strip(&mut block.born));
    report(vec![finding])
}

/// Two allocators of a body's own.
pub(crate) fn spaces() -> Vec<Space> {
    [("a", 15), ("b", 8)].map(|(name, points)| Space { name: name.to_owned(), points }).to_vec()
}

/// Every optional member of the form at once.
pub(crate) fn everything() -> Report {
    let mut report = of(Code::Abort);
    report.findings.extend(Code::ALL.iter().filter(|code| **code != Code::Abort).flat_map(|code| of(*code).findings));
    report.findings.extend(memory::others());
    (report.seed, report.shard, report.stopped) = (Some(7), Some("1/4".to_owned()), Some("max_points".to_owned()));
    (report.known, report.known_gone) = (vec!["00".repeat(8)], vec!["11".repeat(8)]);
    report.notes.push(wording::RETURNS_NOTHING.to_owned());
    report.engine.why = Some("why".to_owned());
    report.guard_pages = true;
    report.stacks = Some(Distinct { stacks: 9, points: 23, each: 1 });
    report.spaces = spaces();
    report.points.global = 12;
    report.trials.push(Trial { space: Some("a".to_owned()), ..trial(Fault::Once(7), Verdict::Error) });
    report.reachable.push(reachable());
    report
}
