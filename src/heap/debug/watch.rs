//! The calls, step by step. What holds the lock is short and calls nobody; stacks are taken before, reports are made after.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::guards;
use super::ledger::{Entry, Ledger, Of, State};
use super::noted::{Call, Noted};
use super::options::DebugOptions;
use super::threads::{self, First};
use crate::heap::lock::Lock;
use crate::heap::seam::{AllocError, Allocator, no_bytes};
use crate::hook::asks;
use crate::model::code::Code;
use crate::model::memory::{MemoryError, Noticed};
use crate::model::stack::RawStack;
use crate::sys::{bytes, stacks};

/// How many bytes the blocks in quarantine may hold together.
const HELD_BYTES: usize = 16 << 20;

/// All that a debug allocator has but for its backing allocator.
pub(super) struct Watch {
    pub(super) options: DebugOptions,
    pub(super) ledger: Lock<Ledger>,
    /// The number of the thread that called first; 0: none yet.
    owner: AtomicU32,
}

type Block = Result<NonNull<[u8]>, AllocError>;

impl Watch {
    /// One that has watched nothing yet.
    pub(super) const fn new(options: DebugOptions) -> Watch {
        Watch { options, ledger: Lock::new(Ledger::new()), owner: AtomicU32::new(0) }
    }

    /// A number of a thread as reports have it: 0 for the one that called first.
    pub(super) fn shown(&self, thread: u32) -> u32 {
        if thread == self.owner.load(Ordering::Relaxed) { 0 } else { thread }
    }

    /// A call begins, of the function whose stack pointer is `sp`. Returns the number of its thread; and more of
    /// that, if it may not call.
    fn enter(&self, sp: usize) -> (u32, Option<First>) {
        let thread = threads::number();
        let owner = match self.owner.load(Ordering::Relaxed) {
            0 => match self.owner.compare_exchange(0, thread, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    if !self.options.thread_safe {
                        let first = First::here(sp);
                        self.ledger.hold().first = Some(first);
                    }
                    thread
                }
                Err(owner) => owner,
            },
            owner => owner,
        };
        if self.options.thread_safe || owner == thread {
            return (thread, None);
        }
        let stranger = First::here(sp);
        self.ledger.hold().second.get_or_insert(stranger);
        (thread, Some(stranger))
    }

    fn stack(&self, sp: usize) -> RawStack {
        let mut stack = RawStack::EMPTY;
        if self.options.stack_frames > 0 {
            stacks::capture_above(&mut stack, sp, self.options.stack_frames);
        }
        stack
    }

    /// A block is asked for.
    pub(super) fn give_out(&self, backing: &dyn Allocator, layout: Layout, zeroed: bool, sp: usize) -> Block {
        if layout.size() == 0 {
            return Ok(no_bytes(layout));
        }
        let (thread, stranger) = self.enter(sp);
        if let Some(stranger) = &stranger {
            self.tell_of_threads(stranger);
        }
        if !self.options.safety {
            let promise = Promise::new(self, layout.size(), false, None)?;
            let block = ask(backing, layout, zeroed)?;
            promise.keep(|ledger, _| ledger.counts.born(layout.size()));
            return Ok(NonNull::slice_from_raw_parts(block, layout.size()));
        }
        let stack = self.stack(sp);
        let promise = Promise::new(self, layout.size(), true, None)?;
        // SAFETY: the block is new, and nobody has seen it yet.
        let fresh = unsafe { self.guarded(backing, layout, zeroed)? };
        let frames = self.options.stack_frames;
        promise.keep(|ledger, at| {
            let ordinal = ledger.counts.total_blocks;
            ledger.counts.born(layout.size());
            ledger.keep_stack(at, Of::Birth, frames, stack.ips());
            ledger.keep_stack(at, Of::Free, frames, &[]);
            ledger.enter(at, Entry { born_by: thread, ordinal, ..fresh });
        });
        Ok(slice(&fresh))
    }

    /// A block between guarded bytes, of which nobody knows yet.
    ///
    /// # Safety
    /// None; the bytes of the block are its taker's.
    unsafe fn guarded(&self, backing: &dyn Allocator, layout: Layout, zeroed: bool) -> Result<Entry, AllocError> {
        let (front, room) = guards::room_for(layout, self.options.canary).ok_or(AllocError)?;
        let base = ask(backing, room, zeroed)?;
        let entry = Entry {
            address: base.as_ptr() as usize + front,
            size: layout.size(),
            align: layout.align(),
            born_size: layout.size(),
            front,
            all: room.size(),
            all_align: room.align(),
            state: State::Live,
            ..Entry::NONE
        };
        // SAFETY: the backing allocator has just given all of it.
        unsafe {
            guards::guard(&entry);
            if !zeroed {
                guards::make_new(entry.address, entry.size, false);
            }
        }
        Ok(entry)
    }

    /// A block is given back.
    ///
    /// # Safety
    /// Those of [`Allocator::deallocate`]; what of them is broken is told as far as the ledger knows.
    pub(super) unsafe fn take_back(&self, backing: &dyn Allocator, block: NonNull<u8>, layout: Layout, sp: usize) {
        if self.is_nothing(block, layout) {
            return;
        }
        let (thread, stranger) = self.enter(sp);
        if self.options.safety {
            let stack = self.stack(sp);
            let call = Call { noticed: Noticed::Free, address: address(block), layout, new_size: None, thread, sp };
            let mut noted = Noted::new();
            // SAFETY: what the ledger has for the address is a block of ours, and busy from now on.
            unsafe {
                if let Some((at, entry)) = self.claim(&call, &mut noted) {
                    self.ledger.hold().counts.freed(entry.size);
                    self.retire(backing, at, &entry, thread, &stack, false);
                    self.let_go(backing, &mut noted);
                }
            }
            self.tell(&noted);
        } else {
            self.ledger.hold().counts.freed(layout.size());
            // SAFETY: by the caller's obligations.
            unsafe { backing.deallocate(block, layout) };
        }
        if let Some(stranger) = &stranger {
            self.tell_of_threads(stranger);
        }
    }

    /// The request was one of no bytes, and the pointer is no block's.
    fn is_nothing(&self, block: NonNull<u8>, layout: Layout) -> bool {
        layout.size() == 0 && self.ledger.hold().find(address(block)).is_none()
    }

    /// A block is to have another layout. `zeroed`: what is new of it is zeros.
    ///
    /// # Safety
    /// Those of [`Allocator::grow`] or [`Allocator::shrink`], as for [`take_back`](Watch::take_back).
    pub(super) unsafe fn resize(&self, backing: &dyn Allocator, block: NonNull<u8>, old: Layout, to: To) -> Block {
        if self.is_nothing(block, old) {
            return self.give_out(backing, to.layout, to.zeroed, to.sp);
        }
        if to.layout.size() == 0 {
            // SAFETY: by the caller's obligations.
            unsafe { self.take_back(backing, block, old, to.sp) };
            return Ok(no_bytes(to.layout));
        }
        let (thread, stranger) = self.enter(to.sp);
        if let Some(stranger) = &stranger {
            self.tell_of_threads(stranger);
        }
        if !self.options.safety {
            // SAFETY: by the caller's obligations.
            return unsafe { self.pass_on(backing, block, old, to) };
        }
        let stack = self.stack(to.sp);
        let new_size = Some(to.layout.size());
        let call =
            Call { noticed: Noticed::Realloc, address: address(block), layout: old, new_size, thread, sp: to.sp };
        let mut noted = Noted::new();
        // SAFETY: what the ledger has for the address is a block of ours, and busy while this call has it.
        unsafe {
            self.let_go(backing, &mut noted);
            let mut claimed = self.claim(&call, &mut noted);
            if !noted.is_empty() {
                // Who is told of an error here holds the pointer that it had.
                if let Some((at, _)) = claimed {
                    self.set_live(at);
                }
                self.tell(&noted);
                claimed = claimed.and_then(|_| self.claim(&call, &mut Noted::new()));
            }
            let (at, entry) = claimed.ok_or(AllocError)?;
            self.resize_claimed(backing, at, entry, to, thread, &stack)
        }
    }

    fn set_live(&self, at: usize) {
        if let Some(entry) = self.ledger.hold().entry_mut(at) {
            entry.state = State::Live;
        }
    }

    /// # Safety
    /// As for [`resize`](Watch::resize), and neither size is zero.
    unsafe fn pass_on(&self, backing: &dyn Allocator, block: NonNull<u8>, old: Layout, to: To) -> Block {
        let new = to.layout;
        let promise = Promise::new(self, new.size().saturating_sub(old.size()), false, None)?;
        // SAFETY: by the obligations of this function.
        let moved = unsafe {
            match (new.size() >= old.size(), to.zeroed) {
                (true, true) => backing.grow_zeroed(block, old, new),
                (true, false) => backing.grow(block, old, new),
                (false, _) => backing.shrink(block, old, new),
            }
        }?;
        promise.keep(|ledger, _| ledger.counts.resized(old.size(), new.size()));
        Ok(NonNull::slice_from_raw_parts(moved.cast(), new.size()))
    }

    /// # Safety
    /// The entry is busy with this call.
    unsafe fn resize_claimed(
        &self,
        backing: &dyn Allocator,
        at: usize,
        mut entry: Entry,
        to: To,
        thread: u32,
        stack: &RawStack,
    ) -> Block {
        let (old_size, new) = (entry.size, to.layout);
        let more = new.size().saturating_sub(old_size);
        let room = entry.all - entry.front;
        let in_place = entry.address.is_multiple_of(new.align())
            && new.size().checked_add(self.options.canary).is_some_and(|needed| needed <= room);
        let promise = Promise::new(self, more, !in_place, Some(at))?;
        // SAFETY: by the obligation of this function, nobody else has the block; the fresh one nobody has seen yet.
        unsafe {
            if in_place {
                guards::make_new(entry.end(), more, to.zeroed);
                (entry.size, entry.align) = (new.size(), new.align());
                guards::guard_behind(&entry);
                promise.keep(|ledger, _| {
                    ledger.counts.resized(old_size, new.size());
                    if let Some(place) = ledger.entry_mut(at) {
                        (place.size, place.align, place.state) = (entry.size, entry.align, State::Live);
                    }
                });
                return Ok(slice(&entry));
            }
            let fresh = self.guarded(backing, new, to.zeroed)?;
            bytes::copy(entry.address, fresh.address, old_size.min(new.size()));
            let frames = self.options.stack_frames;
            promise.keep(|ledger, into| {
                ledger.counts.resized(old_size, new.size());
                ledger.copy_stack(at, into, Of::Birth, frames);
                ledger.keep_stack(into, Of::Free, frames, &[]);
                let Entry { born_by, ordinal, born_size, .. } = entry;
                ledger.enter(into, Entry { born_by, ordinal, born_size, ..fresh });
            });
            self.retire(backing, at, &entry, thread, stack, true);
            Ok(slice(&fresh))
        }
    }

    /// Takes the block of a call for it, if it is one; puts what is wrong with the call, or was written round the block, into
    /// `noted`, and puts the latter right.
    ///
    /// # Safety
    /// The blocks of the ledger are there.
    unsafe fn claim(&self, call: &Call, noted: &mut Noted) -> Option<(usize, Entry)> {
        let found = {
            let mut ledger = self.ledger.hold();
            let found = ledger.find(call.address);
            found.and_then(|at| ledger.entry_mut(at)).filter(|entry| entry.state == State::Live).map(|entry| {
                entry.state = State::Busy;
                (found.unwrap_or(0), *entry)
            })
        };
        let Some((at, entry)) = found else {
            noted.add(self, self.bad_pointer(call));
            return None;
        };
        if (entry.size, entry.align) != (call.layout.size(), call.layout.align()) {
            let error = MemoryError { block: self.accused(at), ..call.error(self, Code::WrongLayout) };
            noted.add(self, error);
        }
        // SAFETY: the entry is of a block that is there, and busy with this call.
        unsafe {
            if let Some(damage) = guards::damage_round(&entry) {
                let code = if damage.at < 0 { Code::Underflow } else { Code::Overflow };
                let error = MemoryError { damage: Some(damage), block: self.accused(at), ..call.error(self, code) };
                noted.add(self, error);
                guards::guard(&entry);
            }
        }
        Some((at, entry))
    }

    /// A block of which the caller has taken leave goes into quarantine; or back at once, where there is none.
    ///
    /// # Safety
    /// The entry is busy with this call.
    unsafe fn retire(
        &self,
        backing: &dyn Allocator,
        at: usize,
        entry: &Entry,
        thread: u32,
        stack: &RawStack,
        moved: bool,
    ) {
        let held = self.options.never_reuse || self.options.quarantine > 0;
        // SAFETY: by the obligation of this function.
        unsafe { guards::make_freed(entry) };
        {
            let mut ledger = self.ledger.hold();
            ledger.keep_stack(at, Of::Free, self.options.stack_frames, stack.ips());
            if let Some(place) = ledger.entry_mut(at) {
                (place.freed_by, place.moved) = (thread, moved);
            }
            if held {
                ledger.hold_back(at);
            }
        }
        if held {
            // In a run of a test this block is no leak, although only the ledger leads to it.
            asks::keep((entry.address - entry.front) as *const u8);
        } else {
            // SAFETY: by the obligation of this function.
            unsafe { self.give_back(backing, at, entry) };
        }
    }

    /// Gives back what has been in quarantine for long enough.
    ///
    /// # Safety
    /// The blocks of the ledger are there, and `backing` has given their memory.
    unsafe fn let_go(&self, backing: &dyn Allocator, noted: &mut Noted) {
        if !self.options.never_reuse {
            // SAFETY: as above.
            while unsafe { self.let_one_go(backing, self.options.quarantine, HELD_BYTES, Noticed::Eviction, noted) } {}
        }
    }

    /// Gives one block back if more are held than these, or larger ones together. False: no more are.
    ///
    /// # Safety
    /// As for [`let_go`](Watch::let_go).
    pub(super) unsafe fn let_one_go(
        &self,
        backing: &dyn Allocator,
        blocks: usize,
        bytes: usize,
        noticed: Noticed,
        noted: &mut Noted,
    ) -> bool {
        let found = {
            let mut ledger = self.ledger.hold();
            ledger.let_go(blocks, bytes).map(|at| (at, ledger.entry(at)))
        };
        let Some((at, entry)) = found else { return false };
        // SAFETY: the entry is busy with this call, and its memory is there.
        unsafe {
            if let Some(damage) = guards::damage_after(&entry) {
                noted.add(self, self.written_after(at, damage, noticed));
            }
            self.give_back(backing, at, &entry);
        }
        true
    }

    /// # Safety
    /// The entry is busy with this call, and its memory came from `backing`.
    unsafe fn give_back(&self, backing: &dyn Allocator, at: usize, entry: &Entry) {
        {
            let mut ledger = self.ledger.hold();
            match ledger.entry_mut(at) {
                Some(place) if self.options.retain_metadata => place.state = State::Gone,
                _ => ledger.forget(at),
            }
        }
        // SAFETY: by the obligation of this function: asked for with this layout, and nobody has it any more.
        unsafe {
            let base = NonNull::new_unchecked((entry.address - entry.front) as *mut u8);
            backing.deallocate(base, Layout::from_size_align_unchecked(entry.all, entry.all_align));
        }
    }
}

/// What a block is to become.
#[derive(Debug, Clone, Copy)]
pub(super) struct To {
    /// Its new layout.
    pub(super) layout: Layout,
    /// What is new of it is zeros.
    pub(super) zeroed: bool,
    /// The stack pointer of who asks.
    pub(super) sp: usize,
}

/// What a call has set aside, until it keeps its promise: dropped before that, everything is as it was.
struct Promise<'w> {
    watch: &'w Watch,
    bytes: usize,
    entry: Option<usize>,
    claimed: Option<usize>,
}

impl<'w> Promise<'w> {
    /// Sets bytes aside, and an entry if one is needed. `claimed`: the entry that is busy with this call.
    fn new(watch: &'w Watch, bytes: usize, entry: bool, claimed: Option<usize>) -> Result<Promise<'w>, AllocError> {
        let mut promise = Promise { watch, bytes: 0, entry: None, claimed };
        let mut ledger = watch.ledger.hold();
        let fits = ledger.counts.promise(bytes, watch.options.memory_limit);
        if fits {
            promise.bytes = bytes;
            promise.entry = if entry { ledger.promise(watch.options.stack_frames) } else { None };
        }
        drop(ledger);
        if fits && promise.entry.is_some() == entry { Ok(promise) } else { Err(AllocError) }
    }

    /// What was promised is there.
    fn keep(self, enter: impl FnOnce(&mut Ledger, usize)) {
        enter(&mut self.watch.ledger.hold(), self.entry.unwrap_or(0));
        std::mem::forget(self);
    }
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        let mut ledger = self.watch.ledger.hold();
        ledger.counts.withdraw(self.bytes);
        if let Some(at) = self.entry {
            ledger.forget(at);
        }
        if let Some(entry) = self.claimed.and_then(|at| ledger.entry_mut(at)) {
            entry.state = State::Live;
        }
    }
}

fn ask(backing: &dyn Allocator, layout: Layout, zeroed: bool) -> Result<NonNull<u8>, AllocError> {
    let block = if zeroed { backing.allocate_zeroed(layout) } else { backing.allocate(layout) };
    block.map(NonNull::cast)
}

fn address(block: NonNull<u8>) -> usize {
    block.as_ptr() as usize
}

fn slice(entry: &Entry) -> NonNull<[u8]> {
    // SAFETY: the address of a block is not null.
    let block = unsafe { NonNull::new_unchecked(entry.address as *mut u8) };
    NonNull::slice_from_raw_parts(block, entry.size)
}
