//! What is to fail.

use crate::hook::trigger::Trigger;
use crate::model::fault::Fault;

/// What a [`FailingAllocator`](super::FailingAllocator) is to fail: one [`Fault`] each for allocations, for resizes, and for requests of
/// both kinds.
///
/// The three count apart, each from 0: an allocation is numbered among the allocations, and among all requests. It fails
/// if one of the two faults says so. By default nothing fails.
///
/// # Examples
///
/// ```
/// use oomsweep::heap::FailPlan;
/// use oomsweep::model::fault::Fault;
///
/// // The third allocation fails, and no block can be resized.
/// let plan = FailPlan::new().allocations(Fault::Once(2)).resizes(Fault::Persistent(0));
/// assert_eq!(plan.to_string(), "allocations once@2, resizes persistent@0");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FailPlan {
    allocations: Fault,
    resizes: Fault,
    requests: Fault,
}

impl FailPlan {
    /// Nothing fails.
    pub const fn new() -> FailPlan {
        FailPlan { allocations: Fault::None, resizes: Fault::None, requests: Fault::None }
    }

    /// Fails allocations: `allocate` and `allocate_zeroed`, in one numbering.
    #[must_use]
    pub const fn allocations(self, fault: Fault) -> FailPlan {
        FailPlan { allocations: fault, ..self }
    }

    /// Fails resizes: `grow`, `grow_zeroed` and `shrink`, in one numbering.
    #[must_use]
    pub const fn resizes(self, fault: Fault) -> FailPlan {
        FailPlan { resizes: fault, ..self }
    }

    /// Fails requests of any kind, in one numbering: that of a sweep's points.
    #[must_use]
    pub const fn requests(self, fault: Fault) -> FailPlan {
        FailPlan { requests: fault, ..self }
    }

    /// The fault with this numbering.
    pub const fn fault(&self, numbering: Numbering) -> Fault {
        match numbering {
            Numbering::Allocations => self.allocations,
            Numbering::Resizes => self.resizes,
            Numbering::Requests => self.requests,
        }
    }
}

impl Default for FailPlan {
    fn default() -> FailPlan {
        FailPlan::new()
    }
}

impl std::fmt::Display for FailPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let faults = Numbering::ALL.map(|numbering| (numbering, self.fault(numbering)));
        let mut armed = faults.iter().filter(|(_, fault)| *fault != Fault::None);
        let Some((numbering, fault)) = armed.next() else {
            return f.write_str("none");
        };
        write!(f, "{}s {fault}", numbering.word())?;
        armed.try_for_each(|(numbering, fault)| write!(f, ", {}s {fault}", numbering.word()))
    }
}

/// Which requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Numbering {
    /// `allocate` and `allocate_zeroed`.
    Allocations,
    /// `grow`, `grow_zeroed` and `shrink`.
    Resizes,
    /// All of these.
    Requests,
}

impl Numbering {
    const ALL: [Numbering; 3] = [Numbering::Allocations, Numbering::Resizes, Numbering::Requests];

    /// One of those that are counted.
    pub(super) fn word(self) -> &'static str {
        match self {
            Numbering::Allocations => "allocation",
            Numbering::Resizes => "resize",
            Numbering::Requests => "request",
        }
    }
}

/// A fault that said no: in which numbering, at which number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) fault: Fault,
    pub(super) numbering: Numbering,
    pub(super) number: u64,
}

/// The armed faults of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Armed {
    pub(super) plan: FailPlan,
    allocations: Trigger,
    resizes: Trigger,
    requests: Trigger,
}

impl Armed {
    /// Before the first request.
    pub(super) const fn new(plan: FailPlan) -> Armed {
        Armed {
            plan,
            allocations: Trigger::new(plan.allocations),
            resizes: Trigger::new(plan.resizes),
            requests: Trigger::new(plan.requests),
        }
    }

    /// Numbers the next request, a resize or an allocation. `growth` is what it would add to the live bytes, and `live_after` what they
    /// would be then. Returns its number among all requests, and the fault that refuses it.
    pub(super) fn next(&mut self, is_resize: bool, growth: u64, live_after: u64) -> (u64, Option<Refusal>) {
        let (numbering, trigger) = match is_resize {
            false => (Numbering::Allocations, &mut self.allocations),
            true => (Numbering::Resizes, &mut self.resizes),
        };
        let (number, fails) = trigger.next(growth, live_after);
        let (index, fails_as_request) = self.requests.next(growth, live_after);
        let refusal = match (fails, fails_as_request) {
            (true, _) => Some((numbering, number)),
            (false, true) => Some((Numbering::Requests, index)),
            (false, false) => None,
        };
        let fault = |numbering| self.plan.fault(numbering);
        (index, refusal.map(|(numbering, number)| Refusal { fault: fault(numbering), numbering, number }))
    }
}
