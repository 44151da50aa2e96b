//! The allocators that a body is called with: each a number, whose blocks stand in the store beside all others and bear it.
//!
//! What is asked of one goes through the same steps as a request of the global allocator: trigger, store, guard. Only the requests of
//! the allocator that is being swept are points; those of the others are checked, and never fail by a fault.

use std::alloc::Layout;
use std::ptr;
use std::sync::atomic::Ordering;

use super::accuse::{self, Call};
use super::blocks::meta::{LIVE, Meta};
use super::blocks::watch::Wrong;
use super::calls::{birth, end, enter, fails, leave, look, refused};
use super::core::{self, Core};
use super::gate::{self, State};
use super::local::Local;
use super::moves::{self, Change};
use super::placing::place;
use crate::model::event::{Kind, Request};
use crate::model::memory::Noticed;

/// The number of the global allocator, which is nobody's handle.
pub(crate) const GLOBAL: u8 = 0;

/// One allocator of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Handle {
    /// The run; 0: none, so nobody watches.
    session: u32,
    /// Which of the run's allocators, from 1.
    number: u8,
}

/// Who answers a handle's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// The store: the handle's run is open.
    Store,
    /// The system: no run watches it, or this is a process that the body forked.
    System,
    /// Nobody: its run is over.
    Nobody,
}

impl Handle {
    /// The allocator with this number, from 1, of the run that is open on this thread; outside a run one that nobody watches.
    pub(crate) fn of_this_run(number: u8) -> Handle {
        let is_open = gate::state() == State::Session as u32 && gate::local(|local| local.own.get());
        let session = core::core().filter(|_| is_open).map_or(0, Core::session_number);
        Handle { session, number }
    }

    /// Its number among the allocators of its run, from 1.
    pub(crate) fn number(self) -> u8 {
        self.number
    }

    /// Who answers its calls now.
    pub(crate) fn answers(self) -> Answers {
        let Some(core) = core::core().filter(|_| self.session != 0) else { return Answers::System };
        if self.session != core.session_number() {
            return Answers::Nobody;
        }
        match gate::state() {
            state if state == State::Session as u32 => Answers::Store,
            // The gate's page was wiped by a fork in the middle of the run.
            state if state == State::Off as u32 && !core.journal().is_null() => Answers::System,
            _ => Answers::Nobody,
        }
    }

    /// Counts a request that nobody answers: the run that is open may come to its end by it.
    pub(crate) fn count_unanswered(self) {
        let Some(core) = core::core().filter(|_| gate::state() == State::Session as u32) else { return };
        let journal = core.journal();
        if !journal.is_null() {
            // SAFETY: the journal outlives the run, and the counter is atomic.
            unsafe { (*journal).stale.fetch_add(1, Ordering::Relaxed) };
        }
    }

    /// Whether a live block begins here: then a layout of no bytes is wrong for it. The store answers for this handle.
    pub(crate) fn is_block(self, address: usize) -> bool {
        let Some(core) = core::core().filter(|_| core::is_ours(address)) else { return false };
        let meta = core.store.slot_of(address);
        // SAFETY: a meta of the store's, if it is not null; its state is atomic, and its address is looked at only while a block stands there.
        unsafe { !meta.is_null() && (*meta).state.load(Ordering::Acquire) == LIVE && (*meta).address == address }
    }

    fn request(self, local: &Local, kind: Kind, old: usize, new: Layout) -> Request {
        Request {
            size: new.size(),
            old_size: old,
            align: new.align(),
            index: Request::NO_POINT,
            kind,
            benign: local.benign.get() != 0,
            allocator: self.number,
        }
    }

    /// A block, or null. `layout` has a size. The store answers for this handle; `None`: not on this thread now, for it is in
    /// the middle of another call.
    pub(crate) fn allocate(self, layout: Layout, kind: Kind) -> Option<*mut u8> {
        // SAFETY: the core is never freed, and `local` is the calling thread's, which is inside from here to `leave`.
        unsafe {
            let (core, local) = (core::quick(), gate::here());
            if !enter(local) {
                return None;
            }
            let request = self.request(&*local, kind, 0, layout);
            let block = self.serve(core, local, request);
            leave(local);
            Some(block)
        }
    }

    /// What a `grow` of a block of no bytes comes to: a new block. Otherwise as [`allocate`](Handle::allocate).
    pub(crate) fn grow_from_nothing(self, layout: Layout, zeroed: bool) -> Option<*mut u8> {
        let block = self.allocate(layout, Kind::Grow)?;
        if zeroed && !block.is_null() {
            // SAFETY: a new block of this size.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        Some(block)
    }

    /// # Safety
    /// Both are valid, and `local` is the calling thread's, which is inside.
    unsafe fn serve(self, core: *const Core, local: *const Local, mut request: Request) -> *mut u8 {
        // SAFETY: by the obligation of this function.
        unsafe {
            let records = look!(local, harness, u32) == 0;
            if records && fails(core, local, &mut request) {
                return ptr::null_mut();
            }
            let layout = Layout::from_size_align_unchecked(request.size, request.align);
            let kind = if request.kind == Kind::Zeroed { Kind::Zeroed } else { Kind::Alloc };
            let mut birth = birth(core, local, records, layout, kind);
            birth.allocator = self.number;
            if records {
                // The run may have ended since this was asked.
                birth.session = self.session;
            }
            let block = place(core, local, request.size, request.align, &birth);
            if block.is_null() && records {
                refused(core, local, request);
            }
            block
        }
    }

    /// Takes a block back, whatever the pointer is: what is wrong with it is found here. A block of a run that is over stays where it
    /// is for ever.
    ///
    /// # Safety
    /// `block` is no pointer of the system's allocator that somebody still uses, or it was given out by this handle.
    pub(crate) unsafe fn free(self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `allocate`.
        unsafe {
            let (core, local) = (core::quick(), gate::here());
            let (address, allocator) = (block as usize, self.number);
            let call = Call { noticed: Noticed::Free, address, layout, new_size: None, allocator };
            if gate::state() == State::Off as u32 || !enter(local) {
                if core::is_ours(address) {
                    accuse::drop_unwatched(core, address);
                }
                return;
            }
            if !core::is_ours(address) {
                accuse::foreign_block(core, local, &call);
                return leave(local);
            }
            let store = (*core).store;
            let meta = store.slot_of(address);
            if self.is_parked(core, meta) {
                accuse::drop_unwatched(core, address);
                return leave(local);
            }
            let wrong = match self.is_of_another_run(meta) {
                true => Wrong::Allocator,
                false => store.claim(meta, address, layout, allocator),
            };
            if wrong == Wrong::Nothing || accuse::bad_block(core, local, meta, wrong, &call) {
                end(core, local, meta);
            }
            leave(local);
        }
    }

    /// Whether this is a block of this very handle, whose run is over: it was reported then.
    ///
    /// # Safety
    /// The core is valid; the meta is one of its store's, or null.
    unsafe fn is_parked(self, core: *const Core, meta: *const Meta) -> bool {
        // SAFETY: by the obligations of this function.
        unsafe {
            let is_over = self.session != (*core).session_number() || gate::state() != State::Session as u32;
            is_over && !meta.is_null() && (*meta).allocator == self.number && (*meta).session == self.session
        }
    }

    /// Whether a live block was given out by an allocator of another run than this one.
    ///
    /// # Safety
    /// The meta is one of the store's, or null.
    unsafe fn is_of_another_run(self, meta: *const Meta) -> bool {
        // SAFETY: by the obligation of this function.
        unsafe {
            !meta.is_null()
                && (*meta).state.load(Ordering::Acquire) == LIVE
                && (*meta).session != 0
                && (*meta).session != self.session
        }
    }

    /// Gives a block another layout: a `grow` or a `shrink`, of which neither size is zero. The block that takes its place, or null, and
    /// then it is what it was. What is new in it is zeros if `zeroed`. The store answers for this handle; `None`: see
    /// [`allocate`](Handle::allocate).
    ///
    /// # Safety
    /// Those of `free`; and the block may have another owner by then only if this is on record.
    pub(crate) unsafe fn resize(self, block: *mut u8, old: Layout, new: Layout, zeroed: bool) -> Option<*mut u8> {
        // SAFETY: as in `allocate`.
        unsafe {
            let (core, local) = (core::quick(), gate::here());
            if !enter(local) {
                return None;
            }
            let mut request = self.request(&*local, Kind::of_realloc(old.size(), new.size()), old.size(), new);
            let records = look!(local, harness, u32) == 0;
            let moved = if records && fails(core, local, &mut request) {
                ptr::null_mut()
            } else {
                self.change(core, local, block, (old, new), records.then_some(request))
            };
            if zeroed && !moved.is_null() && new.size() > old.size() {
                moved.add(old.size()).write_bytes(0, new.size().wrapping_sub(old.size()));
            }
            leave(local);
            Some(moved)
        }
    }

    /// # Safety
    /// Those of [`resize`](Handle::resize); both are valid, and the thread is inside.
    unsafe fn change(
        self,
        core: *const Core,
        local: *const Local,
        block: *mut u8,
        (old, new): (Layout, Layout),
        request: Option<Request>,
    ) -> *mut u8 {
        // SAFETY: by the obligations of this function.
        unsafe {
            let (address, allocator, new_size) = (block as usize, self.number, new.size());
            let call = Call { noticed: Noticed::Realloc, address, layout: old, new_size: Some(new_size), allocator };
            if !core::is_ours(address) {
                accuse::foreign_block(core, local, &call);
                return ptr::null_mut();
            }
            let meta = (*core).store.slot_of(address);
            if self.is_of_another_run(meta) {
                if accuse::bad_block(core, local, meta, Wrong::Allocator, &call) {
                    (*core).store.keep(meta);
                }
                return ptr::null_mut();
            }
            let change = Change { block, layout: old, new_size, new_align: new.align(), allocator };
            moves::change(core, local, change, request)
        }
    }
}
