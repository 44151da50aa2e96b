//! Sizes of slots: steps of 16 bytes to 256, then eight steps to each doubling, so that at most an eighth of a slot is slack.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the compiler runs these functions, at build time"
)]

/// Blocks lie in spans of this many bytes; all slots of a span have one size.
pub(crate) const SPAN: usize = 1 << SPAN_SHIFT;
/// The binary logarithm of [`SPAN`].
pub(crate) const SPAN_SHIFT: u32 = 16;
/// The guarded bytes before a block, and the least behind it.
pub(crate) const ZONE: usize = 16;
/// The largest slot; more than this is a run of spans of its own.
pub(crate) const LARGEST: usize = 14 * 1024;
/// How many sizes of slots there are.
pub(crate) const CLASSES: usize = 60;
/// The smallest slot: one byte between two zones, in steps of 16.
const SMALLEST: usize = 48;
/// From here on the steps are an eighth of the last doubling.
const EVEN: usize = 256;

/// The size of the slots of each class, in bytes.
pub(crate) static SLOT: [u32; CLASSES] = slots();
/// The class that serves a need, by the need in units of 16 bytes, rounded up.
pub(crate) static CLASS: [u8; LARGEST / ZONE + 1] = classes();

const fn slots() -> [u32; CLASSES] {
    let mut slots = [0; CLASSES];
    let mut size = SMALLEST;
    let mut class = 0;
    while class < CLASSES {
        slots[class] = size as u32;
        size += if size < EVEN { ZONE } else { (1 << (usize::BITS - 1 - size.leading_zeros())) / 8 };
        class += 1;
    }
    assert!(slots[CLASSES - 1] as usize == LARGEST);
    slots
}

const fn classes() -> [u8; LARGEST / ZONE + 1] {
    let mut table = [0; LARGEST / ZONE + 1];
    let slots = slots();
    let mut class = 0;
    let mut units = 0;
    while units < table.len() {
        if units * ZONE > slots[class] as usize {
            class += 1;
        }
        table[units] = class as u8;
        units += 1;
    }
    table
}

/// With this number a division by the size of a slot is a multiplication: `offset * reciprocal >> 32`, exact for offsets below a
/// span (Granlund and Montgomery, Division by Invariant Integers using Multiplication, 1994).
pub(crate) const fn reciprocal(size: usize) -> u64 {
    (1_u64 << 32).div_ceil(size as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_has_the_smallest_slot_that_holds_it() {
        for need in 1..=LARGEST {
            let class = CLASS[need.div_ceil(ZONE)] as usize;
            assert!(SLOT[class] as usize >= need, "{need}");
            assert!(class == 0 || (SLOT[class - 1] as usize) < need.next_multiple_of(ZONE), "{need}");
        }
    }

    #[test]
    fn slots_are_whole_zones_and_waste_little() {
        for pair in SLOT.windows(2) {
            assert_eq!(pair[0] as usize % ZONE, 0);
            assert!(pair[1] > pair[0] && pair[1] - pair[0] <= u32::max(ZONE as u32, pair[0] / 8));
        }
    }

    #[test]
    fn the_reciprocal_divides() {
        for &size in &SLOT {
            for offset in 0..SPAN as u64 {
                assert_eq!((offset * reciprocal(size as usize)) >> 32, offset / u64::from(size));
            }
        }
    }
}
