//! Runs an ignored test of this binary in a process of its own.

use std::process::Command;

/// A test to be run.
pub(crate) struct Alone(Command);

/// What came of it.
pub(crate) struct Ran {
    pub(crate) passed: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Alone {
    /// The ignored test of this name.
    pub(crate) fn new(name: &str) -> Alone {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        Alone(command)
    }

    /// Runs it to its end.
    pub(crate) fn go(mut self) -> Ran {
        let output = self.0.output().expect("a process");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let passed = output.status.success() && stdout.contains("1 passed");
        Ran { passed, stdout, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
    }
}
