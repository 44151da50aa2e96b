//! However a sweep ends, nothing is left of it: no process, no shared memory that has a name, no file.
//!
//! What has no name (the pages that the processes of a sweep share, and their files in memory) goes with the last process that has it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use oomsweep::{alloc_test, exempt};
use rstest::rstest;
use tempfile::{NamedTempFile, TempDir};

use crate::common::{Ran, Run, Running};
use crate::killed::chain;
use crate::kit::{Oom, bytes};

/// How often each of the quick ones is done.
const TIMES: usize = 5;

/// At its second request the body ends in the way that a variable names, in every trial in which that one fails.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn ends() -> Result<(), Oom> {
    if exempt(|| std::env::var("HOW")).as_deref() == Ok("hang at once, with children") {
        exempt(|| end("hang, with children"));
    }
    let first = bytes!(10)?;
    let second = bytes!(11);
    if second.is_err() {
        let how = exempt(|| std::env::var("HOW").unwrap_or_default());
        if how == "leak" {
            std::mem::forget(first);
            return Err(Oom);
        }
        exempt(|| end(&how));
    }
    let third = bytes!(12)?;
    drop((first, second?, third));
    Ok(())
}

fn end(how: &str) {
    // SAFETY: no memory is involved; whoever is killed belongs to this sweep.
    unsafe {
        match how {
            "clean" => {}
            "hang" => wait(),
            "hang, with children" => {
                child(false);
                child(true);
                wait();
            }
            "clean, with children" => {
                child(false);
                child(true);
            }
            "abort" => std::alloc::handle_alloc_error(std::alloc::Layout::new::<u8>()),
            "panic" => panic!("out of memory"),
            "exit" => std::process::exit(0),
            "exit at once" => libc::_exit(0),
            "crash" => drop(libc::raise(libc::SIGSEGV)),
            "kill" => drop(libc::raise(libc::SIGKILL)),
            "kill the group" => drop(libc::kill(0, libc::SIGKILL)),
            "kill the parent" => {
                libc::kill(libc::getppid(), libc::SIGKILL);
                wait();
            }
            "kill the parent, and leave children" => {
                child(false);
                child(true);
                libc::kill(libc::getppid(), libc::SIGKILL);
                wait();
            }
            "sweep" => drop(oomsweep::Sweep::new("inner").run(|| Vec::<u8>::new().try_reserve(1))),
            "close everything" => drop(libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0)),
            other => panic!("there is no end named `{other}`"),
        }
    }
}

/// Goes on without end; where a variable names a file, for as long as there is that file.
fn wait() -> ! {
    let held = std::env::var_os("HELD");
    while held.as_ref().is_none_or(|held| fs::exists(held).expect("the file can be looked for")) {
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("let go");
}

/// A child of the body's that would live for long; `apart`: in a session of its own.
fn child(apart: bool) {
    // SAFETY: the child only makes system calls.
    unsafe {
        if libc::fork() == 0 {
            if apart {
                libc::setsid();
            }
            libc::sleep(1000);
            libc::_exit(0);
        }
    }
}

/// Takes a while: every run waits at each of its points, and where one fails.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn slow() -> Result<(), Oom> {
    (1..=8).try_for_each(|size| {
        std::thread::sleep(Duration::from_millis(1));
        let room = bytes!(size);
        if room.is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        room.map(drop).map_err(Oom::from)
    })
}

/// What a sweep could leave behind, and what there was of it before.
struct Scene {
    mark: String,
    temporary: TempDir,
    shared: BTreeSet<String>,
}

impl Scene {
    fn new() -> Scene {
        static SCENES: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}.{}", std::process::id(), SCENES.fetch_add(1, Ordering::Relaxed));
        Scene { mark, temporary: tempfile::tempdir().expect("a folder"), shared: shared_memory() }
    }

    fn run(&self, name: &str, engine: &str) -> Run {
        let run = Run::new(name).env("OOMSWEEP_ENGINE", engine).env("TMPDIR", self.temporary.path());
        run.env("OF_SCENE", &self.mark)
    }

    /// The living processes that come from this scene, in whatever session they are.
    fn processes(&self) -> BTreeSet<String> {
        let marked = format!("OF_SCENE={}", self.mark);
        let is_marked = |pid: &String| {
            let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            variables.split(|&byte| byte == 0).any(|variable| variable == marked.as_bytes())
        };
        names("/proc")
            .into_iter()
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .filter(is_marked)
            .collect()
    }

    /// What is left: for a moment after an end by a signal that may be something.
    fn left(&self) -> BTreeSet<String> {
        let mut left = self.processes();
        left.extend(shared_memory().difference(&self.shared).cloned());
        left.extend(names(&self.temporary.path().to_string_lossy()));
        left
    }

    #[track_caller]
    fn assert_nothing_left(&self, ran: &Ran) {
        let start = Instant::now();
        let mut left = self.left();
        while !left.is_empty() && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
            left = self.left();
        }
        for pid in self.processes().iter().filter_map(|pid| pid.parse().ok()) {
            // SAFETY: no memory is involved; the process was started by this test.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        ran.assert_nothing_left();
        assert!(left.is_empty(), "left behind: {left:?}\n{}", ran.output());
    }
}

/// The segments of System V, and the files of POSIX's shared memory.
fn shared_memory() -> BTreeSet<String> {
    let mut all = names("/dev/shm");
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    // Its key and its number.
    let number = |line: &str| line.split_ascii_whitespace().take(2).collect::<Vec<_>>().join(" ");
    all.extend(segments.lines().skip(1).map(number));
    all
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[rstest]
fn by_itself(
    #[values("replay", "snapshot", "auto")] engine: &str,
    #[values(
        "clean",
        "clean, with children",
        "leak",
        "abort",
        "panic",
        "exit",
        "exit at once",
        "crash",
        "kill",
        "kill the group",
        "kill the parent",
        "kill the parent, and leave children",
        "sweep",
        "close everything"
    )]
    how: &str,
) {
    for _ in 0..TIMES {
        let scene = Scene::new();
        let ran = scene.run("left::ends", engine).env("HOW", how).go();
        scene.assert_nothing_left(&ran);
        let is_good = how.starts_with("clean") || how == "close everything";
        assert!(if is_good { ran.passed() } else { ran.failed() }, "{}", ran.output());
    }
}

#[rstest]
fn by_time(
    #[values("replay", "snapshot", "auto")] engine: &str,
    #[values("hang", "hang, with children", "hang at once, with children")] how: &str,
) {
    let scene = Scene::new();
    let ran = scene.run("left::ends", engine).env("HOW", how).env("OOMSWEEP_TIMEOUT", "250ms").go();
    scene.assert_nothing_left(&ran);
    assert!(ran.failed(), "{}", ran.output());
}

/// How long to wait before the next blow: another time in each round, the same in every run of this test.
fn moment(round: usize) -> Duration {
    Duration::from_millis((round as u64 * 37) % 101)
}

/// The process that is so many levels below the test's own, as soon as there is one; `None` if the test is over before.
fn below(running: &Running, depth: usize) -> Option<i32> {
    chain(running, depth).and_then(|chain| chain.get(depth.checked_sub(1)?).map(|process| process.pid))
}

/// 1: the worker; 2: the server; 3: a runner; 4: what a runner makes, where it makes something.
#[rstest]
#[case::replay("replay", 3)]
#[case::snapshot("snapshot", 4)]
#[case::auto("auto", 3)]
fn by_a_blow_from_outside(#[case] engine: &str, #[case] deepest: usize) {
    for depth in 1..=deepest {
        for round in 0..TIMES {
            let scene = Scene::new();
            let running = scene.run("left::slow", engine).start();
            std::thread::sleep(moment(round));
            if let Some(pid) = below(&running, depth) {
                // SAFETY: no memory is involved; the process is one that this test started.
                unsafe { libc::kill(pid, libc::SIGKILL) };
            }
            let ran = running.finish();
            scene.assert_nothing_left(&ran);
            assert!(ran.passed() || ran.failed(), "{}", ran.output());
        }
    }
}

/// The signal comes to the test's own process, or, as from a terminal, to all that are in its group.
#[rstest]
fn by_a_signal(
    #[values("replay", "snapshot", "auto")] engine: &str,
    #[values(libc::SIGKILL, libc::SIGTERM, libc::SIGINT, libc::SIGHUP)] signal: i32,
    #[values(1, -1)] all: i32,
) {
    for round in 0..TIMES {
        let scene = Scene::new();
        let running = scene.run("left::slow", engine).start();
        std::thread::sleep(moment(round));
        // SAFETY: no memory is involved; the process is one that this test started, and leads the group.
        unsafe { libc::kill(all * running.pid(), signal) };
        let ran = running.finish();
        scene.assert_nothing_left(&ran);
    }
}

/// The body has children, one of them in a session of its own, and waits until it is killed. Who kills the worker too kills all who
/// could know of them.
#[rstest]
fn with_children(
    #[values("replay", "snapshot", "auto")] engine: &str,
    #[values(libc::SIGKILL, libc::SIGTERM, libc::SIGINT, libc::SIGHUP)] signal: i32,
) {
    for (round, depth) in [0, 2].into_iter().cycle().take(TIMES).enumerate() {
        let scene = Scene::new();
        let held = NamedTempFile::new().expect("a file");
        let run = scene.run("left::ends", engine).env("HOW", "hang, with children").env("OOMSWEEP_TIMEOUT", "100s");
        let running = run.env("HELD", held.path()).start();
        // The test, its worker, the server, a runner; and the two.
        while scene.processes().len() < 6 {
            assert!(!running.processes().is_empty(), "it is over, and they never came up");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(moment(round));
        let group = signal != libc::SIGKILL && round % 4 == 0;
        match (depth, below(&running, 2)) {
            (2, Some(server)) => {
                // SAFETY: no memory is involved; the processes are those that this test started.
                unsafe { libc::kill(server, libc::SIGKILL) };
                // The trial is made once more.
                drop(held);
            }
            // SAFETY: as above; the test leads its group.
            _ => drop(unsafe { libc::kill(if group { -running.pid() } else { running.pid() }, signal) }),
        }
        let ran = running.finish();
        scene.assert_nothing_left(&ran);
        assert!(!ran.passed(), "{}", ran.output());
    }
}

/// The system has no descriptor more, or no file may have a byte: the harness itself falls, somewhere.
#[rstest]
fn by_a_fall_of_the_harness(#[values("replay", "snapshot", "auto")] engine: &str) {
    for setup in [few::<4>, few::<6>, few::<8>, few::<10>, few::<12>, no_byte] {
        let scene = Scene::new();
        let ran = scene.run("left::ends", engine).env("HOW", "clean").setup(setup).go();
        scene.assert_nothing_left(&ran);
    }
}

fn few<const N: u64>() -> std::io::Result<()> {
    limit(libc::RLIMIT_NOFILE, N)
}

fn no_byte() -> std::io::Result<()> {
    limit(libc::RLIMIT_FSIZE, 0)
}

fn limit(what: libc::__rlimit_resource_t, most: u64) -> std::io::Result<()> {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: `limit` is ours.
    if unsafe { libc::setrlimit(what, &limit) } == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
