//! What was written where nobody may write.

use crate::model::memory::{Damage, SHOWN};

/// What of a range does not hold the pattern; `None` if all of it does. `block`: the address that places are counted from.
///
/// # Safety
/// The range is readable.
#[cold]
pub(crate) unsafe fn damage(from: usize, len: usize, pattern: u8, block: usize) -> Option<Damage> {
    let mut damage = Damage { expected: pattern, ..Damage::default() };
    let (mut first, mut last) = (None, 0);
    let mut at = 0;
    while at < len {
        // SAFETY: by the obligation of this function.
        let byte = unsafe { (from.wrapping_add(at) as *const u8).read() };
        if byte != pattern {
            first = first.or(Some(at));
            last = at;
            damage.count = damage.count.wrapping_add(1);
        }
        at = at.wrapping_add(1);
    }
    let first = first?;
    damage.at = from.wrapping_add(first).wrapping_sub(block) as i64;
    damage.span = last.wrapping_sub(first).wrapping_add(1) as u64;
    let shown = usize::min(SHOWN, damage.span as usize);
    let begin = from.wrapping_add(first);
    for (place, into) in damage.found.iter_mut().take(shown).enumerate() {
        // SAFETY: inside the range.
        *into = unsafe { (begin.wrapping_add(place) as *const u8).read() };
    }
    Some(damage)
}
