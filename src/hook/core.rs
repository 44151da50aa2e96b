//! What the hook keeps while a sweep goes on: where the blocks stand, and the trigger of the body's own thread.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};

use super::blocks::guarded::Placement;
use super::blocks::shard::Shard;
use super::blocks::store::Store;
use super::branch::Branch;
use super::fast::Fast;
use super::journal::Journal;
use super::local::Local;
use super::pages_vec::PagesVec;
use super::stack_log::StackLog;
use super::trigger::Trigger;
use crate::model::fault::Fault;
use crate::model::stack::RawStack;
use crate::model::trial::Recorded;
use crate::sys::{stacks, words};

/// Which births get their stack recorded.
pub(crate) enum Births {
    /// None.
    None,
    /// All.
    All,
    /// Those of these sizes and alignments.
    Of(PagesVec<(usize, usize)>),
}

/// Behind the lock.
pub(crate) struct Shared {
    /// Stacks of births and frees: each its length and then its addresses.
    pub(crate) stacks: PagesVec<usize>,
    /// The system's number of each thread that has made blocks, by our number minus one.
    pub(crate) threads: PagesVec<i32>,
}

/// What a run is to do about requests. Set between runs, read by the hook.
pub(crate) struct Own {
    /// The armed fault.
    pub(crate) trigger: Trigger,
    /// The faults for which the process is copied.
    pub(crate) branch: Branch,
    /// The points of this run, if it records them: see [`packed`].
    pub(crate) log: PagesVec<u64>,
    /// The points of the baseline.
    pub(crate) base: PagesVec<u64>,
    /// What the live bytes of the session would have been at each point of this run, if that is wanted.
    pub(crate) demands: PagesVec<u64>,
    /// The same of the baseline.
    pub(crate) base_demands: PagesVec<u64>,
    /// They are wanted.
    pub(crate) wants_demands: bool,
    /// How long it took to each of its points, in nanoseconds, if it records them.
    pub(crate) times: PagesVec<u64>,
    /// The same of the baseline.
    pub(crate) base_times: PagesVec<u64>,
    /// Record the points.
    pub(crate) record: bool,
    /// Compare the points with the baseline.
    pub(crate) compare: bool,
    /// Record the stack of every failed request.
    pub(crate) failure_stacks: bool,
    /// Keep all failed requests after the first.
    pub(crate) keep_failures: bool,
    /// They are kept here.
    pub(crate) later: PagesVec<Recorded>,
    /// Record the stack of every point.
    pub(crate) point_stacks: bool,
    /// They are kept here.
    pub(crate) points: StackLog,
    /// Shrinks are no points.
    pub(crate) shrink_skip: bool,
    /// The allocator whose requests are points: the global one, or a handle's number.
    pub(crate) space: u8,
    /// Call the breakpoint function at a failure.
    pub(crate) break_here: bool,
    /// Stacks end at this stack pointer.
    pub(crate) cut: usize,
    /// Which births (and frees) get their stack recorded.
    pub(crate) births: Births,
    /// Every `realloc` moves its block.
    pub(crate) moves: bool,
}

/// See the module.
pub(crate) struct Core {
    lock: AtomicBool,
    shared: UnsafeCell<Shared>,
    own: UnsafeCell<Own>,
    /// For the own part where requests of other threads are points too.
    own_lock: AtomicBool,
    journal: AtomicPtr<Journal>,
    /// What the short way of an allocation must know.
    pub(crate) fast: UnsafeCell<Fast>,
    /// Where the blocks stand.
    pub(crate) store: &'static Store,
    /// The number of the open session, or of the last; blocks of earlier ones are no leaks.
    pub(crate) session: AtomicUsize,
    /// Blocks of every thread are recorded; else those of the threads that the body's own has started.
    pub(crate) everyone: AtomicBool,
    /// Blocks that belong to no session stand in the store as well.
    pub(crate) serves_all: AtomicBool,
    /// They did from the first block of this process on: what does not stand there was never given out.
    pub(crate) strict: AtomicBool,
    /// The process ends at a memory error.
    pub(crate) contained: AtomicBool,
    /// What stands round the blocks of the open run: a [`Placement`].
    pub(crate) placement: AtomicU8,
    /// Stacks of births are wanted.
    pub(crate) stacks_wanted: AtomicBool,
    /// Stacks of frees are wanted, of the same blocks.
    pub(crate) frees_wanted: AtomicBool,
    /// Requests of other threads are points too.
    pub(crate) all_threads: AtomicBool,
    /// The body is running.
    pub(crate) body_runs: AtomicBool,
    /// A memory error of this run is on record: 1, or is being put there: 2.
    pub(crate) accused: AtomicU8,
    /// The block in which a test harness captures output; 0: not known, or there is none.
    pub(crate) capture: AtomicUsize,
}

// SAFETY: `shared` is reached through the lock alone; `own` is changed between runs by the thread that opens them, and read by
// the hook on that same thread (`births` and `cut` also by others, which exist only inside runs); the rest is atomic.
unsafe impl Sync for Core {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Core {}

static CORE: AtomicPtr<Core> = AtomicPtr::new(ptr::null_mut());

/// The core, if a sweep has ever been opened in this process (or in one that it was forked from).
#[inline]
pub(crate) fn core() -> Option<&'static Core> {
    let at = CORE.load(Ordering::Acquire);
    // SAFETY: set once, to a leaked box; never freed.
    unsafe { at.as_ref() }
}

/// The core, made if need be; `None` if the system has no addresses left for it.
pub(crate) fn core_or_make() -> Option<&'static Core> {
    if let Some(core) = core() {
        return Some(core);
    }
    let fresh = Box::into_raw(Box::new(Core::new(Store::create()?)));
    match CORE.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            super::gate::measure();
            // SAFETY: leaked just now, for ever.
            let core: &'static Core = unsafe { &*fresh };
            publish(core);
            Some(core)
        }
        Err(theirs) => {
            // SAFETY: ours was not published, theirs is never freed.
            unsafe {
                drop(Box::from_raw(fresh));
                Some(&*theirs)
            }
        }
    }
}

/// The store, for who looks at nothing else; null while there is none.
static STORE: AtomicPtr<Store> = AtomicPtr::new(ptr::null_mut());
/// Its first byte and its size, for the question that every call asks.
static RANGE: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// What the short way must know, for the calls that ask for it; null while there is no core.
static FAST: AtomicPtr<Fast> = AtomicPtr::new(ptr::null_mut());

fn publish(core: &'static Core) {
    let store = core.store;
    FAST.store(core.fast.get(), Ordering::Release);
    STORE.store(ptr::from_ref(store).cast_mut(), Ordering::Release);
    let [base, bytes] = &RANGE;
    base.store(store.base, Ordering::Release);
    bytes.store(store.bytes, Ordering::Release);
}

/// Whether an address lies where the store's blocks stand.
#[inline(always)]
pub(crate) fn is_ours(address: usize) -> bool {
    let at = (&raw const RANGE) as usize;
    // SAFETY: two words of a static.
    unsafe { address.wrapping_sub(words::read(at)) < words::read(at.wrapping_add(size_of::<usize>())) }
}

/// The core; null while there is none. For the calls that cost.
#[inline(always)]
pub(crate) fn quick() -> *const Core {
    // SAFETY: a word of a static.
    unsafe { words::read((&raw const CORE) as usize) as *const Core }
}

/// Where that lies which the short way must know; 0 while there is no core.
#[inline(always)]
pub(crate) fn quick_fast() -> usize {
    // SAFETY: a word of a static.
    unsafe { words::read((&raw const FAST) as usize) }
}

/// Whether a flag is set: one instruction, with optimisation and without.
#[inline(always)]
pub(crate) fn is_set(flag: &AtomicBool) -> bool {
    // SAFETY: a byte that is only ever 0 or 1.
    unsafe { (flag as *const AtomicBool as *const u8).read_volatile() != 0 }
}

impl Core {
    fn new(store: &'static Store) -> Core {
        Core {
            lock: AtomicBool::new(false),
            shared: UnsafeCell::new(Shared { stacks: PagesVec::new(), threads: PagesVec::new() }),
            own: UnsafeCell::new(Own {
                trigger: Trigger::new(Fault::None),
                branch: Branch::new(),
                log: PagesVec::new(),
                base: PagesVec::new(),
                demands: PagesVec::new(),
                base_demands: PagesVec::new(),
                wants_demands: false,
                times: PagesVec::new(),
                base_times: PagesVec::new(),
                record: false,
                compare: false,
                failure_stacks: false,
                keep_failures: false,
                later: PagesVec::new(),
                point_stacks: false,
                points: StackLog::new(),
                shrink_skip: false,
                space: super::handles::GLOBAL,
                break_here: false,
                cut: 0,
                births: Births::None,
                moves: false,
            }),
            own_lock: AtomicBool::new(false),
            journal: AtomicPtr::new(ptr::null_mut()),
            fast: UnsafeCell::new(Fast::CLOSED),
            store,
            session: AtomicUsize::new(0),
            everyone: AtomicBool::new(false),
            serves_all: AtomicBool::new(false),
            strict: AtomicBool::new(false),
            contained: AtomicBool::new(false),
            placement: AtomicU8::new(Placement::Zones as u8),
            stacks_wanted: AtomicBool::new(false),
            frees_wanted: AtomicBool::new(false),
            all_threads: AtomicBool::new(false),
            body_runs: AtomicBool::new(false),
            accused: AtomicU8::new(0),
            capture: AtomicUsize::new(0),
        }
    }

    /// Calls `f` with the shared part. Never held across a fork, nor while another allocator or a user's code runs.
    #[inline(always)]
    pub(crate) fn with_shared<R>(&self, f: impl FnOnce(&mut Shared) -> R) -> R {
        if self.lock.swap(true, Ordering::Acquire) {
            self.wait_for_lock();
        }
        // SAFETY: the lock is held, and `f` can't come back here: the hook's re-entry flag is set on this thread, or the
        // caller is the harness, which makes no request inside `f`.
        let result = f(unsafe { &mut *self.shared.get() });
        self.lock.store(false, Ordering::Release);
        result
    }

    /// The same where nobody can be waited for: in a signal's handler. `None` if the lock is held for longer than it ever is by a
    /// thread that goes on.
    pub(crate) fn try_shared<R>(&self, f: impl FnOnce(&mut Shared) -> R) -> Option<R> {
        for _ in 0..10_000_u32 {
            if !self.lock.swap(true, Ordering::Acquire) {
                // SAFETY: the lock is held, and `f` can't come back here.
                let result = f(unsafe { &mut *self.shared.get() });
                self.lock.store(false, Ordering::Release);
                return Some(result);
            }
            std::hint::spin_loop();
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn wait_for_lock(&self) {
        let mut spins = 0_u32;
        while self.lock.swap(true, Ordering::Acquire) {
            spins = spins.wrapping_add(1);
            if spins & 63 == 0 {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
    }

    /// The part of the body's own thread.
    ///
    /// # Safety
    /// 1. The caller is the thread that opens the runs (or the hook on it), or only reads what is changed between runs.
    /// 2. No other reference from this function is alive on this thread.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "the obligations above are what makes it exclusive")]
    pub(crate) unsafe fn own(&self) -> &mut Own {
        // SAFETY: by the obligations of this function.
        unsafe { &mut *self.own.get() }
    }

    /// Where the open run is written down.
    #[inline]
    pub(crate) fn journal(&self) -> *mut Journal {
        self.journal.load(Ordering::Acquire)
    }

    /// Sets where runs are written down.
    pub(crate) fn set_journal(&self, journal: *mut Journal) {
        self.journal.store(journal, Ordering::Release);
    }

    /// Frees the lock that a thread of the parent held when this process was forked; for a child with one thread.
    #[cfg_attr(not(all(target_os = "linux", not(oomsweep_portable))), allow(dead_code, reason = "nobody forks there"))]
    pub(crate) fn unlock_after_fork(&self) {
        self.lock.store(false, Ordering::Release);
        self.own_lock.store(false, Ordering::Release);
        self.store.after_fork(super::gate::local(|local| local.shard.get()));
    }

    /// Live blocks and bytes of a session.
    pub(crate) fn live(&self, session: u32) -> (u64, u64) {
        let (mut blocks, mut bytes) = (0_usize, 0_usize);
        for shard in self.store.shards() {
            // SAFETY: one of the store's.
            let (more, more_bytes) = unsafe { Shard::live(shard, session) };
            blocks = blocks.wrapping_add(more);
            bytes = bytes.wrapping_add(more_bytes);
        }
        (blocks as u64, bytes as u64)
    }

    /// Whether any block of a run is live, of this session or of an earlier one.
    pub(crate) fn holds_blocks(&self) -> bool {
        // SAFETY: each is one of the store's.
        self.store.shards().fold(0, |sum: usize, shard| sum.wrapping_add(unsafe { Shard::live_of_all(shard) })) != 0
    }

    /// Live blocks and bytes of the open session.
    pub(crate) fn live_now(&self) -> (u64, u64) {
        self.live(self.session_number())
    }

    /// Whether this process is a copy that was made at a point: it ends with the run that is open. For the body's own thread.
    pub(crate) fn is_copy(&self) -> bool {
        // SAFETY: only the body's own thread, which calls this, changes it.
        unsafe { (*self.own.get()).branch.copy().is_some() }
    }

    /// The number of the open session, or of the last.
    #[inline(always)]
    pub(crate) fn session_number(&self) -> u32 {
        // SAFETY: a word of this value.
        unsafe { words::read((&raw const self.session) as usize) as u32 }
    }

    /// The number of a thread other than the body's own.
    #[cold]
    #[inline(never)]
    pub(crate) fn number_thread(&self, local: &Local) {
        self.with_shared(|shared| shared.number_of(&local.number));
    }

    /// Calls `f` with the own part, from a thread that need not be the body's own.
    pub(crate) fn with_own_locked<R>(&self, f: impl FnOnce(&mut Own) -> R) -> R {
        while self.own_lock.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        // SAFETY: while requests of all threads are points, every thread comes here for it.
        let result = f(unsafe { &mut *self.own.get() });
        self.own_lock.store(false, Ordering::Release);
        result
    }

    /// The stack of a birth or a free, kept if this block's is wanted; 0: it is not.
    #[cold]
    #[inline(never)]
    pub(crate) fn life_stack(&self, size: usize, align: usize, own: bool) -> u32 {
        // SAFETY: `births` and `cut` are changed between runs only.
        let (wanted, cut) = unsafe {
            let own_part = &*self.own.get();
            (own_part.births.wants(size, align), if own { own_part.cut } else { 0 })
        };
        if !wanted {
            return 0;
        }
        let mut stack = RawStack::EMPTY;
        stacks::capture(&mut stack, cut);
        self.with_shared(|shared| shared.put_stack(&stack))
    }
}

impl Births {
    fn wants(&self, size: usize, align: usize) -> bool {
        match self {
            Births::None => false,
            Births::All => true,
            Births::Of(list) => list.as_slice().contains(&(size, align)),
        }
    }
}

impl Shared {
    /// The stack that an entry's `stack` names.
    pub(crate) fn stack(&self, at: u32) -> RawStack {
        RawStack::from_ips(self.ips(at))
    }

    /// Its addresses.
    pub(crate) fn ips(&self, at: u32) -> &[usize] {
        let Some(from) = (at as usize).checked_sub(1) else { return &[] };
        let words = self.stacks.as_slice();
        let len = words.get(from).copied().unwrap_or(0);
        let begin = from.saturating_add(1);
        words.get(begin..begin.saturating_add(len)).unwrap_or(&[])
    }

    fn put_stack(&mut self, stack: &RawStack) -> u32 {
        let from = self.stacks.len();
        let Ok(number) = u32::try_from(from.wrapping_add(1)) else { return 0 };
        if put_words(&mut self.stacks, stack) { number } else { 0 }
    }

    fn number_of(&mut self, thread: &std::cell::Cell<u32>) -> u32 {
        if thread.get() == 0 && self.threads.push(crate::sys::threads::id()) {
            thread.set(self.threads.len() as u32);
        }
        thread.get()
    }
}

/// Appends a stack as its length and its addresses.
fn put_words(into: &mut PagesVec<usize>, stack: &RawStack) -> bool {
    let mut ok = into.push(stack.ips().len());
    for &ip in stack.ips() {
        ok = ok && into.push(ip);
    }
    ok
}
