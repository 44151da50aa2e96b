//! INSIDE THE CALL: nothing here allocates, unwinds, or waits for a lock that the interrupted code may hold.
//!
//! The order of the steps of one request: gate (whose allocation is this?), trigger (pass or fail), the backing allocator, the
//! ledger. The answer of the backing allocator is looked at before anything is recorded.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "the rules are for the allocation path, and tests are not on it"
    )
)]

pub(crate) mod arena;
pub(crate) mod core;
pub(crate) mod gate;
pub(crate) mod journal;
pub(crate) mod ledger;
pub(crate) mod pages_vec;
pub(crate) mod regions;
pub(crate) mod trigger;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::Ordering;

use self::core::Core;
use self::gate::{Local, State};
use self::ledger::Entry;
use crate::model::event::{Kind, Request};

/// A global allocator that leaves every request to `A`, and in a test keeps the ledger and fails what the sweep wants failed.
///
/// The default feature `global` installs `TestingAllocator<System>`. To wrap an allocator of your own, turn the feature off:
///
/// ```
/// use std::alloc::System;
///
/// # #[cfg(not(feature = "global"))]
/// #[global_allocator]
/// static ALLOCATOR: oomsweep::TestingAllocator<System> = oomsweep::TestingAllocator::new(System);
/// # fn main() {}
/// ```
///
/// Outside a test a call costs a read of a static and a branch.
#[derive(Debug, Clone, Copy, Default)]
pub struct TestingAllocator<A: GlobalAlloc = System> {
    backing: A,
}

impl<A: GlobalAlloc> TestingAllocator<A> {
    /// Wraps a backing allocator.
    pub const fn new(backing: A) -> Self {
        TestingAllocator { backing }
    }
}

// SAFETY: every block comes from `backing` with the caller's own layout and goes back to it with the same; a null that was not
// the backing allocator's leaves it untouched; nothing unwinds.
unsafe impl<A: GlobalAlloc> GlobalAlloc for TestingAllocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if gate::state() == State::Off as u32 {
            // SAFETY: the caller's obligations are the backing allocator's.
            return unsafe { self.backing.alloc(layout) };
        }
        // SAFETY: as above.
        unsafe { allocate(&self.backing, layout, Kind::Alloc) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if gate::state() != State::Off as u32 {
            leaves(block);
        }
        // SAFETY: as above.
        unsafe { self.backing.dealloc(block, layout) };
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if gate::state() == State::Off as u32 {
            // SAFETY: as above.
            return unsafe { self.backing.alloc_zeroed(layout) };
        }
        // SAFETY: as above.
        unsafe { allocate(&self.backing, layout, Kind::Zeroed) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if gate::state() == State::Off as u32 {
            // SAFETY: as above.
            return unsafe { self.backing.realloc(block, layout, new_size) };
        }
        // SAFETY: as above.
        unsafe { reallocate(&self.backing, block, layout, new_size) }
    }
}

/// Where a debugger stops in a replay: called right before the failed request comes back empty-handed.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn oomsweep_break_here() {
    std::hint::black_box(());
}

/// Whether the testing allocator is the global allocator of this program.
pub(crate) fn is_installed() -> bool {
    let before = gate::state();
    if before == State::Off as u32 && !gate::set(State::Between) {
        return false;
    }
    gate::local(|local| local.seen.set(false));
    // The optimiser may remove a pair of calls whose block is not used.
    drop(std::hint::black_box(Box::new(std::hint::black_box(0x5EED_u64))));
    let seen = gate::local(|local| local.seen.get());
    if before == State::Off as u32 {
        gate::set(State::Off);
    }
    seen
}

/// Learns in which block a test harness captures what is printed on this thread: the one that `print` made, or made larger. From
/// now on its growth is nobody's request, for in which run a line does not fit any more is chance. Where nothing is captured, or
/// the block had room, nothing is learnt.
pub(crate) fn learn_capture(print: impl FnOnce()) {
    let (before, core) = (gate::state(), self::core::core_or_make());
    if before == State::Off as u32 && !gate::set(State::Between) {
        return;
    }
    let _harness = gate::harness();
    gate::local(|local| local.latest.set(!0));
    print();
    core.capture.store(!gate::local(|local| local.latest.replace(0)), Ordering::Relaxed);
    if before == State::Off as u32 {
        gate::set(State::Off);
    }
}

/// Notes a block that nobody records, while one is being looked for.
#[inline(always)]
fn learn(local: &Local, block: *mut u8) {
    if local.latest.get() != 0 {
        local.latest.set(!(block as usize));
    }
}

/// The harness takes back what it has captured when the test ends.
pub(crate) fn forget_capture() {
    if let Some(core) = self::core::core() {
        core.capture.store(0, Ordering::Relaxed);
    }
}

/// The thread is inside the hook, once: a second entry (our own work, a signal handler) passes through.
struct Visit<'a> {
    local: &'a Local,
}

impl<'a> Visit<'a> {
    #[inline(always)]
    fn enter(local: &'a Local) -> Option<Visit<'a>> {
        if local.inside.replace(true) {
            return None;
        }
        local.seen.set(true);
        Some(Visit { local })
    }

    /// Blocks that this thread makes now are recorded.
    #[inline(always)]
    fn records(&self, core: &Core) -> bool {
        gate::state() == State::Session as u32
            && self.local.harness.get() == 0
            && (self.local.own.get() || core.everyone.load(Ordering::Relaxed))
    }

    /// Decides on a request; true: it fails.
    #[inline(always)]
    fn fails(&self, core: &Core, request: &mut Request) -> bool {
        let journal = core.journal();
        if journal.is_null() {
            return false;
        }
        if !self.local.own.get() {
            // SAFETY: the journal outlives the session, and the counter is atomic.
            unsafe { (*journal).others.fetch_add(1, Ordering::Relaxed) };
            return false;
        }
        if !self.local.body.get() || std::thread::panicking() {
            return false;
        }
        // SAFETY: this is the body's own thread, inside the hook once; nobody else writes these while a run is open.
        let (own, journal) = unsafe { (core.own(), &mut *journal) };
        if self.local.exempt.get() != 0 {
            journal.exempt = journal.exempt.wrapping_add(1);
            return false;
        }
        if own.shrink_skip && request.kind as u8 == Kind::Shrink as u8 {
            return false;
        }
        let growth = request.size.saturating_sub(request.old_size) as u64;
        own.point(journal, request, growth, core.live_bytes.load(Ordering::Relaxed))
    }

    /// The backing allocator had nothing.
    #[cold]
    #[inline(never)]
    fn refused(&self, core: &Core, request: Request) {
        let journal = core.journal();
        if self.local.own.get() && !journal.is_null() {
            // SAFETY: as in `fails`.
            let (own, journal) = unsafe { (core.own(), &mut *journal) };
            own.failed(journal, request, false);
        }
    }
}

impl Drop for Visit<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.local.inside.set(false);
    }
}

/// # Safety
/// Those of [`GlobalAlloc::alloc`] for `backing` and `layout`.
#[inline(always)]
unsafe fn plainly(backing: &dyn GlobalAlloc, layout: Layout, kind: Kind) -> *mut u8 {
    // SAFETY: by the obligations of this function.
    unsafe { if kind as u8 == Kind::Zeroed as u8 { backing.alloc_zeroed(layout) } else { backing.alloc(layout) } }
}

/// # Safety
/// Those of [`GlobalAlloc::alloc`] for `backing` and `layout`.
#[inline(never)]
unsafe fn allocate(backing: &dyn GlobalAlloc, layout: Layout, kind: Kind) -> *mut u8 {
    gate::local(|local| {
        let Some(visit) = Visit::enter(local) else {
            // SAFETY: by the obligations of this function; so below.
            return unsafe { plainly(backing, layout, kind) };
        };
        let Some(core) = core::core().filter(|core| visit.records(core)) else {
            // SAFETY: as above.
            let block = unsafe { plainly(backing, layout, kind) };
            learn(local, block);
            return block;
        };
        let mut request = Request {
            size: layout.size(),
            old_size: 0,
            align: layout.align(),
            index: Request::NO_POINT,
            kind,
            benign: local.benign.get() != 0,
        };
        if visit.fails(core, &mut request) {
            crate::sys::no_memory();
            return std::ptr::null_mut();
        }
        // SAFETY: as above.
        let block = unsafe { plainly(backing, layout, kind) };
        if block.is_null() {
            visit.refused(core, request);
        } else {
            if kind as u8 == Kind::Alloc as u8 {
                // SAFETY: the block has that many bytes, and nobody has seen it yet.
                unsafe { fill(block, layout.size()) };
            }
            core.born(block as usize, layout.size(), layout.align(), local);
        }
        block
    })
}

/// What new memory holds, so that a read of what was never written shows.
const FRESH: u8 = 0xAA;
/// More than this is not filled: large blocks come from the system as zeros, and cost something only where they are touched.
const FILLED: usize = 64 * 1024;

/// Wipes what an earlier owner has left: old words would make lost blocks look held.
///
/// # Safety
/// `from` is writable for `len` bytes.
#[inline(always)]
unsafe fn fill(from: *mut u8, len: usize) {
    if len <= FILLED {
        // SAFETY: by the obligation of this function.
        unsafe { from.write_bytes(FRESH, len) };
    }
}

/// A block is about to be freed: it leaves the ledger first, for the backing allocator may hand its address out at once.
#[inline(never)]
fn leaves(block: *mut u8) {
    gate::local(|local| {
        if let Some(_visit) = Visit::enter(local)
            && let Some(core) = core::core()
        {
            let mut gone = Entry::NONE;
            core.remove(block as usize, &mut gone);
        }
    });
}

/// # Safety
/// Those of [`GlobalAlloc::realloc`] for `backing`, `block`, `layout` and `new_size`.
#[inline(never)]
unsafe fn reallocate(backing: &dyn GlobalAlloc, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    // SAFETY: by the obligations of this function.
    let pass = || unsafe { backing.realloc(block, layout, new_size) };
    gate::local(|local| {
        let Some(visit) = Visit::enter(local) else { return pass() };
        let Some(core) = core::core() else { return pass() };
        if core.capture.load(Ordering::Relaxed) == block as usize {
            let moved = pass();
            if !moved.is_null() {
                core.capture.store(moved as usize, Ordering::Relaxed);
            }
            return moved;
        }
        let mut request = Request {
            size: new_size,
            old_size: layout.size(),
            align: layout.align(),
            index: Request::NO_POINT,
            kind: Kind::of_realloc(layout.size(), new_size),
            benign: local.benign.get() != 0,
        };
        let records = visit.records(core);
        if records && visit.fails(core, &mut request) {
            crate::sys::no_memory();
            return std::ptr::null_mut();
        }
        let mut entry = Entry::NONE;
        let known = core.remove(block as usize, &mut entry);
        let moved = pass();
        if moved.is_null() {
            if records {
                visit.refused(core, request);
            }
        } else {
            if records && new_size > layout.size() {
                // SAFETY: these bytes are new, and nobody has seen them yet.
                unsafe { fill(moved.wrapping_add(layout.size()), new_size.wrapping_sub(layout.size())) };
            }
            entry.address = moved as usize;
            entry.size = new_size;
            if !records {
                learn(local, moved);
            }
        }
        if known {
            core.put_back(&entry);
        }
        moved
    })
}
