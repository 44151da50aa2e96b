//! Counting threads.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use super::actions;
use super::raw::{File, Text};

/// Whether the calling thread is the only one of its process, if that is told in a tenth of the time of a count: a process that has one
/// may ask for what only such a one may have, and nothing changes by it; for others it is an error (`unshare(2)`, CLONE_THREAD).
/// False: there are more, or the system does not let it be asked.
fn is_surely_alone() -> bool {
    // SAFETY: the flag has an effect in no process.
    unsafe { libc::unshare(libc::CLONE_THREAD) == 0 }
}

/// Whether the calling thread is the only one of its process: then nobody else can start one. No allocation.
pub(crate) fn are_one() -> bool {
    // A single count can come up short while a thread is ending.
    is_surely_alone() || (count_in(OWN) == 1 && count_in(OWN) == 1)
}

const OWN: &CStr = c"/proc/self/task";

/// How many threads this process has; 0 if the system does not tell. One system call or two, no allocation.
pub(crate) fn count() -> u64 {
    if is_surely_alone() {
        return 1;
    }
    count_in(OWN)
}

/// The folder that tells of the threads of process `pid`.
pub(crate) fn folder_of(pid: i32) -> Folder {
    Folder(Text::new(b"/proc/", pid, b"/task"))
}

/// See [`folder_of`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folder(Text);

impl Folder {
    /// The numbers of its threads, written into `into`; returns how many there are, as [`ids`] does.
    pub(super) fn ids(&self, into: &mut [i32]) -> usize {
        ids_in(self.0.as_c(), into)
    }

    /// How many threads that process has; 0 if the system does not tell. One system call, no allocation.
    pub(crate) fn count(&self) -> u64 {
        count_in(self.0.as_c())
    }
}

fn count_in(folder: &CStr) -> u64 {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the path is a C string and `stat` is ours to be written.
    if unsafe { libc::stat(folder.as_ptr(), stat.as_mut_ptr()) } != 0 {
        return 0;
    }
    // SAFETY: the call has succeeded, so `stat` is written. A folder has two links of its own and one a thread.
    let links = unsafe { stat.assume_init() }.st_nlink;
    #[allow(clippy::unnecessary_cast, reason = "the number has 32 bits on some machines")]
    let links = links as u64;
    links.saturating_sub(2)
}

/// Marks the calling thread, and with it every thread that it starts, and those that these start: by blocking a signal, for a
/// new thread has the mask of the one that starts it. Returns whether it was marked already.
pub(crate) fn mark() -> bool {
    actions::change_mask(libc::SIG_BLOCK, signal())
}

/// Takes the mark off the calling thread; the threads that it has started keep theirs.
pub(crate) fn unmark() {
    actions::change_mask(libc::SIG_UNBLOCK, signal());
}

/// Whether the calling thread is marked. One system call, no allocation.
pub(crate) fn is_marked() -> bool {
    holds(actions::mask(), signal())
}

/// How many threads of this process may be marked: in its first and last moments any thread has every signal blocked, and is
/// counted. Reads a file for each thread.
pub(crate) fn marked() -> u64 {
    masks().filter(|mask| holds(*mask, signal())).count() as u64
}

/// How many threads of this process are marked for certain.
pub(crate) fn surely_marked() -> u64 {
    masks().filter(|mask| holds(*mask, signal()) && !holds(*mask, signal() - 1)).count() as u64
}

/// The blocked signals of every thread.
fn masks() -> impl Iterator<Item = u64> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    threads.filter_map(|thread| {
        let status = std::fs::read_to_string(thread.ok()?.path().join("status")).ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    })
}

fn holds(mask: u64, signal: i32) -> bool {
    mask >> (signal - 1) & 1 == 1
}

/// A signal that nobody sends: the last but one of those that have no meaning. Some tools use the last one.
fn signal() -> i32 {
    libc::SIGRTMAX() - 1
}

/// The signals by which a marked thread is told from others, and from one that has all signals blocked.
pub(super) fn telling_signals() -> [i32; 2] {
    [signal(), signal() - 1]
}

/// Waits until `count` is no more than `start`, at most `limit`. Returns whether it got there.
///
/// Two such readings in a row are asked for: a single one can come up short while a thread is ending.
pub(crate) fn settle(count: fn() -> u64, start: u64, limit: Duration) -> bool {
    let begin = Instant::now();
    let mut round = 0_u32;
    loop {
        if count() <= start && count() <= start {
            return true;
        }
        if begin.elapsed() >= limit {
            return false;
        }
        round = round.saturating_add(1);
        if round < 20 {
            std::thread::yield_now();
        } else {
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

/// The system's number of the calling thread.
pub(crate) fn id() -> i32 {
    // SAFETY: the call has no arguments and no effects.
    unsafe { libc::gettid() }
}

/// Whether the thread of this process with that number still runs. One system call, no allocation.
pub(crate) fn is_alive(id: i32) -> bool {
    // SAFETY: signal 0 is sent to nobody; the call only says whether there is somebody to send it to.
    id > 0 && unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), id, 0) } == 0
}

/// Writes the numbers of this process's threads into `into`, and returns how many there are, at most as many as fit; 0 if the
/// system does not tell. Allocates nothing and takes no lock. While a thread ends some that go on can be missing.
pub(crate) fn ids(into: &mut [i32]) -> usize {
    ids_in(c"/proc/self/task", into)
}

/// The same of the process whose threads this folder lists.
fn ids_in(folder: &CStr, into: &mut [i32]) -> usize {
    let Some(folder) = File::open(folder) else { return 0 };
    let mut entries = [0_u8; 2048];
    let mut count = 0;
    loop {
        let got = folder.entries(&mut entries);
        let mut left = entries.get(..got).unwrap_or(&[]);
        if left.is_empty() {
            return count;
        }
        // An entry: two numbers of eight bytes, its length in two, its kind in one, its name with a zero at the end.
        while let Some(&[low, high, _kind, ref name @ ..]) = left.get(16..) {
            if let (Some(id), Some(place)) = (number(name), into.get_mut(count)) {
                *place = id;
                count += 1;
            }
            left = left.get(usize::from(u16::from_ne_bytes([low, high]))..).unwrap_or(&[]);
        }
    }
}

/// The decimal number that a name is.
pub(super) fn number(name: &[u8]) -> Option<i32> {
    let digits = name.split(|&byte| byte == 0).next().filter(|digits| !digits.is_empty())?;
    digits.iter().try_fold(0_i32, |value, &byte| {
        let digit = byte.is_ascii_digit().then(|| i32::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// Whether the thread of this process with that number has ended.
pub(crate) fn has_ended(id: i32) -> bool {
    !is_alive(id)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    /// A thread that waits to be let go, and one that it has started.
    fn two_threads() -> (impl FnOnce(), thread::JoinHandle<()>) {
        let ((up, started), (go, waits)) = (channel(), channel::<()>());
        let outer = thread::spawn(move || {
            let inner = thread::spawn(move || {
                up.send(()).expect("somebody listens");
                let _ = waits.recv();
            });
            inner.join().expect("it ends");
        });
        started.recv().expect("it has started");
        (move || drop(go), outer)
    }

    #[test]
    fn threads_are_listed_while_they_live() {
        let ((up, started), (go, waits)) = (channel(), channel::<()>());
        let other = thread::spawn(move || {
            up.send(id()).expect("somebody listens");
            let _ = waits.recv();
        });
        let there = started.recv().expect("it has started");
        let lists = || {
            let mut all = vec![0; 4096];
            let count = ids(&mut all);
            all.truncate(count);
            all
        };
        // Threads of other tests may end meanwhile, and hide one for a moment.
        let listed = |wanted: i32| (0..1000).any(|_| lists().contains(&wanted));
        assert!(listed(id()) && listed(there));
        assert!(lists().iter().all(|&id| id > 0));
        assert_eq!(ids(&mut [0; 1]), 1);
        assert!(is_alive(there) && is_alive(id()));
        drop(go);
        other.join().expect("it ends");
        while is_alive(there) {
            thread::yield_now();
        }
        assert!(!lists().contains(&there));
        assert!(!is_alive(0) && !is_alive(-1));
    }

    #[test]
    fn threads_of_a_marked_thread_are_told_from_others() {
        let (end_others, others) = two_threads();
        let before = surely_marked();
        assert!(!mark());
        assert!(mark() && is_marked());
        let (end_ours, ours) = two_threads();
        unmark();
        let (end_later, later) = two_threads();
        // Threads of other tests may be in their first or last moments.
        assert!(marked() >= before + 2);
        assert_eq!(surely_marked(), before + 2);
        assert!(!settle(marked, before, Duration::from_millis(5)));
        end_ours();
        ours.join().expect("it ends");
        assert!(settle(marked, before, Duration::from_secs(5)));
        end_others();
        end_later();
        others.join().expect("it ends");
        later.join().expect("it ends");
    }
}
