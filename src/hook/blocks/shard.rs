//! What one thread keeps to serve blocks without a lock: its free slots, and the blocks that it freed last.
//!
//! A shard belongs to one living thread at a time: to the one whose thread-local lies at the address that claimed it. A thread
//! that ends leaves it behind; the next thread whose thread-local lies there finds it again. When all are taken, the rest share
//! the first, behind a lock.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use super::classes::CLASSES;
use crate::sys::words;

/// How many threads have a shard of their own.
pub(crate) const SHARDS: usize = 1024;
/// How many small blocks of a thread are watched after they were freed.
pub(crate) const SMALL_KEPT: usize = 256;
/// How many large ones.
pub(crate) const LARGE_KEPT: usize = 16;
/// Blocks up to this size count as small.
pub(crate) const SMALL: usize = 1024;

/// Blocks of runs stand in slots in which nothing else has ever stood: an old word on the stack outside the body would else be taken
/// for the address of a block. So there are two families of slots, and a list for each class of each.
pub(crate) const LISTS: usize = 2 * CLASSES;

/// The list of a class for blocks that were born in this session.
#[inline(always)]
pub(crate) fn list_of(class: usize, session: u32) -> usize {
    if session == 0 { class } else { class.wrapping_add(CLASSES) }
}

/// Slots of one class that were never used.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Fresh {
    /// The meta number of the next one.
    pub(crate) next: u32,
    /// Where they end.
    pub(crate) end: u32,
    /// Where the next one begins.
    pub(crate) address: usize,
}

/// See the module.
#[repr(C)]
pub(crate) struct Shard {
    /// The owner is inside; or, in a process that was forked meanwhile, was, and left things half done.
    pub(crate) busy: usize,
    /// For those that share it.
    lock: AtomicBool,
    /// The system's number of the thread that owns it; 0: that has ended.
    pub(crate) system_id: AtomicI32,
    /// The session that the counts below belong to.
    pub(crate) session: usize,
    /// Births of this session.
    pub(crate) born: usize,
    /// Deaths of blocks of this session.
    pub(crate) gone: usize,
    /// Bytes of the first.
    pub(crate) born_bytes: usize,
    /// Bytes of the second.
    pub(crate) gone_bytes: usize,
    /// Blocks of earlier sessions that were live when those ended, as far as this shard's counts know.
    pub(crate) carried: usize,
    /// Deaths of blocks of earlier sessions.
    pub(crate) older_gone: usize,
    /// Where the next small block that is freed is put.
    pub(crate) small_at: usize,
    /// Where the next large one is put.
    pub(crate) large_at: usize,
    /// The first free slot of each class, of both families.
    pub(crate) free: [u32; LISTS],
    /// Small blocks that were freed last; 0: none.
    pub(crate) small: [u32; SMALL_KEPT],
    /// Large ones.
    pub(crate) large: [u32; LARGE_KEPT],
    /// Slots that were never used.
    pub(crate) fresh: [Fresh; LISTS],
    /// Where its next block between guard pages may begin; 0: nowhere yet.
    pub(crate) guarded_next: usize,
    /// Where the pages end that it has for them.
    pub(crate) guarded_end: usize,
}

impl Shard {
    /// The slots in which blocks of runs have stood are used no more, whether they are free or wait to be.
    ///
    /// # Safety
    /// The shard is a store's, and nobody is in it.
    pub(super) unsafe fn forget_bodies(shard: *mut Shard) {
        const NONE: Fresh = Fresh { next: 0, end: 0, address: 0 };
        // SAFETY: by the obligation of this function.
        unsafe {
            let shard = &mut *shard;
            shard.free.iter_mut().skip(CLASSES).for_each(|first| *first = 0);
            shard.fresh.iter_mut().skip(CLASSES).for_each(|fresh| *fresh = NONE);
            shard.small = [0; SMALL_KEPT];
            shard.large = [0; LARGE_KEPT];
            (shard.guarded_next, shard.guarded_end) = (0, 0);
        }
    }
}

/// Who owns which shard.
#[repr(C)]
pub(crate) struct Owners {
    keys: [AtomicUsize; SHARDS],
    /// The numbers of those that are claimed, in the order in which they were.
    order: [AtomicUsize; SHARDS],
    claimed: AtomicUsize,
}

/// The number of the shard that those share who found no other.
pub(crate) const COMMON: usize = 0;

impl Owners {
    /// The shard of the thread with this key (an address of its own, not 0); claims one if it has none.
    pub(crate) fn find(&self, key: usize) -> usize {
        // Multiplicative hashing (Knuth, The Art of Computer Programming, 6.4): the stacks of threads lie a round number of bytes
        // apart.
        let mixed = (key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut at = (mixed >> 40) as usize & SHARDS.wrapping_sub(1);
        for _ in 0..SHARDS {
            if at != COMMON
                && let Some(place) = self.keys.get(at)
            {
                let held = place.load(Ordering::Acquire);
                if held == key {
                    return at;
                }
                if held == 0 && place.compare_exchange(0, key, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                    let nth = self.claimed.fetch_add(1, Ordering::AcqRel);
                    if let Some(entry) = self.order.get(nth) {
                        entry.store(at, Ordering::Release);
                    }
                    return at;
                }
            }
            at = at.wrapping_add(1) & SHARDS.wrapping_sub(1);
        }
        COMMON
    }

    /// The numbers of all that are claimed, and the common one.
    pub(crate) fn claimed(&self) -> impl Iterator<Item = usize> {
        let claimed = self.order.iter().take(self.claimed.load(Ordering::Acquire));
        // One that is being entered reads as the common one for a moment, which changes nothing.
        claimed.map(|entry| entry.load(Ordering::Acquire)).filter(|&at| at != COMMON).chain([COMMON])
    }

    /// Takes a shard out of use for ever.
    pub(crate) fn retire(&self, number: usize) {
        if let Some(place) = self.keys.get(number) {
            // No thread-local lies there.
            place.store(1, Ordering::Release);
        }
    }
}

impl Shard {
    /// Begins to use it; to be followed by [`leave`](Shard::leave).
    ///
    /// # Safety
    /// `shard` is the calling thread's, and the thread is not inside it.
    #[inline(always)]
    pub(crate) unsafe fn enter(shard: *mut Shard, common: *mut Shard) {
        // SAFETY: by the obligation of this function.
        unsafe {
            if shard == common {
                (*shard).wait();
            }
            words::write(&raw mut (*shard).busy as usize, 1);
        }
    }

    /// Ends the use.
    ///
    /// # Safety
    /// As for [`enter`](Shard::enter), which came before.
    #[inline(always)]
    pub(crate) unsafe fn leave(shard: *mut Shard, common: *mut Shard) {
        // SAFETY: by the obligation of this function.
        unsafe {
            words::write(&raw mut (*shard).busy as usize, 0);
            if shard == common {
                (*shard).lock.store(false, Ordering::Release);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn wait(&self) {
        while self.lock.swap(true, Ordering::Acquire) {
            std::hint::spin_loop();
        }
    }

    /// Counts a birth; returns how many of this session's came before it on this thread.
    ///
    /// # Safety
    /// `shard` is the calling thread's.
    #[inline(always)]
    pub(crate) unsafe fn count_born(shard: *mut Shard, session: u32, size: usize) -> u32 {
        // SAFETY: by the obligation of this function: nobody else writes these words.
        unsafe {
            if (*shard).session != session as usize {
                Shard::begin(shard, session);
            }
            let ordinal = (*shard).born;
            words::write(&raw mut (*shard).born as usize, ordinal.wrapping_add(1));
            words::write(&raw mut (*shard).born_bytes as usize, (*shard).born_bytes.wrapping_add(size));
            ordinal as u32
        }
    }

    /// Counts a death.
    ///
    /// # Safety
    /// As for [`count_born`](Shard::count_born).
    #[inline(always)]
    pub(crate) unsafe fn count_gone(shard: *mut Shard, session: u32, size: usize) {
        // SAFETY: as above.
        unsafe {
            if (*shard).session != session as usize {
                Shard::begin(shard, session);
            }
            words::write(&raw mut (*shard).gone as usize, (*shard).gone.wrapping_add(1));
            words::write(&raw mut (*shard).gone_bytes as usize, (*shard).gone_bytes.wrapping_add(size));
        }
    }

    /// # Safety
    /// As for [`count_born`](Shard::count_born).
    #[cold]
    #[inline(never)]
    unsafe fn begin(shard: *mut Shard, session: u32) {
        // SAFETY: as above. The session comes last: who reads the counts looks at it first.
        unsafe {
            let carried = (*shard).carried.wrapping_add((*shard).born).wrapping_sub((*shard).gone);
            words::write(&raw mut (*shard).carried as usize, carried);
            words::write(&raw mut (*shard).session as usize, 0);
            for word in [
                &raw mut (*shard).born,
                &raw mut (*shard).gone,
                &raw mut (*shard).born_bytes,
                &raw mut (*shard).gone_bytes,
            ] {
                words::write(word as usize, 0);
            }
            words::write(&raw mut (*shard).session as usize, session as usize);
        }
    }

    /// Counts the death of a block of an earlier session.
    ///
    /// # Safety
    /// As for [`count_born`](Shard::count_born).
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn count_older(shard: *mut Shard) {
        // SAFETY: as above.
        unsafe { words::write(&raw mut (*shard).older_gone as usize, (*shard).older_gone.wrapping_add(1)) };
    }

    /// A block of an earlier session moves: its death at the old place is none.
    ///
    /// # Safety
    /// As for [`count_born`](Shard::count_born).
    pub(crate) unsafe fn count_moved(shard: *mut Shard) {
        // SAFETY: as above.
        unsafe { words::write(&raw mut (*shard).carried as usize, (*shard).carried.wrapping_add(1)) };
    }

    /// What this shard's counts add to the number of live blocks of all sessions.
    ///
    /// # Safety
    /// As for [`live`](Shard::live).
    pub(crate) unsafe fn live_of_all(shard: *mut Shard) -> usize {
        // SAFETY: by the obligation of this function.
        unsafe {
            let read = |word: *const usize| words::read(word as usize);
            let now = read(&raw const (*shard).born).wrapping_sub(read(&raw const (*shard).gone));
            let before = read(&raw const (*shard).carried).wrapping_sub(read(&raw const (*shard).older_gone));
            now.wrapping_add(before)
        }
    }

    /// Live blocks and bytes that this shard's counts add to the session's: those that others freed count against it elsewhere.
    ///
    /// # Safety
    /// `shard` is one of a store's.
    pub(crate) unsafe fn live(shard: *mut Shard, session: u32) -> (usize, usize) {
        // SAFETY: by the obligation of this function; whoever writes them writes whole words.
        unsafe {
            if words::read(&raw const (*shard).session as usize) != session as usize {
                return (0, 0);
            }
            let read = |word: *const usize| words::read(word as usize);
            let (born, gone) = (read(&raw const (*shard).born), read(&raw const (*shard).gone));
            let bytes = read(&raw const (*shard).born_bytes).wrapping_sub(read(&raw const (*shard).gone_bytes));
            (born.wrapping_sub(gone), bytes)
        }
    }
}
