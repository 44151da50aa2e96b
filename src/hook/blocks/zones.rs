//! What is written round a block and into it, and how it is compared.
//!
//! All of it is done by C's `memset` and `memcmp`, for they cost the same in a build without optimisation. A pattern is one byte
//! repeated: a range holds it if its first bytes do, and if the range equals itself moved by eight.

use super::classes::ZONE;
use crate::sys::{bytes, words};

/// Before a block.
pub(crate) const FRONT: u8 = 0xFA;
/// Behind a block.
pub(crate) const REAR: u8 = 0xFB;
/// New memory, so that a read of what was never written shows.
pub(crate) const NEW: u8 = 0xAA;
/// Freed memory.
pub(crate) const FREED: u8 = 0xDD;

/// Fills a range.
///
/// # Safety
/// It is writable, and nobody else uses it.
#[inline(always)]
pub(crate) unsafe fn fill(from: usize, len: usize, pattern: u8) {
    // SAFETY: by the obligation of this function: of up to 32 bytes the first words and the last, which may overlap, are all.
    unsafe {
        if len > 32 {
            return bytes::set(from, pattern, len);
        }
        if len < 8 {
            return bytes::set(from, pattern, len);
        }
        let word = usize::from_ne_bytes([pattern; size_of::<usize>()]);
        let end = from.wrapping_add(len);
        words::write(from, word);
        words::write(end.wrapping_sub(8), word);
        if len > 16 {
            words::write(from.wrapping_add(8), word);
            words::write(end.wrapping_sub(16), word);
        }
    }
}

/// Fills a range of at least 16 bytes, which is short more often than not.
///
/// # Safety
/// As for [`fill`].
#[inline(always)]
pub(crate) unsafe fn fill_zone(from: usize, len: usize, pattern: u8) {
    // SAFETY: by the obligation of this function: up to 32 bytes the first two words and the last two are all of it.
    unsafe {
        if len > 32 {
            return bytes::set(from, pattern, len);
        }
        let word = usize::from_ne_bytes([pattern; size_of::<usize>()]);
        let end = from.wrapping_add(len);
        words::write(from, word);
        words::write(from.wrapping_add(8), word);
        if len > 16 {
            words::write(end.wrapping_sub(16), word);
            words::write(end.wrapping_sub(8), word);
        }
    }
}

/// Whether a range of at least 16 bytes holds nothing but the pattern.
///
/// # Safety
/// As for [`holds`].
#[inline(always)]
pub(crate) unsafe fn holds_zone(from: usize, len: usize, pattern: u8) -> bool {
    // SAFETY: as in `fill_zone`.
    unsafe {
        let word = usize::from_ne_bytes([pattern; size_of::<usize>()]);
        let mut differs = (words::read(from) ^ word) | (words::read(from.wrapping_add(8)) ^ word);
        if len > 16 {
            let end = from.wrapping_add(len);
            differs |= (words::read(end.wrapping_sub(16)) ^ word) | (words::read(end.wrapping_sub(8)) ^ word);
        }
        differs == 0 && (len <= 32 || bytes::same(from, from.wrapping_add(8), len.wrapping_sub(8)))
    }
}

/// Whether the zones round a block are untouched, in a slot before which the least is guarded. `room`: from the block's first byte
/// to the end of its slot.
///
/// # Safety
/// The slot is readable, and these are what its meta says.
#[inline(always)]
pub(crate) unsafe fn hold_round(address: usize, size: usize, room: usize) -> bool {
    // SAFETY: by the obligation of this function, inside the slot.
    unsafe {
        holds_zone(address.wrapping_add(size), room.wrapping_sub(size), REAR)
            && holds_zone(address.wrapping_sub(ZONE), ZONE, FRONT)
    }
}

/// Whether a range holds nothing but the pattern.
///
/// # Safety
/// It is readable.
#[inline(always)]
pub(crate) unsafe fn holds(from: usize, len: usize, pattern: u8) -> bool {
    let word = usize::from_ne_bytes([pattern; size_of::<usize>()]);
    if len < 8 {
        // SAFETY: by the obligation of this function.
        return unsafe { holds_few(from, len, pattern) };
    }
    if len <= 32 {
        // SAFETY: as above: the first words and the last, which may overlap, are all of it.
        unsafe {
            let end = from.wrapping_add(len);
            let mut differs = (words::read(from) ^ word) | (words::read(end.wrapping_sub(8)) ^ word);
            if len > 16 {
                differs |= (words::read(from.wrapping_add(8)) ^ word) | (words::read(end.wrapping_sub(16)) ^ word);
            }
            return differs == 0;
        }
    }
    // SAFETY: as above; both ranges lie inside the first.
    unsafe { words::read(from) == word && bytes::same(from, from.wrapping_add(8), len.wrapping_sub(8)) }
}

/// # Safety
/// The range is readable.
#[cold]
#[inline(never)]
unsafe fn holds_few(from: usize, len: usize, pattern: u8) -> bool {
    let mut at = 0;
    while at < len {
        // SAFETY: by the obligation of this function.
        if unsafe { (from.wrapping_add(at) as *const u8).read() } != pattern {
            return false;
        }
        at = at.wrapping_add(1);
    }
    true
}

/// Whether a word looks like memory that was read before it was written, or after it was freed: the pattern that it holds.
pub(crate) fn pattern_of(word: usize) -> Option<u8> {
    let holds = |pattern: u8| word.wrapping_sub(usize::from_ne_bytes([pattern; 8])).wrapping_add(4096) <= 8192;
    [FREED, NEW, FRONT, REAR].into_iter().find(|&pattern| holds(pattern))
}
