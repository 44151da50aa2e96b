//! What a `realloc` comes to. See [`calls`](super::calls).

use std::alloc::{GlobalAlloc, Layout};
use std::ptr;
use std::sync::atomic::Ordering;

use super::accuse::{self, Call};
use super::blocks::birth::Birth;
use super::blocks::meta::{GUARDED, OF_THE_PLACE};
use super::blocks::shard::Shard;
use super::blocks::watch::Wrong;
use super::calls::{end, enter, fails, is_foreign, learn, leave, look, records, refused, shard_of};
use super::core::{self, Core};
use super::gate::{self, State};
use super::handles::GLOBAL;
use super::local::Local;
use super::placing::place;
use crate::model::event::{Kind, Request};
use crate::model::memory::Noticed;

/// # Safety
/// Those of [`GlobalAlloc::realloc`] for `backing`, `block`, `layout` and `new_size`; or, for a block of the store's, none: what
/// breaks them is found here.
#[inline(never)]
pub(super) unsafe fn reallocate(backing: &dyn GlobalAlloc, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    // SAFETY: by the obligations of this function; the core is never freed, and `local` is the calling thread's.
    unsafe {
        let (core, local) = (core::quick(), gate::here());
        let address = block as usize;
        if !core::is_ours(address) {
            return reallocate_elsewhere(core, local, backing, block, layout, new_size);
        }
        if gate::state() == State::Off as u32 || !enter(local) {
            return accuse::move_out(core, backing, address, layout, new_size);
        }
        let wanted = Change { block, layout, new_size, new_align: layout.align(), allocator: GLOBAL };
        let moved = if (*core).capture.load(Ordering::Relaxed) == address {
            let moved = change(core, local, wanted, None);
            if !moved.is_null() {
                (*core).capture.store(moved as usize, Ordering::Relaxed);
            }
            moved
        } else if records(core, local) {
            let benign = look!(local, benign, u32) != 0;
            let (size, kind) = (layout.size(), Kind::of_realloc(layout.size(), new_size));
            let index = Request::NO_POINT;
            let align = layout.align();
            let mut request = Request { size: new_size, old_size: size, align, index, kind, benign, allocator: GLOBAL };
            if accuse::breaks_contract(new_size, layout.align()) {
                accuse::bad_request(core, local, Noticed::Realloc, new_size, layout.align(), Some(size))
            } else if fails(core, local, &mut request) {
                crate::sys::no_memory();
                ptr::null_mut()
            } else {
                change(core, local, wanted, Some(request))
            }
        } else {
            let moved = change(core, local, wanted, None);
            learn(local, moved);
            moved
        };
        leave(local);
        moved
    }
}

/// What is asked of a block.
#[derive(Clone, Copy)]
pub(super) struct Change {
    /// The block.
    pub(super) block: *mut u8,
    /// What the caller says that it is.
    pub(super) layout: Layout,
    /// The size that it is to have.
    pub(super) new_size: usize,
    /// The alignment that it is to have.
    pub(super) new_align: usize,
    /// The allocator that is called.
    pub(super) allocator: u8,
}

/// Gives a block of the store's another size, or another alignment.
///
/// # Safety
/// As for [`records`]; the thread is inside.
#[inline(always)]
pub(super) unsafe fn change(
    core: *const Core,
    local: *const Local,
    change: Change,
    request: Option<Request>,
) -> *mut u8 {
    // SAFETY: by the obligations of this function.
    unsafe {
        let store = (*core).store;
        let Change { block, layout, new_size, new_align, allocator } = change;
        let address = block as usize;
        let meta = store.slot_of(address);
        let wrong = store.claim(meta, address, layout, allocator);
        if !matches!(wrong, Wrong::Nothing) {
            let call = Call { noticed: Noticed::Realloc, address, layout, new_size: Some(new_size), allocator };
            if !accuse::bad_block(core, local, meta, wrong, &call) {
                return ptr::null_mut();
            }
        }
        let (shard, session) = (shard_of(core, local), (*core).session_number());
        let guarded = (*meta).marks & GUARDED != 0 || ((*core).guards() && (*meta).session == session);
        let realigns = new_align.trailing_zeros() != u32::from((*meta).align);
        let moves = guarded || realigns || (request.is_some() && (*core).own().moves);
        if !moves {
            Shard::enter(shard, store.common());
            let fits = store.resize(shard, meta, new_size, session);
            Shard::leave(shard, store.common());
            if fits {
                store.keep(meta);
                return block;
            }
        }
        let (of, thread) = ((*meta).session, (*meta).thread);
        let counted = of == session && of != 0;
        let (marks, allocator) = ((*meta).marks & !OF_THE_PLACE, (*meta).allocator);
        let birth = Birth { session: of, thread, marks, allocator, stack: 0, kind: Kind::Alloc, counted };
        let moved = place(core, local, new_size, new_align, &birth);
        if moved.is_null() {
            store.keep(meta);
            if let Some(request) = request {
                refused(core, local, request);
            }
            return moved;
        }
        if of != session && of != 0 {
            Shard::enter(shard, store.common());
            Shard::count_moved(shard);
            Shard::leave(shard, store.common());
        }
        store.hand_over(meta, store.slot_of(moved as usize));
        end(core, local, meta);
        moved
    }
}

/// A block that the backing allocator gave out.
///
/// # Safety
/// Those of [`reallocate`].
#[cold]
#[inline(never)]
unsafe fn reallocate_elsewhere(
    core: *const Core,
    local: *const Local,
    backing: &dyn GlobalAlloc,
    block: *mut u8,
    layout: Layout,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: by the obligations of this function.
    let pass = || unsafe { backing.realloc(block, layout, new_size) };
    // SAFETY: as above.
    unsafe {
        if core.is_null() {
            return pass();
        }
        if is_foreign(core, local, block as usize, layout, Some(new_size)) {
            return ptr::null_mut();
        }
        if !enter(local) {
            return pass();
        }
        let captured = (*core).capture.load(Ordering::Relaxed) == block as usize;
        let kind = Kind::of_realloc(layout.size(), new_size);
        let benign = (*local).benign.get() != 0;
        let (size, index) = (layout.size(), Request::NO_POINT);
        let align = layout.align();
        let mut request = Request { size: new_size, old_size: size, align, index, kind, benign, allocator: GLOBAL };
        let records = !captured && records(core, local);
        let moved = if records && fails(core, local, &mut request) {
            crate::sys::no_memory();
            ptr::null_mut()
        } else {
            let moved = pass();
            if moved.is_null() && records {
                refused(core, local, request);
            }
            moved
        };
        if captured && !moved.is_null() {
            (*core).capture.store(moved as usize, Ordering::Relaxed);
        } else if !records {
            learn(local, moved);
        }
        leave(local);
        moved
    }
}
