//! Whose allocation is this?
//!
//! One word for the process, in a page that a fork wipes: what a body forks reads 0 there and passes through; children of our
//! own set it again. And a few words for each thread, which never allocate and outlive every destructor.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use super::local::Local;
use crate::sys::pages::{self, Share};
use crate::sys::{locals, words, world};

/// What the process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum State {
    /// Nothing: every call goes straight to the backing allocator.
    Off = 0,
    /// Between two runs: nothing is recorded, but blocks that die leave the ledger.
    Between = 1,
    /// A run is open.
    Session = 2,
}

static WORD: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

/// What the process is doing.
#[inline(always)]
pub(crate) fn state() -> u32 {
    // SAFETY: a word of a static, and, once set, the page that it points to, which is never unmapped.
    unsafe {
        let page = words::read((&raw const WORD) as usize);
        if page == 0 { State::Off as u32 } else { words::read(page) as u32 }
    }
}

/// Sets what the process is doing. False if the system has no page left.
pub(crate) fn set(state: State) -> bool {
    let mut word = WORD.load(Ordering::Acquire);
    if word.is_null() {
        let Some(page) = pages::map(4096, Share::Private) else { return false };
        pages::wipe_on_fork(page, 4096);
        let fresh = page.cast::<AtomicU32>().as_ptr();
        word = match WORD.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => fresh,
            // Another thread was faster; one page stays unused.
            Err(theirs) => theirs,
        };
    }
    // SAFETY: as in `state`.
    unsafe { (*word).store(state as u32, Ordering::Release) };
    true
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            inside: Cell::new(false),
            seen: Cell::new(false),
            latest: Cell::new(0),
            own: Cell::new(false),
            body: Cell::new(false),
            harness: Cell::new(0),
            exempt: Cell::new(0),
            benign: Cell::new(0),
            untracked: Cell::new(0),
            number: Cell::new(0),
            asked: Cell::new(0),
            mine: Cell::new(false),
            shard: Cell::new(ptr::null_mut()),
        }
    };
}

/// What is known of this thread. For the calls that cost: the place is valid as long as the thread lives.
#[inline(always)]
pub(crate) fn here() -> *const Local {
    // SAFETY: a word of a static.
    let offset = unsafe { words::read((&raw const OFFSET) as usize) };
    if offset == 0 {
        LOCAL.with(std::ptr::from_ref)
    } else {
        locals::thread_pointer().wrapping_add(offset) as *const Local
    }
}

/// From every thread's pointer to what is known of it, where that is as far for all of them; 0: it is not, or not known.
static OFFSET: AtomicUsize = AtomicUsize::new(0);

/// Finds out how far that is. Without optimisation a thread-local costs as much as half an allocation.
pub(crate) fn measure() {
    world::learn();
    let at = LOCAL.with(std::ptr::from_ref) as usize;
    if locals::is_fixed(at) {
        OFFSET.store(at.wrapping_sub(locals::thread_pointer()), Ordering::Release);
    }
}

/// Calls `f` with what is known of this thread.
#[inline(always)]
pub(crate) fn local<R>(f: impl FnOnce(&Local) -> R) -> R {
    let local: *const Local = LOCAL.with(std::ptr::from_ref);
    // SAFETY: it has no destructor, so it is there as long as the thread is, and `f` can't take it elsewhere.
    f(unsafe { &*local })
}

/// Counts one level of a region up, and down again when it is dropped (on the thread that made it).
pub(crate) struct Depth {
    of: fn(&Local) -> &Cell<u32>,
    // Regions belong to a thread.
    _thread: std::marker::PhantomData<*const ()>,
}

impl Depth {
    /// Enters.
    pub(crate) fn enter(of: fn(&Local) -> &Cell<u32>) -> Depth {
        local(|l| {
            let cell = of(l);
            cell.set(cell.get().saturating_add(1));
        });
        Depth { of, _thread: std::marker::PhantomData }
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        local(|l| {
            let cell = (self.of)(l);
            cell.set(cell.get().saturating_sub(1));
        });
    }
}

/// The harness's own work on this thread: neither recorded nor failed.
pub(crate) fn harness() -> Depth {
    Depth::enter(|local| &local.harness)
}
