//! What a terminal shows while a sweep takes long: this binary is run again on a terminal of its own, which another program's
//! idea of a terminal keeps the screen of.
#![cfg(all(target_os = "linux", not(oomsweep_portable)))]

use std::fs::File;
use std::io::Read;
use std::os::fd::FromRawFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rstest::rstest;

const ROWS: u16 = 24;
const COLUMNS: u16 = 120;
/// Names a folder with a file for each sweep from when its line was seen.
const SEEN: &str = "TERMINAL_SEEN";
/// The sweeps, by what their lines end with.
const SWEEPS: [&str; 2] = ["inner::by_attribute", "a_name"];

/// What is run on the terminal.
mod inner {
    use std::collections::TryReserveError;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use oomsweep::{EngineChoice, Sweep, alloc_test, exempt};

    const PAUSE: Duration = Duration::from_millis(20);

    /// A hundred points, and a pause in each run, which every trial from the start makes anew: a longer one until the line of this
    /// sweep was seen, so that it is not over before.
    fn slow(sweep: &str) -> Result<(), TryReserveError> {
        std::thread::sleep(PAUSE);
        let told = (1..=100).try_for_each(|size| Vec::<u8>::new().try_reserve_exact(size));
        if told.is_err() {
            let began = Instant::now();
            while began.elapsed() < PAUSE * 10 && !exempt(|| is_seen(sweep)) {
                std::thread::sleep(PAUSE / 4);
            }
        }
        told
    }

    fn is_seen(sweep: &str) -> bool {
        let folder = std::env::var_os(super::SEEN).expect("a folder");
        Path::new(&folder).join(sweep).exists()
    }

    #[alloc_test(engine = "replay")]
    #[ignore = "run by the tests below"]
    fn by_attribute() -> Result<(), TryReserveError> {
        slow("inner::by_attribute")
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn by_builder() {
        Sweep::new("a_name").engine(EngineChoice::Replay).run(|| slow("a_name")).assert_clean();
    }

    /// Ends in the middle of the others: libtest says so while their lines are shown.
    fn ends_when_seen(pauses: u32) {
        while !super::SWEEPS.into_iter().all(is_seen) {
            std::thread::sleep(PAUSE);
        }
        std::thread::sleep(PAUSE * pauses);
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn plain_1() {
        ends_when_seen(0);
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn plain_2() {
        ends_when_seen(2);
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn plain_3() {
        ends_when_seen(20);
    }
}

fn again(filter: &str, threads: u32, term: &str, seen: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this binary"));
    for (key, _) in std::env::vars_os() {
        let key_text = key.to_string_lossy();
        if ["OOMSWEEP", "RUST_TEST", "NO_COLOR", "CLICOLOR"].iter().any(|prefix| key_text.starts_with(prefix)) {
            command.env_remove(&key);
        }
    }
    command.args([filter, "--ignored", "--color=never", &format!("--test-threads={threads}")]);
    command.env("TERM", term).env(SEEN, seen).stdin(Stdio::null());
    command
}

/// Starts a program on a new terminal; the program, and the terminal's other end.
fn on_terminal(mut command: Command) -> (Child, File) {
    let (mut ours, mut theirs) = (-1, -1);
    let size = libc::winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    let none = std::ptr::null_mut();
    // SAFETY: both numbers are ours to be written; a null name and null settings mean that none are wanted, or set.
    let made =
        unsafe { libc::openpty(&raw mut ours, &raw mut theirs, none, none.cast(), (&raw const size).cast_mut()) };
    assert_eq!(made, 0, "a terminal: {}", std::io::Error::last_os_error());
    // SAFETY: the system has opened both for us just now.
    let (ours, theirs) = unsafe { (File::from_raw_fd(ours), File::from_raw_fd(theirs)) };
    command.stdout(theirs.try_clone().expect("one more descriptor")).stderr(theirs);
    (command.spawn().expect("this binary starts once more"), ours)
}

/// What was seen of a program.
struct Watched {
    screen: vt100::Parser,
    /// The lines that began with our name, at any time.
    lines: Vec<String>,
    bytes: Vec<u8>,
}

/// Watches the screen until the program is over. The file of a sweep is made when its line tells all that it may.
fn watch(command: Command, seen: &Path) -> Watched {
    let (mut child, mut ours) = on_terminal(command);
    let mut watched = Watched { screen: vt100::Parser::new(ROWS, COLUMNS, 0), lines: Vec::new(), bytes: Vec::new() };
    let mut part = [0; 4096];
    // The system says that the other end is closed with an error.
    while let Ok(count @ 1..) = ours.read(&mut part) {
        watched.bytes.extend(&part[..count]);
        watched.screen.process(&part[..count]);
        watched.lines.extend(watched.screen.screen().rows(0, COLUMNS).filter(|row| row.starts_with("oomsweep ")));
        for sweep in SWEEPS {
            let parts = [" of 200 trials, ", "/s, about ", &format!(" s left | {sweep}")];
            if watched.lines.iter().any(|line| parts.iter().all(|part| line.contains(part))) {
                say_seen(seen, sweep);
            }
        }
    }
    let status = child.wait().expect("it is our child");
    assert!(status.success(), "{status}\n{}", watched.screen.screen().contents());
    watched
}

fn say_seen(folder: &Path, sweep: &str) {
    File::create(folder.join(sweep)).expect("the folder is ours");
}

fn nothing_is_seen() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// For sweeps that nobody waits for.
fn all_is_seen() -> tempfile::TempDir {
    let folder = nothing_is_seen();
    SWEEPS.iter().for_each(|sweep| say_seen(folder.path(), sweep));
    folder
}

/// On one thread libtest begins a line before a test, and ends it behind it; on several it writes lines in the middle of others.
#[rstest]
fn a_long_sweep_has_a_line_that_disturbs_no_other(#[values(1, 5)] threads: u32) {
    let seen = nothing_is_seen();
    let mut watched = watch(again("inner::", threads, "xterm", seen.path()), seen.path());
    for text in ["| inner::by_attribute", "| a_name", " of 200 trials, ", "/s, about ", " s left | "] {
        let lines = &watched.lines;
        assert!(lines.iter().any(|line| line.contains(text)), "no line with {text:?}: {lines:#?}");
    }
    let contents = watched.screen.screen().contents();
    let mut left: Vec<&str> = contents.lines().filter(|line| !line.is_empty()).collect();
    left.sort_unstable();
    let result = left.iter().find(|line| line.starts_with("test result: ok. 5 passed;")).copied();
    let tests = ["by_attribute", "by_builder", "plain_1", "plain_2", "plain_3"];
    let mut expected: Vec<String> = tests.iter().map(|name| format!("test inner::{name} ... ok")).collect();
    expected.insert(0, String::from("running 5 tests"));
    expected.push(result.unwrap_or("test result: ok.").to_owned());
    assert_eq!(left, expected, "{contents}");
    // All of it scrolls again.
    watched.screen.process(format!("\x1b[{ROWS};1Hthe last line\n").as_bytes());
    let before_last = usize::from(ROWS - 2);
    assert_eq!(watched.screen.screen().rows(0, COLUMNS).nth(before_last).as_deref(), Some("the last line"));
}

#[test]
fn what_cannot_place_text_is_sent_none() {
    let seen = all_is_seen();
    let watched = watch(again("inner::by_", 2, "dumb", seen.path()), seen.path());
    assert!(!watched.bytes.contains(&b'\x1b'), "{}", String::from_utf8_lossy(&watched.bytes));
    assert_eq!(watched.lines, Vec::<String>::new());
}

#[test]
fn no_terminal_is_sent_nothing() {
    let seen = all_is_seen();
    let output = again("inner::by_", 2, "xterm", seen.path()).output().expect("this binary starts once more");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(!output.stdout.contains(&b'\x1b') && !output.stdout.windows(6).any(|part| part == b"trials"), "{output:?}");
}
