//! What becomes of a quarantine when a run is over.

use super::meta::Meta;
use super::shard::{LARGE_KEPT, SMALL_KEPT, Shard};
use super::store::Store;
use crate::hook::short;

impl Store {
    /// Lets every block leave this shard's quarantine; returns one that was found written, null if none was.
    ///
    /// # Safety
    /// `shard` is the calling thread's, or its thread has ended or stands still outside of it.
    pub(crate) unsafe fn flush(&self, shard: *mut Shard) -> *mut Meta {
        // SAFETY: by the obligation of this function.
        unsafe {
            let written = self.look_back(shard, true);
            (*shard).small_at = 0;
            (*shard).large_at = 0;
            written
        }
    }

    /// Looks at every block in this shard's quarantine and writes nothing, for a process that ends after it: every page that a copy
    /// writes to is copied. Returns one that was found written, null if none was.
    ///
    /// # Safety
    /// As for [`flush`](Store::flush).
    pub(crate) unsafe fn look_at_freed(&self, shard: *mut Shard) -> *mut Meta {
        // SAFETY: by the obligation of this function.
        unsafe { self.look_back(shard, false) }
    }

    /// The last freed first: of several, the one found is the first that was freed, and the next run uses the slots in the order in
    /// which this one gave them back.
    ///
    /// # Safety
    /// As for [`flush`](Store::flush).
    unsafe fn look_back(&self, shard: *mut Shard, leave: bool) -> *mut Meta {
        // SAFETY: by the obligation of this function.
        unsafe {
            let small = (&raw mut (*shard).small).cast::<u32>();
            let large = (&raw mut (*shard).large).cast::<u32>();
            let written = self.look_back_in(shard, (small, SMALL_KEPT, (*shard).small_at), leave);
            let other = self.look_back_in(shard, (large, LARGE_KEPT, (*shard).large_at), leave);
            if other.is_null() { written } else { other }
        }
    }

    /// # Safety
    /// As for [`flush`](Store::flush); `ring` is one of its quarantines, with so many places, of which the last is the next.
    unsafe fn look_back_in(&self, shard: *mut Shard, ring: (*mut u32, usize, usize), leave: bool) -> *mut Meta {
        let (places, kept, next) = ring;
        let mut written = std::ptr::null_mut();
        // SAFETY: by the obligation of this function; the numbers of places are powers of two.
        unsafe {
            let mut seen = short::look_back(self.metas, shard, ring, leave);
            while seen < kept {
                seen = seen.wrapping_add(1);
                let place = places.wrapping_add(next.wrapping_sub(seen) & kept.wrapping_sub(1));
                if *place == 0 {
                    break;
                }
                let meta = self.meta(*place);
                let found = match leave {
                    true => self.release(shard, meta),
                    false if self.is_untouched(meta) => std::ptr::null_mut(),
                    false => meta,
                };
                if leave {
                    *place = 0;
                }
                written = if found.is_null() { written } else { found };
            }
        }
        written
    }
}
