//! The names of signals.

/// Its name, such as `SIGSEGV`; `signal N` for one that has none here.
pub(crate) fn name(number: i32) -> String {
    let bsd = cfg!(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly"
    ));
    let by_system = if bsd { BSD } else { LINUX };
    let found = COMMON.iter().chain(by_system).find(|(n, _)| *n == number);
    found.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}

/// The numbers that all systems share.
const COMMON: &[(i32, &str)] = &[
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (11, "SIGSEGV"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (21, "SIGTTIN"),
    (22, "SIGTTOU"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
    (26, "SIGVTALRM"),
    (27, "SIGPROF"),
    (28, "SIGWINCH"),
];

const LINUX: &[(i32, &str)] = &[
    (7, "SIGBUS"),
    (10, "SIGUSR1"),
    (12, "SIGUSR2"),
    (16, "SIGSTKFLT"),
    (17, "SIGCHLD"),
    (18, "SIGCONT"),
    (19, "SIGSTOP"),
    (20, "SIGTSTP"),
    (23, "SIGURG"),
    (29, "SIGIO"),
    (30, "SIGPWR"),
    (31, "SIGSYS"),
];

const BSD: &[(i32, &str)] = &[
    (7, "SIGEMT"),
    (10, "SIGBUS"),
    (12, "SIGSYS"),
    (16, "SIGURG"),
    (17, "SIGSTOP"),
    (18, "SIGTSTP"),
    (19, "SIGCONT"),
    (20, "SIGCHLD"),
    (23, "SIGIO"),
    (29, "SIGINFO"),
    (30, "SIGUSR1"),
    (31, "SIGUSR2"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown() {
        assert_eq!(name(11), "SIGSEGV");
        assert_eq!(name(6), "SIGABRT");
        assert_eq!(name(64), "signal 64");
    }

    #[cfg(unix)]
    #[test]
    fn as_the_system_numbers_them() {
        let by_name = [
            (libc::SIGBUS, "SIGBUS"),
            (libc::SIGUSR1, "SIGUSR1"),
            (libc::SIGUSR2, "SIGUSR2"),
            (libc::SIGSYS, "SIGSYS"),
            (libc::SIGCHLD, "SIGCHLD"),
            (libc::SIGSTOP, "SIGSTOP"),
            (libc::SIGXCPU, "SIGXCPU"),
            (libc::SIGPROF, "SIGPROF"),
            (libc::SIGFPE, "SIGFPE"),
            (libc::SIGILL, "SIGILL"),
            (libc::SIGTRAP, "SIGTRAP"),
            (libc::SIGPIPE, "SIGPIPE"),
        ];
        for (number, expected) in by_name {
            assert_eq!(name(number), expected);
        }
    }
}
