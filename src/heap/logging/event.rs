//! What is told of a call.

use std::alloc::Layout;
use std::fmt;
use std::ptr::NonNull;

use crate::heap::watched::{Ask, Way};

/// A method of an allocator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AllocCall {
    /// `allocate`; also a `grow` of a block of no bytes.
    Allocate,
    /// `allocate_zeroed`; also a `grow_zeroed` of a block of no bytes.
    AllocateZeroed,
    /// `grow`.
    Grow,
    /// `grow_zeroed`.
    GrowZeroed,
    /// `shrink`.
    Shrink,
    /// `deallocate`; also a `shrink` to no bytes.
    Deallocate,
}

impl AllocCall {
    /// The name of the method.
    pub fn as_str(self) -> &'static str {
        match self {
            AllocCall::Allocate => "allocate",
            AllocCall::AllocateZeroed => "allocate_zeroed",
            AllocCall::Grow => "grow",
            AllocCall::GrowZeroed => "grow_zeroed",
            AllocCall::Shrink => "shrink",
            AllocCall::Deallocate => "deallocate",
        }
    }
}

impl fmt::Display for AllocCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One call that a [`LoggingAllocator`](super::LoggingAllocator) saw.
///
/// Its text is one line, such as `allocate: 24 bytes, alignment 8, at 0x7f12c0`, `grow: 24 bytes, alignment 8, at 0x7f12c0, to 48
/// bytes, alignment 8, at 0x7f1340`, or `allocate: 24 bytes, alignment 8: failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AllocEvent {
    /// The method.
    pub call: AllocCall,
    /// The size that is asked for, or that goes back; in bytes.
    pub size: usize,
    /// The alignment that is asked for, or that the block has; in bytes.
    pub align: usize,
    /// Where the block is that came out of the call, or that goes back; `None` if the call failed.
    pub address: Option<usize>,
    /// The block that was given another size, as it was before.
    pub old: Option<OldBlock>,
}

/// A block before it is given another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OldBlock {
    /// Where it is.
    pub address: usize,
    /// Its size in bytes.
    pub size: usize,
    /// Its alignment in bytes.
    pub align: usize,
}

impl AllocEvent {
    /// Whether the call came back empty-handed. An old block is then still there, as it was.
    pub fn is_failure(&self) -> bool {
        self.address.is_none()
    }

    pub(super) fn of_request(ask: &Ask, answer: Option<NonNull<u8>>) -> AllocEvent {
        let call = match ask.way {
            Way::Allocate => AllocCall::Allocate,
            Way::AllocateZeroed => AllocCall::AllocateZeroed,
            Way::Grow => AllocCall::Grow,
            Way::GrowZeroed => AllocCall::GrowZeroed,
            Way::Shrink => AllocCall::Shrink,
        };
        let old = ask.old.map(|(block, layout)| OldBlock {
            address: block.addr().get(),
            size: layout.size(),
            align: layout.align(),
        });
        let address = answer.map(|block| block.addr().get());
        AllocEvent { call, size: ask.new.size(), align: ask.new.align(), address, old }
    }

    pub(super) fn of_free(block: NonNull<u8>, layout: Layout) -> AllocEvent {
        AllocEvent {
            call: AllocCall::Deallocate,
            size: layout.size(),
            align: layout.align(),
            address: Some(block.addr().get()),
            old: None,
        }
    }
}

impl fmt::Display for AllocEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.call)?;
        if let Some(OldBlock { address, size, align }) = self.old {
            write!(f, "{size} bytes, alignment {align}, at {address:#x}, to ")?;
        }
        write!(f, "{} bytes, alignment {}", self.size, self.align)?;
        match self.address {
            Some(address) => write!(f, ", at {address:#x}"),
            None => f.write_str(": failed"),
        }
    }
}
