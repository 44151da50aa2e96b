//! Which allocators may be sent to another thread, and which may be shared between threads: a table that the compiler reads. A row
//! that promises too much does not compile, and neither does one that promises too little.

use std::alloc::System;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use oomsweep::heap::adapt::{Api, Api02, Api03, Api04, ByGlobalAlloc, Global};
use oomsweep::heap::{
    AllocError, Allocator, ArenaAllocator, CAllocator, CountingAllocator, DebugAllocator, FailingAllocator,
    FixedBufferAllocator, LimitAllocator, LoggingAllocator, PageAllocator, PoolAllocator, Pooled,
    SyncFixedBufferAllocator, TestAlloc,
};

/// `row!(Type: yes no)`: it is `Send`, and is not `Sync`.
macro_rules! row {
    ($type:ty: $send:ident $sync:ident) => {
        row!(@ $send Send $type);
        row!(@ $sync Sync $type);
    };
    (@ yes $promise:ident $type:ty) => {
        const _: () = {
            const fn holds<T: $promise + ?Sized>() {}
            holds::<$type>();
        };
    };
    // Were the type what it must not be, both implementations would do, and the compiler could not choose.
    (@ no $promise:ident $type:ty) => {
        const _: fn() = || {
            trait Either<Which> {
                fn chosen() {}
            }
            impl<T: ?Sized> Either<()> for T {}
            struct Both;
            impl<T: $promise + ?Sized> Either<Both> for T {}
            <$type as Either<_>>::chosen();
        };
    };
}

/// Rows.
macro_rules! table {
    ($($type:ty: $send:ident $sync:ident;)*) => {
        $( row!($type: $send $sync); )*
    };
}

/// An allocator that stays on its thread.
type Stays = Rc<System>;
/// An allocator that may be sent, and not shared.
type Sent = Api<Alone>;

/// An allocator that may be sent, and not shared.
#[derive(Debug)]
struct Alone(#[expect(dead_code, reason = "what makes it so")] Cell<u8>);

// SAFETY: every call is the system's.
unsafe impl Allocator for Alone {
    fn allocate(&self, layout: std::alloc::Layout) -> Result<std::ptr::NonNull<[u8]>, AllocError> {
        System.allocate(layout)
    }

    unsafe fn deallocate(&self, block: std::ptr::NonNull<u8>, layout: std::alloc::Layout) {
        // SAFETY: by the caller's obligations.
        unsafe { System.deallocate(block, layout) }
    }
}

//  type                                            Send Sync
table! {
    AllocError:                                     yes yes;
    System:                                         yes yes;
    Global:                                         yes yes;
    ByGlobalAlloc<&'static System>:                 yes yes;
    TestAlloc:                                      yes yes;
    CAllocator:                                     yes yes;
    PageAllocator:                                  yes yes;

    Api<System>:                                    yes yes;
    Api<Sent>:                                      yes no;
    Api<Stays>:                                     no  no;
    Api02<System>:                                  yes yes;
    Api03<Stays>:                                   no  no;
    Api04<Sent>:                                    yes no;

    CountingAllocator<System>:                      yes yes;
    CountingAllocator<Sent>:                        yes no;
    CountingAllocator<Stays>:                       no  no;
    FailingAllocator<System>:                       yes yes;
    FailingAllocator<Sent>:                         yes no;
    FailingAllocator<Stays>:                        no  no;
    LimitAllocator<System>:                         yes yes;
    LimitAllocator<Sent>:                           yes no;
    LimitAllocator<Stays>:                          no  no;
    LoggingAllocator<System>:                       yes yes;
    LoggingAllocator<Sent>:                         yes no;
    LoggingAllocator<Stays>:                        no  no;
    LoggingAllocator<System, Cell<u8>>:             yes no;
    LoggingAllocator<System, Rc<u8>>:               no  no;
    DebugAllocator<System>:                         yes yes;
    DebugAllocator<Sent>:                           yes no;
    DebugAllocator<Stays>:                          no  no;

    ArenaAllocator<System>:                         yes no;
    ArenaAllocator<Stays>:                          no  no;
    &'static ArenaAllocator<System>:                no  no;
    PoolAllocator<u8, System>:                      yes no;
    PoolAllocator<Rc<u8>, System>:                  yes no;
    PoolAllocator<u8, Stays>:                       no  no;
    &'static PoolAllocator<u8, System>:             no  no;
    Pooled<'static, u8, System>:                    no  no;
    FixedBufferAllocator<'static>:                  yes no;
    &'static FixedBufferAllocator<'static>:         no  no;
    SyncFixedBufferAllocator<'static>:              yes yes;
    &'static SyncFixedBufferAllocator<'static>:     yes yes;

    Rc<System>:                                     no  no;
    Arc<System>:                                    yes yes;
    Arc<Sent>:                                      no  no;
    &'static Sent:                                  no  no;
    dyn Allocator:                                  no  no;
    dyn Allocator + Send:                           yes no;
    dyn Allocator + Send + Sync:                    yes yes;
    &'static dyn Allocator:                         no  no;
    &'static (dyn Allocator + Send + Sync):         yes yes;

    DebugAllocator<FailingAllocator<CountingAllocator<System>>>: yes yes;
    DebugAllocator<FailingAllocator<CountingAllocator<Sent>>>:   yes no;
    ArenaAllocator<DebugAllocator<PageAllocator>>:               yes no;
    LimitAllocator<&'static ArenaAllocator<System>>:             no  no;
}
