//! Blocks that are larger than the largest slot: each stands in a run of spans of its own.

use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::classes::{SPAN, SPAN_SHIFT, ZONE};
use super::meta::{Meta, NO_LIST};
use super::store::{Family, Store};
use crate::sys::pages;

/// Runs of up to so many spans have a list for each length; longer ones share one.
const LENGTHS: usize = 64;
/// Blocks of runs of a body have lists of their own, as small ones have.
const LISTS: usize = 2 * LENGTHS;
/// From this size on the system is asked whether it would give so much.
pub(super) const DOUBTFUL: usize = 1 << 30;

/// The list for this many spans, for blocks of this session.
fn list_of(count: usize, session: u32) -> usize {
    let list = if count < LENGTHS { count } else { 0 };
    if session == 0 { list } else { list.wrapping_add(LENGTHS) }
}

/// The free runs, behind a lock that is held for a few instructions.
#[repr(C)]
pub(crate) struct Runs {
    lock: AtomicBool,
    lists: std::cell::UnsafeCell<[u32; LISTS]>,
}

impl Runs {
    /// None.
    pub(crate) const fn new() -> Runs {
        Runs { lock: AtomicBool::new(false), lists: std::cell::UnsafeCell::new([0; LISTS]) }
    }

    /// How many bytes the run has that this meta is about: kept where a slot of a span keeps nothing.
    ///
    /// # Safety
    /// The meta is a run's.
    #[inline(always)]
    pub(crate) unsafe fn bytes_of(&self, meta: *const Meta) -> usize {
        // SAFETY: by the obligation of this function: the meta after a run's holds its length.
        unsafe { (*meta.wrapping_add(1)).size }
    }

    fn locked<R>(&self, f: impl FnOnce(&mut [u32; LISTS]) -> R) -> R {
        let mut spins = 0_u32;
        while self.lock.swap(true, Ordering::Acquire) {
            spins = spins.wrapping_add(1);
            if spins & 63 == 0 {
                std::thread::yield_now();
            }
        }
        // SAFETY: the lock is held, and `f` does not come back here.
        let result = f(unsafe { &mut *self.lists.get() });
        self.lock.store(false, Ordering::Release);
        result
    }

    /// The runs in which blocks of runs have stood are used no more.
    pub(super) fn forget_bodies(&self) {
        self.locked(|lists| lists.iter_mut().skip(LENGTHS).for_each(|head| *head = 0));
    }

    /// In a process that was just forked: a list that another thread was changing is forgotten.
    pub(crate) fn after_fork(&self) {
        if self.lock.load(Ordering::Acquire) {
            // SAFETY: this process has one thread, and it is not inside.
            unsafe { *self.lists.get() = [0; LISTS] };
            self.lock.store(false, Ordering::Release);
        }
    }
}

impl Store {
    /// A run for a block of this size, whose first byte is a multiple of `front` and has so many bytes before it at least.
    pub(super) fn take_run(&self, size: usize, front: usize, session: u32) -> *mut Meta {
        let need = size.saturating_add(front).saturating_add(if front > ZONE { front } else { 0 }).saturating_add(ZONE);
        let count = need.div_ceil(SPAN);
        if count > self.bytes >> SPAN_SHIFT || (size >= DOUBTFUL && !pages::would_give(size)) {
            return ptr::null_mut();
        }
        let mut meta = self.old_run(count, session);
        if meta.is_null() {
            meta = self.new_run(count, session);
        }
        if !meta.is_null() {
            // SAFETY: the meta of a run that nobody else holds.
            unsafe {
                let first = self.base.wrapping_add(((*meta).span as usize) << SPAN_SHIFT);
                (*meta).address = first.wrapping_add(ZONE).next_multiple_of(front);
            }
        }
        meta
    }

    fn old_run(&self, count: usize, session: u32) -> *mut Meta {
        let list = list_of(count, session);
        self.runs.locked(|lists| {
            let Some(head) = lists.get_mut(list) else { return ptr::null_mut() };
            let mut link: *mut u32 = head;
            // SAFETY: the list links metas of runs that nobody else holds, and the lock is held.
            unsafe {
                while *link != 0 {
                    let meta = self.meta(*link);
                    if self.runs.bytes_of(meta) >> SPAN_SHIFT == count {
                        *link = (*meta).next;
                        return meta;
                    }
                    link = &raw mut (*meta).next;
                }
            }
            ptr::null_mut()
        })
    }

    fn new_run(&self, count: usize, session: u32) -> *mut Meta {
        let (Some(number), Some(first)) = (self.new_metas(2, Family::of(session)), self.new_spans(count)) else {
            return ptr::null_mut();
        };
        let meta = self.meta(number);
        // SAFETY: metas and spans that were never used are nobody's.
        unsafe {
            (*meta).span = first as u32;
            (*meta).list = NO_LIST;
            (*meta.wrapping_add(1)).size = count << SPAN_SHIFT;
            for place in first..first.wrapping_add(count) {
                let span = self.span(place);
                (*span).slot = 0;
                (*span).reciprocal = 0;
                (*span).meta = number;
            }
        }
        meta
    }

    /// Makes a run free for another block.
    ///
    /// # Safety
    /// The meta is a run's that nobody else holds, and it is in no list.
    pub(super) unsafe fn put_run(&self, meta: *mut Meta) {
        // SAFETY: by the obligation of this function.
        let count = unsafe { self.runs.bytes_of(meta) } >> SPAN_SHIFT;
        // SAFETY: as above.
        let list = list_of(count, unsafe { (*meta).session });
        let number = self.number(meta);
        self.runs.locked(|lists| {
            if let Some(head) = lists.get_mut(list) {
                // SAFETY: as above, and the lock is held.
                unsafe { (*meta).next = *head };
                *head = number;
            }
        });
    }
}
