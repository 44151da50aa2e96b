//! Memory errors: what was done to which block, told as plain facts.

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::stack::RawStack;

/// What was noticed when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Noticed {
    /// At `alloc` or `alloc_zeroed`.
    #[default]
    Alloc,
    /// At `dealloc`.
    Free,
    /// At `realloc`.
    Realloc,
    /// When the freed block left the quarantine.
    Eviction,
    /// When the run was over.
    End,
    /// When the body asked for a check.
    Demand,
    /// By the very instruction, which read.
    Read,
    /// By the very instruction, which wrote.
    Write,
    /// By the very instruction; whether it read or wrote is not known.
    Access,
}

/// What a pointer is that is no block's address, or what an address is that was touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Place {
    /// The first byte of the block.
    #[default]
    Start,
    /// Inside the block, or one past its end; the offset tells.
    Inside,
    /// Before the block.
    Before,
    /// Behind the block.
    Behind,
    /// Null.
    Null,
    /// In the first 64 KiB, where nothing is ever mapped; the offset tells.
    NearNull,
    /// On a thread's stack.
    Stack,
    /// In a static, or in the program's constants or code.
    Static,
    /// In a thread-local.
    ThreadLocal,
    /// In memory of another allocator: C's `malloc`, a mapping.
    Foreign,
    /// In memory that the testing allocator keeps, where no block ever stood.
    NoBlock,
    /// In memory that is not mapped.
    Unmapped,
    /// What new memory is filled with (0xAA…): the pointer was read from memory that was never written.
    OfUnwritten,
    /// What freed memory is filled with (0xDD…): the pointer was read from it.
    OfFreed,
    /// What stands beside a block (0xFA… or 0xFB…): the pointer was read from there.
    OfZone,
}

/// How many damaged bytes are shown.
pub const SHOWN: usize = 16;

/// Bytes of a guarded zone or of a freed block that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Damage {
    /// Where the first damaged byte lies, counted from the first byte of the block: negative before it, its size and more
    /// behind it.
    pub at: i64,
    /// From the first damaged byte to the last, both counted.
    pub span: u64,
    /// How many bytes are damaged.
    pub count: u64,
    /// What the first bytes of the span became.
    pub found: [u8; SHOWN],
    /// What each of them had been.
    pub expected: u8,
}

/// The block that a memory error is about.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Accused {
    /// Its size, in bytes.
    pub size: usize,
    /// The size that it was born with, before any `realloc`.
    pub born_size: usize,
    /// Its alignment, in bytes.
    pub align: usize,
    /// How many allocations of its thread came before it in its run.
    pub ordinal: u64,
    /// The thread that made it; 0: the body's own.
    pub thread: u32,
    /// The allocator that it came from; 0: the global one.
    pub allocator: u32,
    /// It was born before the run began.
    pub older: bool,
    /// It is freed.
    pub is_freed: bool,
    /// The thread that freed it; 0: the body's own.
    pub freed_by: u32,
    /// It was freed by a `realloc` that moved it.
    pub moved: bool,
    /// The stack of its birth; empty if it was not recorded.
    pub born: RawStack,
    /// The stack of its (first) free; empty if there is none, or it was not recorded.
    pub freed: RawStack,
}

/// A memory error.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct MemoryError {
    /// Its code: one of `double-free`, `invalid-free`, `wrong-layout`, `mixed-allocators`, `overflow`, `underflow`,
    /// `use-after-free`.
    pub code: Code,
    /// When it was noticed.
    pub noticed: Noticed,
    /// What the pointer is, or the address that was touched.
    pub place: Place,
    /// The block, if one is known.
    pub block: Option<Accused>,
    /// The pointer or the address, counted from the first byte of the block (from null, if there is no block and the place is
    /// near null).
    pub offset: i64,
    /// The layout of the bad call, size and alignment; for a `realloc` the one that it says the block has.
    pub given: Option<(usize, usize)>,
    /// The new size of a `realloc`.
    pub new_size: Option<usize>,
    /// The allocator that the call was made to; 0: the global one.
    pub allocator: u32,
    /// Damaged bytes.
    pub damage: Option<Damage>,
    /// The thread that noticed; 0: the body's own.
    pub thread: u32,
    /// The stack of the bad call, or of the faulting instruction; where the run was over, empty.
    pub stack: RawStack,
}

impl Accused {
    /// A block about which nothing is known yet.
    pub const NONE: Accused = Accused {
        size: 0,
        born_size: 0,
        align: 1,
        ordinal: 0,
        thread: 0,
        allocator: 0,
        older: false,
        is_freed: false,
        freed_by: 0,
        moved: false,
        born: RawStack::EMPTY,
        freed: RawStack::EMPTY,
    };
}

impl MemoryError {
    /// An error with this code, of which nothing else is known yet.
    pub const fn new(code: Code, noticed: Noticed) -> MemoryError {
        MemoryError {
            code,
            noticed,
            place: Place::Start,
            block: None,
            offset: 0,
            given: None,
            new_size: None,
            allocator: 0,
            damage: None,
            thread: 0,
            stack: RawStack::EMPTY,
        }
    }
}
