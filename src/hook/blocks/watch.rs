//! The life of a block: guarded while it lives, watched for a while when it is freed.
//!
//! Behind a block every byte up to the end of its slot is guarded, before it every byte from the slot's beginning; a freed block
//! is filled, and its slot is used again only when it has been looked at and found untouched.

use std::alloc::Layout;

use super::birth::Birth;
use super::classes::{LARGEST, SPAN, ZONE};
use super::damage;
use super::meta::{FORBIDDEN, FREE, FRESH, GUARDED, LIVE, MOVED, Meta, NO_LIST, OF_THE_PLACE, QUARANTINED};
use super::shard::{LARGE_KEPT, SMALL, SMALL_KEPT, Shard};
use super::store::Store;
use super::zones::{self, FREED, FRONT, NEW, REAR};
use crate::hook::fast::REFILLED;
use crate::model::event::Kind;
use crate::model::memory::Damage;
use crate::sys::{bytes, pages, words};

/// Freed blocks from this size on are put out of reach, and their memory given back, instead of being filled.
pub(crate) const HUGE: usize = 128 * 1024;
/// The most that is guarded before a block whose alignment is larger.
const MOST_FRONT: usize = 4096;
/// The granularity in which the system gives memory out.
const PAGE: usize = 4096;

/// What is wrong with a call that gives a block back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Nothing.
    Nothing,
    /// No block begins there.
    NoBlock,
    /// The block was freed before.
    Freed,
    /// It is another allocator's.
    Allocator,
    /// Its size or alignment is another.
    Layout,
    /// Bytes round it were written.
    Damaged,
}

/// Where the guarded bytes round a block lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guarded {
    /// From here to the block.
    pub(crate) front: usize,
    /// From the block's end to here.
    pub(crate) end: usize,
}

impl Store {
    /// The guarded bytes round a block.
    ///
    /// # Safety
    /// `meta` is one of this store's, and a block stands there, or stood there last.
    #[inline(always)]
    pub(crate) unsafe fn guarded(&self, meta: *const Meta) -> Guarded {
        // SAFETY: by the obligation of this function.
        unsafe {
            let (slot, len) = self.bounds(meta);
            let address = (*meta).address;
            if len <= LARGEST {
                return Guarded { front: slot, end: slot.wrapping_add(len) };
            }
            let end = address.wrapping_add((*meta).size).wrapping_add(ZONE).next_multiple_of(PAGE);
            let front = usize::max(slot, address.saturating_sub(MOST_FRONT));
            Guarded { front, end: usize::min(end, slot.wrapping_add(len)) }
        }
    }

    /// Makes a slot that was taken a live block, and guards it.
    ///
    /// # Safety
    /// `meta` was returned by [`take`](Store::take) for this size and alignment, and is nobody else's; `shard` is the calling
    /// thread's.
    #[inline(always)]
    pub(crate) unsafe fn begin(&self, shard: *mut Shard, meta: *mut Meta, size: usize, align: usize, birth: &Birth) {
        // SAFETY: by the obligations of this function: the slot is ours from its beginning to its end.
        unsafe {
            let marks = (*meta).marks;
            let stood = *(&raw const (*meta).state as *const u8);
            if marks & FORBIDDEN != 0 {
                self.allow(meta);
            }
            (*meta).size = size;
            (*meta).born_size = size;
            (*meta).session = birth.session;
            (*meta).thread = birth.thread;
            (*meta).born_stack = birth.stack;
            (*meta).freed_stack = 0;
            (*meta).align = align.trailing_zeros() as u8;
            (*meta).marks = birth.marks;
            (*meta).allocator = birth.allocator;
            (*meta).ordinal = if birth.counted { Shard::count_born(shard, birth.session, size) } else { 0 };
            self.guard(meta, birth.kind, stood, marks);
            words::write_byte(&raw mut (*meta).state as usize, LIVE);
        }
    }

    /// # Safety
    /// As for [`begin`](Store::begin); size and alignment are entered.
    #[inline(always)]
    unsafe fn guard(&self, meta: *mut Meta, kind: Kind, stood: u8, marks: u8) {
        // SAFETY: by the obligation of this function.
        unsafe {
            let (address, size) = ((*meta).address, (*meta).size);
            let room = (*meta).room as usize;
            if room == 0 {
                self.fill_round(meta);
            } else {
                // Before it stands what was written there when the slot was used first.
                zones::fill_zone(address.wrapping_add(size), room.wrapping_sub(size), REAR);
            }
            if kind as u8 == Kind::Zeroed as u8 {
                // What the system gives holds zeros.
                if size < HUGE || (stood != FRESH && marks & FORBIDDEN == 0) {
                    zones::fill(address, size, 0);
                }
            } else if size < REFILLED || (stood == FRESH && size < HUGE) {
                zones::fill(address, size, NEW);
            }
        }
    }

    /// Whether the bytes round a block are untouched.
    ///
    /// # Safety
    /// As for [`guarded`](Store::guarded).
    #[inline(always)]
    pub(crate) unsafe fn is_intact(&self, meta: *const Meta) -> bool {
        // SAFETY: by the obligation of this function; the guarded bytes lie in the slot.
        unsafe {
            let (address, size, room) = ((*meta).address, (*meta).size, (*meta).room as usize);
            if room == 0 {
                return self.is_intact_round(meta);
            }
            zones::hold_round(address, size, room)
        }
    }

    /// The same where it must be looked up what is guarded.
    ///
    /// # Safety
    /// As for [`guarded`](Store::guarded).
    #[cold]
    #[inline(never)]
    unsafe fn is_intact_round(&self, meta: *const Meta) -> bool {
        // SAFETY: as above.
        unsafe {
            let round = self.guarded(meta);
            let address = (*meta).address;
            let behind = address.wrapping_add((*meta).size);
            zones::holds(behind, round.end.wrapping_sub(behind), REAR)
                && zones::holds(round.front, address.wrapping_sub(round.front), FRONT)
        }
    }

    /// Guards what is round a block.
    ///
    /// # Safety
    /// As for [`guarded`](Store::guarded), and the block is the caller's.
    #[cold]
    #[inline(never)]
    unsafe fn fill_round(&self, meta: *const Meta) {
        // SAFETY: as above.
        unsafe {
            let round = self.guarded(meta);
            let address = (*meta).address;
            let behind = address.wrapping_add((*meta).size);
            zones::fill(round.front, address.wrapping_sub(round.front), FRONT);
            zones::fill(behind, round.end.wrapping_sub(behind), REAR);
        }
    }

    /// What was written round a block: behind it, and before it.
    ///
    /// # Safety
    /// As for [`guarded`](Store::guarded).
    pub(crate) unsafe fn damage_round(&self, meta: *const Meta) -> (Option<Damage>, Option<Damage>) {
        // SAFETY: as in `is_intact`.
        unsafe {
            let round = self.guarded(meta);
            let address = (*meta).address;
            let behind = address.wrapping_add((*meta).size);
            (
                damage::damage(behind, round.end.wrapping_sub(behind), REAR, address),
                damage::damage(round.front, address.wrapping_sub(round.front), FRONT, address),
            )
        }
    }

    /// Makes what was written round a block good again, so that the run can go on.
    ///
    /// # Safety
    /// As for [`guarded`](Store::guarded), and the block is the caller's.
    pub(crate) unsafe fn repair(&self, meta: *mut Meta) {
        // SAFETY: by the obligation of this function.
        unsafe { self.fill_round(meta) };
    }

    /// The same for a freed block, so that what was found once is not found again by a later run.
    ///
    /// # Safety
    /// As for [`guarded`](Store::guarded); the block is freed, not out of reach, and its slot is not in use again.
    pub(crate) unsafe fn mend_freed(&self, meta: *mut Meta) {
        // SAFETY: by the obligation of this function.
        unsafe {
            zones::fill((*meta).address, (*meta).size, FREED);
            self.repair(meta);
        }
    }

    /// Looks at a call that gives back the block at `address`, in this slot, to this allocator. If nothing is wrong the block is the caller's alone
    /// from now on, and no longer live: [`end`](Store::end_life) or [`keep`](Store::keep) follows.
    ///
    /// # Safety
    /// `meta` is what [`slot_of`](Store::slot_of) gives for the address.
    #[inline(always)]
    pub(crate) unsafe fn claim(&self, meta: *mut Meta, address: usize, layout: Layout, allocator: u8) -> Wrong {
        // SAFETY: by the obligation of this function. The exchange has one winner, to whom the slot belongs from then on.
        unsafe {
            if meta.is_null() || (*meta).address != address {
                return Wrong::NoBlock;
            }
            let stood = words::exchange_byte(&raw mut (*meta).state as usize, LIVE, QUARANTINED);
            if stood != LIVE {
                return if stood == FRESH { Wrong::NoBlock } else { Wrong::Freed };
            }
            if (*meta).allocator != allocator {
                self.keep(meta);
                return Wrong::Allocator;
            }
            let align = 1_usize.wrapping_shl(u32::from((*meta).align));
            if (*meta).size != layout.size() || align != layout.align() {
                self.keep(meta);
                return Wrong::Layout;
            }
            if !self.is_intact(meta) {
                self.keep(meta);
                return Wrong::Damaged;
            }
            Wrong::Nothing
        }
    }

    /// Leaves a block that was claimed alive.
    ///
    /// # Safety
    /// The caller has claimed it.
    #[inline(always)]
    pub(crate) unsafe fn keep(&self, meta: *mut Meta) {
        // SAFETY: by the obligation of this function.
        unsafe { words::write_byte(&raw mut (*meta).state as usize, LIVE) };
    }

    /// Ends the life of a block that was claimed: fills it, and keeps it in quarantine. Returns the meta of a block that left the
    /// quarantine for it and was found written; null if none was.
    ///
    /// # Safety
    /// The caller has claimed it; `shard` is the calling thread's and was entered.
    #[inline(always)]
    pub(crate) unsafe fn end_life(&self, shard: *mut Shard, meta: *mut Meta, session: u32) -> *mut Meta {
        // SAFETY: by the obligations of this function.
        unsafe {
            let size = (*meta).size;
            if (*meta).session == session && session != 0 {
                Shard::count_gone(shard, session, size);
            } else if (*meta).session != 0 {
                Shard::count_older(shard);
            }
            if (*meta).marks & GUARDED != 0 {
                self.retire(meta);
                return std::ptr::null_mut();
            }
            if size >= HUGE {
                self.forbid(meta);
            } else {
                zones::fill((*meta).address, size, FREED);
            }
            let number = self.number(meta);
            let place = if size <= SMALL {
                let at = (*shard).small_at;
                (*shard).small_at = at.wrapping_add(1) & SMALL_KEPT.wrapping_sub(1);
                (&raw mut (*shard).small).cast::<u32>().wrapping_add(at)
            } else {
                let at = (*shard).large_at;
                (*shard).large_at = at.wrapping_add(1) & LARGE_KEPT.wrapping_sub(1);
                (&raw mut (*shard).large).cast::<u32>().wrapping_add(at)
            };
            let old = *place;
            words::write_half(place as usize, number);
            if old == 0 { std::ptr::null_mut() } else { self.release(shard, self.meta(old)) }
        }
    }

    /// Lets a block leave the quarantine. Returns it if it was found written: its slot is then never used again.
    ///
    /// # Safety
    /// It is in no quarantine any more; `shard` is the calling thread's, or its thread has ended or stands still.
    #[inline(always)]
    pub(super) unsafe fn release(&self, shard: *mut Shard, meta: *mut Meta) -> *mut Meta {
        // SAFETY: by the obligations of this function.
        unsafe {
            let state = &raw mut (*meta).state as usize;
            if words::exchange_byte(state, QUARANTINED, FREE) != QUARANTINED {
                // Whoever holds it tells what it finds; the slot is never used again.
                return std::ptr::null_mut();
            }
            if !self.is_untouched(meta) {
                words::write_byte(state, QUARANTINED);
                return meta;
            }
            let list = (*meta).list;
            if list == NO_LIST {
                self.put_run(meta);
            } else {
                let head = (&raw mut (*shard).free as *mut u32).wrapping_add(list as usize);
                (*meta).next = *head;
                *head = self.number(meta);
            }
        }
        std::ptr::null_mut()
    }

    /// Whether a freed block, and what is round it, holds what was written there when it was freed.
    ///
    /// # Safety
    /// The block is freed, and its slot not used again.
    #[inline(always)]
    pub(crate) unsafe fn is_untouched(&self, meta: *const Meta) -> bool {
        // SAFETY: by the obligation of this function. What is out of reach can't have been touched.
        unsafe {
            if (*meta).marks & (FORBIDDEN | GUARDED) != 0 {
                return true;
            }
            zones::holds((*meta).address, (*meta).size, FREED) && self.is_intact(meta)
        }
    }

    /// What was written to a freed block, or round it.
    ///
    /// # Safety
    /// As for [`is_untouched`](Store::is_untouched).
    pub(crate) unsafe fn damage_after(&self, meta: *const Meta) -> Option<Damage> {
        // SAFETY: as above.
        unsafe {
            let address = (*meta).address;
            let inside = damage::damage(address, (*meta).size, FREED, address);
            let (behind, before) = self.damage_round(meta);
            inside.or(behind).or(before)
        }
    }

    /// Gives a live block another size where it stands, if there is room. The caller looks at its guarded bytes before.
    ///
    /// # Safety
    /// The caller has claimed the block; `shard` is the calling thread's and was entered.
    #[inline(always)]
    pub(crate) unsafe fn resize(&self, shard: *mut Shard, meta: *mut Meta, size: usize, session: u32) -> bool {
        // SAFETY: by the obligations of this function.
        unsafe {
            let (slot, len) = self.bounds(meta);
            let (address, old) = ((*meta).address, (*meta).size);
            let room = slot.wrapping_add(len).wrapping_sub(address).wrapping_sub(ZONE);
            // A block that shrinks to less than half would waste its slot.
            if size > room || (size < old / 2 && len > SMALL) {
                return false;
            }
            if (*meta).session == session && session != 0 {
                Shard::count_gone(shard, session, old);
                Shard::count_born(shard, session, size);
                (*shard).born = (*shard).born.wrapping_sub(1);
                (*shard).gone = (*shard).gone.wrapping_sub(1);
            }
            (*meta).size = size;
            if size > old && size.wrapping_sub(old) < SPAN {
                zones::fill(address.wrapping_add(old), size.wrapping_sub(old), NEW);
            }
            let end = self.guarded(meta).end;
            zones::fill(address.wrapping_add(size), end.wrapping_sub(address.wrapping_add(size)), REAR);
            true
        }
    }

    /// Hands what is known of a block that moves on to the place that it moves to, and copies what it holds.
    ///
    /// # Safety
    /// The caller has claimed `from`, and `to` was begun for it; both are nobody else's.
    pub(crate) unsafe fn hand_over(&self, from: *mut Meta, to: *mut Meta) {
        // SAFETY: by the obligations of this function; both blocks have that many bytes.
        unsafe {
            bytes::copy((*from).address, (*to).address, usize::min((*from).size, (*to).size));
            (*to).born_size = (*from).born_size;
            (*to).ordinal = (*from).ordinal;
            (*to).thread = (*from).thread;
            (*to).born_stack = (*from).born_stack;
            (*to).marks = ((*from).marks & !OF_THE_PLACE) | ((*to).marks & OF_THE_PLACE);
            (*from).marks |= MOVED;
        }
    }

    /// Puts the pages of a freed block out of reach, and gives their memory back; fills what shares a page with what is round it.
    ///
    /// # Safety
    /// The block is the caller's alone, and freed.
    #[cold]
    #[inline(never)]
    unsafe fn forbid(&self, meta: *mut Meta) {
        // SAFETY: by the obligation of this function: whole pages of the slot.
        unsafe {
            let (from, len) = self.pages_of(meta);
            if pages::forbid(from, len) {
                (*meta).marks |= FORBIDDEN;
            } else {
                zones::fill((*meta).address, (*meta).size, FREED);
            }
        }
    }

    /// Puts them in reach again; they hold zeros.
    ///
    /// # Safety
    /// The slot is the caller's alone; its meta still has the size of the block that stood there last.
    #[cold]
    #[inline(never)]
    unsafe fn allow(&self, meta: *mut Meta) {
        // SAFETY: as above.
        unsafe {
            let (from, len) = self.pages_of(meta);
            pages::allow(from, len);
        }
    }

    /// All pages of a run.
    ///
    /// # Safety
    /// The meta is a run's.
    unsafe fn pages_of(&self, meta: *const Meta) -> (usize, usize) {
        // SAFETY: by the obligation of this function.
        unsafe { self.bounds(meta) }
    }
}
