//! Where there are no processes no copies are made. See the twin.

use super::core::{Core, Own};
use crate::model::fault::Fault;
use crate::model::stack::RawStack;

/// A fault for which a copy would be made.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "nobody makes a copy for it")]
pub(crate) struct Due {
    /// It begins at a point.
    pub(crate) fault: Fault,
    /// The place of its result.
    pub(crate) place: u32,
    /// No copy is made if one costs as much as this, in nanoseconds.
    pub(crate) worth: u64,
}

/// The faults for which copies are made: none.
pub(crate) struct Branch;

impl Branch {
    /// No copies are made.
    pub(crate) const fn new() -> Branch {
        Branch
    }

    /// This process is no copy.
    pub(crate) fn copy(&self) -> Option<u32> {
        None
    }

    /// The stack of the request for which a copy was made: there is none.
    pub(crate) fn stack_at(&self, _index: u64, _into: &mut RawStack) -> bool {
        false
    }

    /// The point at which the next fault begins: none does.
    #[inline(always)]
    pub(crate) fn next(&self) -> u64 {
        u64::MAX
    }
}

/// No point is the last.
pub(super) fn split(_core: &Core, _own: &mut Own) -> bool {
    false
}
