//! What other threads have freed, looked at while they go on.

use std::sync::atomic::{AtomicU32, Ordering};

use super::meta::{HELD, Meta, QUARANTINED};
use super::shard::{LARGE_KEPT, SMALL_KEPT, Shard};
use super::store::Store;
use crate::sys::words;

impl Store {
    /// Calls `found` for every block of this session in this shard's quarantine that was written since it was freed, in the order in
    /// which they were freed, the small ones first. A block that was found is not found again, here or
    /// when it leaves the quarantine.
    ///
    /// The shard's thread may free blocks meanwhile: one that leaves the quarantine while it is looked at loses its slot, and
    /// nothing else.
    ///
    /// # Safety
    /// `shard` is one of this store's.
    #[cold]
    pub(crate) unsafe fn look_at_quarantine(&self, shard: *mut Shard, session: u32, mut found: impl FnMut(*mut Meta)) {
        // SAFETY: by the obligation of this function; the two words are read as wholes.
        let rings = unsafe {
            [
                (
                    (&raw mut (*shard).small).cast::<u32>(),
                    words::read(&raw const (*shard).small_at as usize),
                    SMALL_KEPT,
                ),
                (
                    (&raw mut (*shard).large).cast::<u32>(),
                    words::read(&raw const (*shard).large_at as usize),
                    LARGE_KEPT,
                ),
            ]
        };
        for (ring, oldest, kept) in rings {
            let latest = ring.wrapping_add(oldest.wrapping_sub(1) & kept.wrapping_sub(1));
            // SAFETY: as below. A ring fills up from one end, and is emptied as a whole.
            if unsafe { AtomicU32::from_ptr(latest) }.load(Ordering::Acquire) == 0 {
                continue;
            }
            for nth in 0..kept {
                let at = oldest.wrapping_add(nth) & kept.wrapping_sub(1);
                // SAFETY: a place of the ring, which is read and written as a whole from now on, too.
                let place = unsafe { AtomicU32::from_ptr(ring.wrapping_add(at)) };
                // SAFETY: a place of the shard's.
                let meta = unsafe { self.written_at(place, session) };
                if !meta.is_null() {
                    found(meta);
                }
            }
        }
    }

    /// The block in this place, if it is one of the session's that was written; null if it is not.
    ///
    /// # Safety
    /// The place is one of a quarantine of this store's.
    unsafe fn written_at(&self, place: &AtomicU32, session: u32) -> *mut Meta {
        let number = place.load(Ordering::Acquire);
        let meta = self.meta(number);
        // SAFETY: by the obligation of this function, the number is a meta's. While a block is held its slot goes to nobody; it was
        // filled before its number came to the place, where it is still.
        unsafe {
            let state = &raw mut (*meta).state as usize;
            if number == 0
                || (*meta).session != session
                || words::exchange_byte(state, QUARANTINED, HELD) != QUARANTINED
            {
                return std::ptr::null_mut();
            }
            if place.load(Ordering::Acquire) == number && !self.is_untouched(meta) {
                return meta;
            }
            words::write_byte(state, QUARANTINED);
        }
        std::ptr::null_mut()
    }
}
