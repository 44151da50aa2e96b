//! Four judges of random programs: the engine that everybody uses, the brute force (for every fault a process that has seen
//! nothing but plain runs), the engine that copies one run, with one copy at a time or with several, and an oracle that only
//! reads the program. Where no trial ends its process, the engine that stays in this process is a fifth. They must say the same
//! of every trial, and the engines must say the same of every finding, to the last stack.
//!
//! `PROPTEST_CASES=2000 cargo test --test judge` looks longer.
#![cfg(target_os = "linux")]

mod body;
mod hostile;
mod oracle;
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use oomsweep::model::code::{Code, Verdict};
use oomsweep::model::fault::Fault;
use oomsweep::model::report::Engine;
use oomsweep::{EngineChoice, Faults, Infallible, Report, Rule, Shrink, Sweep};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use body::Refused;
use program::{OnFail, Op, Region, Rules};

/// Programs that are tried unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 24;

#[test]
fn the_judges_agree() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, max_shrink_time: 30_000, ..Config::default() });
    let programs = (program::programs(), program::rules(), proptest::bool::weighted(0.25));
    let agree = runner.run(&programs, |(program, rules, is_dear)| hold(&program, rules, is_dear));
    agree.unwrap_or_else(|broken| panic!("{broken}"));
}

/// A way in which a program is judged.
#[derive(Debug, Clone, Copy)]
struct Way {
    engine: EngineChoice,
    /// How many copies of a run may run at once.
    jobs: u32,
    /// The program begins with so much work that copies of a run cost less than other runs.
    is_dear: bool,
}

impl Way {
    fn new(engine: EngineChoice, jobs: u32) -> Way {
        Way { engine, jobs, is_dear: false }
    }
}

/// All judges on one program. `is_dear`: also by the engine that everybody uses where copies cost less.
fn hold(program: &[Op], rules: Rules, is_dear: bool) -> Result<(), TestCaseError> {
    let wanted = oracle::sweep(program, rules);
    let report = sweep(program, rules, Way::new(EngineChoice::Auto, 2));
    if wanted.is_empty() {
        let codes: Vec<Code> = report.findings().iter().map(|finding| finding.code).collect();
        prop_assert_eq!(codes, [Code::NoPoints], "{}", report);
        return Ok(());
    }
    let verdicts = |trials: &[(Fault, Verdict, Vec<Code>)]| -> Vec<String> {
        trials.iter().map(|(fault, verdict, _)| format!("{fault} {verdict}")).collect()
    };
    let said: Vec<String> = report.trials().iter().map(|trial| format!("{} {}", trial.fault, trial.verdict)).collect();
    prop_assert_eq!(said, verdicts(&wanted), "left: the engine, right: the oracle\n{}", report);
    prop_assert_eq!(by_code(&report), oracle::by_code(&wanted), "{}", report);
    let facts_of_it = facts(&report);
    let stays = !program::remembers(program) && wanted.iter().all(|(_, verdict, _)| leaves_the_process(*verdict));
    let mut ways = vec![Way::new(EngineChoice::BruteForce, 1)];
    ways.extend([1, 4].map(|jobs| Way::new(EngineChoice::Snapshot, jobs)));
    ways.extend(stays.then_some(Way::new(EngineChoice::InProcess, 1)));
    if is_dear {
        ways.extend([1, 4].map(|jobs| Way { is_dear, ..Way::new(EngineChoice::Auto, jobs) }));
    }
    for way in ways {
        let other = sweep(program, rules, way);
        prop_assert_eq!(&facts_of_it, &facts(&other), "{}\nbut {:?} says:\n{}", &report, way, &other);
    }
    Ok(())
}

fn leaves_the_process(verdict: Verdict) -> bool {
    !matches!(verdict, Verdict::Abort | Verdict::Skipped | Verdict::Crash | Verdict::Exit)
}

/// What [`body::forget`] makes forgotten must stay so until the sweep is over: other bodies work on the same statics.
static TURN: Mutex<()> = Mutex::new(());

fn sweep(program: &[Op], rules: Rules, way: Way) -> Report {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    body::forget();
    let rule = |allow: bool| if allow { Rule::Allow } else { Rule::Deny };
    let sweep = Sweep::new("judge::the_judges_agree")
        .captures_nothing()
        .engine(way.engine)
        .jobs(way.jobs)
        .faults(Faults::ONCE | Faults::PERSISTENT | Faults::window(rules.window) | Faults::BUDGET)
        .swallowed(rule(rules.swallowed_allow))
        .panics(rule(rules.panics_allow))
        .infallible(if rules.infallible_skip { Infallible::Skip } else { Infallible::Deny })
        .shrink(if rules.shrink_skip { Shrink::Skip } else { Shrink::Fail });
    let run = || {
        if way.is_dear {
            hostile::work();
        }
        body::run(program)
    };
    if rules.is_result { sweep.error_if(|error| *error == Refused::Memory).run(run) } else { sweep.run(|| drop(run())) }
}

/// The trials in which each code was found; a trial that leaks blocks of two places is in two findings.
fn by_code(report: &Report) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut faults: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for finding in report.findings() {
        assert!(finding.count == 1 + finding.also.len() as u64, "{report}");
        faults.entry(finding.code.as_str()).or_default().extend(finding.fault.iter().chain(&finding.also).cloned());
    }
    faults
}

/// What every engine must say alike: all but the time it took, who tried the points, and what was printed meanwhile.
fn facts(report: &Report) -> Report {
    let mut facts = report.clone();
    facts.elapsed_ms = 0.0;
    facts.engine = Engine::default();
    for finding in &mut facts.findings {
        finding.output = None;
        // The lowest free number of the process; what it names is told all the same.
        finding.fds.iter_mut().for_each(|open| open.fd = 0);
    }
    facts
}

/// The rules of the attribute without options.
const DEFAULT: Rules = Rules {
    is_result: true,
    swallowed_allow: false,
    panics_allow: false,
    infallible_skip: false,
    shrink_skip: false,
    window: 2,
};

fn alloc(slot: usize, size: usize, fails: OnFail) -> Op {
    Op::Alloc { slot, size, align: 8, site: slot % 3, fails }
}

/// The oracle itself, on a program whose trials can be told by hand.
#[test]
fn the_oracle_can_be_followed_by_hand() {
    let program = [
        alloc(0, 100, OnFail::Clean),
        Op::In(Region::Benign, vec![alloc(1, 10, OnFail::Swallow)]),
        Op::In(Region::Exempt, vec![alloc(2, 1, OnFail::Clean)]),
        Op::Resize { slot: 0, size: 50, fails: OnFail::Leak },
    ];
    let told: Vec<String> =
        oracle::sweep(&program, DEFAULT).iter().map(|(fault, verdict, _)| format!("{fault} {verdict}")).collect();
    let wanted = [
        "once@0 error",
        "once@1 tolerated",
        "once@2 leak",
        "persistent@0 error",
        "persistent@1 leak",
        "persistent@2 leak",
        "window@0+2 error",
        "window@1+2 leak",
        "window@2+2 leak",
        "budget@99 error",
        "budget@109 tolerated",
    ];
    assert_eq!(told, wanted);
    hold(&program, DEFAULT, true).expect("the judges agree");
    let copied = sweep(&program, DEFAULT, Way::new(EngineChoice::Snapshot, 1));
    assert!(copied.engine.snapshot > 0, "budgets, which begin nowhere, keep nobody from making copies\n{copied}");
}

/// The same leaks in sweep after sweep, in this process and in others: no old word of an earlier one hides them.
#[test]
fn what_earlier_sweeps_have_left_hides_nothing() {
    let leaked = |slot, size, align, site, fails| Op::Alloc { slot, size, align, site, fails };
    let program = [
        leaked(2, 3288, 16, 1, OnFail::Clean),
        Op::In(Region::Untracked, vec![leaked(1, 16, 4096, 2, OnFail::Leak), Op::First]),
        Op::Loop(3, vec![leaked(2, 4007, 4096, 1, OnFail::Leak), Op::First]),
    ];
    for _ in 0..3 {
        hold(&program, DEFAULT, true).expect("the judges agree");
    }
}
