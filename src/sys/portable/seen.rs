//! Threads need not be noted: where their stacks lie is not known.

/// Would note that the thread with this pointer lives.
pub(crate) fn note_thread(_pointer: usize) {}
