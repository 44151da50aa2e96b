//! What a process carries from one run to the next cannot be seen here: where its statics and stacks lie is not known.

/// A range of this process's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// Its first byte.
    pub(crate) from: usize,
    /// How many bytes.
    pub(crate) len: usize,
}

/// The writable statics of the program: not known.
pub(crate) fn statics() -> Vec<Range> {
    Vec::new()
}

/// The calling thread's stack from `from` to its outermost frame: not known.
pub(crate) fn stack_above(_from: usize) -> Option<Range> {
    None
}

/// Every other range that can be read and written: not known.
pub(crate) fn writable_memory(_stack: usize) -> Vec<Range> {
    Vec::new()
}
