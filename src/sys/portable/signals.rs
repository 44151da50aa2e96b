//! Fatal signals are not seen here: the standard library has no way to ask for them.

use crate::model::memory::Noticed;

/// What a fatal signal brought along.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fatal {
    /// The signal's number.
    pub(crate) number: i32,
    /// The faulting address, for signals that have one.
    pub(crate) address: Option<usize>,
    /// The stack pointer of the interrupted code; 0 if unknown.
    pub(crate) sp: usize,
    /// The interrupted instruction; 0 if unknown.
    pub(crate) pc: usize,
    /// What the instruction did there.
    pub(crate) access: Noticed,
    /// The address is none that this machine has.
    pub(crate) is_no_address: bool,
    /// What the general registers held.
    pub(crate) general: [usize; 0],
}

/// Would be told of a fatal signal.
pub(crate) type Witness = fn(&Fatal);

/// Nobody is told.
pub(crate) fn watch(_witness: Witness) {}

/// There is nothing to put back.
pub(crate) fn unwatch() {}

/// No handler runs, so none needs a stack.
pub(crate) fn own_stack() {}
