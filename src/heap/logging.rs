//! An allocator that tells of every call: to the program's logger, or to a function. What it tells changes nothing of what it does.

mod event;
mod sink;
mod telling;

use std::alloc::Layout;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::adapt::Global;
use super::seam::{AllocError, Allocator};
use super::watched::{Ask, Watch, watches};
use crate::hook::regions;

pub use event::{AllocCall, AllocEvent, OldBlock};
pub use sink::{LogLevel, Loggers, Sink};

/// The target of what is told to the program's loggers.
#[cfg(any(feature = "log", feature = "tracing"))]
const TARGET: &str = "oomsweep::heap";

/// Tells a [`Sink`] of every call, with sizes, alignments, addresses and results.
///
/// **When.** A request is told of after the allocator behind has answered, a block that goes back before it goes: however many threads
/// tell one log, no address is given out again there before it went back, unless a resize moved the block. Calls without bytes ask
/// nobody, and are not told of.
///
/// **A sink that allocates** through this very allocator, on the thread on which it is told, is served, and is not told of that. What
/// it allocates from the global allocator within a test is [exempt](crate::exempt): it is neither failed nor numbered.
///
/// **A sink that panics** loses the event and nothing else: the panic is caught, the call goes on and answers as it would
/// have, and [`lost_events`](LoggingAllocator::lost_events) counts it. Where panics abort, it aborts.
///
/// It is [`Send`] and [`Sync`] if `A` and the sink are; a sink may be called by several threads at once.
///
/// # Examples
///
/// ```
/// use std::alloc::Layout;
/// use std::sync::Mutex;
/// use oomsweep::heap::{AllocEvent, Allocator, LoggingAllocator, adapt::Global};
///
/// let lines = Mutex::new(Vec::new());
/// let logging = LoggingAllocator::with(Global, |event: &AllocEvent| lines.lock().unwrap().push(event.to_string()));
/// let block = logging.allocate(Layout::new::<u32>())?;
/// // SAFETY: allocated just now, with this layout.
/// unsafe { logging.deallocate(block.cast(), Layout::new::<u32>()) };
///
/// let lines = lines.lock().unwrap();
/// let address = block.cast::<u8>();
/// assert_eq!(lines[0], format!("allocate: 4 bytes, alignment 4, at {address:?}"));
/// assert_eq!(lines[1], format!("deallocate: 4 bytes, alignment 4, at {address:?}"));
/// # Ok::<(), oomsweep::heap::AllocError>(())
/// ```
pub struct LoggingAllocator<A = Global, S = Loggers> {
    backing: A,
    sink: S,
    /// Its address is that of no other allocator, whatever stands within which.
    lost: AtomicU64,
}

#[cfg(any(feature = "log", feature = "tracing"))]
impl<A> LoggingAllocator<A> {
    /// Tells the program's [loggers](Loggers). With the feature `log` or `tracing`.
    ///
    /// ```
    /// use std::alloc::Layout;
    /// use oomsweep::heap::{Allocator, LoggingAllocator, adapt::Global};
    ///
    /// let logging = LoggingAllocator::new(Global);
    /// let block = logging.allocate(Layout::new::<u32>())?;
    /// # // SAFETY: allocated just now, with this layout.
    /// # unsafe { logging.deallocate(block.cast(), Layout::new::<u32>()) };
    /// # Ok::<(), oomsweep::heap::AllocError>(())
    /// ```
    pub const fn new(backing: A) -> LoggingAllocator<A> {
        LoggingAllocator::with(backing, Loggers::new())
    }
}

impl<A, S> LoggingAllocator<A, S> {
    /// Tells `sink`: a function or closure of [`&AllocEvent`](AllocEvent), or [`Loggers`] with levels of their own.
    pub const fn with(backing: A, sink: S) -> LoggingAllocator<A, S> {
        LoggingAllocator { backing, sink, lost: AtomicU64::new(0) }
    }

    /// The allocator behind. What is asked of it directly is not told of.
    pub fn backing(&self) -> &A {
        &self.backing
    }

    /// How many events were lost because the sink panicked.
    pub fn lost_events(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl<A: fmt::Debug, S> fmt::Debug for LoggingAllocator<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggingAllocator")
            .field("backing", &self.backing)
            .field("lost_events", &self.lost_events())
            .finish_non_exhaustive()
    }
}

impl<A, S: Sink> LoggingAllocator<A, S> {
    fn tell(&self, event: &AllocEvent) {
        telling::once_at_a_time((&raw const self.lost).addr(), || {
            let _exempt = regions::exempt_guard();
            let told = catch_unwind(AssertUnwindSafe(|| self.sink.tell(event)));
            if let Err(payload) = told {
                self.lost.fetch_add(1, Ordering::Relaxed);
                // What the panic carries may itself panic when it is dropped; that one is let be.
                if let Err(next) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                    mem::forget(next);
                }
            }
        });
    }
}

// SAFETY: the field is private, and is given away by shared reference only.
unsafe impl<A: Allocator, S: Sink> Watch for LoggingAllocator<A, S> {
    type Backing = A;
    type Pass = ();

    fn backing(&self) -> &A {
        &self.backing
    }

    fn before(&self, _ask: &Ask) -> Result<(), AllocError> {
        Ok(())
    }

    fn after(&self, ask: &Ask, _pass: &(), answer: Result<NonNull<u8>, AllocError>) {
        self.tell(&AllocEvent::of_request(ask, answer.ok()));
    }

    fn freeing(&self, block: NonNull<u8>, layout: Layout) {
        self.tell(&AllocEvent::of_free(block, layout));
    }

    fn freed(&self, _layout: Layout) {}
}

watches!([A: Allocator, S: Sink] LoggingAllocator<A, S>);

#[cfg(test)]
mod tests;
