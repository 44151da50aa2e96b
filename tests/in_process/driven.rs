//! Runs one test of this program in a process of its own.

use std::path::Path;
use std::process::{Command, Output};

use oomsweep::Report;

/// The program, told to run just this test, with nothing of the caller's `OOMSWEEP…` variables.
pub(crate) fn program(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test knows its program"));
    command.args(arguments(test)).env("RUST_BACKTRACE", "0").env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OOMSWEEP")) {
        command.env_remove(name);
    }
    command
}

/// How the program is told to run just this test.
pub(crate) fn arguments(test: &str) -> [&str; 5] {
    ["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]
}

/// Runs it, with these variables; returns how it ended and all that it printed.
pub(crate) fn run(test: &str, variables: &[(&str, &str)]) -> (Output, String) {
    let output = program(test).envs(variables.iter().copied()).output().expect("the program runs");
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output, String::from_utf8_lossy(&text).into_owned())
}

/// Runs it, and reads the report that it wrote, if it wrote one.
pub(crate) fn report(test: &str, variables: &[(&str, &str)]) -> (Option<Report>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path that is text");
    let (_, text) = run(test, &[variables, &[("OOMSWEEP_REPORT_DIR", path)]].concat());
    let report = written(folder.path()).map(|text| serde_json::from_str(&text).expect("a report that can be read"));
    (report, text)
}

fn written(folder: &Path) -> Option<String> {
    let mut files = std::fs::read_dir(folder).expect("the folder is there").map(|file| file.expect("a file").path());
    let file = files.next()?;
    Some(std::fs::read_to_string(file).expect("a file that is text"))
}
