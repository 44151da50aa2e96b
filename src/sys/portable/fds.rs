//! Which descriptors are open is not known here.

/// The descriptors that were open at one moment: none that we know of.
#[derive(Debug, Clone)]
pub(crate) struct FdSet;

impl FdSet {
    /// Looks, and sees nothing.
    pub(crate) fn now() -> FdSet {
        FdSet
    }

    /// The same, but 1 and 2 are open.
    pub(crate) fn with_output(self) -> FdSet {
        self
    }

    /// Those that are open in `self` and were not in `before`.
    pub(crate) fn new_since<'a>(&'a self, _before: &'a FdSet) -> impl Iterator<Item = i32> + 'a {
        std::iter::empty()
    }
}

/// What a descriptor names.
pub(crate) fn target(_fd: i32) -> String {
    String::from("unknown")
}
