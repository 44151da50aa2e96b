//! A worker and what is below it end together: also what a body started and left behind.
//!
//! 1. A worker adopts what the processes below it leave when they end.
//! 2. It ends that when the process that serves its trials was ended, and when it is itself told to end: its parent is gone, or a
//!    signal says so that a terminal or a test runner sends. Who kills the worker itself by SIGKILL gets no more than the processes of
//!    the sweep, for these are tied to each other.
//! 3. A worker never runs the body, so no body blocks these signals in it; the processes below it know nothing of them.

use std::sync::atomic::{AtomicI32, Ordering};

use super::actions::{self, Handler};
use super::process;
use super::raw::Text;
use super::threads;

/// The worker's number; 0: this process is none, or was not when it was forked.
static WORKER: AtomicI32 = AtomicI32::new(0);

/// What a terminal or a test runner sends.
const POLITE: [i32; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];

/// What a signal of these does.
const HANDLER: Handler = Handler::Plain(on_end);

/// How many times it is looked whether children have come that were those of others.
const ROUNDS: usize = 64;

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
        // Another is ignored because who started the test wants it so.
        if actions::stands(signal) == libc::SIG_DFL || signal == parent_ended() {
            actions::handle(signal, HANDLER, libc::SA_RESTART, actions::all_but(&[]));
        }
    }
    actions::change_mask(libc::SIG_UNBLOCK, parent_ended());
    process::tie_to(parent, parent_ended());
}

/// Whether this handler of a signal is the one that ends a worker at once.
pub(super) fn is_its(handler: usize) -> bool {
    handler == HANDLER.address()
}

/// Makes this process, which a worker has forked, none: a body finds its signals as a test would.
pub(crate) fn leave() {
    if WORKER.swap(0, Ordering::AcqRel) == 0 {
        return;
    }
    for signal in POLITE.into_iter().chain([parent_ended()]) {
        if is_its(actions::stands(signal)) {
            actions::reset(signal);
        }
    }
}

/// In a worker, ends what it has adopted, and frees the numbers; elsewhere does nothing. No process that serves trials may live.
pub(crate) fn end_adopted() {
    if WORKER.load(Ordering::Acquire) != process::pid() {
        return;
    }
    for _ in 0..ROUNDS {
        let mut ids = [0; THREADS];
        let count = threads::ids(&mut ids);
        let ended = ids.iter().take(count).fold(false, |any, &id| end_children(id) | any);
        if !ended {
            return;
        }
    }
}

/// Ends every child that this thread has, and theirs when they come to it, and frees their numbers. Allocates nothing and takes no
/// lock.
pub(crate) fn end_orphans() {
    for _ in 0..ROUNDS {
        if !end_children(threads::id()) {
            return;
        }
    }
}

extern "C" fn on_end(signal: i32) {
    end_adopted();
    if signal == parent_ended() {
        process::leave(98);
    }
    actions::reset(signal);
    // SAFETY: the signal is blocked here, so it is what ends the process when this function has come back.
    unsafe { libc::raise(signal) };
}

/// Ends the children of this thread, and frees their numbers; whether there were any.
fn end_children(thread: i32) -> bool {
    let mut any = false;
    each_child(thread, &mut |child| {
        any = true;
        process::end_child(child);
    });
    any
}

/// Calls `each` with the children of this thread, or with the first of very many.
fn each_child(thread: i32, each: &mut dyn FnMut(i32)) {
    let path = Text::new(b"/proc/self/task/", thread, b"/children");
    let mut room = [0; 4096];
    let list = path.begin_of_file(&mut room).unwrap_or(&[]);
    // Each number is followed by a space; one that is cut off has none.
    for word in list.split_inclusive(|&byte| byte == b' ') {
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
