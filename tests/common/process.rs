//! Runs one test of this very binary in a session of its own, with an outer limit, and collects what came of it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::session::{self, Process};

/// Far above what any row needs.
const LIMIT: Duration = Duration::from_secs(120);

/// How long the processes of a test may outlive it: a death is passed on by signals, not at once.
const GRACE: Duration = Duration::from_secs(10);

/// How many times the limit a run may go on whose processes want a core: on a loaded machine they wait for one.
const BUSY: u32 = 5;

/// What the child does between `fork` and `exec`.
type Setup = fn() -> io::Result<()>;

/// A test to be run.
pub(crate) struct Run {
    name: String,
    args: Vec<String>,
    env: Vec<(OsString, OsString)>,
    limit: Duration,
    setup: Option<Setup>,
    reports: Option<PathBuf>,
}

/// A test that is running.
pub(crate) struct Running {
    name: String,
    child: Child,
    started: Instant,
    limit: Duration,
    dir: TempDir,
    reports: PathBuf,
}

/// What came of it.
pub(crate) struct Ran {
    /// How libtest ended.
    pub(crate) status: ExitStatus,
    /// What libtest printed.
    pub(crate) stdout: String,
    /// What was printed beside it.
    pub(crate) stderr: String,
    /// Wall time.
    pub(crate) elapsed: Duration,
    /// Processes that were still alive long after the test was over.
    pub(crate) left: Vec<Process>,
    /// The session that it ran in.
    pub(crate) session: i32,
    /// Where it ran.
    pub(crate) dir: TempDir,
    name: String,
    reports: PathBuf,
}

/// Runs the ignored test of that name with these variables.
pub(crate) fn run_self(name: &str, env: &[(&str, &str)]) -> Ran {
    env.iter().fold(Run::new(name), |run, (key, value)| run.env(key, value)).go()
}

impl Run {
    /// The ignored test with exactly this name.
    pub(crate) fn new(name: &str) -> Run {
        let args = [name, "--exact", "--ignored"].map(str::to_owned).to_vec();
        Run { name: name.to_owned(), args, env: Vec::new(), limit: LIMIT, setup: None, reports: None }
    }

    /// Other arguments than `NAME --exact --ignored`.
    pub(crate) fn args(mut self, args: &[&str]) -> Run {
        self.args = args.iter().map(|&arg| arg.to_owned()).collect();
        self
    }

    /// One more argument.
    pub(crate) fn arg(mut self, arg: &str) -> Run {
        self.args.push(arg.to_owned());
        self
    }

    /// A variable.
    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Run {
        self.env.push((key.into(), value.as_ref().to_owned()));
        self
    }

    /// The outer limit; five times as long while some process is ready to run.
    pub(crate) fn limit(mut self, limit: Duration) -> Run {
        self.limit = limit;
        self
    }

    /// What the new process does before it becomes the test. Must be fit for the time between `fork` and `exec`.
    pub(crate) fn setup(mut self, setup: Setup) -> Run {
        self.setup = Some(setup);
        self
    }

    /// Where `OOMSWEEP_REPORT_DIR` points to, in place of a new folder.
    pub(crate) fn reports(mut self, dir: impl Into<PathBuf>) -> Run {
        self.reports = Some(dir.into());
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        self.try_start().expect("this binary starts once more")
    }

    /// Starts it, if its user may.
    pub(crate) fn try_start(self) -> io::Result<Running> {
        let dir = tempfile::Builder::new().prefix("oomsweep-").tempdir().expect("a folder for the run");
        open_to_all(dir.path());
        let reports = self.reports.unwrap_or_else(|| {
            let reports = dir.path().join("reports");
            fs::create_dir(&reports).expect("a folder for the reports");
            open_to_all(&reports);
            reports
        });
        let mut command = Command::new(std::env::current_exe().expect("the path of this binary"));
        for (key, _) in std::env::vars_os() {
            if steers_a_test(&key) {
                command.env_remove(key);
            }
        }
        command.args(&self.args).env("OOMSWEEP_REPORT_DIR", &reports).envs(self.env).stdin(Stdio::null());
        command.stdout(File::create(dir.path().join("stdout")).expect("a file for stdout"));
        command.stderr(File::create(dir.path().join("stderr")).expect("a file for stderr"));
        let setup = self.setup;
        let before_exec = move || {
            // SAFETY: no memory is involved.
            if unsafe { libc::setsid() } < 0 {
                return Err(io::Error::last_os_error());
            }
            for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP] {
                // A shell's background job ignores some of these, and hands that down.
                // SAFETY: no memory is involved.
                unsafe { libc::signal(signal, libc::SIG_DFL) };
            }
            setup.map_or(Ok(()), |setup| setup())
        };
        // SAFETY: `setsid` and `signal` are async-signal-safe, and so is what a `Setup` may do.
        unsafe { command.pre_exec(before_exec) };
        let child = command.spawn()?;
        Ok(Running { name: self.name, child, started: Instant::now(), limit: self.limit, dir, reports })
    }

    /// Runs it to its end.
    pub(crate) fn go(self) -> Ran {
        self.start().finish()
    }
}

impl Running {
    /// The number of libtest's process, and of the session.
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().try_into().expect("a process number")
    }

    /// Its living processes, libtest's own included.
    pub(crate) fn processes(&self) -> Vec<Process> {
        session::living(self.pid())
    }

    /// Whether it is over its limit. `idle`: since when no process of it was seen that is ready to run, if it was looked at.
    fn is_over(&self, idle: &mut Option<Instant>) -> bool {
        let age = self.started.elapsed();
        if age <= self.limit {
            return false;
        }
        if idle.is_none() || self.processes().iter().any(|process| session::wants_a_core(process.pid)) {
            *idle = Some(Instant::now());
        }
        age > self.limit * BUSY || idle.is_some_and(|since| since.elapsed() > GRACE)
    }

    /// Waits for its end; over the limit, ends all its processes and panics.
    pub(crate) fn finish(mut self) -> Ran {
        let session = self.pid();
        let mut pause = Duration::from_millis(1);
        let mut idle = None;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                break status;
            }
            if self.is_over(&mut idle) {
                let then = session::living(session);
                session::kill_all(session);
                let _ = self.child.wait();
                panic!(
                    "`{}` was not over after {:?}; alive: {then:#?}\n{}",
                    self.name,
                    self.started.elapsed(),
                    printed(self.dir.path())
                );
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        let elapsed = self.started.elapsed();
        let left = session::wait_until_empty(session, GRACE);
        session::kill_all(session);
        let stdout = text(&self.dir.path().join("stdout"));
        let stderr = text(&self.dir.path().join("stderr"));
        let Running { name, dir, reports, .. } = self;
        Ran { status, stdout, stderr, elapsed, left, session, dir, name, reports }
    }
}

impl Ran {
    /// libtest ran this one test, and it passed.
    pub(crate) fn passed(&self) -> bool {
        self.status.code() == Some(0) && self.stdout.contains("test result: ok. 1 passed; 0 failed;")
    }

    /// libtest ran this one test, and it failed.
    pub(crate) fn failed(&self) -> bool {
        self.status.code() == Some(101) && self.stdout.contains("test result: FAILED. 0 passed; 1 failed;")
    }

    /// Everything that was printed.
    pub(crate) fn output(&self) -> String {
        printed(self.dir.path())
    }

    /// The report, if one was written. It must be whole.
    pub(crate) fn report(&self) -> Option<Value> {
        let path = self.reports.join(report_name(&self.name));
        let bytes = fs::read(&path).ok()?;
        match serde_json::from_slice(&bytes) {
            Ok(report) => Some(report),
            Err(error) => panic!("{} is no JSON: {error}\n{}", path.display(), self.output()),
        }
    }

    /// The report, which must be there.
    pub(crate) fn expect_report(&self) -> Value {
        self.report().unwrap_or_else(|| panic!("`{}` wrote no report\n{}", self.name, self.output()))
    }

    /// The names of all files in the report folder.
    pub(crate) fn report_files(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.reports) else { return Vec::new() };
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// Dead processes of the session that came to this process because nobody had waited for them. Buries them.
    pub(crate) fn unburied(&self) -> Vec<Process> {
        let here = i32::try_from(std::process::id()).expect("a process number");
        let ours = session::members(self.session).into_iter().filter(|process| process.parent == here);
        let dead: Vec<Process> = ours.collect();
        for process in &dead {
            // SAFETY: null asks for no status; the process is dead and our child.
            unsafe { libc::waitpid(process.pid, std::ptr::null_mut(), libc::__WALL) };
        }
        dead
    }

    /// Nothing may be left of a test that is over.
    #[track_caller]
    pub(crate) fn assert_nothing_left(&self) {
        assert!(self.left.is_empty(), "`{}` is over and left behind: {:#?}\n{}", self.name, self.left, self.output());
    }
}

/// `PACKAGE.TARGET.PATH.json`.
pub(crate) fn report_name(test: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let path: String = test.replace("::", ".").chars().map(|c| if fits(c) { c } else { '_' }).collect();
    format!("{}.{}.{path}.json", env!("CARGO_PKG_NAME"), env!("CARGO_CRATE_NAME"))
}

/// A variable that would change how the inner test runs.
fn steers_a_test(key: &OsStr) -> bool {
    let key = key.to_string_lossy();
    let prefixes = ["OOMSWEEP", "NEXTEST", "RUST_TEST", "RUST_BACKTRACE", "RUST_LIB_BACKTRACE", "CLICOLOR", "NO_COLOR"];
    prefixes.iter().any(|prefix| key.starts_with(prefix))
}

fn open_to_all(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).expect("the folder is ours");
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn printed(dir: &Path) -> String {
    let tail = |text: String| match text.char_indices().rev().nth(20_000) {
        Some((at, _)) => format!("[…]{}", &text[at..]),
        None => text,
    };
    let (stdout, stderr) = (tail(text(&dir.join("stdout"))), tail(text(&dir.join("stderr"))));
    format!("--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
}
