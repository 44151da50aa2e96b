//! The only module that knows them all: run, explain, render. It prints once and panics once.

mod assemble;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod ending;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod launch;
#[cfg(not(all(target_os = "linux", not(oomsweep_portable))))]
#[path = "no_launch.rs"]
mod launch;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod progress;
mod replay;
mod report_file;
mod turn;

use std::time::Instant;

use crate::config::{self, Environment, Requested};
use crate::hook;
use crate::inspect::replay::Target;
use crate::model::code::Code;
use crate::model::options::{EngineChoice, Options, Task};
use crate::model::report::{Mode, Outcome, Report};
use crate::session::Body;
use crate::sweep::crew::{Broken, Crew};
use crate::sweep::in_place::InPlace;
use crate::sweep::runner::Terms;
use crate::sweep::supervisor;
use crate::{inspect, render, sys};

/// Where a test stands, as its attribute or its builder tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// The path with the crate's name in front, as `module_path!()` gives it: `words::index::builds_an_index`.
    pub(crate) path: String,
    /// The package, `CARGO_PKG_NAME`.
    pub(crate) package: String,
    /// The target, `CARGO_CRATE_NAME`.
    pub(crate) target: String,
    /// The package's folder, `CARGO_MANIFEST_DIR`.
    pub(crate) manifest_dir: String,
    /// The file of the test.
    pub(crate) file: String,
    /// The line of the test.
    pub(crate) line: u32,
    /// The command that runs it again, where that is not `cargo test` with the test's own path.
    pub(crate) command: Option<String>,
}

impl Site {
    /// The path as `--exact` takes it: without the crate's name.
    fn test(&self) -> &str {
        self.path.strip_prefix(&self.target).and_then(|rest| rest.strip_prefix("::")).unwrap_or(&self.path)
    }

    fn target(&self) -> Target<'_> {
        Target { package: &self.package, test: self.test(), command: self.command.as_deref() }
    }

    fn place(&self) -> String {
        format!("{} ({}:{})", self.test(), self.file, self.line)
    }
}

/// Sweeps a body in this process and the processes that it forks, and returns what came of it.
///
/// # Panics
///
/// With a message that names it, if a variable or an option can't be understood, or the report file can't be written; and for
/// a sweep inside a sweep.
pub(crate) fn sweep(site: &Site, requested: Requested, body: &mut dyn Body) -> Report {
    let (options, environment) = understood(requested);
    let site = &Site { command: Some(command_again(&site.package)), ..site.clone() };
    let listening = has_children(&options).then(launch::listen);
    let report = here(site, &options, body, || ());
    if let Some(listening) = listening {
        launch::end_if_asked(listening, &report, site, &environment);
    }
    if options.task == Task::Off {
        return report;
    }
    if let Err(error) = report_file::write(&report, site, &environment) {
        panic!("{error}");
    }
    report
}

/// Sweeps a body in a worker of its own where there can be one, prints once, and fails the test once if there is a finding.
pub(crate) fn check(site: &Site, requested: Requested, body: &mut dyn Body) {
    if launch::is_worker_for(site) {
        let (options, _) = understood(requested);
        launch::answer(&here(site, &options, body, || ()));
        return;
    }
    let (options, environment) = understood(requested);
    let report = if has_children(&options) {
        let listening = launch::listen();
        let report = launch::start(site, &options);
        launch::end_if_asked(listening, &report, site, &environment);
        report
    } else {
        here(site, &options, body, || hook::learn_capture(|| announce(site)))
    };
    let written = if options.task == Task::Off { Ok(()) } else { report_file::write(&report, site, &environment) };
    say(&report, written.err());
}

/// Whether the body is run in other processes than this.
fn has_children(options: &Options) -> bool {
    sys::HAS_PROCESSES && options.engine != EngineChoice::InProcess && matches!(options.task, Task::Sweep | Task::Leaks)
}

/// The command that runs a sweep of the builder again: the test that it stands in, which is its thread's name under the
/// standard test harness; else the program as it was started.
fn command_again(package: &str) -> String {
    let thread = std::thread::current();
    match thread.name() {
        Some(test) if test != "main" && std::env::var_os("CARGO_PKG_NAME").is_some() => {
            inspect::replay::test_command(package, test)
        }
        _ => inspect::replay::program_command(std::env::args_os().map(|word| word.to_string_lossy().into_owned())),
    }
}

fn understood(requested: Requested) -> (Options, Environment) {
    let read = Environment::read().and_then(|environment| {
        let options = config::merge(requested, &environment)?;
        Ok((options, environment))
    });
    match read {
        Ok(understood) => understood,
        Err(error) => panic!("{error}"),
    }
}

/// Prints once, and fails once: without the noise of a second message and a stack that leads into this crate.
#[allow(clippy::print_stdout, clippy::print_stderr, reason = "the one place where reports are printed")]
fn say(report: &Report, trouble: Option<String>) {
    let text = render::terminal_text(report, report_file::colors());
    if report.result == Outcome::Passed && trouble.is_none() {
        println!("{text}");
        return;
    }
    eprintln!("{text}");
    if let Some(trouble) = &trouble {
        eprintln!("{trouble}");
    }
    let first = report.findings.first().map(|finding| match (&finding.fault, finding.notes.first()) {
        (None, Some(why)) => format!("{}: {why}", finding.message),
        _ => finding.message.clone(),
    });
    std::panic::resume_unwind(Box::new(first.or(trouble).unwrap_or_else(|| String::from("the test failed"))));
}

/// Said before a sweep in this process, which may not come back.
#[allow(clippy::print_stderr, reason = "the line that a dying process would else not have said")]
fn announce(site: &Site) {
    eprintln!("oomsweep: {} runs in this process, which an abort, a crash, an exit or a hang would end", site.test());
}

/// The sweep itself, in this process and its children. `begin` is called when it is this one's turn.
fn here(site: &Site, options: &Options, body: &mut dyn Body, begin: impl FnOnce()) -> Report {
    let began = Instant::now();
    let _turn = match turn::take(&site.place()) {
        Ok(turn) => turn,
        Err(outer) => panic!(
            "a sweep inside a sweep: {} was started by the body of {outer}; sweep one of them, not both",
            site.place()
        ),
    };
    let mut report = if options.task == Task::Off {
        off(site, body)
    } else if hook::is_installed() {
        begin();
        swept(site, options, body)
    } else {
        assemble::whole(site, mode(options), Code::NotInstalled, None)
    };
    hook::forget_capture();
    report.elapsed_ms = began.elapsed().as_secs_f64() * 1000.0;
    render::wording::speak(&mut report);
    report
}

fn mode(options: &Options) -> Mode {
    match options.task {
        Task::Sweep => Mode::Sweep,
        Task::Leaks | Task::Off => Mode::Leaks,
        Task::Replay(_) => Mode::Replay,
    }
}

fn swept(site: &Site, options: &Options, body: &mut dyn Body) -> Report {
    if let Task::Replay(at) = &options.task {
        return replay::run(site, options, at, body);
    }
    let tried = if sys::HAS_PROCESSES && options.engine != EngineChoice::InProcess {
        launch::explore(site, options, body)
    } else {
        InPlace::new(body, Terms::of(options, sys::stacks::pointer()))
            .and_then(|mut crew| explore(site, options, &mut crew))
    };
    tried.unwrap_or_else(|Broken(why)| assemble::whole(site, mode(options), Code::Incomplete, Some(why)))
}

/// Sweeps with an engine, and explains what it found.
fn explore(site: &Site, options: &Options, crew: &mut dyn Crew) -> Result<Report, Broken> {
    let mut resolver = inspect::symbols::Resolver::new(&site.manifest_dir);
    let contained = crew.contains();
    let swept = supervisor::sweep(crew, options, &mut assemble::has_frame(site, options, &mut resolver))?;
    Ok(assemble::report(site, options, swept, contained, &mut resolver))
}

/// `OOMSWEEP=off`: the body is called once, as a plain test would.
fn off(site: &Site, body: &mut dyn Body) -> Report {
    struct Plain {
        failed: Option<String>,
    }
    impl crate::session::Stage for Plain {
        fn phase(&mut self, _phase: crate::session::Phase) {}
        fn returned(&mut self, returned: crate::session::Returned<'_>) {
            use crate::session::{Returned, witness};
            match returned {
                Returned::Ok { .. } => {}
                Returned::Err { debug, .. } => self.failed = Some(format!("the body returned Err({debug:?})")),
                Returned::Panic(payload) => {
                    let text = witness::text(payload).unwrap_or("a panic without text");
                    self.failed = Some(format!("the body panicked: {text}"));
                }
            }
        }
    }
    let mut plain = Plain { failed: None };
    body.call(&mut plain);
    let mut report = assemble::empty(site, Mode::Leaks);
    report.notes.push(String::from("OOMSWEEP=off: the body was called once, and nothing was checked"));
    if let Some(failed) = plain.failed {
        let mut finding = inspect::fold::of_the_test(Code::Baseline);
        finding.notes.push(failed);
        report.findings.push(finding);
        report.result = Outcome::Failed;
    }
    report
}
