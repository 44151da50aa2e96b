//! Children: made, watched, waited for, and never left behind.

use std::ffi::CStr;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use super::clock::timespec;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Died {
    /// It ended by itself, with this status.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
}

/// A child made by [`clone_child`].
#[derive(Debug)]
pub(crate) struct Child {
    /// Its number.
    pub(crate) pid: i32,
    pidfd: i32,
}

/// Which side of a fork this is.
#[derive(Debug)]
pub(crate) enum Side {
    /// The new process.
    Child,
    /// The old one.
    Parent(Child),
}

/// Forks by the raw system call, with no exit signal: no handler of C's runs, the thread keeps the number that C's locks know
/// it by, and neither a body's `wait(-1)` nor its SIGCHLD handler sees the child.
///
/// Only for a process with one thread, or where the child touches no lock of another thread.
///
/// # Errors
/// What the system says, after a few tries when it is short of processes for the moment.
pub(crate) fn clone_child() -> io::Result<Side> {
    clone_with(libc::CLONE_PIDFD)
}

/// As [`clone_child`], without a descriptor for the child: the program that is copied goes on meanwhile, and is not to see one.
///
/// # Errors
/// As there.
pub(crate) fn clone_without_descriptor() -> io::Result<Side> {
    clone_with(0)
}

fn clone_with(flags: i32) -> io::Result<Side> {
    let mut pidfd: i32 = -1;
    for round in 0..6_u32 {
        // SAFETY: without CLONE_VM the child gets a copy of everything, this stack included, so it returns here as the parent
        // does; `pidfd` is ours to be written.
        let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, 0, 0) };
        match pid {
            0 => return Ok(Side::Child),
            1.. => return Ok(Side::Parent(Child { pid: i32::try_from(pid).unwrap_or(0), pidfd })),
            _ => {
                let error = io::Error::last_os_error();
                if error.raw_os_error() != Some(libc::EAGAIN) || round == 5 {
                    return Err(error);
                }
                std::thread::sleep(Duration::from_millis(1 << round));
            }
        }
    }
    Err(io::Error::from_raw_os_error(libc::EAGAIN))
}

/// Forks by C's own `fork`, whose handlers put C's locks in order: the way out of a process that has other threads.
///
/// # Errors
/// What the system says.
pub(crate) fn fork_child() -> io::Result<Side> {
    // SAFETY: the child runs on with a copy of everything; what it may touch is its caller's care.
    match unsafe { libc::fork() } {
        0 => Ok(Side::Child),
        pid if pid > 0 => {
            // The child is not waited for yet, so its number is its own.
            Ok(Side::Parent(Child { pid, pidfd: descriptor_of(pid) }))
        }
        _ => Err(io::Error::last_os_error()),
    }
}

/// A descriptor for the process with this number; negative if there is none to be had.
fn descriptor_of(pid: i32) -> i32 {
    // SAFETY: asks for a descriptor, and changes nothing.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    i32::try_from(pidfd).unwrap_or(-1)
}

impl Child {
    /// A child that the standard library has made and waits for: here it is only looked at.
    pub(crate) fn look_at(pid: u32) -> Looked {
        let pid = i32::try_from(pid).unwrap_or(0);
        Looked(Child { pid, pidfd: descriptor_of(pid) })
    }

    /// Whether it ends within `limit`.
    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        if self.pidfd < 0 {
            return self.ends_within_by_looking(limit);
        }
        let mut poll = libc::pollfd { fd: self.pidfd, events: libc::POLLIN, revents: 0 };
        let time = timespec(limit);
        // SAFETY: one entry and a valid time, both ours; no mask.
        unsafe { libc::ppoll(&raw mut poll, 1, &raw const time, std::ptr::null()) == 1 }
    }

    /// The same where the system gives no descriptor for a process, as under some filters of system calls.
    fn ends_within_by_looking(&self, limit: Duration) -> bool {
        let begin = std::time::Instant::now();
        loop {
            let ended = match self.ask(libc::WNOHANG | libc::WNOWAIT) {
                // SAFETY: the number is zero where it has not ended, and that of a child that has where it has.
                Ok(info) => unsafe { info.si_pid() == self.pid },
                // Where SIGCHLD is ignored the system has waited for it.
                Err(error) => error == libc::ECHILD,
            };
            let left = limit.saturating_sub(begin.elapsed());
            if ended || left.is_zero() {
                return ended;
            }
            std::thread::sleep(left.min(Duration::from_micros(200)));
        }
    }

    /// Whether it has ended already (it is not waited for).
    pub(crate) fn has_ended(&self) -> bool {
        self.ends_within(Duration::ZERO)
    }

    /// Waits for its end, and leaves its number as it is.
    pub(crate) fn stand_by(&self) {
        let _ = self.ask(libc::WNOWAIT);
    }

    /// Ends it, and the group that it leads.
    pub(crate) fn kill(&self) {
        kill(self.pid);
    }

    /// Waits for its end and frees its number.
    pub(crate) fn wait(self) -> Died {
        let ended = self.ask(0);
        if self.pidfd >= 0 {
            super::fds::close(self.pidfd);
        }
        // Somebody else may have waited for it.
        let Ok(info) = ended else { return Died::Signalled(0) };
        // SAFETY: after a wait that has succeeded the fields are those of a child that has ended.
        let status = unsafe { info.si_status() };
        if info.si_code == libc::CLD_EXITED { Died::Exited(status) } else { Died::Signalled(status) }
    }

    /// Asks the system for its end, with these options besides; what it tells, or its error. Allocates nothing.
    fn ask(&self, how: i32) -> Result<libc::siginfo_t, i32> {
        let (kind, id) = match u32::try_from(self.pidfd) {
            Ok(fd) => (libc::P_PIDFD, fd),
            Err(_) => (libc::P_PID, u32::try_from(self.pid).unwrap_or(0)),
        };
        loop {
            // SAFETY: a zeroed siginfo is a valid one, and ours to be written.
            let (done, info) = unsafe {
                let mut info: libc::siginfo_t = std::mem::zeroed();
                (libc::waitid(kind, id, &raw mut info, libc::WEXITED | libc::__WALL | how), info)
            };
            match super::errno() {
                _ if done == 0 => return Ok(info),
                libc::EINTR => {}
                error => return Err(error),
            }
        }
    }
}

/// Ends a process that this one has to wait for, and the group that it leads.
fn kill(pid: i32) {
    // SAFETY: a child that is not waited for keeps its number, so nobody else is hit.
    unsafe {
        libc::kill(-pid, libc::SIGKILL);
        libc::kill(pid, libc::SIGKILL);
    }
}

/// Ends a child of this process, and the group that it leads, and frees its number.
pub(super) fn end_child(pid: i32) {
    kill(pid);
    // SAFETY: null asks for no status.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL) };
}

/// A child that somebody else waits for.
#[derive(Debug)]
pub(crate) struct Looked(Child);

impl Looked {
    /// Whether it ends within `limit`.
    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        self.0.ends_within(limit)
    }
}

impl Drop for Looked {
    fn drop(&mut self) {
        if self.0.pidfd >= 0 {
            super::fds::close(self.0.pidfd);
        }
    }
}

/// Ends the process with this number, if that is still what `word` says when there is no other process that it could mean: whoever
/// frees the number changes the word before. False if it was not to be had.
pub(crate) fn end_while(pid: i32, word: &AtomicI32) -> bool {
    let pidfd = descriptor_of(pid);
    if pidfd < 0 {
        return false;
    }
    let is_meant = word.load(Ordering::Acquire) == pid;
    if is_meant {
        // SAFETY: the descriptor is that of the process that is meant.
        unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, pidfd, libc::SIGKILL, std::ptr::null::<libc::siginfo_t>(), 0);
        }
    }
    super::fds::close(pidfd);
    is_meant
}

/// What every child does first: a group of its own, and an end when its parent ends.
///
/// `parent` is the number that the parent had when it made the child; if that one is gone already the child ends here.
pub(crate) fn settle_in(parent: i32) {
    // SAFETY: acts on the calling process alone.
    unsafe { libc::setpgid(0, 0) };
    tie_to(parent, libc::SIGKILL);
}

/// Has this process get a signal when its parent ends; ends it at once if that has happened already.
pub(super) fn tie_to(parent: i32, signal: i32) {
    // SAFETY: acts on the calling process alone.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, signal, 0, 0, 0);
        if libc::getppid() != parent {
            libc::_exit(98);
        }
    }
}

/// Makes this process the parent of what its descendants leave behind.
pub(crate) fn adopt_orphans() {
    // SAFETY: acts on the calling process alone.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
}

/// Keeps crashes from writing core files, pipes included.
pub(crate) fn no_core_files() {
    let limit = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
    // SAFETY: the limit is a valid one, of the calling process.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
}

/// From now on this process prints no stack at a panic or an abort, unless it did so before: in an unoptimised program one stack
/// can take as long as a run's whole time limit, and every child reads the debug information anew.
///
/// Only for a child with one thread. The array of variables is written in place, for a lock around it may have been held by
/// another thread when this child was made.
pub(crate) fn no_backtraces() {
    // SAFETY: the process has one thread, so nobody else reads or writes the array; each entry is a text of C's. What is put in
    // lives as long as the process.
    unsafe {
        each_variable(|variable| {
            if let Some(silent) = silenced(CStr::from_ptr(*variable).to_bytes()) {
                *variable = silent.as_ptr();
            }
        });
    }
}

/// Where C's environment is: an array that ends with a null entry, or null.
pub(super) fn environment() -> *mut *const libc::c_char {
    unsafe extern "C" {
        static mut environ: *mut *const libc::c_char;
    }
    // SAFETY: a word of C's, which nobody changes while the harness works.
    unsafe { environ }
}

/// Calls `each` with every entry of C's environment. Takes no lock.
///
/// # Safety
/// Nobody else changes the environment meanwhile.
pub(super) unsafe fn each_variable(mut each: impl FnMut(&mut *const libc::c_char)) {
    // SAFETY: an array of C's that ends with a null one, and by the obligation nobody else writes it.
    unsafe {
        let mut at = environment();
        while !at.is_null() && !(*at).is_null() {
            each(&mut *at);
            at = at.add(1);
        }
    }
}

/// What stands in for a variable that asks for stacks.
fn silenced(variable: &[u8]) -> Option<&'static CStr> {
    [(&b"RUST_BACKTRACE="[..], c"RUST_BACKTRACE=0"), (b"RUST_LIB_BACKTRACE=", c"RUST_LIB_BACKTRACE=0")]
        .into_iter()
        .find(|(name, _)| variable.starts_with(name))
        .map(|(_, silent)| silent)
}

/// The number of this process.
pub(crate) fn pid() -> i32 {
    // SAFETY: no arguments, no effects.
    unsafe { libc::getpid() }
}

/// Has `words` called when this process ends by `exit`, every time that this is asked for.
pub(crate) fn at_exit(words: extern "C" fn()) {
    // SAFETY: a function of the program itself is there as long as the process is.
    unsafe { libc::atexit(words) };
}

/// Ends this process at once: nothing is flushed, no handler runs.
pub(crate) fn leave(status: i32) -> ! {
    // SAFETY: the process ends here.
    unsafe { libc::_exit(status) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_that_ask_for_stacks_are_silenced() {
        assert_eq!(silenced(b"RUST_BACKTRACE=full"), Some(c"RUST_BACKTRACE=0"));
        assert_eq!(silenced(b"RUST_LIB_BACKTRACE=1"), Some(c"RUST_LIB_BACKTRACE=0"));
        assert_eq!(silenced(b"RUST_BACKTRACES=1"), None);
        assert_eq!(silenced(b"RUST_LOG=1"), None);
    }

    #[test]
    fn a_child_without_a_descriptor_is_seen_to_end() {
        match fork_child().expect("a child") {
            Side::Parent(child) => {
                super::super::fds::close(child.pidfd);
                let child = Child { pidfd: -1, ..child };
                assert!(child.ends_within(Duration::from_secs(30)));
                assert!(child.has_ended());
                assert_eq!(child.wait(), Died::Exited(7));
            }
            Side::Child => leave(7),
        }
    }

    /// Tells something where the variable is set, as it is in many a CI; elsewhere there is nothing to take away.
    #[test]
    fn a_child_asks_for_no_stacks() {
        match fork_child().expect("a child") {
            Side::Parent(child) => assert_eq!(child.wait(), Died::Exited(0)),
            Side::Child => {
                no_backtraces();
                // SAFETY: the name ends in a zero byte; a value of C's lives until it is set anew.
                let asks = unsafe {
                    let value = libc::getenv(c"RUST_BACKTRACE".as_ptr());
                    !value.is_null() && CStr::from_ptr(value) != c"0"
                };
                leave(i32::from(asks));
            }
        }
    }
}
