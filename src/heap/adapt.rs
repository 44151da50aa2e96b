//! From one trait to another: allocators of others as ours, and ours as those of others.
//!
//! | a value of | becomes an [`Allocator`] as |
//! |---|---|
//! | allocator-api2 0.2, 0.3, 0.4 (features `allocator-api2-02`, `-03`, `-04`) | `Api02`, `Api03`, `Api04` |
//! | the nightly standard library's trait (feature `allocator-api`) | `Std` |
//! | [`GlobalAlloc`] | [`ByGlobalAlloc`] |
//! | the program's global allocator | [`Global`] |
//!
//! The other way round, [`Api`] makes an allocator of one's own one of all the enabled traits; those of [`heap`](crate::heap), and
//! `&dyn Allocator`, are it already.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use super::foreign::speaks;
use super::seam::{AllocError, Allocator, by_global_alloc};

/// Any [`GlobalAlloc`] as an [`Allocator`], by a reference: its blocks may lie in the value itself, and a clone of it may be another
/// heap, so the value may neither move nor be cloned while there are blocks.
///
/// ```
/// use std::alloc::{Layout, System};
/// use oomsweep::heap::{Allocator, adapt::ByGlobalAlloc};
///
/// let heap = ByGlobalAlloc(&System);
/// let block = heap.allocate(Layout::new::<u32>())?;
/// // SAFETY: allocated just now, with this layout.
/// unsafe { heap.deallocate(block.cast(), Layout::new::<u32>()) };
/// # Ok::<(), oomsweep::heap::AllocError>(())
/// ```
///
/// The value alone is no allocator:
///
/// ```compile_fail
/// use std::alloc::{Layout, System};
/// use oomsweep::heap::{Allocator, adapt::ByGlobalAlloc};
///
/// let block = ByGlobalAlloc(System).allocate(Layout::new::<u32>());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ByGlobalAlloc<G>(pub G);

by_global_alloc!([G: GlobalAlloc + ?Sized] ByGlobalAlloc<&G>, this => this.0);
speaks!([G: GlobalAlloc + ?Sized] ByGlobalAlloc<&G>);

/// The program's global allocator.
///
/// In a test under `#[alloc_test]` that is the testing allocator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Global;

/// The functions of [`std::alloc`] as a value.
struct Functions;

// SAFETY: they are the global allocator's methods.
unsafe impl GlobalAlloc for Functions {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller's obligations.
        unsafe { std::alloc::alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: by the caller's obligations.
        unsafe { std::alloc::dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller's obligations.
        unsafe { std::alloc::alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: by the caller's obligations.
        unsafe { std::alloc::realloc(block, layout, new_size) }
    }
}

by_global_alloc!([] Global, _this => &Functions);
speaks!([] Global);

/// An allocator of one's own as one of every enabled trait.
///
/// Whoever implements [`Allocator`] for a type can't implement the other traits for it by one line; this wrapper has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Api<A>(pub A);

// SAFETY: every call is the inner allocator's, which keeps to the contract.
unsafe impl<A: Allocator> Allocator for Api<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.0.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: by the caller's obligations.
        unsafe { self.0.deallocate(block, layout) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.0.allocate_zeroed(layout)
    }

    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        unsafe { self.0.grow(block, old, new) }
    }

    unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        unsafe { self.0.grow_zeroed(block, old, new) }
    }

    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        unsafe { self.0.shrink(block, old, new) }
    }
}

speaks!([A: Allocator] Api<A>);

/// Declares the adapter of one foreign trait.
macro_rules! adapter {
    ($feature:literal, $api:path, $(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[cfg(feature = $feature)]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name<A>(pub A);

        #[cfg(feature = $feature)]
        const _: () = {
            use $api as api;

            // SAFETY: the traits ask for the same, and every call is handed over.
            unsafe impl<A: api::Allocator> Allocator for $name<A> {
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    self.0.allocate(layout).map_err(|_| AllocError)
                }

                fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    self.0.allocate_zeroed(layout).map_err(|_| AllocError)
                }

                unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                    // SAFETY: by the caller's obligations, which are the same.
                    unsafe { self.0.deallocate(block, layout) }
                }

                unsafe fn grow(
                    &self,
                    block: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: by the caller's obligations, which are the same.
                    unsafe { self.0.grow(block, old, new) }.map_err(|_| AllocError)
                }

                unsafe fn grow_zeroed(
                    &self,
                    block: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: by the caller's obligations, which are the same.
                    unsafe { self.0.grow_zeroed(block, old, new) }.map_err(|_| AllocError)
                }

                unsafe fn shrink(
                    &self,
                    block: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: by the caller's obligations, which are the same.
                    unsafe { self.0.shrink(block, old, new) }.map_err(|_| AllocError)
                }
            }
        };
    };
}

adapter!("allocator-api2-02", allocator_api2_02::alloc,
    /// An allocator of allocator-api2 0.2 as an [`Allocator`]. Behind the feature `allocator-api2-02`.
    Api02);
adapter!("allocator-api2-03", allocator_api2_03::alloc,
    /// An allocator of allocator-api2 0.3 as an [`Allocator`]. Behind the feature `allocator-api2-03`.
    Api03);
adapter!("allocator-api2-04", allocator_api2_04::alloc,
    /// An allocator of allocator-api2 0.4 as an [`Allocator`]. Behind the feature `allocator-api2-04`.
    Api04);
#[cfg(oomsweep_std_allocator)]
adapter!("allocator-api", std::alloc,
    /// An allocator of the standard library's own trait as an [`Allocator`]. Behind the feature `allocator-api`.
    Std);
