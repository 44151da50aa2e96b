//! What a fault of an instruction tells, in the signal's handler: nothing here allocates, waits for a lock, or needs much of a stack.

use std::ptr;
use std::sync::atomic::Ordering;

use super::blocks::guarded::Touched;
use super::blocks::meta::{FORBIDDEN, MOVED, Meta};
use super::blocks::zones::{self, FREED, NEW};
use super::core::{self, Core};
use super::gate;
use super::journal::{Journal, Pointer};
use crate::model::code::Code;
use crate::model::memory::{Accused, MemoryError, Noticed, Place};
use crate::sys::stacks;

/// An access that did not come to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// Where.
    pub(crate) address: usize,
    /// Whether it read or wrote.
    pub(crate) access: Noticed,
    /// The instruction.
    pub(crate) pc: usize,
}

/// A record to begin with: copied as it is, for a handler may have a few KiB of stack.
static BLANK: Option<MemoryError> =
    Some(MemoryError { block: Some(Accused::NONE), ..MemoryError::new(Code::UseAfterFree, Noticed::Access) });

/// Puts a fault at an address of ours on record, if it is this run's first memory error. False: it is none of ours, or nothing is
/// known of what lies there.
///
/// # Safety
/// The journal is the open run's; whoever else writes there has been interrupted, or is about to end with the process.
pub(crate) unsafe fn put_on_record(core: &Core, journal: *mut Journal, fault: &Fault) -> bool {
    if !core::is_ours(fault.address) || gate::state() != gate::State::Session as u32 {
        return false;
    }
    let (code, meta) = match core.store.touched(fault.address) {
        Touched::Nothing => return false,
        Touched::Freed(meta) => (Code::UseAfterFree, meta),
        Touched::Behind(meta) if is_freed(meta) => (Code::UseAfterFree, meta),
        Touched::Before(meta) if is_freed(meta) => (Code::UseAfterFree, meta),
        Touched::Behind(meta) => (Code::Overflow, meta),
        Touched::Before(meta) => (Code::Underflow, meta),
    };
    if core.accused.compare_exchange(0, 2, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return false;
    }
    // SAFETY: by the obligation of this function; the record is written as a whole, and then in its parts.
    unsafe {
        ptr::copy_nonoverlapping(&raw const BLANK, &raw mut (*journal).memory, 1);
        if let Some(error) = (*journal).memory.as_mut() {
            fill_in(core, meta, fault, code, error);
        }
    }
    core.accused.store(1, Ordering::Release);
    true
}

fn is_freed(meta: *mut Meta) -> bool {
    // SAFETY: a meta of the store's.
    unsafe { (*meta).marks & FORBIDDEN != 0 }
}

/// # Safety
/// The meta is one of the store's, of a block that stands there or stood there last.
unsafe fn fill_in(core: &Core, meta: *const Meta, fault: &Fault, code: Code, error: &mut MemoryError) {
    // SAFETY: by the obligation of this function.
    let (start, size) = unsafe { ((*meta).address, (*meta).size) };
    error.code = code;
    error.noticed = fault.access;
    error.offset = fault.address.wrapping_sub(start) as i64;
    error.place = if fault.address < start {
        Place::Before
    } else if fault.address == start {
        Place::Start
    } else if fault.address.wrapping_sub(start) < size {
        Place::Inside
    } else {
        Place::Behind
    };
    let (own, number) = gate::local(|local| (local.own.get(), local.number.get()));
    error.thread = if own { 0 } else { number };
    // SAFETY: `cut` is changed by the body's own thread, before the body begins.
    let cut = if own { unsafe { core.own().cut } } else { 0 };
    stacks::capture_interrupted(&mut error.stack, fault.pc, 0, cut);
    if let Some(block) = error.block.as_mut() {
        // SAFETY: by the obligation of this function.
        unsafe { name_block(core, meta, block) };
        block.is_freed = code == Code::UseAfterFree;
    }
}

/// # Safety
/// As for [`fill_in`].
unsafe fn name_block(core: &Core, meta: *const Meta, block: &mut Accused) {
    // SAFETY: by the obligation of this function.
    unsafe {
        block.size = (*meta).size;
        block.born_size = (*meta).born_size;
        block.align = 1_usize.wrapping_shl(u32::from((*meta).align));
        block.ordinal = u64::from((*meta).ordinal);
        block.thread = (*meta).thread;
        block.allocator = u32::from((*meta).allocator);
        block.older = (*meta).session != core.session_number();
        block.freed_by = u32::from((*meta).freed_by);
        block.moved = (*meta).marks & MOVED != 0;
        let (born, freed) = ((*meta).born_stack, (*meta).freed_stack);
        core.try_shared(|shared| {
            for (at, into) in [(born, &mut block.born), (freed, &mut block.freed)] {
                for &ip in shared.ips(at) {
                    into.push(ip);
                }
            }
        });
    }
}

/// What a faulting instruction took for an address, by what the registers held: bytes that we wrote where no pointer was.
pub(crate) fn pointer(address: Option<usize>, is_no_address: bool, general: &[usize]) -> Pointer {
    let pattern = match address {
        Some(address) => zones::pattern_of(address),
        None if is_no_address => general.iter().find_map(|&word| zones::pattern_of(word)),
        None => None,
    };
    match pattern {
        None => Pointer::Unknown,
        Some(FREED) => Pointer::Freed,
        Some(NEW) => Pointer::New,
        Some(_) => Pointer::Zone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const DD: usize = usize::from_ne_bytes([FREED; 8]);
    const AA: usize = usize::from_ne_bytes([NEW; 8]);

    #[rstest]
    #[case::freed(None, true, &[1, DD, 0], Pointer::Freed)]
    #[case::a_field_of_freed(None, true, &[DD + 24], Pointer::Freed)]
    #[case::never_written(None, true, &[AA], Pointer::New)]
    #[case::zone(None, true, &[0, usize::from_ne_bytes([zones::REAR; 8])], Pointer::Zone)]
    #[case::wild(None, true, &[1 << 63, 0], Pointer::Unknown)]
    #[case::by_chance_in_a_register(Some(0), false, &[DD], Pointer::Unknown)]
    #[case::no_fault_of_memory(None, false, &[DD], Pointer::Unknown)]
    #[case::told_by_the_system(Some(DD + 8), false, &[], Pointer::Freed)]
    fn patterns_are_told(
        #[case] address: Option<usize>,
        #[case] is_no_address: bool,
        #[case] general: &[usize],
        #[case] told: Pointer,
    ) {
        assert_eq!(pointer(address, is_no_address, general), told);
    }
}
