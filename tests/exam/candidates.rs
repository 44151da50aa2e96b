//! Every allocator by itself. Those that have a backing stand on a ledger whose slices are longer than was asked.

use std::alloc::System;

use oomsweep::heap::adapt::{Api, ByGlobalAlloc, Global};
use oomsweep::heap::{AllocEvent, CountingAllocator, FailPlan, FailingAllocator, LimitAllocator, LoggingAllocator};
use oomsweep::model::fault::Fault;

use crate::ledger::Ledger;
use crate::reach::{Reach, Reuse};
use crate::sits::sits;
use crate::swept::swept;
use crate::tight::tight;

sits!(ours system: Reach::ALL, {} => System);
sits!(global: Reach::ALL, {} => Global);
sits!(by_global_alloc: Reach::ALL, {} => ByGlobalAlloc(System));
sits!(api: Reach::ALL, {} => Api(System));
sits!(ledger: Reach::ALL, { let ledger = Api(Ledger::exact()); } => ledger);
sits!(generous: Reach::ALL, { let ledger = Api(Ledger::generous()); } => ledger);
sits!(counting: Reach::ALL, { let ledger = Ledger::generous(); } => CountingAllocator::new(&ledger));
sits!(failing: Reach::ALL, { let ledger = Ledger::generous(); } => FailingAllocator::new(&ledger));
sits!(limit: Reach::ALL, { let ledger = Ledger::generous(); } => LimitAllocator::new(&ledger, isize::MAX as usize));
sits!(logging: Reach::ALL, { let ledger = Ledger::generous(); } => LoggingAllocator::new(&ledger));
sits!(logging_to_a_function: Reach::ALL, { let ledger = Ledger::generous(); } => {
    LoggingAllocator::with(&ledger, |event: &AllocEvent| assert!(!event.to_string().is_empty()))
});

tight!(limit_of_some_bytes: Reach::ALL, { let ledger = Ledger::generous(); } => LimitAllocator::new(&ledger, 5000));
tight!(failing_for_good: Reach { reuse: Reuse::No, ..Reach::ALL }, { let ledger = Ledger::generous(); } => {
    FailingAllocator::with_plan(&ledger, FailPlan::new().requests(Fault::Persistent(20)))
});
tight!(failing_beyond_a_budget: Reach::ALL, { let ledger = Ledger::generous(); } => {
    FailingAllocator::with_plan(&ledger, FailPlan::new().requests(Fault::Budget(5000)))
});

mod with_a_backing_that_fails {
    use super::*;

    swept!(api: Reach::ALL, |backing| Api(backing));
    swept!(counting: Reach::ALL, |backing| CountingAllocator::new(backing));
    swept!(failing: Reach::ALL, |backing| FailingAllocator::new(backing));
    swept!(limit: Reach::ALL, |backing| LimitAllocator::new(backing, isize::MAX as usize));
    swept!(logging: Reach::ALL, |backing| LoggingAllocator::new(backing));
}
