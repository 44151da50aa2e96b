//! A sweep of the builder in a plain `main` is broken off: what was found is told, and the process ends by the signal.

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
fn main() {
    linux::main();
}

#[cfg(not(all(target_os = "linux", not(oomsweep_portable))))]
fn main() {}

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod linux {
    use std::collections::TryReserveError;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    /// Names a folder in which a file says that the finding is known, and in which the report is written.
    const FOLDER: &str = "INTERRUPTED_MAIN";

    pub(super) fn main() {
        match std::env::var_os(FOLDER) {
            Some(_) => {
                let report = oomsweep::Sweep::new("in_main").engine(oomsweep::EngineChoice::Replay).run(leaks_early);
                panic!("the process goes on, with {report}");
            }
            None => {
                for signal in [libc::SIGINT, libc::SIGTERM] {
                    is_told(signal);
                }
            }
        }
    }

    /// Loses a block when its second request fails, and takes long. When the fourth fails the second was tried before.
    fn leaks_early() -> Result<(), TryReserveError> {
        std::thread::sleep(Duration::from_millis(20));
        let (mut first, mut second) = (Vec::<u8>::new(), Vec::<u8>::new());
        first.try_reserve_exact(48)?;
        if let Err(error) = second.try_reserve_exact(100) {
            std::mem::forget(std::hint::black_box(first));
            return Err(error);
        }
        for n in 2..2000 {
            let room = Vec::<u8>::new().try_reserve_exact(n);
            if n == 3 && room.is_err() {
                oomsweep::exempt(|| {
                    let folder = std::env::var_os(FOLDER).expect("a folder");
                    std::fs::write(Path::new(&folder).join("known"), "").expect("the folder is ours");
                });
            }
            room?;
        }
        Ok(())
    }

    fn is_told(signal: i32) {
        let folder = tempfile::tempdir().expect("a folder");
        let program = std::env::current_exe().expect("the path of this program");
        let mut command = Command::new(program);
        command.env(FOLDER, folder.path()).env("OOMSWEEP_REPORT_DIR", folder.path()).stderr(Stdio::piped());
        // A shell has what it starts in the background ignore SIGINT, and so all that this starts.
        // SAFETY: the child only makes a system call.
        unsafe {
            command.pre_exec(move || {
                libc::signal(signal, libc::SIG_DFL);
                Ok(())
            });
        }
        let child = command.spawn().expect("this program starts once more");
        let start = Instant::now();
        while !folder.path().join("known").exists() {
            assert!(start.elapsed() < Duration::from_secs(100), "the finding did not come up");
            std::thread::sleep(Duration::from_millis(5));
        }
        let pid = i32::try_from(child.id()).expect("a process number");
        // SAFETY: no memory is involved; the process is one that this one has started.
        unsafe { libc::kill(pid, signal) };
        let output = child.wait_with_output().expect("it is our child");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(signal), "{told}");
        assert!(told.contains("and 1 block (48 bytes) was never freed"), "{told}");
        let files = std::fs::read_dir(folder.path()).expect("the folder is there").flatten();
        let mut names: Vec<String> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        let report = names.iter().find(|name| name.ends_with("in_main.json")).expect("a report");
        assert_eq!(names.len(), 2, "{names:?}");
        let text = std::fs::read(folder.path().join(report)).expect("it can be read");
        let report: serde_json::Value = serde_json::from_slice(&text).expect("it is whole");
        assert_eq!(report.pointer("/complete"), Some(&false.into()), "{report:#}");
        assert_eq!(report.pointer("/findings/0/code"), Some(&"leak".into()), "{report:#}");
        assert_eq!(left(folder.path()), Vec::<i32>::new(), "{told}");
    }

    /// The processes that have our variable with this value, and are not gone after a while.
    fn left(folder: &Path) -> Vec<i32> {
        let mark = format!("{FOLDER}={}", folder.display());
        let start = Instant::now();
        loop {
            let processes = std::fs::read_dir("/proc").expect("a list of processes").flatten();
            let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
            let has_mark = |pid: &i32| {
                let variables = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                variables.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes())
            };
            let left: Vec<i32> = numbers.filter(has_mark).collect();
            if left.is_empty() || start.elapsed() > Duration::from_secs(10) {
                return left;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
