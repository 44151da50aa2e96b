//! Traps that come with the state of the process, which a body changes as it likes.

use std::io;
use std::ptr;

use oomsweep::{alloc_test, exempt};
use rstest::rstest;

use crate::assert_innocent;
use crate::common::{Run, run_self};
use crate::kit::{Oom, bytes};

fn two() -> Result<(), Oom> {
    let first = bytes!(10)?;
    drop((first, bytes!(20)?));
    Ok(())
}

/// Goes to a folder that is then removed.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn lost_folder() -> Result<(), Oom> {
    exempt(|| {
        let folder = std::env::temp_dir().join(format!("oomsweep-lost-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::env::set_current_dir(&folder).expect("the way there");
        std::fs::remove_dir(&folder).expect("the folder is empty");
    });
    two()
}

#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn blocks_signals() -> Result<(), Oom> {
    // SAFETY: the set is initialised by `sigfillset`.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, ptr::null_mut());
    }
    two()
}

#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn no_altstack() -> Result<(), Oom> {
    let off = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: `off` is ours.
    unsafe { libc::sigaltstack(&off, ptr::null_mut()) };
    two()
}

/// Every descriptor but the first three is closed, again and again.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn closes_descriptors() -> Result<(), Oom> {
    // SAFETY: no memory is involved; the body owns none of these descriptors.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    two()
}

/// All of them.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn closes_all_descriptors() -> Result<(), Oom> {
    // SAFETY: as above; a closed standard descriptor is a sink.
    unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) };
    two()
}

/// No more descriptors than there are.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn few_descriptors() -> Result<(), Oom> {
    let few = libc::rlimit { rlim_cur: 16, rlim_max: 16 };
    // SAFETY: `few` is ours.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &few) };
    two()
}

/// A process group and a session of the body's own.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn own_group() -> Result<(), Oom> {
    // SAFETY: no memory is involved.
    unsafe { libc::setpgid(0, 0) };
    two()
}

/// The timer of a profiler interrupts everything.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn interrupted() -> Result<(), Oom> {
    extern "C" fn nothing(_: libc::c_int) {}
    let handler: extern "C" fn(libc::c_int) = nothing;
    let often = libc::timeval { tv_sec: 0, tv_usec: 500 };
    // SAFETY: the handler does nothing, and the structures are ours.
    unsafe {
        libc::signal(libc::SIGALRM, handler as libc::sighandler_t);
        let timer = libc::itimerval { it_interval: often, it_value: often };
        libc::setitimer(libc::ITIMER_REAL, &timer, ptr::null_mut());
    }
    (0..20).try_for_each(|_| two())
}

/// Nothing is left of the environment, the harness's own variables included.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn environment_cleared() -> Result<(), Oom> {
    exempt(|| {
        let names: Vec<_> = std::env::vars_os().map(|(name, _)| name).collect();
        // SAFETY: the body has no other thread.
        names.iter().for_each(|name| unsafe { std::env::remove_var(name) });
    });
    two()
}

#[rstest]
fn process_state(
    #[values(
        "lost_folder",
        "blocks_signals",
        "no_altstack",
        "closes_descriptors",
        "closes_all_descriptors",
        "few_descriptors",
        "own_group",
        "interrupted",
        "environment_cleared"
    )]
    name: &str,
) {
    assert_innocent(&run_self(&format!("state::{name}"), &[]));
}

fn blocked() -> io::Result<()> {
    // SAFETY: the set is initialised by `sigfillset`.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_BLOCK, &all, ptr::null_mut());
    }
    Ok(())
}

fn ignored_children() -> io::Result<()> {
    // SAFETY: no memory is involved.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    Ok(())
}

fn small_stack() -> io::Result<()> {
    let small = libc::rlimit { rlim_cur: 256 << 10, rlim_max: 256 << 10 };
    // SAFETY: `small` is ours.
    unsafe { libc::setrlimit(libc::RLIMIT_STACK, &small) };
    Ok(())
}

/// What a test inherits: every signal blocked, dead children not announced, a small stack.
#[rstest]
#[case::blocked(blocked)]
#[case::ignored_children(ignored_children)]
#[case::small_stack(small_stack)]
fn inherited_state(#[case] setup: fn() -> io::Result<()>) {
    assert_innocent(&Run::new("state::no_altstack").setup(setup).go());
    let ran = Run::new("verdicts::many_ways_to_abort").setup(setup).go();
    ran.assert_nothing_left();
    assert_eq!(crate::verdicts(&ran.expect_report()), ["crash", "abort", "panic", "panic"].repeat(2));
}

/// Under a runner that starts one process for each test, and says so.
#[rstest]
#[case("state::no_altstack", true)]
#[case("verdicts::deep", false)]
fn one_process_per_test(#[case] path: &str, #[case] passes: bool) {
    let run = Run::new(path).arg("--nocapture").env("NEXTEST", "1").env("NEXTEST_TEST_NAME", path);
    let ran = run.env("NEXTEST_EXECUTION_MODE", "process-per-test").go();
    ran.assert_nothing_left();
    assert_eq!(ran.passed(), passes, "{}", ran.output());
    assert_eq!(ran.expect_report().pointer("/complete"), Some(&true.into()));
}
