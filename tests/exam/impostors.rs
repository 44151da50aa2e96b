//! Allocators with one fault each. The exam must find every one of them, or it could not fail those that sit it in earnest.

use std::alloc::Layout;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use oomsweep::heap::{AllocError, Allocator};

use crate::book::layout;
use crate::ledger::Ledger;
use crate::reach::{Candidate, Exam, Reach};

/// What is wrong with an impostor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing: it must pass.
    None,
    /// Blocks that are aligned to half of what was asked for.
    Misaligned,
    /// Slices that are one byte shorter than was asked.
    Short,
    /// All blocks of one byte are the same byte.
    Overlapping,
    /// Zeros are not written.
    NotZeroed,
    /// All but the last byte is zeroed.
    LastNotZeroed,
    /// What is new in a larger block is not zeros.
    NotZeroedBeyond,
    /// The whole of a larger block is zeroed.
    AllZeroed,
    /// All but the last byte moves into a larger block.
    LastByteLost,
    /// All but the last byte moves into a smaller block.
    LastByteLostShrinking,
    /// A block keeps its place when its alignment changes.
    AlignmentIgnored,
    /// A block that could not grow is damaged.
    DamagedByError,
    /// A request of nothing is refused.
    NothingRefused,
    /// A larger block is not given back when it has moved.
    OldBlockLost,
    /// Blocks are given back with the size one too small.
    WrongLayout,
    /// A size too large is taken modulo some power of two.
    SizeWraps,
    /// Every hundredth request is refused.
    Refuses,
}

/// The system's allocator with a fault.
struct Impostor<'l> {
    backing: &'l Ledger,
    fault: Fault,
    asked: Cell<u32>,
    /// The byte that is given to all who ask for one.
    shared: UnsafeCell<u8>,
}

impl Impostor<'_> {
    fn shared(&self) -> NonNull<u8> {
        NonNull::new(self.shared.get()).expect("a place in this")
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn take(&self, asked: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.asked.set(self.asked.get() + 1);
        if self.is(Fault::NothingRefused) && asked.size() == 0
            || self.is(Fault::Refuses) && self.asked.get().is_multiple_of(100)
        {
            return Err(AllocError);
        }
        if self.is(Fault::SizeWraps) && asked.size() > 1 << 40 {
            return self.backing.allocate(layout(64, asked.align()));
        }
        if self.is(Fault::Overlapping) && asked == layout(1, 1) {
            return Ok(NonNull::slice_from_raw_parts(self.shared(), 1));
        }
        if self.is(Fault::Misaligned) && asked.align() > 1 && asked.size() != 0 {
            let longer = self.backing.allocate(layout(asked.size() + asked.align(), asked.align()))?;
            // SAFETY: the block is longer by all of its alignment.
            let off = unsafe { longer.cast::<u8>().add(asked.align() / 2) };
            return Ok(NonNull::slice_from_raw_parts(off, asked.size()));
        }
        let block = self.backing.allocate(asked)?;
        let start = block.cast::<u8>();
        let short = usize::from(self.is(Fault::Short) && asked.size() > 100);
        Ok(NonNull::slice_from_raw_parts(start, block.len() - short))
    }

    fn zero(&self, block: NonNull<[u8]>, from: usize) {
        let less = usize::from(self.is(Fault::LastNotZeroed) && block.len() > from);
        // SAFETY: the block has just been taken, and `from` bytes are left out.
        unsafe { block.cast::<u8>().add(from).write_bytes(0, block.len() - from - less) };
    }

    /// # Safety
    /// Those of `grow` and `shrink`.
    unsafe fn change(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
        zeroed: bool,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let growing = new.size() >= old.size();
        if self.is(Fault::AlignmentIgnored) && new.size() == old.size() && new.align() > old.align() {
            return Ok(NonNull::slice_from_raw_parts(block, old.size()));
        }
        let fresh = self.take(new).inspect_err(|_| {
            if self.is(Fault::DamagedByError) && old.size() != 0 {
                // SAFETY: the block has at least a byte.
                unsafe { block.write(0) };
            }
        })?;
        let mut kept = old.size().min(new.size());
        let loses = if growing { Fault::LastByteLost } else { Fault::LastByteLostShrinking };
        kept -= usize::from(self.is(loses) && kept > 0);
        // SAFETY: by the obligations of this function; the new block has just been taken.
        unsafe {
            fresh.cast::<u8>().copy_from_nonoverlapping(block, kept);
            if zeroed && !self.is(Fault::NotZeroedBeyond) {
                self.zero(fresh, if self.is(Fault::AllZeroed) { 0 } else { old.size() });
            }
            if !self.is(Fault::OldBlockLost) || !growing {
                self.deallocate(block, old);
            }
        }
        Ok(fresh)
    }
}

// SAFETY: there is none: these are for the exam to find out. What they do wrong is wrong within memory that they have.
unsafe impl Allocator for Impostor<'_> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.take(layout)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let block = self.take(layout)?;
        if !self.is(Fault::NotZeroed) {
            self.zero(block, 0);
        }
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, old: Layout) {
        if block == self.shared() {
            return;
        }
        let less = usize::from(self.is(Fault::WrongLayout) && old.size() > 1);
        // SAFETY: by the caller's obligations, but for the faults that the ledger finds before it does anything.
        unsafe { self.backing.deallocate(block, layout(old.size() - less, old.align())) };
    }

    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        unsafe { self.change(block, old, new, false) }
    }

    unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        unsafe { self.change(block, old, new, true) }
    }

    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        unsafe { self.change(block, old, new, false) }
    }
}

/// Brings an impostor to the exam.
fn lend(fault: Fault, exam: Exam<'_>) {
    let ledger = Ledger::exact();
    exam(&Impostor { backing: &ledger, fault, asked: Cell::new(0), shared: UnsafeCell::new(0) });
}

fn passes(fault: Fault) -> bool {
    let fresh = |exam: Exam<'_>| lend(fault, exam);
    let candidate = Candidate { fresh: &fresh, reach: Reach::ALL };
    catch_unwind(AssertUnwindSafe(|| crate::sits::everything(candidate))).is_ok()
}

#[test]
fn without_a_fault_it_passes() {
    assert!(passes(Fault::None));
}

#[test]
fn every_impostor_is_found() {
    use Fault::*;
    let faults = [
        Misaligned,
        Short,
        Overlapping,
        NotZeroed,
        LastNotZeroed,
        NotZeroedBeyond,
        AllZeroed,
        LastByteLost,
        LastByteLostShrinking,
        AlignmentIgnored,
        DamagedByError,
        NothingRefused,
        OldBlockLost,
        WrongLayout,
        SizeWraps,
        Refuses,
    ];
    let passed: Vec<Fault> = faults.into_iter().filter(|&fault| passes(fault)).collect();
    assert!(passed.is_empty(), "nothing was said against {passed:?}");
}
