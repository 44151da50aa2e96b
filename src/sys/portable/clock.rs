//! The clock.

use std::sync::OnceLock;
use std::time::Instant;

use crate::sys::time::nanos;

static START: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds of the monotonic clock since somebody first asked.
pub(crate) fn now_ns() -> u64 {
    nanos(START.get_or_init(Instant::now).elapsed())
}
