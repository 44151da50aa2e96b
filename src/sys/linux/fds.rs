//! Which descriptors are open.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many descriptor numbers one look covers at most.
const WIDTH: usize = 1024;
/// How many numbers above the highest open one are looked at: new descriptors get the lowest free number.
const ROOM: usize = 200;
/// How many numbers a look covers in this process; 0: not known yet.
static COVERED: AtomicUsize = AtomicUsize::new(0);

/// How many numbers are looked at where room for few is enough: a copy of the process copies every page that it writes to, and
/// [`WIDTH`] takes two.
const FEW: usize = 256;

/// The descriptors that were open at one moment: a bit for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FdSet {
    open: [u64; WIDTH / 64],
}

/// What is asked about the first descriptors (nothing but whether they are open), with this for an answer.
const fn polls(answer: i16) -> [libc::pollfd; WIDTH] {
    let mut polls = [libc::pollfd { fd: 0, events: 0, revents: answer }; WIDTH];
    let mut at = 0;
    while at < WIDTH {
        polls[at].fd = at as i32;
        at += 1;
    }
    polls
}

impl FdSet {
    /// Looks, with one system call and no allocation.
    pub(crate) fn now() -> FdSet {
        let count = covered();
        if count <= FEW { FdSet::look::<FEW>(count) } else { FdSet::look::<WIDTH>(count) }
    }

    /// Looks at the first `count`, of which there are no more than `ROOM_FOR`.
    #[inline(never)]
    fn look<const ROOM_FOR: usize>(count: usize) -> FdSet {
        static ASKED: [libc::pollfd; WIDTH] = polls(0);
        static CLOSED: [libc::pollfd; WIDTH] = polls(libc::POLLNVAL);
        let count = count.min(ROOM_FOR);
        let mut room = MaybeUninit::<[libc::pollfd; ROOM_FOR]>::uninit();
        let told = room.as_mut_ptr().cast::<libc::pollfd>();
        let mut set = FdSet { open: [0; WIDTH / 64] };
        // Beyond these there is mostly none, which is seen by one comparison: it costs the same with and without optimisation.
        let mut likely = count.saturating_sub(ROOM);
        // SAFETY: the array is ours, and has room for `count`, as both statics have; a pollfd has no padding.
        unsafe {
            ASKED.as_ptr().copy_to_nonoverlapping(told, count);
            libc::poll(told, count as libc::nfds_t, 0);
            let rest = (count - likely) * size_of::<libc::pollfd>();
            if libc::memcmp(told.add(likely).cast(), CLOSED.as_ptr().add(likely).cast(), rest) != 0 {
                likely = count;
            }
            let mut from = 0;
            while from < likely {
                let few = usize::min(likely - from, 16);
                let size = few * size_of::<libc::pollfd>();
                if libc::memcmp(told.add(from).cast(), CLOSED.as_ptr().add(from).cast(), size) != 0 {
                    set.note(from, std::slice::from_raw_parts(told.add(from), few));
                }
                from += few;
            }
        }
        set
    }

    fn note(&mut self, from: usize, told: &[libc::pollfd]) {
        for (fd, answer) in (from..).zip(told) {
            if answer.revents & libc::POLLNVAL == 0 {
                self.open[fd / 64] |= 1 << (fd % 64);
            }
        }
    }

    /// The same, but 1 and 2 are open.
    pub(crate) fn with_output(mut self) -> FdSet {
        self.open[0] |= 1 << 1 | 1 << 2;
        self
    }

    fn holds(&self, fd: usize) -> bool {
        self.open.get(fd / 64).is_some_and(|word| word >> (fd % 64) & 1 == 1)
    }

    /// Those that are open in `self` and were not in `before`.
    pub(crate) fn new_since<'a>(&'a self, before: &'a FdSet) -> impl Iterator<Item = i32> + 'a {
        let all = if self == before { 0 } else { WIDTH };
        (0..all).filter(|&fd| self.holds(fd) && !before.holds(fd)).map(|fd| fd as i32)
    }
}

/// How many numbers are looked at: found out once a process, from what is open then and from what the system allows.
fn covered() -> usize {
    let known = COVERED.load(Ordering::Relaxed);
    if known != 0 { known } else { cover() }
}

#[cold]
#[inline(never)]
fn cover() -> usize {
    let mut limit = libc::rlimit { rlim_cur: WIDTH as libc::rlim_t, rlim_max: 0 };
    // SAFETY: `limit` is ours to be written.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    let allowed = usize::try_from(limit.rlim_cur).unwrap_or(WIDTH).clamp(1, WIDTH);
    let all = FdSet::look::<WIDTH>(allowed);
    let open = (0..allowed).rev().find(|&fd| all.holds(fd)).unwrap_or(0);
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

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_new_descriptor_is_seen_wherever_it_is() {
        let before = FdSet::now();
        let file = std::fs::File::open("/dev/null").unwrap();
        // SAFETY: the number is free, and closed below; other tests get the lowest.
        let far = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD, before.highest() + 60) };
        let after = FdSet::now();
        let new: Vec<i32> = after.new_since(&before).collect();
        assert!(new.contains(&file.as_raw_fd()) && new.contains(&far), "{new:?} without {file:?} or {far}");
        assert!(!before.new_since(&after).any(|fd| fd == far));
        close(far);
    }

    #[test]
    fn room_for_few_shows_what_room_for_all_does() {
        let (few, all) = (FdSet::look::<FEW>(3), FdSet::look::<WIDTH>(3));
        assert_eq!(few, all);
    }

    impl FdSet {
        fn highest(&self) -> i32 {
            (0..WIDTH).rev().find(|&fd| self.holds(fd)).unwrap_or(0) as i32
        }
    }
}
