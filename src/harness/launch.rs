//! The worker: the same test binary again, for this one test, with nothing else running in it.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::ending::{Patience, listen_as_worker};
pub(super) use super::ending::{end_if_asked, listen};
use super::progress::Line;
use super::{Site, assemble, mode};
use crate::hook::core::core_or_make;
use crate::hook::gate::{self, State};
use crate::model::code::Code;
use crate::model::options::Options;
use crate::model::report::Report;
use crate::render::{json, wording};
use crate::session::Body;
use crate::sweep::crew::Broken;
use crate::sweep::runner::Terms;
use crate::sweep::standing::{self, Standing};
use crate::sweep::worker::Worker;
use crate::sys;
use crate::sys::process::Child;
use crate::sys::shared::Shared;
use crate::sys::time::nanos;

/// Tells a process that it is a worker: `PARENT:REPORT:STANDING:TEST`, the second and the third its parent's descriptors of a file
/// for the report, and of one that tells how far the sweep has come (-1: nobody watches).
const VARIABLE: &str = "OOMSWEEP_INTERNAL_WORKER";
/// The limit of a plain run for which no other was set, in nanoseconds.
const PLAIN_LIMIT: u64 = 60_000_000_000;
/// How often a worker that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How much of what a worker printed is shown when it did not answer, in bytes.
const SHOWN: usize = 4096;

static TASK: OnceLock<Job> = OnceLock::new();

/// What this process was started for.
#[derive(Debug)]
struct Job {
    parent: i32,
    report: i32,
    standing: i32,
    test: String,
}

impl Job {
    /// The file of one of the parent's descriptors.
    fn path(&self, descriptor: i32) -> String {
        format!("/proc/{}/fd/{descriptor}", self.parent)
    }

    /// From now on the parent sees how far the sweep has come, if it wants to; without that the sweep is the same.
    fn tell_standing(&self) {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(self.path(self.standing));
        if let Ok(shared) = file.and_then(Shared::of) {
            standing::tell(Box::leak(Box::new(shared)).get());
        }
    }
}

/// Before `main`, while there is one thread: a worker learns what it is, ties its life to its parent's, and takes the variable
/// away from whatever its body starts.
#[ctor::ctor(unsafe)]
fn before_main() {
    let Some(value) = std::env::var_os(VARIABLE) else { return };
    // SAFETY: nothing but this thread runs before `main`.
    unsafe { std::env::remove_var(VARIABLE) };
    let Some(job) = parse(value) else { return };
    sys::family::found(job.parent);
    let _ = TASK.set(job);
    // From here on every block of this process stands in the store, so one that does not was never given out.
    if let Some(core) = core_or_make() {
        core.serves_all.store(true, Ordering::Release);
        core.strict.store(gate::set(State::Between), Ordering::Release);
    }
}

fn parse(value: OsString) -> Option<Job> {
    let text = value.into_string().ok()?;
    let mut parts = text.splitn(4, ':');
    Some(Job {
        parent: parts.next()?.parse().ok()?,
        report: parts.next()?.parse().ok()?,
        standing: parts.next()?.parse().ok()?,
        test: parts.next()?.to_owned(),
    })
}

/// Whether this process is the worker of this test.
pub(super) fn is_worker_for(site: &Site) -> bool {
    TASK.get().is_some_and(|job| job.test == site.path)
}

/// The worker's answer to who started it. A second answer (of a test that is registered twice) replaces the first.
pub(super) fn answer(report: &Report) {
    let Some(job) = TASK.get() else { return };
    let written = json::to_string(report).map_err(std::io::Error::other).and_then(|text| {
        let mut file = std::fs::OpenOptions::new().write(true).truncate(true).open(job.path(job.report))?;
        file.write_all(text.as_bytes())
    });
    if let Err(error) = written {
        panic!("the worker of {} could not hand its report over: {error}", job.test);
    }
}

/// Starts the worker of this test, waits for it, and returns its report; what went wrong with it is a finding of its own.
pub(super) fn start(site: &Site, options: &Options) -> Report {
    match answer_of_worker(site) {
        Ok(report) => report,
        Err(why) => {
            let mut report = assemble::whole(site, mode(options), Code::Incomplete, Some(why));
            wording::speak(&mut report);
            report
        }
    }
}

/// Sweeps a body in children of this process.
pub(super) fn explore(site: &Site, options: &Options, body: &mut dyn Body) -> Result<Report, Broken> {
    let limit = options.timeout.map_or(PLAIN_LIMIT, nanos);
    let mut line = match TASK.get() {
        Some(job) => {
            listen_as_worker();
            job.tell_standing();
            None
        }
        None => Line::new(site.test(), standing::current()),
    };
    let mut meanwhile = || {
        if let Some(line) = &mut line {
            line.look();
        }
    };
    let host = TASK.get().map_or_else(sys::process::pid, |job| job.parent);
    let terms = Terms { host, ..Terms::of(options, sys::stacks::pointer()) };
    let mut crew = Worker::new(body, terms, limit, &mut meanwhile)?;
    super::explore(site, options, &mut crew)
}

fn answer_of_worker(site: &Site) -> Result<Report, String> {
    let told = |what: &str, error: std::io::Error| format!("the worker could not be started: {what}: {error}");
    let mut channel = sys::output::MemoryFile::create(c"oomsweep report").map_err(|error| told("its report", error))?;
    let mut printed = sys::output::MemoryFile::create(c"oomsweep worker").map_err(|error| told("its output", error))?;
    // Where there is no memory for it, nobody watches.
    let standing = Line::is_seen().then(|| Shared::<Standing>::create(c"oomsweep standing").ok()).flatten();
    let program = std::env::current_exe().map_err(|error| told("the test binary", error))?;
    let test = site.test();
    let told_in = standing.as_ref().map_or(-1, Shared::descriptor);
    let mut command = Command::new(&program);
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1", "--include-ignored"])
        .env(VARIABLE, format!("{}:{}:{told_in}:{}", sys::process::pid(), channel.descriptor(), site.path))
        // A stack at every panic and abort costs more than the whole sweep.
        .env("RUST_BACKTRACE", "0")
        .env_remove("RUST_LIB_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(printed.for_child().map_err(|error| told("its output", error))?)
        .stderr(printed.for_child().map_err(|error| told("its output", error))?);
    let mut child = patiently(|| command.spawn()).map_err(|error| told("the system says", error))?;
    watch(&mut child, standing.as_ref().and_then(|standing| Line::new(test, standing.get())));
    // Where SIGCHLD is ignored, the system waits itself and keeps no status: the report tells how it went.
    let status = match child.wait() {
        Ok(status) => Some(status),
        Err(error) if error.raw_os_error() == Some(sys::NO_CHILD) => None,
        Err(error) => return Err(told("it could not be waited for", error)),
    };
    let status = status.map_or_else(|| String::from("its status is not known"), |status| status.to_string());
    let mut text = String::new();
    let read = channel.read_to_string(&mut text);
    if read.is_err() || text.is_empty() {
        return Err(silent(test, &status, &printed.tail(SHOWN)));
    }
    json::from_str(&text).map_err(|error| {
        format!("the worker's report can't be read ({error}); it ended with {status}\n{}", printed.tail(SHOWN))
    })
}

/// Shows how far a worker has come, and hands signals on to it, until it has ended.
fn watch(worker: &mut std::process::Child, mut line: Option<Line<'_>>) {
    let looked = Child::look_at(worker.id());
    let mut patience = Patience::new();
    while !looked.ends_within(LOOK) {
        if let Some(line) = &mut line {
            line.look();
        }
        patience.look(worker);
    }
}

/// Tries again for a while when the system is short of processes.
fn patiently<T>(mut start: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    let mut pause = Duration::from_millis(2);
    loop {
        match start() {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && pause.as_millis() < 1000 => {
                std::thread::sleep(pause);
                pause *= 2;
            }
            other => return other,
        }
    }
}

fn silent(test: &str, status: &str, printed: &str) -> String {
    let printed = printed.trim();
    let why = if printed.contains("running 0 tests") {
        format!(
            "the worker found no test named `{test}`: was it renamed by another attribute? the name must be the one that \
             `cargo test -- --list` shows"
        )
    } else {
        format!("the worker ended before it answered ({status}): it was killed, or the body ended it")
    };
    if printed.is_empty() { why } else { format!("{why}\nit had printed:\n{printed}") }
}
