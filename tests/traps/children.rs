//! Traps that come with processes of the body's own, and what a body leaves behind.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use oomsweep::{alloc_test, exempt};
use rstest::rstest;

use crate::common::{Run, run_self};
use crate::kit::{Oom, bytes};
use crate::{assert_finds, assert_innocent, codes, verdicts};

/// Forks, allocates in the child, and looks at its status: the fault belongs to the parent alone.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn forks() -> Result<(), Oom> {
    // SAFETY: the child only asks for memory and ends.
    let child = unsafe { libc::fork() };
    let room = bytes!(33);
    if child == 0 {
        // SAFETY: no memory is involved.
        unsafe { libc::_exit(if room.is_ok() { 7 } else { 8 }) };
    }
    let mut status = 0;
    // SAFETY: `status` is ours.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!((waited, libc::WEXITSTATUS(status)), (child, 7), "the child is never failed");
    room.map(drop).map_err(Oom::from)
}

/// Allocates between `fork` and `exec`, where the parent's next request has the same number.
#[alloc_test(infallible = "skip")]
#[ignore = "trap: run by the test beside it"]
fn allocates_before_exec() -> io::Result<()> {
    let allocate = || bytes!(34).map(drop).map_err(io::Error::from);
    let mut command = exempt(|| Command::new("true"));
    // SAFETY: the process has no other thread.
    unsafe { exempt(|| command.pre_exec(allocate)) };
    let status = command.status().expect("the child is never failed");
    assert!(status.success(), "`true` is true");
    Ok(bytes!(35).map(drop)?)
}

/// Nobody hears of dead children any more.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn ignores_sigchld() {
    // SAFETY: no memory is involved.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    drop(bytes!(10).expect("ten bytes"));
    if bytes!(11).is_err() {
        std::process::exit(3);
    }
    drop(std::hint::black_box(Box::new(5)));
}

/// Waits for every child that it can see, and there is none but its own.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn waits_for_anyone() -> Result<(), Oom> {
    let room = bytes!(10);
    let mut status = 0;
    // SAFETY: `status` is ours.
    let waited = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
    assert_eq!(waited, -1, "a child that the body did not make");
    let more = bytes!(11)?;
    drop((room?, more));
    Ok(())
}

#[rstest]
fn the_bodys_children_are_its_own(
    #[values("children::forks", "children::allocates_before_exec", "children::waits_for_anyone")] path: &str,
) {
    assert_innocent(&run_self(path, &[]));
}

#[test]
fn statuses_survive_an_ignored_sigchld() {
    let ran = run_self("children::ignores_sigchld", &[]);
    assert_finds(&ran, &["panic", "exit", "abort", "panic", "exit", "abort"], &["panic", "exit", "abort"]);
}

fn sleeper() -> io::Result<Child> {
    exempt(|| Command::new("sleep").arg("1234").spawn())
}

/// A child is forgotten, in the good runs too.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn forgets_a_sleeper() -> io::Result<()> {
    exempt(|| drop(sleeper()));
    Ok(bytes!(10).map(drop)?)
}

#[test]
fn a_forgotten_sleeper_is_gone_afterwards() {
    assert_innocent(&run_self("children::forgets_a_sleeper", &[]));
}

/// A child is there when the body hangs.
#[alloc_test(timeout = "250ms")]
#[ignore = "trap: run by the test beside it"]
fn hangs_with_a_sleeper() -> io::Result<()> {
    let room = bytes!(10);
    if room.is_err() {
        let mut sleeper = sleeper()?;
        exempt(|| drop(sleeper.wait()));
    }
    Ok(room.map(drop)?)
}

#[test]
fn a_sleeper_goes_with_the_hang() {
    assert_finds(&run_self("children::hangs_with_a_sleeper", &[]), &["hang"; 2], &["hang"]);
}

/// Children that end, and that nobody waits for.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn makes_zombies() -> io::Result<()> {
    for _ in 0..3 {
        exempt(|| Command::new("true").spawn().map(drop))?;
    }
    Ok(bytes!(10).map(drop)?)
}

/// What the harness does not wait for comes to the nearest reaper, and here that is this process.
#[test]
fn no_zombie_is_left() {
    // SAFETY: no memory is involved.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    let ran = run_self("children::makes_zombies", &[]);
    assert_innocent(&ran);
    let zombies = ran.unburied();
    assert!(zombies.is_empty(), "nobody waited for {zombies:#?}");
}

/// At its second request the body kills whoever is its parent.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn kills_its_parent() -> Result<(), Oom> {
    let first = bytes!(10)?;
    let second = bytes!(11);
    if second.is_err() {
        // SAFETY: no memory is involved.
        unsafe { libc::kill(libc::getppid(), libc::SIGKILL) };
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let third = bytes!(12)?;
    drop((first, second?, third));
    Ok(())
}

/// However that ends, it is no pass, and the other points are tried.
#[test]
fn a_killed_parent_is_no_pass() {
    let ran = run_self("children::kills_its_parent", &[]);
    ran.assert_nothing_left();
    assert!(ran.failed(), "{}", ran.output());
    let report = ran.expect_report();
    assert!(!codes(&report).is_empty(), "{report:#}");
    let verdicts = verdicts(&report);
    let good = verdicts.iter().filter(|&&verdict| verdict == "error").count();
    assert_eq!(good, 4, "points 0 and 2 are innocent: {report:#}");
}

/// Descriptors of the harness are not handed on to programs.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn looks_at_descriptors() -> io::Result<()> {
    let output = exempt(|| Command::new("ls").args(["-l", "/proc/self/fd"]).output())?;
    assert!(output.status.success(), "`ls` lists");
    exempt(|| {
        let list = String::from_utf8_lossy(&output.stdout);
        let strange: Vec<&str> = list.lines().filter(|line| line.contains("memfd") || line.contains("pidfd")).collect();
        assert!(strange.is_empty(), "handed on: {strange:?}");
    });
    exempt(|| drop(output));
    Ok(bytes!(10).map(drop)?)
}

#[test]
fn descriptors_stay_at_home() {
    assert_innocent(&run_self("children::looks_at_descriptors", &[]));
}

/// Fork is refused at one depth after the other. What cannot be done is said; a pass is a whole sweep.
#[test]
fn refused_forks() {
    // SAFETY: no memory is involved.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    for starve in [starve::<1>, starve::<2>, starve::<3>, starve::<4>, starve::<5>, starve::<6>] {
        let Ok(running) = Run::new("children::waits_for_anyone").setup(starve).try_start() else {
            return; // that user may not even read this binary
        };
        let ran = running.finish();
        ran.assert_nothing_left();
        if ran.status.success() {
            assert_innocent(&ran);
        } else {
            assert!(!ran.stdout.is_empty() || !ran.stderr.is_empty(), "a failure says why");
        }
    }
}

/// Becomes a user who may have `N` processes and threads.
fn starve<const N: u64>() -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: N, rlim_max: N };
    // SAFETY: `limit` is ours; all of these are plain system calls.
    let refused = unsafe {
        libc::setrlimit(libc::RLIMIT_NPROC, &limit) != 0
            || libc::setgroups(0, std::ptr::null()) != 0
            || libc::setgid(63_999) != 0
            || libc::setuid(63_999) != 0
    };
    if refused { Err(io::Error::last_os_error()) } else { Ok(()) }
}
