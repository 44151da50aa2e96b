//! Which descriptors are open.

/// How many descriptor numbers one look covers: new ones get the lowest free number, so this is enough for a process that
/// has fewer than this many open.
const WIDTH: usize = 256;

/// The descriptors that were open at one moment.
#[derive(Clone)]
pub(crate) struct FdSet {
    open: [bool; WIDTH],
}

impl FdSet {
    /// Looks, with one system call and no allocation.
    pub(crate) fn now() -> FdSet {
        let mut polls = [libc::pollfd { fd: 0, events: 0, revents: 0 }; WIDTH];
        for (number, poll) in (0_i32..).zip(polls.iter_mut()) {
            poll.fd = number;
        }
        // SAFETY: the array is ours, and its length is told.
        let told = unsafe { libc::poll(polls.as_mut_ptr(), WIDTH as libc::nfds_t, 0) } >= 0;
        let mut open = [false; WIDTH];
        if told {
            for (place, poll) in open.iter_mut().zip(polls.iter()) {
                *place = poll.revents & libc::POLLNVAL == 0;
            }
        }
        FdSet { open }
    }

    /// Those that are open in `self` and were not in `before`.
    pub(crate) fn new_since<'a>(&'a self, before: &'a FdSet) -> impl Iterator<Item = i32> + 'a {
        (0_i32..).zip(self.open.iter().zip(before.open.iter())).filter(|(_, (now, then))| **now && !**then).map(|(fd, _)| fd)
    }
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
