//! Allocators over allocators over allocators, by every kind of pointer, and through foreign traits in both directions.

use std::alloc::System;
use std::rc::Rc;
use std::sync::Arc;

use oomsweep::heap::adapt::{Api, Api02, Api03, Api04, ByGlobalAlloc, Global};
use oomsweep::heap::{
    Allocator, ArenaAllocator, CAllocator, CountingAllocator, DebugAllocator, DebugOptions, FailPlan, FailingAllocator,
    FixedBufferAllocator, LimitAllocator, LoggingAllocator, PageAllocator, PoolAllocator, SyncFixedBufferAllocator,
};
use oomsweep::model::fault::Fault;

use crate::ledger::Ledger;
use crate::reach::{Reach, roomy};
use crate::sits::sits;
use crate::swept::swept;
use crate::tight::tight;

sits!(ours logging_counting_limit: Reach::ALL, {} => {
    LoggingAllocator::new(CountingAllocator::new(LimitAllocator::new(System, 1 << 30)))
});
sits!(ours by_reference: Reach::ALL, { let ledger = Ledger::generous(); let counting = CountingAllocator::new(&ledger); } => {
    LimitAllocator::new(&counting, 1 << 30)
});
sits!(ours by_rc: Reach::ALL, { let shared = Rc::new(CountingAllocator::new(Global)); } => LimitAllocator::new(shared.clone(), 1 << 30));
sits!(ours by_arc: Reach::ALL, { let shared = Arc::new(FailingAllocator::new(Ledger::exact())); } => {
    CountingAllocator::new(shared.clone())
});
sits!(ours by_dyn: Reach::ALL, { let ledger = Ledger::generous(); let inner: &dyn Allocator = &ledger; } => {
    FailingAllocator::new(CountingAllocator::new(inner))
});
sits!(ours by_a_shared_dyn: Reach::ALL, { let inner: Arc<dyn Allocator + Send + Sync> = Arc::new(Ledger::exact()); } => {
    Api(LimitAllocator::new(inner.clone(), 1 << 30))
});
sits!(ours foreign_between_ours: Reach::ALL, { let counting = CountingAllocator::new(System); } => {
    LimitAllocator::new(Api02(&counting), 1 << 30)
});
sits!(ours three_foreign: Reach::ALL, {} => Api04(Api(Api03(Api(Api02(Api(ByGlobalAlloc(&System))))))));
sits!(ours a_foreign_global_below: Reach::ALL, {} => {
    CountingAllocator::new(FailingAllocator::new(Api03(allocator_api2_03::alloc::Global)))
});
sits!(ours a_foreign_global: Reach::ALL, {} => LoggingAllocator::new(Api04(allocator_api2_04::alloc::Global)));

sits!(ours an_arena_in_a_buffer: Reach::KEEPS, {
    let mut buffer = roomy();
    let fixed = FixedBufferAllocator::new(&mut buffer);
    let arena = ArenaAllocator::new_in(&fixed);
} => CountingAllocator::new(&arena));
sits!(ours an_arena_in_an_arena: Reach::KEEPS, {
    let ledger = Ledger::generous();
    let outer = ArenaAllocator::new_in(&ledger);
    let inner = ArenaAllocator::new_in(LoggingAllocator::new(&outer));
} => &inner);
sits!(ours a_pool_in_an_arena_of_pages: Reach::small(100, 8), {
    let arena = ArenaAllocator::new_in(PageAllocator::new());
    let pool = PoolAllocator::<[u64; 13], _>::new_in(&arena);
} => Api(&pool));
sits!(ours a_pool_in_a_shared_buffer: Reach::small(600, 64), {
    let mut buffer = roomy();
    let fixed = SyncFixedBufferAllocator::new(&mut buffer);
    let pool = PoolAllocator::<Aligned, _>::new_in(Api02(Api(&fixed)));
} => &pool);
sits!(ours an_arena_through_foreign_traits: Reach::KEEPS, {
    let arena = ArenaAllocator::new_in(Api03(Api(CAllocator)));
} => Api02(&arena));

sits!(ours debug_over_failing_over_an_arena: Reach::KEEPS, {
    let ledger = Ledger::generous();
    let arena = ArenaAllocator::new_in(&ledger);
} => DebugAllocator::new(FailingAllocator::new(&arena)));
sits!(ours an_arena_over_debug_over_pages: Reach::KEEPS, {
    let arena = ArenaAllocator::new_in(DebugAllocator::new(PageAllocator::new()));
} => &arena);
sits!(ours debug_over_an_arena_in_a_buffer: Reach::KEEPS, {
    let mut buffer = roomy();
    let fixed = FixedBufferAllocator::new(&mut buffer);
    let arena = ArenaAllocator::new_in(&fixed);
} => DebugAllocator::new(&arena));
sits!(ours debug_over_debug: Reach::ALL, {} => DebugAllocator::new(DebugAllocator::new(CAllocator)));
sits!(ours debug_by_rc_and_dyn: Reach::ALL, {
    let ledger = Ledger::exact();
    let debug = Rc::new(DebugAllocator::new(CountingAllocator::new(&ledger)));
    let inner: &dyn Allocator = &debug;
} => LoggingAllocator::new(inner));
sits!(ours debug_by_arc_through_foreign_traits: Reach::ALL, {
    let debug = Arc::new(DebugAllocator::new(Api04(Api(PageAllocator::new()))));
} => Api(Api02(&*debug)));
sits!(ours a_pool_over_debug: Reach::small(600, 64), {
    let ledger = Ledger::generous();
    let pool = PoolAllocator::<Aligned, _>::new_in(DebugAllocator::new(&ledger));
} => &pool);
sits!(ours debug_over_a_pool: Reach::small(400, 16), {
    let ledger = Ledger::exact();
    let pool = PoolAllocator::<Aligned, _>::new_in(&ledger);
} => DebugAllocator::new(&pool));

/// A slot for blocks up to 600 bytes aligned to 64.
#[repr(align(64))]
struct Aligned(#[expect(dead_code, reason = "what makes it large")] [u8; 600]);

tight!(a_limit_at_the_bottom: Reach::ALL, { let limit = LimitAllocator::new(Ledger::exact(), 9000); } => {
    LoggingAllocator::new(CountingAllocator::new(&limit))
});
tight!(a_limit_on_top: Reach::ALL, { let ledger = Ledger::generous(); } => {
    LimitAllocator::new(CountingAllocator::new(Api02(Api(&ledger))), 9000)
});
tight!(a_budget_in_the_middle: Reach::ALL, { let ledger = Ledger::generous(); } => {
    CountingAllocator::new(FailingAllocator::with_plan(
        LoggingAllocator::new(&ledger),
        FailPlan::new().requests(Fault::Budget(9000)),
    ))
});

tight!(debug_in_a_small_buffer: Reach::KEEPS, {
    let mut buffer = [std::mem::MaybeUninit::uninit(); 7000];
    let fixed = FixedBufferAllocator::new(&mut buffer);
} => DebugAllocator::with(LoggingAllocator::new(&fixed), DebugOptions::new().quarantine(2)));

mod with_a_backing_that_fails {
    use super::*;

    swept!(logging_counting_limit: Reach::ALL, |backing| {
        LoggingAllocator::new(CountingAllocator::new(LimitAllocator::new(backing, 1 << 30)))
    });
    swept!(through_foreign_traits: Reach::ALL, |backing| Api02(Api(CountingAllocator::new(Api04(Api(backing))))));
    swept!(behind_pointers: Reach::ALL, |backing| Rc::new(Arc::new(CountingAllocator::new(backing))));
    swept!(an_arena_in_an_arena: Reach::KEEPS, |backing| &ArenaAllocator::new_in(&ArenaAllocator::new_in(backing)));
    swept!(a_pool_in_an_arena: Reach::small(600, 64), |backing| &PoolAllocator::<Aligned, _>::new_in(&ArenaAllocator::new_in(backing)));
    swept!(debug_over_an_arena: Reach::KEEPS, |backing| DebugAllocator::new(&ArenaAllocator::new_in(backing)));
    swept!(an_arena_over_debug: Reach::KEEPS, |backing| &ArenaAllocator::new_in(DebugAllocator::new(backing)));
    swept!(debug_over_debug: Reach::ALL, |backing| DebugAllocator::new(DebugAllocator::new(Api(backing))));
}
