//! Where there are no processes no copies are made. See the twin.

use super::core::{Core, Own};

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
