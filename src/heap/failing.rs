//! An allocator that fails the requests it is told to. One that it fails does not reach the allocator behind it, and leaves every
//! block as it was.

mod induced;
mod plan;

use std::alloc::Layout;
use std::fmt;
use std::ptr::NonNull;

use super::adapt::Global;
use super::lock::Lock;
use super::seam::{AllocError, Allocator};
use super::watched::{Ask, Watch, watches};
use crate::model::event::Request;
use crate::model::fault::Fault;
use crate::model::stack::RawStack;
use crate::sys::stacks;

pub use induced::InducedFailure;
use plan::{Armed, Refusal};
pub use plan::{FailPlan, Numbering};

/// What a [`FailingAllocator`] gave, took back and refused.
///
/// Bytes are those that were asked for. Of a request that came back empty-handed only [`induced`](FailStats::induced) or
/// [`refused`](FailStats::refused) tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FailStats {
    /// Blocks that were given out.
    pub allocations: u64,
    /// Blocks that were given another size: larger, smaller or the same, in place or moved.
    pub resizes: u64,
    /// Blocks that were taken back.
    pub frees: u64,
    /// All bytes that were given out: of new blocks, and what blocks grew by.
    pub given_bytes: u64,
    /// All bytes that were taken back: of freed blocks, and what blocks shrank by.
    pub freed_bytes: u64,
    /// Requests that the plan failed.
    pub induced: u64,
    /// Requests that the allocator behind failed.
    pub refused: u64,
}

impl FailStats {
    /// Blocks that were given out and are not yet back.
    pub fn live_blocks(&self) -> u64 {
        self.allocations.saturating_sub(self.frees)
    }

    /// Bytes that were given out and are not yet back.
    pub fn live_bytes(&self) -> u64 {
        self.given_bytes.saturating_sub(self.freed_bytes)
    }
}

/// Fails the requests that its [`FailPlan`] names, and hands all others to the allocator behind.
///
/// **What has a number.** Every `allocate` and `allocate_zeroed` is an allocation, every `grow`, `grow_zeroed` and `shrink` a resize, each
/// numbered in the order made, from 0, whether it then succeeds or not. A call without bytes has no number and never fails; to
/// grow a block of no bytes is an allocation, and to shrink one to no bytes is to free it. `deallocate` has no number.
///
/// **What fails.** [`Fault::Once`] fails one request, after which all is well again: it finds code that goes on after an
/// error as if nothing had happened. [`Fault::Persistent`] fails a request and every later one of that numbering: the memory
/// is used up. Windows and pairs count likewise, and [`Fault::Budget`] fails what would lift the live bytes of this allocator above a number. A
/// resize that fails leaves the block as it was.
///
/// Of the first failure it keeps [the request and its stack](FailingAllocator::induced_failure). It allocates nothing itself. It is
/// [`Send`] and [`Sync`] if `A` is; where several threads allocate, the numbers go by order of arrival.
///
/// # Examples
///
/// Fail every request, one after the other, until all is passed: a sweep made by hand.
///
/// ```
/// use std::alloc::Layout;
/// use oomsweep::heap::{AllocError, Allocator, FailPlan, FailingAllocator, adapt::Global};
/// use oomsweep::model::fault::Fault;
///
/// /// Two blocks: if there is no second, the first is given back.
/// fn two_blocks(heap: &dyn Allocator) -> Result<(), AllocError> {
///     let layout = Layout::new::<u64>();
///     let first = heap.allocate(layout)?.cast();
///     let second = heap.allocate(layout);
///     // SAFETY: both were allocated here, with this layout.
///     unsafe {
///         heap.deallocate(first, layout);
///         heap.deallocate(second?.cast(), layout);
///     }
///     Ok(())
/// }
///
/// let failing = FailingAllocator::new(Global);
/// let mut points = 0;
/// loop {
///     failing.reset(FailPlan::new().requests(Fault::Once(points)));
///     let result = two_blocks(&failing);
///     assert_eq!(failing.stats().live_blocks(), 0, "a leak after {:?}", failing.induced_failure());
///     if !failing.has_induced_failure() {
///         result?; // without a fault it succeeds
///         break;
///     }
///     assert!(result.is_err(), "a swallowed failure: {}", failing.induced_failure().unwrap());
///     points += 1;
/// }
/// assert_eq!(points, 2);
/// # Ok::<(), AllocError>(())
/// ```
pub struct FailingAllocator<A = Global> {
    backing: A,
    state: Lock<State>,
}

struct State {
    armed: Armed,
    /// Counts the resets: what began before the last one is not told of after it.
    age: u64,
    stats: FailStats,
    /// Growth that the allocator behind has not granted yet.
    under_way: u64,
    first: Option<InducedFailure>,
}

impl<A> FailingAllocator<A> {
    /// Fails nothing until it is [told to](FailingAllocator::reset).
    pub const fn new(backing: A) -> FailingAllocator<A> {
        FailingAllocator::with_plan(backing, FailPlan::new())
    }

    /// Fails what the plan says.
    pub const fn with_plan(backing: A, plan: FailPlan) -> FailingAllocator<A> {
        let stats =
            FailStats { allocations: 0, resizes: 0, frees: 0, given_bytes: 0, freed_bytes: 0, induced: 0, refused: 0 };
        let state = State { armed: Armed::new(plan), age: 0, stats, under_way: 0, first: None };
        FailingAllocator { backing, state: Lock::new(state) }
    }

    /// Allows `n` allocations and fails every later one: [`Fault::Persistent`] for allocations. Resizes do not fail.
    ///
    /// What `fail_index` is to Zig's `FailingAllocator`, but for an allocation that the allocator behind refuses: it has its number here,
    /// as every other. For one failure alone, with success after it, use a plan with [`Fault::Once`].
    ///
    /// ```
    /// use std::alloc::Layout;
    /// use oomsweep::heap::{Allocator, FailingAllocator, adapt::Global};
    ///
    /// let failing = FailingAllocator::fail_index(Global, 1);
    /// let block = failing.allocate(Layout::new::<u8>())?;
    /// assert!(failing.allocate(Layout::new::<u8>()).is_err());
    /// assert!(failing.allocate(Layout::new::<u8>()).is_err());
    /// # // SAFETY: allocated just now, with this layout.
    /// # unsafe { failing.deallocate(block.cast(), Layout::new::<u8>()) };
    /// # Ok::<(), oomsweep::heap::AllocError>(())
    /// ```
    pub const fn fail_index(backing: A, n: u64) -> FailingAllocator<A> {
        FailingAllocator::with_plan(backing, FailPlan::new().allocations(Fault::Persistent(n)))
    }

    /// Allows `n` resizes and fails every later one: [`Fault::Persistent`] for resizes. Allocations do not fail.
    ///
    /// What `resize_fail_index` is to Zig's `FailingAllocator`. There a resize that fails may be made up for by an
    /// allocation; a `grow` that fails here is an error to its caller.
    pub const fn resize_fail_index(backing: A, n: u64) -> FailingAllocator<A> {
        FailingAllocator::with_plan(backing, FailPlan::new().resizes(Fault::Persistent(n)))
    }

    /// Begins again with another plan: the numbers start from 0, and no failure has been yet, neither
    /// [induced](FailStats::induced) nor [refused](FailStats::refused).
    ///
    /// Blocks that are given out stay valid and are still counted, with all that was given and taken back before; a
    /// [budget](Fault::Budget) begins with them. A request that another thread has begun before and ends after it is told of only if it succeeds.
    pub fn reset(&self, plan: FailPlan) {
        let mut state = self.state.hold();
        state.armed = Armed::new(plan);
        state.age = state.age.wrapping_add(1);
        state.stats.induced = 0;
        state.stats.refused = 0;
        state.first = None;
    }

    /// The allocator behind. What is asked of it directly is neither failed nor counted.
    pub fn backing(&self) -> &A {
        &self.backing
    }

    /// What is failed.
    pub fn plan(&self) -> FailPlan {
        self.state.hold().armed.plan
    }

    /// What was given, taken back and refused up to now.
    pub fn stats(&self) -> FailStats {
        self.state.hold().stats
    }

    /// Whether the plan has failed a request.
    pub fn has_induced_failure(&self) -> bool {
        self.state.hold().first.is_some()
    }

    /// The first request that the plan failed, if there was one.
    ///
    /// ```
    /// use std::alloc::Layout;
    /// use oomsweep::heap::{Allocator, FailPlan, FailingAllocator, Numbering, adapt::Global};
    /// use oomsweep::model::fault::Fault;
    ///
    /// let failing = FailingAllocator::with_plan(Global, FailPlan::new().requests(Fault::Budget(100)));
    /// assert!(failing.induced_failure().is_none());
    /// assert!(failing.allocate(Layout::new::<[u8; 101]>()).is_err());
    /// let failure = failing.induced_failure().unwrap();
    /// assert_eq!((failure.numbering(), failure.number()), (Numbering::Requests, 0));
    /// assert_eq!(failure.fault(), Fault::Budget(100));
    /// ```
    pub fn induced_failure(&self) -> Option<InducedFailure> {
        self.state.hold().first
    }
}

impl<A: Default> Default for FailingAllocator<A> {
    /// Over the default of `A`, failing nothing.
    fn default() -> FailingAllocator<A> {
        FailingAllocator::new(A::default())
    }
}

impl<A: fmt::Debug> fmt::Debug for FailingAllocator<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plan, stats) = (self.plan(), self.stats());
        f.debug_struct("FailingAllocator")
            .field("backing", &self.backing)
            .field("plan", &plan)
            .field("stats", &stats)
            .finish_non_exhaustive()
    }
}

/// A request that the plan fails.
struct Failure {
    request: Request,
    refusal: Refusal,
    age: u64,
    /// None with a lower number is known: its stack is wanted.
    is_first: bool,
}

impl State {
    /// Numbers a request, and decides. `Ok` is the age in which it was made.
    fn decide(&mut self, ask: &Ask) -> Result<u64, Failure> {
        let growth = ask.growth() as u64;
        let live_after = self.stats.live_bytes().saturating_add(self.under_way).saturating_add(growth);
        let (index, refusal) = self.armed.next(ask.old.is_some(), growth, live_after);
        let Some(refusal) = refusal else {
            self.under_way += growth;
            return Ok(self.age);
        };
        let request = Request {
            size: ask.new.size(),
            old_size: ask.old_size(),
            align: ask.new.align(),
            index,
            kind: ask.kind(),
            benign: false,
            allocator: 0,
        };
        Err(Failure { request, refusal, age: self.age, is_first: self.would_be_first(index) })
    }

    fn would_be_first(&self, index: u64) -> bool {
        self.first.as_ref().is_none_or(|first| first.request().index > index)
    }

    fn note(&mut self, failure: &Failure, stack: RawStack) {
        if failure.age != self.age {
            return;
        }
        self.stats.induced += 1;
        if self.would_be_first(failure.request.index) {
            self.first = Some(InducedFailure::new(failure.request, failure.refusal, stack));
        }
    }

    fn grant(&mut self, ask: &Ask) {
        self.stats.given_bytes += ask.growth() as u64;
        self.stats.freed_bytes += ask.decline() as u64;
        match ask.old {
            None => self.stats.allocations += 1,
            Some(_) => self.stats.resizes += 1,
        }
    }
}

// SAFETY: the field is private, and is given away by shared reference only.
unsafe impl<A: Allocator> Watch for FailingAllocator<A> {
    type Backing = A;
    type Pass = u64;

    fn backing(&self) -> &A {
        &self.backing
    }

    fn before(&self, ask: &Ask) -> Result<u64, AllocError> {
        let decided = self.state.hold().decide(ask);
        decided.map_err(|failure| {
            let mut stack = RawStack::EMPTY;
            if failure.is_first {
                stacks::capture(&mut stack, 0);
            }
            self.state.hold().note(&failure, stack);
            AllocError
        })
    }

    fn after(&self, ask: &Ask, age: &u64, answer: Result<NonNull<u8>, AllocError>) {
        let mut state = self.state.hold();
        state.under_way -= ask.growth() as u64;
        if answer.is_ok() {
            state.grant(ask);
        } else if *age == state.age {
            state.stats.refused += 1;
        }
    }

    fn freeing(&self, _block: NonNull<u8>, _layout: Layout) {}

    fn freed(&self, layout: Layout) {
        let mut state = self.state.hold();
        state.stats.frees += 1;
        state.stats.freed_bytes += layout.size() as u64;
    }
}

watches!([A: Allocator] FailingAllocator<A>);

#[cfg(test)]
mod tests;
