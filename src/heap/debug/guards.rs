//! What stands round a block, and what is written into one that is new or freed.

use std::alloc::Layout;

use super::ledger::Entry;
use crate::hook::blocks::damage::damage;
use crate::hook::blocks::zones::{self, FREED, FRONT, NEW, REAR};
use crate::model::memory::Damage;

/// What the backing allocator is asked for, that a block of this layout may stand in it between guarded bytes, and how many of
/// them come before it. `None`: no layout is that large.
pub(super) fn room_for(layout: Layout, canary: usize) -> Option<(usize, Layout)> {
    let front = canary.checked_next_multiple_of(layout.align())?;
    let all = front.checked_add(layout.size())?.checked_add(canary)?;
    Some((front, Layout::from_size_align(all, layout.align()).ok()?))
}

/// Writes the guarded bytes round a block.
///
/// # Safety
/// The memory of the entry is its allocator's to write, and nobody uses what lies round the block.
pub(super) unsafe fn guard(entry: &Entry) {
    // SAFETY: by the obligation of this function.
    unsafe {
        zones::fill(entry.address - entry.front, entry.front, FRONT);
        guard_behind(entry);
    }
}

/// Writes those behind a block.
///
/// # Safety
/// As for [`guard`].
pub(super) unsafe fn guard_behind(entry: &Entry) {
    // SAFETY: by the obligation of this function.
    unsafe { zones::fill(entry.end(), entry.behind(), REAR) }
}

/// Makes memory look new, or zero.
///
/// # Safety
/// It is writable, and nobody uses it.
pub(super) unsafe fn make_new(from: usize, len: usize, zeroed: bool) {
    // SAFETY: by the obligation of this function.
    unsafe { zones::fill(from, len, if zeroed { 0 } else { NEW }) }
}

/// Makes the memory of a freed block look freed.
///
/// # Safety
/// As for [`make_new`].
pub(super) unsafe fn make_freed(entry: &Entry) {
    // SAFETY: by the obligation of this function.
    unsafe { zones::fill(entry.address, entry.size, FREED) }
}

/// What was written behind a block; if nothing was, before it.
///
/// # Safety
/// The memory of the entry is readable.
pub(super) unsafe fn damage_round(entry: &Entry) -> Option<Damage> {
    // SAFETY: by the obligation of this function.
    unsafe {
        let behind = changed(entry.end(), entry.behind(), REAR, entry.address);
        behind.or_else(|| changed(entry.address - entry.front, entry.front, FRONT, entry.address))
    }
}

/// What was written into a freed block, or round it.
///
/// # Safety
/// As for [`damage_round`].
pub(super) unsafe fn damage_after(entry: &Entry) -> Option<Damage> {
    // SAFETY: by the obligation of this function.
    unsafe { changed(entry.address, entry.size, FREED, entry.address).or_else(|| damage_round(entry)) }
}

/// # Safety
/// The range is readable.
unsafe fn changed(from: usize, len: usize, pattern: u8, block: usize) -> Option<Damage> {
    // SAFETY: by the obligation of this function.
    unsafe { if zones::holds(from, len, pattern) { None } else { damage(from, len, pattern, block) } }
}
