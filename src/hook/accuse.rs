//! What is done about a call that breaks the contract of allocation: it is put on record, and never reaches an allocator.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr;
use std::sync::atomic::Ordering;

use super::blocks::meta::{FREE, FRESH, HELD, LIVE, MOVED, Meta, QUARANTINED};
use super::blocks::watch::Wrong;
use super::blocks::zones;
use super::core::Core;
use super::gate;
use super::handles::GLOBAL;
use super::local::Local;
use crate::model::code::Code;
use crate::model::memory::{Accused, Damage, MemoryError, Noticed, Place};
use crate::model::stack::RawStack;
use crate::sys::{bytes, place, process, stacks};

/// How a process of ours ends that was stopped at a memory error.
pub(crate) const STOPPED: i32 = 98;

/// A call that gives back or resizes a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// `Free` or `Realloc`.
    pub(super) noticed: Noticed,
    /// The pointer.
    pub(super) address: usize,
    /// What the caller says that the block is.
    pub(super) layout: Layout,
    /// The size that it is to have.
    pub(super) new_size: Option<usize>,
    /// The allocator that is called.
    pub(super) allocator: u8,
}

/// Whether a request breaks the contract of `GlobalAlloc`: a size above zero, an alignment that is a power of two, and the two
/// within `isize::MAX` together.
#[inline(always)]
pub(super) fn breaks_contract(size: usize, align: usize) -> bool {
    let most = (isize::MAX as usize).wrapping_sub(align.wrapping_sub(1));
    size == 0 || align == 0 || align & align.wrapping_sub(1) != 0 || size > most
}

/// A request that breaks the contract; it comes back empty-handed.
///
/// # Safety
/// Both are valid; `local` is the calling thread's, which is inside.
#[cold]
#[inline(never)]
pub(super) unsafe fn bad_request(
    core: *const Core,
    local: *const Local,
    noticed: Noticed,
    size: usize,
    align: usize,
    old_size: Option<usize>,
) -> *mut u8 {
    let mut error = MemoryError::new(Code::WrongLayout, noticed);
    error.given = Some((old_size.unwrap_or(size), align));
    error.new_size = old_size.map(|_| size);
    // SAFETY: by the obligations of this function.
    unsafe { put_on_record(&*core, &*local, error) };
    ptr::null_mut()
}

/// A call that gives back or resizes a block of the store's, and that something is wrong with. True: the run goes on, and so does the
/// call, as if it had been right; the block is then claimed.
///
/// # Safety
/// As for [`bad_request`]; `meta` is what the store has for the address, and `wrong` is what was found.
#[cold]
#[inline(never)]
pub(super) unsafe fn bad_block(
    core: *const Core,
    local: *const Local,
    meta: *mut Meta,
    wrong: Wrong,
    call: &Call,
) -> bool {
    // SAFETY: by the obligations of this function.
    unsafe {
        let (core, local) = (&*core, &*local);
        let mut error = MemoryError::new(code_of(wrong), call.noticed);
        error.given = Some((call.layout.size(), call.layout.align()));
        error.new_size = call.new_size;
        error.allocator = u32::from(call.allocator);
        match wrong {
            Wrong::NoBlock => (error.place, error.block, error.offset) = whereabouts(core, call.address),
            Wrong::Nothing | Wrong::Freed | Wrong::Layout | Wrong::Allocator => error.block = Some(accused(core, meta)),
            Wrong::Damaged => {
                let (behind, before) = core.store.damage_round(meta);
                if behind.is_none() {
                    error.code = Code::Underflow;
                }
                error.damage = behind.or(before);
                error.block = Some(accused(core, meta));
            }
        }
        put_on_record(core, local, error);
        if !matches!(wrong, Wrong::Layout | Wrong::Damaged | Wrong::Allocator) {
            return false;
        }
        core.store.repair(meta);
        let align = 1_usize.wrapping_shl(u32::from((*meta).align));
        let layout = Layout::from_size_align_unchecked((*meta).size, align);
        matches!(core.store.claim(meta, call.address, layout, (*meta).allocator), Wrong::Nothing)
    }
}

fn code_of(wrong: Wrong) -> Code {
    match wrong {
        Wrong::NoBlock => Code::InvalidFree,
        Wrong::Freed => Code::DoubleFree,
        Wrong::Layout | Wrong::Nothing => Code::WrongLayout,
        Wrong::Allocator => Code::MixedAllocators,
        Wrong::Damaged => Code::Overflow,
    }
}

/// A pointer that does not stand in the store: whether it can't have been given out, which is then on record.
///
/// # Safety
/// As for [`bad_request`].
pub(super) unsafe fn foreign_block(core: *const Core, local: *const Local, call: &Call) -> bool {
    // SAFETY: by the obligations of this function.
    let (core, local) = unsafe { (&*core, &*local) };
    let place = told_by_pattern(place::place_of(call.address, stacks::pointer()), call.address);
    let certain = match place {
        Place::Null | Place::NearNull | Place::Stack | Place::ThreadLocal | Place::Unmapped => true,
        Place::OfUnwritten | Place::OfFreed | Place::OfZone => true,
        // An allocator of the program's own may have all its memory in a static.
        Place::Static => cfg!(feature = "global"),
        _ => false,
    };
    // A handle gives out blocks of the store, and no others.
    if !certain && call.allocator == GLOBAL && !core.strict.load(Ordering::Acquire) {
        // It may have been given out before the first test began.
        return false;
    }
    let mut error = MemoryError::new(Code::InvalidFree, call.noticed);
    error.place = place;
    error.offset = if place == Place::NearNull { call.address as i64 } else { 0 };
    error.given = Some((call.layout.size(), call.layout.align()));
    error.new_size = call.new_size;
    error.allocator = u32::from(call.allocator);
    put_on_record(core, local, error);
    true
}

/// Where no memory is: whether the pointer is made of bytes that we wrote where no pointer was.
pub(crate) fn told_by_pattern(place: Place, address: usize) -> Place {
    match (place, zones::pattern_of(address)) {
        (Place::Unmapped, Some(zones::NEW)) => Place::OfUnwritten,
        (Place::Unmapped, Some(zones::FREED)) => Place::OfFreed,
        (Place::Unmapped, Some(_)) => Place::OfZone,
        (place, _) => place,
    }
}

/// A block that was written after it was freed.
///
/// # Safety
/// As for [`bad_request`]; the meta is one of the store's, of a freed block.
#[cold]
#[inline(never)]
pub(super) unsafe fn written_after_free(core: *const Core, local: *const Local, meta: *mut Meta, noticed: Noticed) {
    // SAFETY: by the obligations of this function.
    unsafe {
        let (core, local) = (&*core, &*local);
        let mut error = MemoryError::new(Code::UseAfterFree, noticed);
        error.block = Some(accused(core, meta));
        error.damage = core.store.damage_after(meta);
        error.offset = error.damage.map_or(0, |damage: Damage| damage.at);
        error.place = Place::Inside;
        put_on_record(core, local, error);
        core.store.mend_freed(meta);
    }
}

/// A live block round which something was written, when the run is over or the body asks.
///
/// # Safety
/// As for [`bad_request`]; the meta is one of the store's, of a live block that nobody uses meanwhile.
pub(super) unsafe fn damaged(core: &Core, local: &Local, meta: *mut Meta, noticed: Noticed) {
    // SAFETY: by the obligations of this function.
    unsafe {
        let (behind, before) = core.store.damage_round(meta);
        let code = if behind.is_some() { Code::Overflow } else { Code::Underflow };
        let mut error = MemoryError::new(code, noticed);
        error.damage = behind.or(before);
        error.block = Some(accused(core, meta));
        put_on_record(core, local, error);
        core.store.repair(meta);
    }
}

/// What an address of the store is: the block that it lies in or beside, and how far from its first byte.
///
/// # Safety
/// The core is valid.
pub(super) unsafe fn whereabouts(core: &Core, address: usize) -> (Place, Option<Accused>, i64) {
    let meta = core.store.slot_of(address);
    // SAFETY: a meta of the store's.
    unsafe {
        if meta.is_null() || (*meta).state.load(Ordering::Acquire) == FRESH {
            return (Place::NoBlock, None, 0);
        }
        let (start, size) = ((*meta).address, (*meta).size);
        let offset = address.wrapping_sub(start) as i64;
        let place = if address < start {
            Place::Before
        } else if address == start {
            Place::Start
        } else if address.wrapping_sub(start) <= size {
            Place::Inside
        } else {
            Place::Behind
        };
        (place, Some(accused(core, meta)), offset)
    }
}

/// What is known of a block.
///
/// # Safety
/// The meta is one of the store's, of a slot that a block has stood in.
pub(super) unsafe fn accused(core: &Core, meta: *const Meta) -> Accused {
    // SAFETY: by the obligation of this function.
    unsafe {
        let state = (*meta).state.load(Ordering::Acquire);
        Accused {
            size: (*meta).size,
            born_size: (*meta).born_size,
            align: 1_usize.wrapping_shl(u32::from((*meta).align)),
            ordinal: u64::from((*meta).ordinal),
            thread: (*meta).thread,
            allocator: u32::from((*meta).allocator),
            older: (*meta).session != core.session_number(),
            is_freed: matches!(state, QUARANTINED | FREE | HELD),
            freed_by: u32::from((*meta).freed_by),
            moved: (*meta).marks & MOVED != 0,
            born: core.with_shared(|shared| shared.stack((*meta).born_stack)),
            freed: core.with_shared(|shared| shared.stack((*meta).freed_stack)),
        }
    }
}

/// Writes an error into the open run's journal, if it is the first; where the process is there for this run alone, it ends.
#[cold]
#[inline(never)]
pub(super) fn put_on_record(core: &Core, local: &Local, mut error: MemoryError) {
    let journal = core.journal();
    if journal.is_null() || gate::state() != gate::State::Session as u32 {
        return;
    }
    if core.accused.compare_exchange(0, 2, Ordering::AcqRel, Ordering::Acquire).is_ok() {
        let own = local.own.get();
        if !own {
            // It may not have made a block yet.
            core.number_thread(local);
            error.thread = local.number.get();
        }
        if !matches!(error.noticed, Noticed::End) && error.stack.ips().is_empty() {
            // SAFETY: `cut` is changed by the body's own thread, before the body begins.
            let cut = if own { unsafe { core.own().cut } } else { 0 };
            let mut stack = RawStack::EMPTY;
            stacks::capture(&mut stack, cut);
            error.stack.copy_from(&stack);
        }
        // SAFETY: the journal outlives the run, and only the first error is written.
        unsafe { (*journal).memory = Some(error) };
        core.accused.store(1, Ordering::Release);
    } else {
        wait_for_the_first(core);
    }
    // SAFETY: only read.
    if unsafe { core.own().break_here } {
        super::oomsweep_break_here();
    }
    if core.contained.load(Ordering::Acquire) && !matches!(error.noticed, Noticed::End) {
        process::leave(STOPPED);
    }
}

/// Another thread came first: the process may not end before that error is on record.
fn wait_for_the_first(core: &Core) {
    // It takes that thread far less; but if a signal has stopped it, it may be this very one.
    for _ in 0..10_000_u32 {
        if core.accused.load(Ordering::Acquire) != 2 {
            return;
        }
        std::thread::yield_now();
    }
}

/// A block of the store's is freed where nobody watches: in a process that the body forked, or by a signal's handler inside the
/// hook. Its slot is never used again.
///
/// # Safety
/// The core is valid, and the address lies in its store.
#[cold]
#[inline(never)]
pub(super) unsafe fn drop_unwatched(core: *const Core, address: usize) {
    // SAFETY: by the obligations of this function.
    unsafe {
        let store = (*core).store;
        let meta = store.slot_of(address);
        if !meta.is_null() && (*meta).address == address {
            let _ = (*meta).state.compare_exchange(LIVE, QUARANTINED, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// The same for a block that is resized there: it moves to the backing allocator.
///
/// # Safety
/// As for [`drop_unwatched`], and those of [`GlobalAlloc::realloc`].
#[cold]
#[inline(never)]
pub(super) unsafe fn move_out(
    core: *const Core,
    backing: &dyn GlobalAlloc,
    address: usize,
    layout: Layout,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: by the obligations of this function: the caller's block has that layout, and the new size is within the contract.
    unsafe {
        let moved = backing.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
        if !moved.is_null() {
            bytes::copy(address, moved as usize, usize::min(layout.size(), new_size));
            drop_unwatched(core, address);
        }
        moved
    }
}
