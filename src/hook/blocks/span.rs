//! What the store knows of each span.

/// What is known of 64 KiB.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Span {
    /// The meta number of its first slot; 0: not in use; [`BY_PAGE`]: each page has its own.
    pub(crate) meta: u32,
    /// How large a slot is; of a run of spans, all of it, cut to what fits.
    pub(crate) slot: u32,
    /// Divides by the size of a slot; 0 where there is one slot only.
    pub(crate) reciprocal: u64,
}

/// In the place of a span's meta number: its pages are looked up one by one.
pub(crate) const BY_PAGE: u32 = u32::MAX;
