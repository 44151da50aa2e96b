//! Every other thread of the process stands still for a while, so that its memory can be looked through.
//!
//! 1. Nobody is asked for help but the kernel: a signal is sent to each thread, and its handler waits. No thread is traced.
//! 2. While the others stand, one of them may hold any lock: whoever stopped them must not allocate, and must call nothing of C's
//!    or the standard library that takes a lock. What the search needs is mapped before.
//! 3. A thread that has the signal blocked runs on, and is told. System calls that the kernel does not restart (`poll`,
//!    `epoll_wait`, sleeps) end with `EINTR` in the threads that were stopped.
//! 4. The signal is `SIGRTMIN + 6`. A handler of the program's for it is replaced when the first thread is stopped.

use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use super::actions::{self, Handler};
use super::pages::{self, Share};
use super::raw::{self, Text};
use super::roots::Search;
use super::state::Range;
use super::{clock, futex, locals, modules, process, signals, threads};
use crate::sys::time::nanos;

/// How many other threads can be stopped.
const SLOTS: usize = 4096;

/// General registers, the first sixteen vector registers, and keys.
const WORDS: usize = 64 + locals::KEYS as usize;

/// What a stopped thread tells of itself.
#[repr(C)]
pub(super) struct Slot {
    /// The round in which it was written.
    ready: AtomicU32,
    id: i32,
    /// Where its stack was when it was stopped.
    pub(super) sp: usize,
    /// Its thread pointer.
    pub(super) pointer: usize,
    /// The stack that its signal handlers run on; empty if they run on its own.
    pub(super) signal_stack: Range,
    count: usize,
    words: [usize; WORDS],
}

impl Slot {
    /// What its registers and its pthread keys held.
    pub(super) fn words(&self) -> &[usize] {
        self.words.get(..self.count).unwrap_or(&[])
    }
}

/// All that is needed while the world stands; in pages of our own.
#[repr(C)]
struct Board {
    slots: [Slot; SLOTS],
    ids: [i32; SLOTS],
    asked: [i32; SLOTS],
    search: Search,
}

static BOARD: AtomicPtr<Board> = AtomicPtr::new(ptr::null_mut());
/// The process in which a thread holds the board; 0: nobody does. In the child of a fork it is somebody else's number.
static HOLDER: AtomicI32 = AtomicI32::new(0);
/// The process in which a thread held the board last.
static LAST: AtomicI32 = AtomicI32::new(0);
/// Odd while threads are to stand. Grows by one at each change.
static ROUND: AtomicU32 = AtomicU32::new(0);
/// The thread that stopped the others.
static STOPPER: AtomicI32 = AtomicI32::new(0);
/// How many slots are taken.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// How many threads stand.
static ARRIVED: AtomicU32 = AtomicU32::new(0);
/// How many threads are in the handler.
static INSIDE: AtomicU32 = AtomicU32::new(0);

/// Where the words above lie: they change without the program's doing.
pub(super) fn bookkeeping() -> [Range; 8] {
    [
        Range::of(&BOARD),
        Range::of(&HOLDER),
        Range::of(&LAST),
        Range::of(&ROUND),
        Range::of(&STOPPER),
        Range::of(&TAKEN),
        Range::of(&ARRIVED),
        Range::of(&INSIDE),
    ]
}

/// A thread that could not be stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    /// Its number.
    #[cfg_attr(not(test), allow(dead_code, reason = "tests tell by it which thread it is"))]
    pub(crate) id: i32,
    /// Where its stack is, if it waits for the kernel.
    pub(crate) sp: Option<usize>,
}

/// The other threads stand still until this is dropped. One thread at a time has one.
#[derive(Debug)]
#[must_use]
pub(crate) struct Stopped {
    board: *mut Board,
    /// How many entries of `asked` did not stop; they stand first.
    running: usize,
    round: Option<u32>,
    complete: bool,
}

/// Stops every other thread, and waits for it at most `limit`. Costs little more than one system call where there is none.
///
/// Takes the loader's lock before; waits for another thread that has the world stopped. The caller must not have it stopped
/// already, must not be in a signal handler, and until it drops what it gets keeps to point 2 of this module.
pub(crate) fn stop_others(limit: Duration) -> Stopped {
    take_hold();
    let board = board_or_new();
    modules::learn();
    locals::measure();
    let mut stopped = Stopped { board, running: 0, round: None, complete: !board.is_null() };
    if !board.is_null() && threads::count() != 1 {
        stopped.stop(limit);
    }
    stopped
}

/// Learns what [`super::place::place_of`] can't find out by itself: where the modules lie and how far thread-locals reach. Not
/// while the world stands.
pub(crate) fn learn() {
    take_hold();
    modules::learn();
    locals::measure();
    let_go();
}

fn take_hold() {
    let process = process::pid();
    loop {
        let holder = HOLDER.load(Ordering::Acquire);
        // Free, or held by a thread of the process that this one was forked from.
        if holder != process && HOLDER.compare_exchange(holder, process, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            break;
        }
        nap(Duration::from_micros(100));
    }
    if LAST.swap(process, Ordering::SeqCst) != process {
        // Of the threads that stood or were about to, here are nothing but the marks.
        INSIDE.store(0, Ordering::SeqCst);
        ROUND.fetch_add(ROUND.load(Ordering::SeqCst) & 1, Ordering::SeqCst);
    }
}

fn let_go() {
    HOLDER.store(0, Ordering::Release);
}

fn nap(time: Duration) {
    let never = AtomicU32::new(0);
    futex::wait(&never, 0, time);
}

fn board_or_new() -> *mut Board {
    if BOARD.load(Ordering::Acquire).is_null()
        && let Some(at) = pages::map(size_of::<Board>(), Share::Private)
    {
        BOARD.store(at.as_ptr().cast(), Ordering::Release);
    }
    BOARD.load(Ordering::Acquire)
}

/// A real-time signal that neither C's library nor this crate's marks use.
fn signal() -> i32 {
    libc::SIGRTMIN() + 6
}

/// Puts the handler in place. It stays: a thread that had the signal blocked would die of it otherwise.
fn install() -> bool {
    // Whether a thread is marked is told by its mask, also while it stands.
    let blocked = actions::all_but(&threads::telling_signals());
    actions::handle(signal(), Handler::Told(on_stop), libc::SA_ONSTACK | libc::SA_RESTART, blocked)
}

extern "C" fn on_stop(_number: i32, _info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let saved = super::errno();
    INSIDE.fetch_add(1, Ordering::SeqCst);
    let round = ROUND.load(Ordering::SeqCst);
    let id = threads::id();
    if round & 1 == 1 && STOPPER.load(Ordering::SeqCst) != id {
        let place = TAKEN.fetch_add(1, Ordering::SeqCst);
        if place < SLOTS {
            // SAFETY: the board is there while threads are stopped, this place is this thread's alone until it says that it is
            // ready, and the context is the kernel's.
            unsafe { tell(&raw mut (*BOARD.load(Ordering::Acquire)).slots[place], id, context.cast(), round) };
        }
        ARRIVED.fetch_add(1, Ordering::SeqCst);
        futex::wake(&ARRIVED);
        while ROUND.load(Ordering::SeqCst) == round {
            futex::wait(&ROUND, round, Duration::from_secs(1));
        }
    }
    if INSIDE.fetch_sub(1, Ordering::SeqCst) == 1 {
        futex::wake(&INSIDE);
    }
    super::set_errno(saved);
}

/// Writes down what the calling thread is.
///
/// # Safety
/// 1. The slot is writable, and nobody else's.
/// 2. `context` is the third argument of an SA_SIGINFO handler.
unsafe fn tell(slot: *mut Slot, id: i32, context: *const libc::ucontext_t, round: u32) {
    // SAFETY: by the obligations; zeroed pages are a valid slot.
    unsafe {
        let slot = &mut *slot;
        slot.id = id;
        slot.pointer = locals::thread_pointer();
        slot.signal_stack = signals::range_of(&(*context).uc_stack);
        let (words, mut count) = (&mut slot.words, 0_usize);
        let mut keep = |word: usize| {
            if let Some(place) = words.get_mut(count) {
                *place = word;
                count += 1;
            }
        };
        slot.sp = registers(context, &mut keep);
        locals::each_key(keep);
        slot.count = count;
        slot.ready.store(round, Ordering::SeqCst);
    }
}

/// Keeps what the registers of the interrupted code held; returns its stack pointer.
///
/// # Safety
/// `context` is the third argument of an SA_SIGINFO handler.
#[cfg(target_arch = "x86_64")]
unsafe fn registers(context: *const libc::ucontext_t, keep: &mut dyn FnMut(usize)) -> usize {
    // SAFETY: by the obligation; the pointer to the vector registers is null or good.
    let machine = unsafe { &(*context).uc_mcontext };
    machine.gregs.iter().take(libc::REG_RIP as usize + 1).for_each(|&word| keep(word as usize));
    // A block that is being moved may be in no other place.
    #[cfg(target_env = "gnu")]
    // SAFETY: as above.
    if let Some(vectors) = unsafe { machine.fpregs.as_ref() } {
        for vector in &vectors._xmm {
            let [a, b, c, d] = vector.element.map(u64::from);
            keep((a | b << 32) as usize);
            keep((c | d << 32) as usize);
        }
    }
    machine.gregs.get(libc::REG_RSP as usize).map_or(0, |&sp| sp as usize)
}

/// Keeps what the registers of the interrupted code held; returns its stack pointer.
///
/// # Safety
/// `context` is the third argument of an SA_SIGINFO handler.
#[cfg(target_arch = "aarch64")]
unsafe fn registers(context: *const libc::ucontext_t, keep: &mut dyn FnMut(usize)) -> usize {
    // SAFETY: by the obligation.
    let machine = unsafe { &(*context).uc_mcontext };
    machine.regs.iter().for_each(|&word| keep(word as usize));
    machine.sp as usize
}

/// Not known on this machine: the handler's own frame lies below what was interrupted.
///
/// # Safety
/// None: nothing is read.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn registers(_context: *const libc::ucontext_t, _keep: &mut dyn FnMut(usize)) -> usize {
    crate::sys::stacks::pointer()
}

impl Stopped {
    fn stop(&mut self, limit: Duration) {
        STOPPER.store(threads::id(), Ordering::SeqCst);
        TAKEN.store(0, Ordering::SeqCst);
        ARRIVED.store(0, Ordering::SeqCst);
        self.complete &= install();
        let round = ROUND.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        self.round = Some(round);
        let limit = nanos(limit);
        let (begin, mut asked, mut quiet) = (clock::now_ns(), 0, 0);
        loop {
            // A list that is read while a thread ends can come up short: two are asked for.
            let missing = self.ask(&mut asked);
            quiet = if missing == 0 { quiet + 1 } else { 0 };
            if quiet == 2 {
                return;
            }
            let spent = clock::now_ns().saturating_sub(begin);
            if spent >= limit {
                break;
            }
            let all = u32::try_from(asked).unwrap_or(u32::MAX);
            let here = ARRIVED.load(Ordering::SeqCst);
            if missing != 0 && here < all {
                futex::wait(&ARRIVED, here, Duration::from_nanos((limit - spent).min(1_000_000)));
            }
        }
        self.note_running();
    }

    /// Sends the signal to every thread that it was not sent to; returns how many threads do not stand yet.
    fn ask(&mut self, count: &mut usize) -> usize {
        // SAFETY: the board is mapped, and these parts of it are the holder's alone.
        let (ids, asked) = unsafe { (&mut (*self.board).ids, &mut (*self.board).asked) };
        let found = threads::ids(ids);
        self.complete &= found != 0 && found < ids.len();
        let (own, process) = (threads::id(), process::pid());
        let mut missing = 0;
        for &id in ids.iter().take(found).filter(|&&id| id != own) {
            if self.slots().any(|slot| slot.id == id) {
                continue;
            }
            missing += 1;
            if !asked.iter().take(*count).any(|&known| known == id)
                && let Some(place) = asked.get_mut(*count)
            {
                *place = id;
                *count += 1;
                // SAFETY: the handler is in place; a thread that is gone gets nothing.
                unsafe { libc::syscall(libc::SYS_tgkill, process, id, signal()) };
            }
        }
        missing
    }

    /// Writes the threads that live and do not stand to the beginning of `asked`.
    fn note_running(&mut self) {
        // SAFETY: as in `ask`.
        let (ids, asked) = unsafe { (&mut (*self.board).ids, &mut (*self.board).asked) };
        let found = threads::ids(ids);
        let own = threads::id();
        for &id in ids.iter().take(found).filter(|&&id| id != own) {
            if !self.slots().any(|slot| slot.id == id)
                && let Some(place) = asked.get_mut(self.running)
            {
                *place = id;
                self.running += 1;
            }
        }
    }

    /// What the stopped threads told.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        let count = if self.round.is_some() { TAKEN.load(Ordering::SeqCst).min(SLOTS) } else { 0 };
        let (board, round) = (self.board, self.round);
        (0..count).filter_map(move |place| {
            // SAFETY: the board is mapped where there is a round; of a slot that is not ready only the mark is read, and one that
            // is ready is not written before the round ends, when this is dropped.
            unsafe {
                let slot = &raw const (*board).slots[place];
                let is_ready = Some((*slot).ready.load(Ordering::SeqCst)) == round;
                if is_ready { Some(&*slot) } else { None }
            }
        })
    }

    /// The other threads that could not be stopped.
    pub(crate) fn running(&self) -> impl Iterator<Item = Running> {
        let asked: &[i32] = if self.board.is_null() {
            &[]
        } else {
            // SAFETY: the board is mapped, and this part of it is not written any more.
            unsafe { &(*self.board).asked }
        };
        asked.iter().take(self.running).map(|&id| Running { id, sp: waiting_sp(id) })
    }

    /// Whether all threads were seen: there are no more than can be listed.
    pub(crate) fn saw_all(&self) -> bool {
        self.complete
    }

    /// Room for the search.
    pub(super) fn search(&self) -> *mut Search {
        if self.board.is_null() {
            return ptr::null_mut();
        }
        // SAFETY: the board is mapped.
        unsafe { &raw mut (*self.board).search }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if self.round.is_some() {
            ROUND.fetch_add(1, Ordering::SeqCst);
            futex::wake(&ROUND);
            loop {
                let inside = INSIDE.load(Ordering::SeqCst);
                if inside == 0 {
                    break;
                }
                futex::wait(&INSIDE, inside, Duration::from_millis(1));
            }
        }
        let_go();
    }
}

/// The stack pointer of a thread that waits for the kernel; `None` if it runs.
fn waiting_sp(id: i32) -> Option<usize> {
    let path = Text::new(b"/proc/self/task/", id, b"/syscall");
    let mut room = [0; 256];
    let line = path.begin_of_file(&mut room)?;
    // The number, if it is in a call six arguments, the stack pointer and the instruction pointer.
    let mut parts = line.trim_ascii().rsplit(|&byte| byte == b' ');
    let sp = parts.nth(1)?.strip_prefix(b"0x")?;
    raw::hex(sp).map(|(sp, _)| sp).filter(|&sp| sp != 0)
}

#[cfg(test)]
mod tests;
