//! What the calls of a program come to while a test is about. Written for a build without optimisation: raw places, one
//! instruction for each shared word, no closures, nothing generic on the way that every call takes.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr;
use std::sync::atomic::Ordering;

use super::accuse::{self, Call};
use super::blocks::birth::Birth;
use super::blocks::meta::{HARNESS, Meta, UNTRACKED};
use super::blocks::shard::Shard;
use super::blocks::watch::Wrong;
use super::branch;
use super::core::{self, Core, is_set};
use super::gate::{self, State};
use super::handles::GLOBAL;
use super::local::Local;
use super::placing::place;
use crate::model::event::{Kind, Request};
use crate::model::memory::Noticed;
use crate::sys::{locals, seen, threads};

/// Reads a cell of a place, without a call in a build without optimisation.
macro_rules! look {
    ($local:expr, $field:ident, $type:ty) => {
        *(&raw const (*$local).$field as *const $type)
    };
}
pub(super) use look;

/// # Safety
/// Those of [`GlobalAlloc::alloc`] for `backing` and `layout`.
#[inline(always)]
unsafe fn plainly(backing: &dyn GlobalAlloc, layout: Layout, kind: Kind) -> *mut u8 {
    // SAFETY: by the obligations of this function.
    unsafe { if kind as u8 == Kind::Zeroed as u8 { backing.alloc_zeroed(layout) } else { backing.alloc(layout) } }
}

/// Blocks that this thread makes now belong to the open session.
///
/// # Safety
/// Both are valid; `local` is the calling thread's.
#[inline(always)]
pub(super) unsafe fn records(core: *const Core, local: *const Local) -> bool {
    // SAFETY: by the obligations of this function.
    unsafe {
        gate::state() == State::Session as u32
            && look!(local, harness, u32) == 0
            && (look!(local, own, bool) || is_set(&(*core).everyone) || is_of_body(core, local))
    }
}

/// Whether the body has started this thread, or one that it has started did.
///
/// # Safety
/// As for [`records`].
#[cold]
#[inline(never)]
unsafe fn is_of_body(core: *const Core, local: *const Local) -> bool {
    // SAFETY: by the obligations of this function.
    let (core, local) = unsafe { (&*core, &*local) };
    let session = core.session_number();
    if local.asked.get() != session {
        local.asked.set(session);
        local.mine.set(threads::is_marked());
    }
    local.mine.get()
}

/// The number of a thread other than the body's own, which may not have made a block yet.
///
/// # Safety
/// As for [`records`].
#[inline(always)]
unsafe fn number_of(core: *const Core, local: *const Local) -> u32 {
    // SAFETY: by the obligations of this function.
    unsafe {
        if look!(local, number, u32) == 0 && gate::state() == State::Session as u32 {
            (*core).number_thread(&*local);
        }
        look!(local, number, u32)
    }
}

/// Where this thread's free slots are.
///
/// # Safety
/// As for [`records`].
#[inline(always)]
pub(super) unsafe fn shard_of(core: *const Core, local: *const Local) -> *mut Shard {
    // SAFETY: by the obligations of this function.
    unsafe {
        let shard = look!(local, shard, *mut Shard);
        if shard.is_null() { find_shard(core, local) } else { shard }
    }
}

/// # Safety
/// As for [`records`].
#[cold]
#[inline(never)]
unsafe fn find_shard(core: *const Core, local: *const Local) -> *mut Shard {
    // SAFETY: by the obligations of this function; the shard is the calling thread's from now on, or the common one, whose owner
    // nobody asks for.
    unsafe {
        let shard = (*core).store.shard(local as usize);
        if shard != (*core).store.common() {
            (*shard).system_id.store(threads::id(), Ordering::Release);
        }
        seen::note_thread(locals::thread_pointer());
        (*local).shard.set(shard);
        shard
    }
}

/// Decides on a request; true: it fails.
///
/// # Safety
/// As for [`records`], of which the answer was yes.
#[inline(always)]
pub(super) unsafe fn fails(core: *const Core, local: *const Local, request: &mut Request) -> bool {
    // SAFETY: by the obligations of this function. The journal outlives the session. On the body's own thread, inside the hook
    // once, nobody else writes the own part while a run is open.
    unsafe {
        if !look!(local, own, bool) || is_set(&(*core).all_threads) {
            return fails_elsewhere(core, local, request);
        }
        let journal = (*core).journal();
        if journal.is_null() || !look!(local, body, bool) || std::thread::panicking() {
            return false;
        }
        if request.allocator != (*core).own().space {
            (*journal).beside = (*journal).beside.wrapping_add(u64::from(request.allocator == GLOBAL));
            return false;
        }
        if look!(local, exempt, u32) != 0 {
            (*journal).exempt = (*journal).exempt.wrapping_add(1);
            return false;
        }
        let own = (*core).own();
        if own.shrink_skip && request.kind as u8 == Kind::Shrink as u8 {
            return false;
        }
        let growth = request.size.saturating_sub(request.old_size) as u64;
        let live = if own.asks_for_live() { (*core).live_now().1 } else { 0 };
        if own.branch.next() == own.trigger.upcoming() {
            return fails_in_a_copy(core, local, request, growth, live);
        }
        let fails = own.point(&mut *journal, request, growth, live);
        (*core).refresh_fast(&*journal);
        fails
    }
}

/// The same where copies of the process are to be made first; in them, and in the original.
///
/// # Safety
/// As for [`fails`], and all that it looks at was looked at.
#[cold]
#[inline(never)]
unsafe fn fails_in_a_copy(
    core: *const Core,
    local: *const Local,
    request: &mut Request,
    growth: u64,
    live: u64,
) -> bool {
    // SAFETY: by the obligations of this function. A copy has another journal.
    unsafe {
        if branch::split(&*core, (*core).own()) {
            (*core).open_fast(&*local);
        }
        let journal = (*core).journal();
        let fails = (*core).own().point(&mut *journal, request, growth, live);
        (*core).refresh_fast(&*journal);
        fails
    }
}

/// The same where requests of other threads are points too, and for those that are none.
///
/// # Safety
/// As for [`fails`].
#[cold]
#[inline(never)]
unsafe fn fails_elsewhere(core: *const Core, local: *const Local, request: &mut Request) -> bool {
    // SAFETY: by the obligations of this function.
    let (core, local) = unsafe { (&*core, &*local) };
    let journal = core.journal();
    if journal.is_null() {
        return false;
    }
    // SAFETY: the space is changed between runs only.
    if request.allocator != unsafe { core.own() }.space {
        // Of the own thread alone, as in `fails`.
        if request.allocator == GLOBAL && local.own.get() && local.body.get() && !std::thread::panicking() {
            // SAFETY: the journal outlives the session, and no other thread writes this word.
            unsafe { (*journal).beside = (*journal).beside.wrapping_add(1) };
        }
        return false;
    }
    if !core.all_threads.load(Ordering::Relaxed) {
        // SAFETY: the journal outlives the session, and the counter is atomic.
        unsafe { (*journal).others.fetch_add(1, Ordering::Relaxed) };
        return false;
    }
    let runs = if local.own.get() { local.body.get() } else { core.body_runs.load(Ordering::Acquire) };
    if !runs || std::thread::panicking() {
        return false;
    }
    core.with_own_locked(|own| {
        // SAFETY: the lock is held by every thread that comes here.
        let journal = unsafe { &mut *journal };
        if local.exempt.get() != 0 {
            journal.exempt = journal.exempt.wrapping_add(1);
            return false;
        }
        if own.shrink_skip && request.kind == Kind::Shrink {
            return false;
        }
        let growth = request.size.saturating_sub(request.old_size) as u64;
        let live = if own.asks_for_live() { core.live_now().1 } else { 0 };
        own.point(journal, request, growth, live)
    })
}

/// There was no memory, without a fault.
///
/// # Safety
/// As for [`records`].
#[cold]
#[inline(never)]
pub(super) unsafe fn refused(core: *const Core, local: *const Local, request: Request) {
    // SAFETY: by the obligations of this function.
    let (core, local) = unsafe { (&*core, &*local) };
    let journal = core.journal();
    if local.own.get() && !journal.is_null() {
        // SAFETY: as in `fails`.
        unsafe { core.own().failed(&mut *journal, request, false) };
    }
    crate::sys::no_memory();
}

/// What a block that is born now is marked with.
///
/// # Safety
/// As for [`records`], of which `records` is the answer.
#[inline(always)]
pub(super) unsafe fn birth(core: *const Core, local: *const Local, records: bool, layout: Layout, kind: Kind) -> Birth {
    // SAFETY: by the obligations of this function.
    unsafe {
        if !records {
            let marks = if look!(local, harness, u32) != 0 { HARNESS } else { 0 };
            return Birth { session: 0, thread: 0, marks, allocator: 0, stack: 0, kind, counted: false };
        }
        let mut birth = Birth { session: 0, thread: 0, marks: 0, allocator: 0, stack: 0, kind, counted: true };
        birth.session = (*core).session_number();
        if !look!(local, own, bool) {
            birth.thread = number_of(core, local);
        }
        if look!(local, untracked, u32) != 0 {
            birth.marks = UNTRACKED;
        }
        if is_set(&(*core).stacks_wanted) {
            birth.stack = (*core).life_stack(layout.size(), layout.align(), look!(local, own, bool));
        }
        birth
    }
}

/// Notes a block that nobody records, while one is being looked for.
#[inline(always)]
pub(super) fn learn(local: *const Local, block: *mut u8) {
    // SAFETY: the calling thread's.
    unsafe {
        if look!(local, latest, usize) != 0 {
            (*local).latest.set(!(block as usize));
        }
    }
}

/// The thread is inside the hook. False: it was, so this is a signal handler's call, or one of our own: it passes through.
///
/// # Safety
/// `local` is the calling thread's.
#[inline(always)]
pub(super) unsafe fn enter(local: *const Local) -> bool {
    // SAFETY: by the obligation of this function; a cell is laid out as what it holds.
    unsafe {
        let inside = &raw const (*local).inside as *mut bool;
        if *inside {
            return false;
        }
        *inside = true;
        *(&raw const (*local).seen as *mut bool) = true;
        true
    }
}

/// # Safety
/// As for [`enter`], which said yes.
#[inline(always)]
pub(super) unsafe fn leave(local: *const Local) {
    // SAFETY: by the obligation of this function.
    unsafe { *(&raw const (*local).inside as *mut bool) = false };
}

/// # Safety
/// Those of [`GlobalAlloc::alloc`] for `backing` and `layout`.
#[inline(never)]
pub(super) unsafe fn allocate(backing: &dyn GlobalAlloc, layout: Layout, kind: Kind) -> *mut u8 {
    // SAFETY: by the obligations of this function; the core is never freed, and `local` is the calling thread's.
    unsafe {
        let (core, local) = (core::quick(), gate::here());
        if core.is_null() || !enter(local) {
            if core.is_null() {
                (*local).seen.set(true);
            }
            return plainly(backing, layout, kind);
        }
        let records = records(core, local);
        let block = if records {
            serve(core, local, layout, kind)
        } else {
            let block = serve_silently(core, local, backing, layout, kind);
            learn(local, block);
            block
        };
        leave(local);
        block
    }
}

/// # Safety
/// As for [`records`], of which the answer was yes; the thread is inside.
#[inline(always)]
unsafe fn serve(core: *const Core, local: *const Local, layout: Layout, kind: Kind) -> *mut u8 {
    // SAFETY: by the obligations of this function.
    unsafe {
        let (size, align) = (layout.size(), layout.align());
        if accuse::breaks_contract(size, align) {
            return accuse::bad_request(core, local, Noticed::Alloc, size, align, None);
        }
        let benign = look!(local, benign, u32) != 0;
        let index = Request::NO_POINT;
        let mut request = Request { size, old_size: 0, align, index, kind, benign, allocator: GLOBAL };
        if fails(core, local, &mut request) {
            crate::sys::no_memory();
            return ptr::null_mut();
        }
        let birth = birth(core, local, true, layout, kind);
        let block = place(core, local, size, align, &birth);
        if block.is_null() {
            refused(core, local, request);
        }
        block
    }
}

/// A block that is nobody's request.
///
/// # Safety
/// As for [`records`], of which the answer was no; the thread is inside; and those of [`allocate`].
#[inline(always)]
unsafe fn serve_silently(
    core: *const Core,
    local: *const Local,
    backing: &dyn GlobalAlloc,
    layout: Layout,
    kind: Kind,
) -> *mut u8 {
    // SAFETY: by the obligations of this function.
    unsafe {
        if is_set(&(*core).serves_all) && !accuse::breaks_contract(layout.size(), layout.align()) {
            let birth = birth(core, local, false, layout, kind);
            let block = place(core, local, layout.size(), layout.align(), &birth);
            if !block.is_null() {
                return block;
            }
            // From now on there are blocks of the program's elsewhere.
            (*core).strict.store(false, Ordering::Release);
        }
        plainly(backing, layout, kind)
    }
}

/// # Safety
/// Those of [`GlobalAlloc::dealloc`] for `backing`, `block` and `layout`; or, for a block of the store's, none: what breaks them is
/// found here.
#[inline(never)]
pub(super) unsafe fn free(backing: &dyn GlobalAlloc, block: *mut u8, layout: Layout) {
    // SAFETY: by the obligations of this function; the core is never freed, and `local` is the calling thread's.
    unsafe {
        let (core, local) = (core::quick(), gate::here());
        let address = block as usize;
        if !core::is_ours(address) {
            if !(core.is_null() || is_foreign(core, local, address, layout, None)) {
                backing.dealloc(block, layout);
            }
            return;
        }
        if gate::state() == State::Off as u32 || !enter(local) {
            accuse::drop_unwatched(core, address);
            return;
        }
        let store = (*core).store;
        let meta = store.slot_of(address);
        match store.claim(meta, address, layout, GLOBAL) {
            Wrong::Nothing => end(core, local, meta),
            wrong => {
                let call = Call { noticed: Noticed::Free, address, layout, new_size: None, allocator: GLOBAL };
                if accuse::bad_block(core, local, meta, wrong, &call) {
                    end(core, local, meta);
                }
            }
        }
        leave(local);
    }
}

/// Ends the life of a block that was claimed.
///
/// # Safety
/// As for [`records`]; the thread is inside, and has claimed the block.
#[inline(always)]
pub(super) unsafe fn end(core: *const Core, local: *const Local, meta: *mut Meta) {
    // SAFETY: by the obligations of this function.
    unsafe {
        if is_set(&(*core).frees_wanted) {
            let align = 1_usize.wrapping_shl(u32::from((*meta).align));
            (*meta).freed_stack = (*core).life_stack((*meta).born_size, align, look!(local, own, bool));
        }
        (*meta).freed_by = if look!(local, own, bool) { 0 } else { number_of(core, local) as u16 };
        let store = (*core).store;
        let shard = shard_of(core, local);
        Shard::enter(shard, store.common());
        let written = store.end_life(shard, meta, (*core).session_number());
        Shard::leave(shard, store.common());
        if !written.is_null() {
            accuse::written_after_free(core, local, written, Noticed::Eviction);
        }
    }
}

/// Whether a pointer that does not stand in the store was never given out at all, which is then on record.
///
/// # Safety
/// As for [`records`].
#[cold]
#[inline(never)]
pub(super) unsafe fn is_foreign(
    core: *const Core,
    local: *const Local,
    address: usize,
    layout: Layout,
    new_size: Option<usize>,
) -> bool {
    // SAFETY: by the obligations of this function.
    unsafe {
        if !records(core, local) || !enter(local) {
            return false;
        }
        let noticed = if new_size.is_some() { Noticed::Realloc } else { Noticed::Free };
        let found = accuse::foreign_block(core, local, &Call { noticed, address, layout, new_size, allocator: GLOBAL });
        leave(local);
        found
    }
}
