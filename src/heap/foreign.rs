//! The other side of the seam: our allocators as those of allocator-api2 0.2, 0.3 and 0.4, and of the nightly standard library.

/// Implements one foreign trait by handing every call over to ours, where `$bound` holds.
macro_rules! speak {
    ($feature:literal, $api:path, [$($generics:tt)*] $type:ty $(, where $($bound:tt)+)?) => {
        #[cfg(feature = $feature)]
        const _: () = {
            use $api as api;
            use std::alloc::Layout;
            use std::ptr::NonNull;

            use $crate::heap::Allocator as Ours;

            // SAFETY: the traits ask for the same, and every call is handed over.
            unsafe impl<$($generics)*> api::Allocator for $type $(where $($bound)+)? {
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

/// Implements the trait of allocator-api2 0.2 where that of the standard library is implemented too, and the two may be one.
///
/// Whoever turns on the feature `nightly` of allocator-api2 0.2 makes its trait a name for the standard library's, and every allocator would
/// have that one twice. No `cfg` says whether somebody did; but only then does `allocator_api2_02::collections` have a `BTreeSet`. In a
/// block that imports all of that module the word means this one if there is one, and `one::BTreeSet` otherwise, which the block
/// around imports. If it means the former, the implementation is for `one::Nobody`, or has a bound that holds for no type.
macro_rules! speak_once {
    (@ [$($outer:tt)*] [$($generics:tt)*] $type:ty $(, where $($bound:tt)+)?) => {
        #[cfg(all(feature = "allocator-api2-02", feature = "allocator-api"))]
        const _: () = {
            #[allow(unused_imports, reason = "the block below may have a name like it")]
            use $crate::heap::foreign::one::{Apart, BTreeSet, Choice};

            $($outer)*

            const _: () = {
                #[allow(unused_imports, reason = "there may be nothing in it that is used")]
                use allocator_api2_02::collections::*;

                $crate::heap::foreign::speak!("allocator-api2-02", allocator_api2_02::alloc, [$($generics)*] $type
                    $(, where $($bound)+)?);
            };
        };
    };
    ([] $type:ty) => {
        $crate::heap::foreign::speak_once!(@ [] [] <BTreeSet<()> as Choice<$type>>::Choice);
    };
    ([$($generics:tt)+] $type:ty) => {
        // A bound without a lifetime of its own is an error where it does not hold.
        $crate::heap::foreign::speak_once!(@ [impl<'n, $($generics)*> Apart<BTreeSet<&'n ()>> for $type {}]
            [$($generics)*] $type, where for<'n> Self: Apart<BTreeSet<&'n ()>>);
    };
}
pub(super) use speak_once;

/// What `speak_once` needs to tell one trait from two.
#[cfg(all(feature = "allocator-api2-02", feature = "allocator-api"))]
pub(super) mod one {
    use std::alloc::Layout;
    use std::collections;
    use std::marker::PhantomData;
    use std::ptr::NonNull;

    use crate::heap::{AllocError, Allocator};

    /// What the word means where allocator-api2 0.2 has no such name.
    #[derive(Debug)]
    pub struct BTreeSet<T>(PhantomData<T>);

    /// A generic allocator, where `Named` is what the word `BTreeSet` means if there are two traits. The implementation of the trait that
    /// has this as its bound is also looked at where the bound holds for no type: there it is by this that the allocator has the trait.
    pub trait Apart<Named>: allocator_api2_02::alloc::Allocator {}

    /// For whom an allocator's second implementation is.
    pub trait Choice<A> {
        /// The allocator, or nobody.
        type Choice: Allocator;
    }

    impl<A: Allocator> Choice<A> for BTreeSet<()> {
        type Choice = A;
    }

    impl<A: Allocator> Choice<A> for collections::BTreeSet<()> {
        type Choice = Nobody<A>;
    }

    /// An allocator that nobody has.
    #[derive(Debug)]
    pub struct Nobody<A>(PhantomData<A>);

    // SAFETY: it gives out no block.
    unsafe impl<A> Allocator for Nobody<A> {
        fn allocate(&self, _: Layout) -> Result<NonNull<[u8]>, AllocError> {
            Err(AllocError)
        }

        unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {}
    }
}

/// Implements every enabled foreign trait for an allocator of ours: `speaks!([A: Allocator] Type<A>);`.
macro_rules! speaks {
    ([$($generics:tt)*] $type:ty) => {
        #[cfg(not(feature = "allocator-api"))]
        $crate::heap::foreign::speak!("allocator-api2-02", allocator_api2_02::alloc, [$($generics)*] $type);
        $crate::heap::foreign::speak_once!([$($generics)*] $type);
        $crate::heap::foreign::speak!("allocator-api2-03", allocator_api2_03::alloc, [$($generics)*] $type);
        $crate::heap::foreign::speak!("allocator-api2-04", allocator_api2_04::alloc, [$($generics)*] $type);
        #[cfg(oomsweep_std_allocator)]
        $crate::heap::foreign::speak!("allocator-api", std::alloc, [$($generics)*] $type);
    };
}
pub(super) use speaks;

speaks!(['a] dyn crate::heap::Allocator + 'a);
speaks!(['a] dyn crate::heap::Allocator + Send + 'a);
speaks!(['a] dyn crate::heap::Allocator + Send + Sync + 'a);
