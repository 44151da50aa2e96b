//! The short way: what nearly every call of a body comes to, in as few steps as there can be.
//!
//! It does the very same as the long way in [`calls`](super::calls) does for an ordinary request of the body's own thread that no
//! fault meets. Whatever is not ordinary it leaves alone, and says so before it has changed anything; the long way then starts
//! anew.
//!
//! This file, and those that it names, need nothing of the rest of the crate, nor of the standard library: so the build can
//! compile them by themselves, with optimisation, for a program that is built without it (see `build.rs`).

use super::blocks::classes::{CLASS, LARGEST, SPAN, SPAN_SHIFT, ZONE};
use super::blocks::meta::{FREE, LIVE, Meta, QUARANTINED};
use super::blocks::shard::{LARGE_KEPT, SMALL, SMALL_KEPT, Shard, list_of};
use super::blocks::span::Span;
use super::blocks::zones::{self, FREED, NEW, REAR};
use super::local::Local;
use crate::sys::words;

/// The binary logarithm of the size of a meta.
const META_SHIFT: u32 = size_of::<Meta>().trailing_zeros();
/// Larger blocks take the long way.
const MOST: usize = LARGEST - 2 * ZONE;
/// A block of at least this size is not filled when it takes a slot that stood in the quarantine: that holds the pattern of freed
/// memory, which shows as well.
pub(crate) const REFILLED: usize = 4096;

/// A growing array, as the short way sees it: it adds what there is room for.
#[repr(C)]
pub(crate) struct Log {
    /// The first value.
    pub(crate) at: *mut u64,
    /// How many there are.
    pub(crate) len: usize,
    /// How many there is room for.
    pub(crate) capacity: usize,
}

/// All that the short way must know.
#[repr(C)]
pub(crate) struct Fast {
    /// The thread whose calls may go this way, by where its [`Local`] lies; 0: none.
    pub(crate) key: usize,
    /// The thread pointer of that thread.
    pub(crate) thread: usize,
    /// The open session.
    pub(crate) session: u32,
    /// Points are compared with the baseline.
    pub(crate) compares: bool,
    /// Points are written down.
    pub(crate) records: bool,
    /// The first point that may fail.
    pub(crate) fails_from: u64,
    /// How many points there were.
    pub(crate) made: *mut u64,
    /// The same where another process reads it.
    pub(crate) told: *mut u64,
    /// The points of the baseline.
    pub(crate) base: *const Log,
    /// The points of this run.
    pub(crate) log: *mut Log,
    /// Where the store's addresses begin, and how many there are.
    pub(crate) from: usize,
    /// See `from`.
    pub(crate) bytes: usize,
    /// What the store knows of its spans.
    pub(crate) spans: *const Span,
    /// What it knows of its slots.
    pub(crate) metas: *mut Meta,
}

impl Fast {
    /// Nobody goes this way.
    pub(crate) const CLOSED: Fast = Fast {
        key: 0,
        thread: 0,
        session: 0,
        compares: false,
        records: false,
        fails_from: 0,
        made: std::ptr::null_mut(),
        told: std::ptr::null_mut(),
        base: std::ptr::null(),
        log: std::ptr::null_mut(),
        from: 0,
        bytes: 0,
        spans: std::ptr::null(),
        metas: std::ptr::null_mut(),
    };
}

/// Sizes below this are packed as they are; it is all the bits that a size has.
pub(crate) const MOST_PACKED: u64 = (1 << 55) - 1;

/// A point in one word, as runs compare it: two points with equal words are the same request. Sizes from 2^55 - 1 on, which no
/// system has, count as one.
#[inline(always)]
pub(crate) fn packed(size: usize, align: u32, kind: u8) -> u64 {
    let size = if (size as u64) < MOST_PACKED { size as u64 } else { MOST_PACKED };
    size | ((kind as u64) << 55) | ((align as u64) << 58)
}

/// Whether this thread's next call may go the short way.
///
/// # Safety
/// Both are valid, and `local` is the calling thread's.
#[inline(always)]
unsafe fn is_open(fast: *const Fast, local: *const Local) -> bool {
    // SAFETY: by the obligation of this function.
    unsafe {
        let depths = (*local).harness.get() | (*local).exempt.get() | (*local).untracked.get();
        (*fast).key == local as usize && depths == 0 && !(*local).inside.get()
    }
}

/// A block for an ordinary request; null: take the long way. `kind`: 0 `alloc`, 1 `alloc_zeroed`.
///
/// # Safety
/// 1. Both are valid, and `local` is the calling thread's.
/// 2. A run is open, and the thread is not panicking.
#[inline(always)]
pub(crate) unsafe fn allocate(fast: *const Fast, local: *const Local, size: usize, align: usize, kind: u8) -> *mut u8 {
    // SAFETY: by the obligations of this function.
    unsafe {
        let is_usual = align <= ZONE && align.is_power_of_two() && size.wrapping_sub(1) < MOST;
        if !is_usual || !is_open(fast, local) {
            return std::ptr::null_mut();
        }
        set_inside(local, 1);
        let block = try_to_allocate(fast, local, size, align, kind);
        set_inside(local, 0);
        block
    }
}

/// Enters the hook, or leaves it: a signal's handler on this thread goes another way meanwhile.
///
/// # Safety
/// `local` is the calling thread's.
#[inline(always)]
unsafe fn set_inside(local: *const Local, inside: u8) {
    // SAFETY: by the obligation of this function: a cell is laid out as what it holds.
    unsafe { words::write_byte((&raw const (*local).inside) as usize, inside) };
}

/// # Safety
/// As for [`allocate`]; the thread is inside, and the request a usual one.
#[inline(always)]
unsafe fn try_to_allocate(fast: *const Fast, local: *const Local, size: usize, align: usize, kind: u8) -> *mut u8 {
    // SAFETY: by the obligations of this function. While the thread's key is there, what this points to is there, and is this
    // thread's: its shard, its points, and the slots in its lists.
    unsafe {
        let made = *(*fast).made;
        if made >= (*fast).fails_from {
            return std::ptr::null_mut();
        }
        let shard = (*local).shard.get();
        let class = *CLASS.as_ptr().add(size.wrapping_add(3 * ZONE - 1) / ZONE);
        let head = (&raw mut (*shard).free).cast::<u32>().add(list_of(class as usize, 1));
        let number = *head;
        let meta = (*fast).metas.add(number as usize);
        if number == 0 || (*meta).align > 4 {
            return std::ptr::null_mut();
        }
        let point = packed(size, align.trailing_zeros(), kind);
        let base = (*fast).base;
        if (*fast).compares && (made >= (*base).len as u64 || *(*base).at.add(made as usize) != point) {
            return std::ptr::null_mut();
        }
        if (*fast).records {
            let log = (*fast).log;
            if (*log).len >= (*log).capacity {
                return std::ptr::null_mut();
            }
            *(*log).at.add((*log).len) = point;
            (*log).len = (*log).len.wrapping_add(1);
        }
        words::write(&raw mut (*shard).busy as usize, 1);
        *(*fast).made = made.wrapping_add(1);
        *(*fast).told = made.wrapping_add(1);
        *head = (*meta).next;
        begin(fast, shard, meta, size, align, kind);
        words::write(&raw mut (*shard).busy as usize, 0);
        (*meta).address as *mut u8
    }
}

/// # Safety
/// The meta is the calling thread's, out of a list of slots that were used before.
#[inline(always)]
unsafe fn begin(fast: *const Fast, shard: *mut Shard, meta: *mut Meta, size: usize, align: usize, kind: u8) {
    // SAFETY: by the obligation of this function: the slot is ours from its beginning to its end.
    unsafe {
        let (address, session) = ((*meta).address, (*fast).session);
        (*meta).size = size;
        (*meta).born_size = size;
        (*meta).ordinal = Shard::count_born(shard, session, size);
        (*meta).session = session;
        (*meta).thread = 0;
        (*meta).born_stack = 0;
        (*meta).freed_stack = 0;
        (*meta).align = align.trailing_zeros() as u8;
        (*meta).marks = 0;
        (*meta).allocator = 0;
        zones::fill_zone(address.wrapping_add(size), ((*meta).room as usize).wrapping_sub(size), REAR);
        if kind != 0 {
            zones::fill(address, size, 0);
        } else if size < REFILLED {
            zones::fill(address, size, NEW);
        }
        words::write_byte(&raw mut (*meta).state as usize, LIVE);
    }
}

/// Frees a block in an ordinary way; false: take the long way.
///
/// # Safety
/// As for [`allocate`].
#[inline(always)]
pub(crate) unsafe fn free(fast: *const Fast, local: *const Local, address: usize, size: usize, align: usize) -> bool {
    // SAFETY: by the obligations of this function.
    unsafe {
        let offset = address.wrapping_sub((*fast).from);
        if offset >= (*fast).bytes || !is_open(fast, local) {
            return false;
        }
        set_inside(local, 1);
        let done = try_to_free(fast, local, address, size, align);
        set_inside(local, 0);
        done
    }
}

/// # Safety
/// As for [`allocate`]; the thread is inside, and the address lies in the store.
#[inline(always)]
unsafe fn try_to_free(fast: *const Fast, local: *const Local, address: usize, size: usize, align: usize) -> bool {
    // SAFETY: as in `try_to_allocate`. Of all that is looked at before the exchange nothing is changed; the exchange has one
    // winner.
    unsafe {
        let offset = address.wrapping_sub((*fast).from);
        let span = (*fast).spans.add(offset >> SPAN_SHIFT);
        if (*span).reciprocal == 0 {
            return false;
        }
        let nth = ((offset & (SPAN - 1)) as u64).wrapping_mul((*span).reciprocal) >> 32;
        let meta = (*fast).metas.add((*span).meta as usize).add(nth as usize);
        let room = (*meta).room as usize;
        let fits =
            (*meta).address == address && (*meta).size == size && align == 1_usize.wrapping_shl((*meta).align as u32);
        if !fits
            || room == 0
            || (*meta).allocator != 0
            || (*meta).session != (*fast).session
            || !zones::hold_round(address, size, room)
        {
            return false;
        }
        let shard = (*local).shard.get();
        let (ring, at) = if size <= SMALL {
            ((&raw mut (*shard).small).cast::<u32>(), (*shard).small_at)
        } else {
            ((&raw mut (*shard).large).cast::<u32>(), (*shard).large_at)
        };
        let old = *ring.add(at);
        let leaves = (*fast).metas.add(old as usize);
        if old != 0 && !may_leave(leaves) {
            return false;
        }
        if words::exchange_byte(&raw mut (*meta).state as usize, LIVE, QUARANTINED) != LIVE {
            return false;
        }
        words::write(&raw mut (*shard).busy as usize, 1);
        Shard::count_gone(shard, (*fast).session, size);
        (*meta).freed_by = 0;
        (*meta).freed_stack = 0;
        zones::fill(address, size, FREED);
        let number = (meta as usize).wrapping_sub((*fast).metas as usize) >> META_SHIFT;
        *ring.add(at) = number as u32;
        if size <= SMALL {
            (*shard).small_at = at.wrapping_add(1) & (SMALL_KEPT - 1);
        } else {
            (*shard).large_at = at.wrapping_add(1) & (LARGE_KEPT - 1);
        }
        if old != 0 {
            leave(shard, leaves, old);
        }
        words::write(&raw mut (*shard).busy as usize, 0);
        true
    }
}

/// Whether a block may leave the quarantine: it is untouched, in such a slot.
///
/// # Safety
/// The meta is one of a block in this thread's quarantine.
#[inline(always)]
unsafe fn may_leave(meta: *const Meta) -> bool {
    // SAFETY: by the obligation of this function.
    unsafe {
        let (address, size, room) = ((*meta).address, (*meta).size, (*meta).room as usize);
        room != 0 && zones::holds(address, size, FREED) && zones::hold_round(address, size, room)
    }
}

/// Puts the slot of a block that may leave the quarantine to the free ones.
///
/// # Safety
/// [`may_leave`] has said so; the shard is the calling thread's, or nobody's, and the number is the meta's.
#[inline(always)]
unsafe fn leave(shard: *mut Shard, meta: *mut Meta, number: u32) {
    // SAFETY: by the obligation of this function.
    unsafe {
        let head = (&raw mut (*shard).free).cast::<u32>().add((*meta).list as usize);
        (*meta).next = *head;
        *head = number;
        words::write_byte(&raw mut (*meta).state as usize, FREE);
    }
}

/// Looks at the blocks in a ring of the quarantine, the last freed first, as far as they are untouched and stand in ordinary slots, and
/// lets them leave if `leaves`. Returns how many there were.
///
/// # Safety
/// The metas are those of the shard's store; the ring is one of the shard's, with `kept` places, a power of two, of which `next` is the
/// next; the shard is the calling thread's, or its thread has ended or stands still.
#[inline(always)]
pub(crate) unsafe fn look_back(
    metas: *mut Meta,
    shard: *mut Shard,
    ring: *mut u32,
    kept: usize,
    next: usize,
    leaves: bool,
) -> usize {
    let mut seen = 0_usize;
    // SAFETY: by the obligation of this function: what stands in the ring is in this quarantine.
    unsafe {
        while seen < kept {
            let place = ring.add(next.wrapping_sub(seen).wrapping_sub(1) & kept.wrapping_sub(1));
            let number = *place;
            let meta = metas.add(number as usize);
            if number == 0 || !may_leave(meta) {
                break;
            }
            if leaves {
                leave(shard, meta, number);
                *place = 0;
            }
            seen = seen.wrapping_add(1);
        }
    }
    seen
}
