//! Tests that need a process without the threads of other tests.

use std::process::Command;

/// Runs the test that calls this in a process of its own, with the name `name` in `module`: true there, and false, when it has
/// passed, in the process that waits for it.
pub(super) fn is_alone(module: &str, name: &str) -> bool {
    const MARK: &str = "TESTED_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let (_, inside) = module.split_once("::").expect("a crate and a module");
    let name = format!("{inside}::{name}");
    let this = std::env::current_exe().expect("a test has a file");
    // Two threads, so that the test gets one of its own.
    let run = Command::new(this).args([&name, "--exact", "--nocapture", "--test-threads=2"]).env(MARK, "1").output();
    let output = run.expect("it runs");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{errors}");
    false
}
