//! What was noticed in one call, before anybody is told.

use std::alloc::Layout;

use super::guards;
use super::ledger::{Ledger, Of, State};
use super::watch::Watch;
use crate::hook::accuse;
use crate::hook::pages_vec::PagesVec;
use crate::model::code::Code;
use crate::model::memory::{Accused, Damage, MemoryError, Noticed, Place};
use crate::model::stack::RawStack;
use crate::sys::{place, stacks};

/// How many memory errors are kept on record, and how many one call tells of.
const KEPT: usize = 256;

/// The number by which reports look up the name of the allocator.
pub(super) const ITSELF: u32 = 1;

/// A call that gives back or resizes a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// `Free` or `Realloc`.
    pub(super) noticed: Noticed,
    /// The pointer.
    pub(super) address: usize,
    /// What the caller says that the block is.
    pub(super) layout: Layout,
    /// The size that it is to have.
    pub(super) new_size: Option<usize>,
    /// Who calls.
    pub(super) thread: u32,
    /// The stack pointer of the function that was called.
    pub(super) sp: usize,
}

impl Call {
    /// An error of this call.
    pub(super) fn error(&self, watch: &Watch, code: Code) -> MemoryError {
        MemoryError {
            given: Some((self.layout.size(), self.layout.align())),
            new_size: self.new_size,
            allocator: ITSELF,
            thread: watch.shown(self.thread),
            stack: Call::whole_stack(self.sp),
            ..MemoryError::new(code, self.noticed)
        }
    }

    /// All frames above this stack pointer.
    pub(super) fn whole_stack(sp: usize) -> RawStack {
        let mut stack = RawStack::EMPTY;
        stacks::capture_above(&mut stack, sp, usize::MAX);
        stack
    }
}

/// See the module.
pub(super) struct Noted {
    errors: PagesVec<MemoryError>,
    lost: usize,
}

impl Noted {
    /// Nothing; asks for no memory.
    pub(super) const fn new() -> Noted {
        Noted { errors: PagesVec::new(), lost: 0 }
    }

    /// Nothing was noticed.
    pub(super) fn is_empty(&self) -> bool {
        self.errors.len() == 0 && self.lost == 0
    }

    /// How many were noticed beside those.
    pub(super) fn lost(&self) -> usize {
        self.lost
    }

    /// What was.
    pub(super) fn errors(&self) -> &[MemoryError] {
        self.errors.as_slice()
    }

    /// Notes an error, and puts it on the allocator's record.
    pub(super) fn add(&mut self, watch: &Watch, error: MemoryError) {
        if self.errors.len() >= KEPT || !self.errors.push(error) {
            self.lost += 1;
        }
        let mut ledger = watch.ledger.hold();
        if ledger.errors.len() >= KEPT || !ledger.errors.push(error) {
            ledger.errors_lost += 1;
        }
    }
}

impl Watch {
    /// What is wrong with a call whose pointer is no live block's.
    #[cold]
    pub(super) fn bad_pointer(&self, call: &Call) -> MemoryError {
        let (found, start) = {
            let ledger = self.ledger.hold();
            let found = ledger.find(call.address).or_else(|| ledger.near(call.address));
            (found, found.map(|at| ledger.entry(at)))
        };
        let Some((at, entry)) = found.zip(start) else {
            let place = place::place_of(call.address, stacks::pointer());
            let place = accuse::told_by_pattern(place, call.address);
            let offset = if place == Place::NearNull { call.address as i64 } else { 0 };
            return MemoryError { place, offset, ..call.error(self, Code::InvalidFree) };
        };
        let block = self.accused(at);
        if entry.address == call.address {
            return MemoryError { block, ..call.error(self, Code::DoubleFree) };
        }
        let place = if call.address < entry.address {
            Place::Before
        } else if call.address <= entry.end() {
            Place::Inside
        } else {
            Place::Behind
        };
        let offset = call.address.wrapping_sub(entry.address) as i64;
        MemoryError { block, place, offset, ..call.error(self, Code::InvalidFree) }
    }

    /// A freed block that was written to.
    #[cold]
    pub(super) fn written_after(&self, at: usize, damage: Damage, noticed: Noticed) -> MemoryError {
        let block = self.accused(at).map(|block| Accused { is_freed: true, ..block });
        MemoryError { place: Place::Inside, ..self.damaged(block, Code::UseAfterFree, damage, noticed) }
    }

    fn damaged(&self, block: Option<Accused>, code: Code, damage: Damage, noticed: Noticed) -> MemoryError {
        MemoryError {
            block,
            damage: Some(damage),
            offset: damage.at,
            allocator: ITSELF,
            ..MemoryError::new(code, noticed)
        }
    }

    /// What is known of a block.
    #[cold]
    pub(super) fn accused(&self, at: usize) -> Option<Accused> {
        Some(self.accused_in(&self.ledger.hold(), at))
    }

    fn accused_in(&self, ledger: &Ledger, at: usize) -> Accused {
        let (entry, frames) = (ledger.entry(at), self.options.stack_frames);
        Accused {
            size: entry.size,
            born_size: entry.born_size,
            align: entry.align,
            ordinal: entry.ordinal,
            thread: self.shown(entry.born_by),
            allocator: ITSELF,
            older: false,
            is_freed: matches!(entry.state, State::Freed | State::Gone),
            freed_by: self.shown(entry.freed_by),
            moved: entry.moved,
            born: RawStack::from_ips(ledger.stack(at, Of::Birth, frames)),
            freed: RawStack::from_ips(ledger.stack(at, Of::Free, frames)),
        }
    }

    /// Looks at what stands round all live blocks, and into all that are in quarantine; puts it right again. The entries are looked
    /// at one by one, so that calls of other threads come between. `stack`: of who asked for it.
    pub(super) fn look_at_all(&self, noticed: Noticed, stack: &RawStack, noted: &mut Noted) {
        let mut at = 0;
        loop {
            let found = {
                let ledger = self.ledger.hold();
                if at >= ledger.len() {
                    return;
                }
                // SAFETY: while the lock is held nobody else takes a block that is live, or lets one go that is freed.
                unsafe { self.look_at(&ledger, at, noticed) }
            };
            if let Some(mut error) = found {
                error.stack.copy_from(stack);
                noted.add(self, error);
            }
            at += 1;
        }
    }

    /// # Safety
    /// Nobody else gives the block back meanwhile.
    unsafe fn look_at(&self, ledger: &Ledger, at: usize, noticed: Noticed) -> Option<MemoryError> {
        let entry = ledger.entry(at);
        // SAFETY: by the obligation of this function, the memory of the entry is there.
        unsafe {
            match entry.state {
                State::Live => {
                    let damage = guards::damage_round(&entry)?;
                    guards::guard(&entry);
                    let code = if damage.at < 0 { Code::Underflow } else { Code::Overflow };
                    Some(self.damaged(Some(self.accused_in(ledger, at)), code, damage, noticed))
                }
                State::Freed => {
                    let damage = guards::damage_after(&entry)?;
                    guards::make_freed(&entry);
                    guards::guard(&entry);
                    let block = Some(self.accused_in(ledger, at));
                    Some(self.damaged(block, Code::UseAfterFree, damage, noticed))
                }
                State::Unused | State::Promised | State::Busy | State::Gone => None,
            }
        }
    }
}
