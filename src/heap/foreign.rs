//! The other side of the seam: our allocators as those of allocator-api2 0.2, 0.3 and 0.4, and of the nightly standard library.

/// Implements one foreign trait by handing every call over to ours.
macro_rules! speak {
    ($feature:literal, $api:path, [$($generics:tt)*] $type:ty) => {
        #[cfg(feature = $feature)]
        const _: () = {
            use $api as api;
            use std::alloc::Layout;
            use std::ptr::NonNull;

            use $crate::heap::Allocator as Ours;

            // SAFETY: the traits ask for the same, and every call is handed over.
            unsafe impl<$($generics)*> api::Allocator for $type {
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, api::AllocError> {
                    Ours::allocate(self, layout).map_err(|_| api::AllocError)
                }

                fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, api::AllocError> {
                    Ours::allocate_zeroed(self, layout).map_err(|_| api::AllocError)
                }

                unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                    // SAFETY: by the caller's obligations, which are the same.
                    unsafe { Ours::deallocate(self, block, layout) }
                }

                unsafe fn grow(
                    &self,
                    block: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, api::AllocError> {
                    // SAFETY: by the caller's obligations, which are the same.
                    unsafe { Ours::grow(self, block, old, new) }.map_err(|_| api::AllocError)
                }

                unsafe fn grow_zeroed(
                    &self,
                    block: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, api::AllocError> {
                    // SAFETY: by the caller's obligations, which are the same.
                    unsafe { Ours::grow_zeroed(self, block, old, new) }.map_err(|_| api::AllocError)
                }

                unsafe fn shrink(
                    &self,
                    block: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, api::AllocError> {
                    // SAFETY: by the caller's obligations, which are the same.
                    unsafe { Ours::shrink(self, block, old, new) }.map_err(|_| api::AllocError)
                }
            }
        };
    };
}
pub(super) use speak;

/// Implements every enabled foreign trait for an allocator of ours: `speaks!([A: Allocator] Type<A>);`.
macro_rules! speaks {
    ([$($generics:tt)*] $type:ty) => {
        $crate::heap::foreign::speak!("allocator-api2-02", allocator_api2_02::alloc, [$($generics)*] $type);
        $crate::heap::foreign::speak!("allocator-api2-03", allocator_api2_03::alloc, [$($generics)*] $type);
        $crate::heap::foreign::speak!("allocator-api2-04", allocator_api2_04::alloc, [$($generics)*] $type);
        $crate::heap::foreign::speak!("allocator-api", std::alloc, [$($generics)*] $type);
    };
}
pub(super) use speaks;

speaks!([] dyn Ours + '_);
speaks!([] dyn Ours + Send + '_);
speaks!([] dyn Ours + Send + Sync + '_);
