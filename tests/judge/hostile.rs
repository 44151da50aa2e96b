//! Bodies that hold what a copy of their process does not have, or has together with the original: children, pipes, places in files,
//! timers, numbers, threads. Each is tried in every way, after so much work that copies are the cheaper one; every report must be the
//! same.

use std::alloc::{Layout, alloc, dealloc};
use std::fs;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use oomsweep::{AnyError, EngineChoice, Infallible, Report, Sweep, exempt};
use rstest::rstest;

use crate::body::Refused;
use crate::{TURN, facts};

/// Work after which a copy costs less than another run.
pub(crate) fn work() {
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(4) {
        std::hint::spin_loop();
    }
}

/// Asks for a block, and gives it back at once.
fn ask(size: usize) -> Result<(), Refused> {
    let layout = Layout::from_size_align(size, 1).expect("a layout");
    // SAFETY: no size is zero, and the block is freed as it was asked for.
    unsafe {
        let block = black_box(alloc(layout));
        if block.is_null() {
            return Err(Refused::Memory);
        }
        dealloc(block, layout);
    }
    Ok(())
}

type Body = fn() -> Result<(), Refused>;

fn sweep(body: Body, engine: EngineChoice, jobs: u32) -> Report {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let sweep: Sweep<AnyError> = Sweep::new("judge::hostile").captures_nothing();
    sweep.engine(engine).jobs(jobs).error_if(|error| *error == Refused::Memory).run(move || {
        work();
        body()
    })
}

/// A child that is there before the faults, and waited for after them.
fn waits_for_its_child() -> Result<(), Refused> {
    // SAFETY: the child only ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: no memory is involved.
        unsafe { libc::_exit(7) };
    }
    let told = (1..5).try_for_each(ask);
    let mut status = 0;
    // SAFETY: `status` is ours.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert!(waited == child && libc::WEXITSTATUS(status) == 7, "the child is the body's");
    told
}

/// What is in a pipe can be read once.
fn reads_what_it_wrote() -> Result<(), Refused> {
    let (mut one, mut other) = exempt(UnixStream::pair).expect("two ends");
    let mut told = Ok(());
    for byte in 1..5_u8 {
        exempt(|| one.write_all(&[byte])).expect("there is room");
        told = told.and(ask(usize::from(byte)));
        let mut read = [0];
        exempt(|| other.read_exact(&mut read)).expect("there is a byte");
        assert_eq!(read, [byte], "it is the one that was written");
    }
    told
}

/// The place in an open file.
fn reads_line_by_line() -> Result<(), Refused> {
    let file = exempt(|| {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"1234567").expect("there is room");
        file.rewind().expect("its beginning");
        file
    });
    let mut told = Ok(());
    for size in 1..8 {
        let mut read = [0];
        exempt(|| (&file).read_exact(&mut read)).expect("there is a byte");
        assert_eq!(usize::from(read[0] - b'0'), size, "one after the other");
        told = told.and(ask(size));
    }
    exempt(|| drop(file));
    told
}

/// A folder that goes with the run.
fn has_a_folder() -> Result<(), Refused> {
    let folder = exempt(|| tempfile::tempdir().expect("a folder"));
    let path = exempt(|| folder.path().join("file"));
    let mut told = Ok(());
    for size in 1..5 {
        exempt(|| fs::write(&path, "text")).expect("the folder is there");
        told = told.and(ask(size));
        exempt(|| fs::read(&path).map(drop)).expect("the file is there");
    }
    exempt(|| drop((folder, path)));
    told
}

/// Who asks for its number twice gets it twice.
fn remembers_its_number() -> Result<(), Refused> {
    let number = std::process::id();
    let told = (1..5).try_for_each(ask);
    assert_eq!(number, std::process::id(), "the same process");
    told
}

static RANG: AtomicU32 = AtomicU32::new(0);

extern "C" fn ring(_: i32) {
    RANG.fetch_add(1, SeqCst);
}

/// A timer that is set before the faults and rings after them.
fn waits_for_a_timer() -> Result<(), Refused> {
    RANG.store(0, SeqCst);
    let timer = libc::itimerval {
        it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
        it_value: libc::timeval { tv_sec: 0, tv_usec: 20_000 },
    };
    // SAFETY: the handler keeps to what one may do; the timer is a valid one.
    unsafe {
        libc::signal(libc::SIGALRM, ring as *const () as usize);
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
    }
    let told = (1..4).try_for_each(ask);
    while RANG.load(SeqCst) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    // SAFETY: no memory is involved.
    unsafe { libc::signal(libc::SIGALRM, libc::SIG_DFL) };
    told
}

/// Nobody but its own children tells of its end.
fn counts_children() -> Result<(), Refused> {
    RANG.store(0, SeqCst);
    // SAFETY: the handler keeps to what one may do.
    unsafe { libc::signal(libc::SIGCHLD, ring as *const () as usize) };
    let told = (1..5).try_for_each(ask);
    thread::sleep(Duration::from_millis(3));
    // SAFETY: no memory is involved; null asks for no status.
    let waited = unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG)
    };
    assert_eq!((RANG.load(SeqCst), waited), (0, -1), "there are no children");
    told
}

/// Waits for every child that there is, of whatever kind.
fn buries_every_child() -> Result<(), Refused> {
    (1..9).try_for_each(|size| {
        // SAFETY: null asks for no status.
        while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL) } > 0 {}
        ask(size)
    })
}

/// At a failure nothing stays open but the standard descriptors.
fn closes_everything() -> Result<(), Refused> {
    (1..5).try_for_each(|size| {
        ask(size).inspect_err(|_| {
            // SAFETY: no memory is involved; the process is this body's.
            unsafe { libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0) };
        })
    })
}

/// At a failure another program takes the process over.
fn becomes_another() -> Result<(), Refused> {
    (1..5).try_for_each(|size| {
        ask(size).inspect_err(|_| {
            if size == 3 {
                use std::os::unix::process::CommandExt;
                exempt(|| drop(Command::new("true").exec()));
            }
        })
    })
}

/// At a failure another program is run, with signals blocked and in another group.
fn runs_another() -> Result<(), Refused> {
    (1..5).try_for_each(|size| {
        ask(size).inspect_err(|_| {
            // SAFETY: zeros are a valid set; both act on the calling process.
            unsafe {
                let mut all: libc::sigset_t = std::mem::zeroed();
                libc::sigfillset(&raw mut all);
                libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
                libc::setpgid(0, 0);
            }
            let status = exempt(|| Command::new("true").status());
            assert!(status.is_ok_and(|status| status.success()), "`true` is true");
        })
    })
}

/// At a failure the body is left by a child as well.
fn comes_back_twice() -> Result<(), Refused> {
    (1..5).try_for_each(|size| {
        ask(size).inspect_err(|_| {
            if size == 2 {
                // SAFETY: the process has one thread.
                black_box(unsafe { libc::fork() });
            }
        })
    })
}

/// At a failure a child comes back well, and the body itself does not come back.
fn comes_back_by_its_child() -> Result<(), Refused> {
    (1..5).try_for_each(|size| {
        ask(size).inspect_err(|_| {
            // SAFETY: the process has one thread; null asks for no status.
            unsafe {
                let child = black_box(libc::fork());
                if child > 0 {
                    libc::waitpid(child, std::ptr::null_mut(), 0);
                    libc::_exit(3);
                }
            }
        })
    })
}

/// Each failure ends otherwise.
fn ends_in_every_way() -> Result<(), Refused> {
    (1..12).try_for_each(|size| {
        let told = ask(size);
        if told.is_err() {
            // SAFETY: no memory is involved; the process is this body's.
            unsafe {
                match size {
                    1 => libc::_exit(0),
                    2 => drop(libc::raise(libc::SIGKILL)),
                    3 => drop(libc::raise(libc::SIGTERM)),
                    4 => std::process::exit(5),
                    5 => panic!("out of memory"),
                    6 => std::alloc::handle_alloc_error(Layout::new::<u8>()),
                    7 => drop(libc::kill(0, libc::SIGKILL)),
                    8 => return Err(Refused::Other),
                    9 => return Ok(()),
                    10 => drop(black_box(alloc(Layout::new::<u64>()))),
                    _ => std::process::abort(),
                }
            }
        }
        told
    })
}

/// Threads that come and go between the requests, and one that is there during some.
fn has_threads() -> Result<(), Refused> {
    let mut told = ask(1);
    let joined = exempt(|| thread::spawn(work).join());
    told = told.and(ask(2));
    exempt(|| {
        thread::scope(|scope| {
            scope.spawn(work);
        });
    });
    told = told.and(ask(3));
    let other = exempt(|| thread::spawn(|| thread::sleep(Duration::from_millis(20))));
    told = told.and(ask(4)).and(ask(5));
    exempt(|| other.join()).expect("it ends");
    told = told.and(ask(6));
    drop(joined);
    told
}

/// A lock that is held while requests fail, and destructors that ask for more.
fn holds_a_lock() -> Result<(), Refused> {
    static LOCK: Mutex<u32> = Mutex::new(0);
    struct Asks;
    impl Drop for Asks {
        fn drop(&mut self) {
            drop(black_box(ask(77)));
        }
    }
    let _asks = Asks;
    let mut held = LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *held += 1;
    (1..5).try_for_each(ask)
}

/// Every descriptor that is open is the body's.
fn counts_descriptors() -> Result<(), Refused> {
    let count = || exempt(|| fs::read_dir("/proc/self/fd").expect("there is one").count());
    let before = count();
    let told = (1..6).try_for_each(|size| {
        let told = ask(size);
        assert_eq!(count(), before, "nobody has opened any");
        told
    });
    assert_eq!(count(), before, "nobody has opened any");
    told
}

/// A panic at one point is real; what is taken for one at the others would not be.
fn mixes_real_and_apparent() -> Result<(), Refused> {
    let number = std::process::id();
    assert!(ask(1).is_ok(), "no memory");
    let told = (2..6).try_for_each(ask);
    assert_eq!(number, std::process::id(), "the same process");
    told
}

/// Loses a block where the process is another one.
fn leaks_elsewhere() -> Result<(), Refused> {
    let number = std::process::id();
    let layout = Layout::new::<u64>();
    // SAFETY: the layout has a size.
    let block = black_box(unsafe { alloc(layout) });
    if block.is_null() {
        return Err(Refused::Memory);
    }
    let told = (2..6).try_for_each(ask);
    if number == std::process::id() {
        // SAFETY: it was asked for with this layout.
        unsafe { dealloc(block, layout) };
    }
    told
}

/// Reads a file that it shares with nobody, and gives up at the first failure, with the rest unread.
fn drains_a_file() -> Result<(), Refused> {
    let file = exempt(|| {
        let mut file = tempfile::tempfile().expect("a file");
        for line in 0..2000 {
            writeln!(file, "{line}").expect("there is room");
        }
        file.rewind().expect("its beginning");
        file
    });
    let mut reader = exempt(|| BufReader::with_capacity(64, file));
    let mut line = exempt(|| String::with_capacity(64));
    let mut told = Ok(());
    for number in 0..2000 {
        line.clear();
        exempt(|| reader.read_line(&mut line)).expect("there is a line");
        if line.trim_end().parse() != Ok(number) {
            exempt(|| drop((reader, line)));
            return Err(Refused::Other);
        }
        if number % 400 == 7 {
            told = told.and(ask(number));
        }
    }
    exempt(|| drop((reader, line)));
    told
}

/// Counts its failures where every process below sees them; the run after the last of them ends the process that this one is made by.
/// The first run in a process asks for more than the others.
fn ends_the_process_above() -> Result<(), Refused> {
    const POINTS: u32 = 3;
    static FAILURES: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());
    if FAILURES.load(SeqCst).is_null() {
        ask(99).map_err(|_| Refused::Other)?;
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new page, which nobody gives back.
        FAILURES.store(unsafe { libc::mmap(std::ptr::null_mut(), 4096, access, kind, -1, 0) }.cast(), SeqCst);
    }
    // SAFETY: the page holds zeros at first, and stays.
    let failures = unsafe { &*FAILURES.load(SeqCst) };
    if failures.load(SeqCst) == 2 * POINTS {
        // SAFETY: no memory is involved.
        unsafe { libc::kill(libc::getppid(), libc::SIGKILL) };
        loop {
            thread::sleep(Duration::from_secs(1));
        }
    }
    let told = (1..=POINTS as usize).try_for_each(ask);
    failures.fetch_add(u32::from(told.is_err()), SeqCst);
    told
}

#[rstest]
#[case::a_child(waits_for_its_child)]
#[case::a_pipe(reads_what_it_wrote)]
#[case::a_place_in_a_file(reads_line_by_line)]
#[case::a_buffered_file(drains_a_file)]
#[case::a_folder(has_a_folder)]
#[case::its_number(remembers_its_number)]
#[case::a_timer(waits_for_a_timer)]
#[case::the_end_of_children(counts_children)]
#[case::every_child(buries_every_child)]
#[case::no_descriptors(closes_everything)]
#[case::all_descriptors(counts_descriptors)]
#[case::exec(becomes_another)]
#[case::spawn(runs_another)]
#[case::fork(comes_back_twice)]
#[case::by_its_child(comes_back_by_its_child)]
#[case::ends(ends_in_every_way)]
#[case::threads(has_threads)]
#[case::a_lock(holds_a_lock)]
#[case::real_and_apparent(mixes_real_and_apparent)]
#[case::a_leak_elsewhere(leaks_elsewhere)]
fn every_engine_says_the_same(#[case] body: Body) {
    let plain = sweep(body, EngineChoice::BruteForce, 1);
    let ways = [EngineChoice::Snapshot, EngineChoice::Auto].map(|engine| [(engine, 1), (engine, 4)]);
    for (engine, jobs) in ways.into_iter().flatten().chain([(EngineChoice::Replay, 1)]) {
        let other = sweep(body, engine, jobs);
        assert_eq!(facts(&plain), facts(&other), "{plain}\nbut {engine:?} with {jobs} says:\n{other}");
    }
}

/// What a child says that has come back in place of the body is not what the body came to.
#[test]
fn only_the_body_itself_comes_back() {
    let report = sweep(comes_back_by_its_child, EngineChoice::Replay, 1);
    let verdicts: Vec<String> = report.trials().iter().map(|trial| trial.verdict.to_string()).collect();
    assert_eq!(verdicts, ["exit"; 8], "{report}");
}

/// Otherwise nothing here tells anything of copies.
#[test]
fn copies_are_made() {
    let report = sweep(|| (1..9).try_for_each(ask), EngineChoice::Snapshot, 2);
    assert_eq!((report.is_clean(), report.engine.snapshot), (true, 16), "{report}");
    // Where others have the cores a copy can cost more than another run, and where it does no more are made.
    let is_copied = |_| {
        let report = sweep(|| (1..9).try_for_each(ask), EngineChoice::Auto, 2);
        assert!(report.is_clean(), "{report}");
        report.engine.snapshot > 8
    };
    assert!((0..200).any(is_copied), "what is free to choose makes no copies");
}

/// A process that is lost when nothing is left to try in it is lost all the same: the next one begins where the plain runs end.
#[test]
fn a_lost_process_is_made_up_for() {
    let report = sweep(ends_the_process_above, EngineChoice::Replay, 1);
    let said: Vec<_> = report.trials().iter().map(|trial| (trial.verdict.to_string(), trial.drifted)).collect();
    assert_eq!(said, vec![("error".to_owned(), false); 6], "{report}");
}

/// Asks on another thread, first by a call that aborts.
fn asks_elsewhere() -> Result<(), Refused> {
    let thread = exempt(|| {
        thread::spawn(|| {
            drop(black_box(Vec::<u8>::with_capacity(77)));
            ask(5)
        })
    });
    exempt(|| thread.join()).unwrap_or(Err(Refused::Other))
}

/// What is behind an abort is found on whatever thread requests are made to fail.
#[rstest]
#[case::skipped(Infallible::Skip, ["skipped", "error", "skipped", "error"])]
#[case::found(Infallible::Deny, ["abort", "error", "abort", "error"])]
fn other_threads_abort_as_well(#[case] infallible: Infallible, #[case] wanted: [&str; 4]) {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let sweep: Sweep<AnyError> = Sweep::new("judge::elsewhere").captures_nothing();
    let report = sweep.threads_all().infallible(infallible).run(asks_elsewhere);
    let verdicts: Vec<String> = report.trials().iter().map(|trial| trial.verdict.to_string()).collect();
    assert_eq!(verdicts, wanted, "{report}");
    for finding in report.findings() {
        let culprit = finding.culprit.as_ref().map(|request| (request.size, request.injected));
        assert_eq!(culprit, Some((77, true)), "{report}");
    }
}
