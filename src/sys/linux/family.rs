//! A worker and what is below it end together: also what a body started and left behind.
//!
//! 1. A worker adopts what the processes below it leave when they end.
//! 2. It ends that when the process that serves its trials was ended, and when it is itself told to end: its parent is gone, or a
//!    signal says so that a terminal or a test runner sends. Who kills the worker itself by SIGKILL gets no more than the processes of
//!    the sweep, for these are tied to each other.
//! 3. A worker never runs the body, so no body blocks these signals in it; the processes below it know nothing of them.

use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use super::process;
use super::raw::{File, Text};
use super::threads;

/// The worker's number; 0: this process is none, or was not when it was forked.
static WORKER: AtomicI32 = AtomicI32::new(0);

/// What a terminal or a test runner sends.
const POLITE: [i32; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];

/// How many threads of a worker are asked for their children.
const THREADS: usize = 256;

/// The signal that a worker gets when its parent ends.
fn parent_ended() -> i32 {
    libc::SIGRTMIN() + 7
}

/// Makes this process a worker of `parent`; ends it at once if that one has ended already. Before there is a second thread.
pub(crate) fn found(parent: i32) {
    process::adopt_orphans();
    WORKER.store(process::pid(), Ordering::Release);
    for signal in POLITE.into_iter().chain([parent_ended()]) {
        // SAFETY: zeros are a valid action and a valid set, which are ours to be written; the handler keeps to what a handler may do.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, ptr::null(), &raw mut action);
            if action.sa_sigaction != libc::SIG_DFL && signal != parent_ended() {
                // Who started the test wants the signal ignored.
                continue;
            }
            action.sa_sigaction = on_end as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigfillset(&raw mut action.sa_mask);
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
    }
    // SAFETY: acts on the calling process alone; zeros are a valid set.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut set, parent_ended());
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut());
        libc::prctl(libc::PR_SET_PDEATHSIG, parent_ended(), 0, 0, 0);
        if libc::getppid() != parent {
            libc::_exit(98);
        }
    }
}

/// Whether this handler of a signal is the one that ends a worker at once.
pub(super) fn is_its(handler: usize) -> bool {
    handler == on_end as *const () as usize
}

/// Makes this process, which a worker has forked, none: a body finds its signals as a test would.
pub(crate) fn leave() {
    if WORKER.swap(0, Ordering::AcqRel) == 0 {
        return;
    }
    for signal in POLITE.into_iter().chain([parent_ended()]) {
        // SAFETY: zeros are a valid action, which is ours to be written.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, ptr::null(), &raw mut action);
            if is_its(action.sa_sigaction) {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}

/// In a worker, ends what it has adopted, and frees the numbers; elsewhere does nothing. No process that serves trials may live.
pub(crate) fn end_adopted() {
    if WORKER.load(Ordering::Acquire) == process::pid() {
        end_children();
    }
}

extern "C" fn on_end(signal: i32) {
    end_adopted();
    if signal == parent_ended() {
        process::leave(98);
    }
    // SAFETY: the signal is blocked here, so it is what ends the process when this function has come back.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// Ends every child of this process, and theirs when they come to it. Allocates nothing and takes no lock.
fn end_children() {
    for _ in 0..64 {
        let mut ids = [0; THREADS];
        let count = threads::ids(&mut ids);
        let mut any = false;
        for &id in ids.get(..count).unwrap_or(&ids) {
            each_child(id, &mut |child| {
                any = true;
                // SAFETY: a child that is not waited for keeps its number, so nobody else is hit; null asks for no status.
                unsafe {
                    libc::kill(-child, libc::SIGKILL);
                    libc::kill(child, libc::SIGKILL);
                    libc::waitpid(child, ptr::null_mut(), libc::__WALL);
                }
            });
        }
        if !any {
            return;
        }
    }
}

/// Calls `each` with the children of this thread, or with the first of very many.
fn each_child(thread: i32, each: &mut dyn FnMut(i32)) {
    let path = Text::new(b"/proc/self/task/", thread, b"/children");
    let Some(file) = File::open(path.as_c()) else { return };
    let mut list = [0; 4096];
    let len = file.read(&mut list);
    drop(file);
    // Each number is followed by a space; one that is cut off has none.
    for word in list.get(..len).unwrap_or(&[]).split_inclusive(|&byte| byte == b' ') {
        let Some((b' ', digits)) = word.split_last() else { continue };
        if let Some(child) = threads::number(digits).filter(|&child| child > 0) {
            each(child);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::{Died, Side};

    #[test]
    fn a_child_is_listed_until_it_is_waited_for() {
        let listed = |pid: i32| {
            let mut found = false;
            each_child(threads::id(), &mut |child| found |= child == pid);
            found
        };
        match process::fork_child().expect("a child") {
            Side::Child => loop {
                std::thread::sleep(std::time::Duration::from_secs(1000));
            },
            Side::Parent(child) => {
                let pid = child.pid;
                assert!(listed(pid));
                child.kill();
                assert_eq!(child.wait(), Died::Signalled(libc::SIGKILL));
                assert!(!listed(pid));
            }
        }
    }

    #[test]
    fn who_is_no_worker_has_adopted_nobody() {
        match process::fork_child().expect("a child") {
            Side::Child => process::leave(7),
            Side::Parent(child) => {
                end_adopted();
                assert_eq!(child.wait(), Died::Exited(7));
            }
        }
    }
}
