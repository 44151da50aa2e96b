//! Every allocator by itself. Those that have a backing stand on a ledger whose slices are longer than was asked.

use std::alloc::System;
use std::mem::MaybeUninit;

use oomsweep::heap::adapt::{Api, ByGlobalAlloc, Global};
use oomsweep::heap::{
    AllocEvent, ArenaAllocator, CAllocator, CountingAllocator, DebugAllocator, DebugOptions, FailPlan,
    FailingAllocator, FixedBufferAllocator, Guard, LimitAllocator, LoggingAllocator, PageAllocator, PoolAllocator,
    SyncFixedBufferAllocator,
};
use oomsweep::model::fault::Fault;

use crate::ledger::Ledger;
use crate::reach::{Reach, Reuse, roomy};
use crate::sits::sits;
use crate::swept::swept;
use crate::tight::tight;

sits!(ours system: Reach::ALL, {} => System);
sits!(global: Reach::ALL, {} => Global);
sits!(by_global_alloc: Reach::ALL, {} => ByGlobalAlloc(&System));
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

sits!(c: Reach::ALL, {} => CAllocator);
sits!(pages: Reach::ALL, {} => PageAllocator::new());
sits!(pages_behind_a_guard: Reach::ALL, {} => PageAllocator::new().guard(Guard::Before));
sits!(pages_without_a_guard: Reach::ALL, {} => PageAllocator::new().guard(Guard::None));
sits!(arena: Reach::KEEPS, { let ledger = Ledger::generous(); let arena = ArenaAllocator::new_in(&ledger); } => &arena);
sits!(arena_with_one_chunk: Reach::ONE_END, {
    let arena = ArenaAllocator::with_capacity_in(64 << 20, System).expect("a chunk");
} => &arena);
sits!(fixed_buffer: Reach::ONE_END, { let mut buffer = roomy(); let fixed = FixedBufferAllocator::new(&mut buffer); } => &fixed);
sits!(sync_fixed_buffer: Reach::ONE_END, {
    let mut buffer = roomy();
    let fixed = SyncFixedBufferAllocator::new(&mut buffer);
} => &fixed);
sits!(pool_of_large_slots: Reach::small(6000, 4096), {
    let ledger = Ledger::generous();
    let pool = PoolAllocator::<Large, _>::new_in(&ledger);
} => &pool);
sits!(pool_of_words: Reach::small(8, 8), {
    let ledger = Ledger::exact();
    let pool = PoolAllocator::<u64, _>::new_in(&ledger);
} => &pool);

/// A slot that fits most of what is asked.
#[repr(align(4096))]
struct Large(#[expect(dead_code, reason = "what makes it large")] [u8; 6000]);

sits!(debug: Reach::ALL, { let ledger = Ledger::generous(); } => DebugAllocator::new(&ledger));
sits!(debug_that_never_reuses: Reach::ALL, { let ledger = Ledger::exact(); } => {
    DebugAllocator::with(&ledger, DebugOptions::new().never_reuse(true).retain_metadata(true).stack_frames(0).canary(1))
});
sits!(debug_without_a_quarantine: Reach::ALL, { let ledger = Ledger::generous(); } => {
    DebugAllocator::with(&ledger, DebugOptions::new().quarantine(0).retain_metadata(true).thread_safe(false).canary(100))
});
sits!(debug_that_looks_at_nothing: Reach::ALL, { let ledger = Ledger::generous(); } => {
    DebugAllocator::with(&ledger, DebugOptions::new().safety(false))
});

tight!(limit_of_some_bytes: Reach::ALL, { let ledger = Ledger::generous(); } => LimitAllocator::new(&ledger, 5000));
tight!(failing_for_good: Reach { reuse: Reuse::No, ..Reach::ALL }, { let ledger = Ledger::generous(); } => {
    FailingAllocator::with_plan(&ledger, FailPlan::new().requests(Fault::Persistent(20)))
});
tight!(failing_beyond_a_budget: Reach::ALL, { let ledger = Ledger::generous(); } => {
    FailingAllocator::with_plan(&ledger, FailPlan::new().requests(Fault::Budget(5000)))
});

tight!(a_small_buffer: Reach::ONE_END, {
    let mut buffer = [MaybeUninit::uninit(); 5000];
    let fixed = FixedBufferAllocator::new(&mut buffer[3..]);
} => &fixed);
tight!(a_small_sync_buffer: Reach::ONE_END, {
    let mut buffer = [MaybeUninit::uninit(); 5000];
    let fixed = SyncFixedBufferAllocator::new(&mut buffer[1..]);
} => &fixed);
tight!(an_arena_with_a_limit: Reach::KEEPS, {
    let ledger = Ledger::generous();
    let arena = ArenaAllocator::new_in(LimitAllocator::new(&ledger, 9000));
} => &arena);
tight!(a_limited_pool: Reach::small(64, 16), {
    let ledger = Ledger::generous();
    let pool = PoolAllocator::<[u128; 4], _>::new_in(&ledger).limit(33);
} => &pool);

tight!(debug_with_a_limit: Reach::ALL, { let ledger = Ledger::generous(); } => {
    DebugAllocator::with(&ledger, DebugOptions::new().memory_limit(5000))
});
tight!(debug_over_a_limit: Reach::KEEPS, { let ledger = Ledger::generous(); } => {
    DebugAllocator::new(LimitAllocator::new(&ledger, 9000))
});
tight!(debug_over_a_limit_without_a_quarantine: Reach::ALL, { let ledger = Ledger::exact(); } => {
    DebugAllocator::with(LimitAllocator::new(&ledger, 9000), DebugOptions::new().quarantine(0))
});

mod with_a_backing_that_fails {
    use super::*;

    swept!(api: Reach::ALL, |backing| Api(backing));
    swept!(counting: Reach::ALL, |backing| CountingAllocator::new(backing));
    swept!(failing: Reach::ALL, |backing| FailingAllocator::new(backing));
    swept!(limit: Reach::ALL, |backing| LimitAllocator::new(backing, isize::MAX as usize));
    swept!(logging: Reach::ALL, |backing| LoggingAllocator::new(backing));
    swept!(debug: Reach::ALL, |backing| DebugAllocator::new(backing));
    swept!(debug_without_a_quarantine: Reach::ALL, |backing| {
        DebugAllocator::with(backing, DebugOptions::new().quarantine(0))
    });
    swept!(debug_that_looks_at_nothing: Reach::ALL, |backing| {
        DebugAllocator::with(backing, DebugOptions::new().safety(false))
    });
    swept!(arena: Reach::KEEPS, |backing| &ArenaAllocator::new_in(backing));
    swept!(arena_with_capacity: Reach::KEEPS, |backing| &ArenaAllocator::with_capacity_in(5000, backing)?);
    swept!(pool: Reach::small(6000, 4096), |backing| &PoolAllocator::<Large, _>::new_in(backing));
    swept!(pool_with_capacity: Reach::small(64, 16), |backing| &PoolAllocator::<[u128; 4], _>::with_capacity_in(5, backing)?);
}
