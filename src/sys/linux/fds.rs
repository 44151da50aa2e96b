//! Which descriptors are open.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many descriptor numbers one look covers at most.
const WIDTH: usize = 1024;
/// How many numbers above the highest open one are looked at: new descriptors get the lowest free number.
const ROOM: usize = 200;
/// How many numbers a look covers in this process; 0: not known yet.
static COVERED: AtomicUsize = AtomicUsize::new(0);

/// The descriptors that were open at one moment.
#[derive(Clone)]
pub(crate) struct FdSet {
    polls: [libc::pollfd; WIDTH],
}

/// What is asked about the first descriptors: nothing but whether they are open.
const ASKED: [libc::pollfd; WIDTH] = {
    let mut polls = [libc::pollfd { fd: 0, events: 0, revents: 0 }; WIDTH];
    let mut at = 0;
    while at < WIDTH {
        polls[at].fd = at as i32;
        at += 1;
    }
    polls
};

impl FdSet {
    /// Looks, with one system call and no allocation.
    pub(crate) fn now() -> FdSet {
        static TEMPLATE: [libc::pollfd; WIDTH] = ASKED;
        let mut set = FdSet { polls: TEMPLATE };
        set.look(covered());
        set
    }

    fn look(&mut self, first: usize) {
        // SAFETY: the array is ours, and at least as long as is told.
        unsafe { libc::poll(self.polls.as_mut_ptr(), first.min(WIDTH) as libc::nfds_t, 0) };
    }

    /// Those that are open in `self` and were not in `before`.
    pub(crate) fn new_since<'a>(&'a self, before: &'a FdSet) -> impl Iterator<Item = i32> + 'a {
        let all = if self.same_as(before) { 0 } else { WIDTH };
        let open = |poll: &libc::pollfd| poll.revents & libc::POLLNVAL == 0;
        let pairs = self.polls.iter().zip(before.polls.iter()).take(all);
        pairs.filter(move |(now, then)| open(now) && !open(then)).map(|(now, _)| now.fd)
    }

    /// One comparison of memory: it costs the same with and without optimisation.
    fn same_as(&self, other: &FdSet) -> bool {
        // SAFETY: both arrays are as long as is told, and a pollfd has no padding.
        unsafe { libc::memcmp(self.polls.as_ptr().cast(), other.polls.as_ptr().cast(), size_of_val(&self.polls)) == 0 }
    }
}

/// How many numbers are looked at: found out once a process, from what is open then and from what the system allows.
fn covered() -> usize {
    let known = COVERED.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let mut limit = libc::rlimit { rlim_cur: WIDTH as libc::rlim_t, rlim_max: 0 };
    // SAFETY: `limit` is ours to be written.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    let allowed = usize::try_from(limit.rlim_cur).unwrap_or(WIDTH).clamp(1, WIDTH);
    let mut all = FdSet { polls: ASKED };
    all.look(allowed);
    let open = all.polls.iter().take(allowed).rposition(|poll| poll.revents & libc::POLLNVAL == 0).unwrap_or(0);
    let covered = open.saturating_add(ROOM).clamp(1, allowed);
    COVERED.store(covered, Ordering::Relaxed);
    covered
}

/// What a descriptor names, as the system says (`/dev/null`, `socket:[12]`).
pub(crate) fn target(fd: i32) -> String {
    match std::fs::read_link(format!("/proc/self/fd/{fd}")) {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(_) => String::from("unknown"),
    }
}

/// Closes a descriptor.
pub(crate) fn close(fd: i32) {
    // SAFETY: closing a number that is not open is an error that is ignored; the callers close only what they opened.
    unsafe { libc::close(fd) };
}
