//! A failure that was made, with the stack of the request.

use std::fmt;
use std::path::PathBuf;

use super::plan::{Numbering, Refusal};
use crate::hook::regions;
use crate::inspect::symbols::Resolver;
use crate::model::event::Request;
use crate::model::fault::Fault;
use crate::model::stack::{RawStack, Stack};
use crate::render::settings::Settings;
use crate::render::stacks;

/// A request that a [`FailingAllocator`](super::FailingAllocator) failed: which one, why, and where it was made.
///
/// It is a plain value: the stack is kept as addresses, and read when it is asked for.
///
/// # Examples
///
/// ```
/// use std::alloc::Layout;
/// use oomsweep::heap::{Allocator, FailingAllocator, adapt::Global};
///
/// # #[inline(never)]
/// fn build_index(heap: &dyn Allocator) -> bool {
///     heap.allocate(Layout::new::<[u32; 6]>()).is_ok()
/// }
///
/// let failing = FailingAllocator::fail_index(Global, 0);
/// assert!(!build_index(&failing));
/// let failure = failing.induced_failure().unwrap();
/// assert_eq!((failure.request().size, failure.request().align), (24, 4));
/// assert!(failure.stack().iter().any(|frame| frame.function.contains("build_index")));
/// let text = failure.to_string();
/// assert!(text.starts_with("allocation 0 (24 bytes, alignment 4) was made to fail by persistent@0\n"), "{text}");
/// assert!(text.contains("build_index"), "{text}");
/// ```
#[derive(Clone, Copy)]
pub struct InducedFailure {
    request: Request,
    refusal: Refusal,
    stack: RawStack,
}

impl InducedFailure {
    pub(super) const fn new(request: Request, refusal: Refusal, stack: RawStack) -> InducedFailure {
        InducedFailure { request, refusal, stack }
    }

    /// The request, with its number among requests of any kind.
    pub fn request(&self) -> Request {
        self.request
    }

    /// The fault that failed it.
    pub fn fault(&self) -> Fault {
        self.refusal.fault
    }

    /// Which requests that fault counts.
    pub fn numbering(&self) -> Numbering {
        self.refusal.numbering
    }

    /// The number of the request in that numbering, from 0.
    pub fn number(&self) -> u64 {
        self.refusal.number
    }

    /// The stack of the request, as it was captured.
    pub fn raw_stack(&self) -> &RawStack {
        &self.stack
    }

    /// The stack of the request with functions, files and lines, innermost first; without this crate's own frames, and empty where stacks can't be
    /// had.
    ///
    /// This reads debug information, which takes its time; it must be asked for in the process in which the request was made. What it
    /// allocates is [exempt](crate::exempt).
    pub fn stack(&self) -> Stack {
        regions::exempt(|| {
            let variable = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
            let folder = variable.or_else(|| std::env::current_dir().ok()).unwrap_or_default();
            Resolver::new(&folder.to_string_lossy()).resolve(&self.stack)
        })
    }
}

impl fmt::Debug for InducedFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InducedFailure")
            .field("request", &self.request)
            .field("fault", &self.fault())
            .field("numbering", &self.numbering())
            .field("number", &self.number())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for InducedFailure {
    /// What failed, in one line, and the stack below it, a line each frame.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request { kind, size, old_size, align, .. } = self.request;
        write!(f, "{} {} (", self.numbering().word(), self.number())?;
        match old_size {
            0 => write!(f, "{size} bytes")?,
            _ => write!(f, "{}, from {old_size} to {size} bytes", kind.as_str())?,
        }
        write!(f, ", alignment {align}) was made to fail by {}", self.fault())?;
        let lines = regions::exempt(|| stacks::lines(&self.stack(), "  ", &Settings::new(false)));
        if lines.is_empty() { Ok(()) } else { write!(f, "\n{}", lines.trim_end()) }
    }
}
