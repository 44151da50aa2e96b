//! What a signal does, and whether a thread has it blocked. Nothing here allocates or takes a lock, and all of it may be called in
//! a signal handler.

use std::ptr;

/// What a signal is to do. The functions keep to what a signal handler may do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Handler {
    /// What the system does by itself.
    Default,
    /// Calls this with the signal's number.
    Plain(extern "C" fn(i32)),
    /// Calls this with all that the system tells.
    Told(extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void)),
}

impl Handler {
    /// As [`stands`] gives it.
    pub(super) fn address(self) -> usize {
        match self {
            Handler::Default => libc::SIG_DFL,
            Handler::Plain(handler) => handler as usize,
            Handler::Told(handler) => handler as usize,
        }
    }
}

/// What a signal does now: the whole of what the system keeps, and nothing besides.
pub(super) fn action(number: i32) -> libc::sigaction {
    // SAFETY: zeros are a valid action, which is ours to be written; nothing is changed.
    let mut action = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(number, ptr::null(), &raw mut action);
        action
    };
    wipe_beyond_kernel_mask(&mut action.sa_mask);
    action
}

/// The address of what is called for a signal now, or one of `SIG_DFL` and `SIG_IGN`.
pub(super) fn stands(number: i32) -> usize {
    action(number).sa_sigaction
}

/// Has a signal handled so from now on: with these flags (`SA_SIGINFO` is added where the handler asks for it), and with `blocked`
/// blocked meanwhile. False if the system refuses.
pub(super) fn handle(number: i32, handler: Handler, flags: i32, blocked: libc::sigset_t) -> bool {
    let form = if matches!(handler, Handler::Told(_)) { libc::SA_SIGINFO } else { 0 };
    // SAFETY: zeros are a valid action; the handler is the default, or has the form that the flags name.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler.address();
        action.sa_flags = flags | form;
        action.sa_mask = blocked;
        libc::sigaction(number, &raw const action, ptr::null_mut()) == 0
    }
}

/// Leaves a signal to what the system does by itself.
pub(super) fn reset(number: i32) {
    handle(number, Handler::Default, 0, none());
}

/// No signal.
pub(super) fn none() -> libc::sigset_t {
    // SAFETY: zeros are a valid set, which is ours to be written.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        set
    }
}

/// Every signal but these.
pub(super) fn all_but(left_out: &[i32]) -> libc::sigset_t {
    let mut set = none();
    // SAFETY: the set is a valid one, and ours to be written.
    unsafe {
        libc::sigfillset(&raw mut set);
        for &number in left_out {
            libc::sigdelset(&raw mut set, number);
        }
    }
    set
}

/// Blocks a signal in the calling thread (`SIG_BLOCK`), or lets it come (`SIG_UNBLOCK`). Whether it was blocked before.
pub(super) fn change_mask(how: i32, number: i32) -> bool {
    let (mut set, mut old) = (none(), none());
    // SAFETY: both sets are valid, and ours; the call changes the calling thread's mask alone.
    unsafe {
        libc::sigaddset(&raw mut set, number);
        libc::pthread_sigmask(how, &raw const set, &raw mut old) == 0 && libc::sigismember(&raw const old, number) == 1
    }
}

/// The signals that the calling thread has blocked: bit 0 is signal 1. One system call.
pub(super) fn mask() -> u64 {
    let mut mask: u64 = 0;
    // SAFETY: the kernel's mask has 64 bits; nothing is changed.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, 0, &raw mut mask, 8) };
    mask
}

/// The kernel knows 64 signals; C's wider mask holds whatever lay on a stack behind them, which must not end up in a static that
/// the search for pointers looks through.
fn wipe_beyond_kernel_mask(mask: &mut libc::sigset_t) {
    let known = size_of::<u64>();
    // SAFETY: the bytes lie inside the mask, and zeros are valid ones.
    unsafe { ptr::from_mut(mask).cast::<u8>().add(known).write_bytes(0, size_of::<libc::sigset_t>() - known) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signal that nothing else in these tests uses.
    fn number() -> i32 {
        libc::SIGRTMIN() + 9
    }

    extern "C" fn nothing(_number: i32) {}

    #[test]
    fn what_a_signal_does_is_set_seen_and_reset() {
        assert_eq!(stands(number()), libc::SIG_DFL);
        assert!(handle(number(), Handler::Plain(nothing), libc::SA_RESTART, all_but(&[libc::SIGUSR1])));
        assert_eq!(stands(number()), Handler::Plain(nothing).address());
        let now = action(number());
        // SAFETY: a valid set is only read.
        let blocks = |number: i32| unsafe { libc::sigismember(&raw const now.sa_mask, number) };
        assert_eq!((blocks(libc::SIGUSR1), blocks(libc::SIGUSR2)), (0, 1));
        assert_eq!(now.sa_flags & (libc::SA_RESTART | libc::SA_SIGINFO), libc::SA_RESTART);
        reset(number());
        assert_eq!(stands(number()), libc::SIG_DFL);
    }

    #[test]
    fn no_handler_replaces_what_cannot_be_handled() {
        assert!(!handle(libc::SIGKILL, Handler::Plain(nothing), 0, none()));
    }

    #[test]
    fn a_signal_is_blocked_until_it_is_let_come() {
        let blocks = || mask() >> (number() - 1) & 1 == 1;
        assert!(!change_mask(libc::SIG_BLOCK, number()) && blocks());
        assert!(change_mask(libc::SIG_UNBLOCK, number()) && !blocks());
        assert!(!change_mask(libc::SIG_UNBLOCK, number()));
    }
}
