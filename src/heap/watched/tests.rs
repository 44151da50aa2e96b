//! What the tests of all watching allocators need: an allocator to stand behind them, operations, and an exam.

use std::alloc::{Layout, System};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;

use crate::heap::{AllocError, Allocator};

/// Gives out more than it was asked for, refuses or panics when told to, and holds every layout that it gets against its books.
#[derive(Debug, Default)]
pub(in crate::heap) struct Backing {
    pub(in crate::heap) calls: AtomicU64,
    pub(in crate::heap) refuses: AtomicBool,
    pub(in crate::heap) panics: AtomicBool,
    live: Mutex<HashMap<usize, Layout>>,
}

impl Backing {
    pub(in crate::heap) fn live_blocks(&self) -> usize {
        self.live.lock().unwrap().len()
    }

    pub(in crate::heap) fn live_bytes(&self) -> usize {
        self.live.lock().unwrap().values().map(|layout| layout.size()).sum()
    }

    fn real(layout: Layout) -> Layout {
        Layout::from_size_align(layout.size() + 16, layout.align()).unwrap()
    }

    fn called(&self, layout: Layout) -> Result<(), AllocError> {
        assert_ne!(layout.size(), 0, "asked for nothing");
        self.calls.fetch_add(1, Ordering::Relaxed);
        assert!(!self.panics.load(Ordering::Relaxed), "the allocator behind panics");
        if self.refuses.load(Ordering::Relaxed) { Err(AllocError) } else { Ok(()) }
    }

    fn note(&self, block: NonNull<[u8]>, layout: Layout) -> NonNull<[u8]> {
        self.live.lock().unwrap().insert(block.cast::<u8>().addr().get(), layout);
        block
    }

    fn forget(&self, block: NonNull<u8>, layout: Layout) {
        let known = self.live.lock().unwrap().remove(&block.addr().get());
        assert_eq!(known, Some(layout), "a block comes back with the layout that it was asked for with");
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || self.live_blocks() == 0, "blocks are left: {:?}", self.live);
    }
}

// SAFETY: every block is the system's, with some bytes more than asked for.
unsafe impl Allocator for Backing {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.called(layout)?;
        Ok(self.note(System.allocate(Backing::real(layout))?, layout))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.forget(block, layout);
        // SAFETY: it was given out with this size and some more.
        unsafe { System.deallocate(block, Backing::real(layout)) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.called(layout)?;
        Ok(self.note(System.allocate_zeroed(Backing::real(layout))?, layout))
    }

    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        assert!(new.size() >= old.size());
        self.called(new)?;
        self.forget(block, old);
        // SAFETY: as in `deallocate`.
        Ok(self.note(unsafe { System.grow(block, Backing::real(old), Backing::real(new)) }?, new))
    }

    unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the caller's obligations.
        let grown = unsafe { self.grow(block, old, new) }?;
        // SAFETY: it has this many bytes.
        unsafe { grown.cast::<u8>().add(old.size()).write_bytes(0, new.size() - old.size()) };
        Ok(grown)
    }

    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        assert!(new.size() <= old.size());
        self.called(new)?;
        self.forget(block, old);
        // SAFETY: as in `deallocate`.
        Ok(self.note(unsafe { System.shrink(block, Backing::real(old), Backing::real(new)) }?, new))
    }
}

/// Does not compile if the type has the trait: then two implementations would fit the call.
macro_rules! assert_not {
    ($trait:ident, $type:ty) => {{
        trait Ambiguous<X> {
            fn check() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        impl<T: ?Sized + $trait> Ambiguous<u8> for T {}
        <$type as Ambiguous<_>>::check();
    }};
}
pub(in crate::heap) use assert_not;

/// Calls a function before it serves a request, as another thread might just then.
pub(in crate::heap) struct Meanwhile(pub(in crate::heap) fn());

// SAFETY: every block is the system's.
unsafe impl Allocator for Meanwhile {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        (self.0)();
        System.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: by the caller's obligations.
        unsafe { System.deallocate(block, layout) }
    }
}

pub(in crate::heap) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

fn bytes(block: NonNull<[u8]>) -> &'static mut [u8] {
    // SAFETY: the tests read and write blocks that are allocated and full of zeros or what they wrote, one at a time.
    unsafe { std::slice::from_raw_parts_mut(block.cast::<u8>().as_ptr(), block.len()) }
}

/// A step of a program that allocates. The first number chooses among the live blocks.
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) enum Step {
    Allocate { size: usize, align: usize, zeroed: bool },
    Resize { which: usize, size: usize, align: usize, zeroed: bool },
    Free { which: usize },
    Refuse(bool),
}

pub(in crate::heap) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = || prop_oneof![Just(0_usize), 1..100_usize, 1..5000_usize];
    let align = || (0..14_u32).prop_map(|power| 1_usize << power);
    let step = prop_oneof![
        4 => (size(), align(), any::<bool>()).prop_map(|(size, align, zeroed)| Step::Allocate { size, align, zeroed }),
        4 => (any::<usize>(), size(), align(), any::<bool>())
            .prop_map(|(which, size, align, zeroed)| Step::Resize { which, size, align, zeroed }),
        3 => any::<usize>().prop_map(|which| Step::Free { which }),
        1 => any::<bool>().prop_map(Step::Refuse),
    ];
    prop::collection::vec(step, 0..60)
}

/// What a step came to: from which size to which size, and whether it succeeded.
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct Done {
    pub(in crate::heap) from: usize,
    pub(in crate::heap) to: usize,
    pub(in crate::heap) succeeded: bool,
    /// The allocator behind would have refused.
    pub(in crate::heap) refusing: bool,
}

/// Goes the steps, checks every block's bytes all the while, and tells `seen` of each; in the end all blocks go back.
pub(in crate::heap) fn go(heap: &impl Allocator, backing: &Backing, steps: &[Step], mut seen: impl FnMut(Done)) {
    let mut live: Vec<(NonNull<[u8]>, Layout, u8)> = Vec::new();
    let mut stamp = 0_u8;
    let mut step = |step: Step, live: &mut Vec<(NonNull<[u8]>, Layout, u8)>| {
        stamp = stamp.wrapping_add(1);
        let refusing = backing.refuses.load(Ordering::Relaxed);
        let (from, to, succeeded) = match step {
            Step::Refuse(refuses) => return backing.refuses.store(refuses, Ordering::Relaxed),
            Step::Allocate { size, align, zeroed } => {
                let wanted = layout(size, align);
                let block = if zeroed { heap.allocate_zeroed(wanted) } else { heap.allocate(wanted) };
                if let Ok(block) = block {
                    take(live, block, wanted, stamp, if zeroed { 0 } else { size });
                }
                (0, size, block.is_ok())
            }
            Step::Resize { which, size, align, zeroed } if !live.is_empty() => {
                let which = which % live.len();
                let (old_size, succeeded) = resize(heap, live, which, layout(size, align), zeroed, stamp);
                (old_size, size, succeeded)
            }
            Step::Free { which } if !live.is_empty() => {
                let (block, layout, _) = live.swap_remove(which % live.len());
                // SAFETY: it is live, with this layout.
                unsafe { heap.deallocate(block.cast(), layout) };
                (layout.size(), 0, true)
            }
            Step::Resize { .. } | Step::Free { .. } => return,
        };
        for (block, _, stamp) in live.iter() {
            assert!(bytes(*block).iter().all(|byte| byte == stamp));
        }
        seen(Done { from, to, succeeded, refusing });
    };
    for at in steps {
        step(*at, &mut live);
    }
    while !live.is_empty() {
        step(Step::Free { which: 0 }, &mut live);
    }
}

/// Checks a block that has just come, and fills it with its stamp; from `zeros` on it must be zeros.
fn take(live: &mut Vec<(NonNull<[u8]>, Layout, u8)>, block: NonNull<[u8]>, wanted: Layout, stamp: u8, zeros: usize) {
    assert_eq!(block.len(), wanted.size());
    assert_eq!(block.cast::<u8>().addr().get() % wanted.align(), 0);
    if zeros < wanted.size() {
        assert!(bytes(block)[zeros..].iter().all(|byte| *byte == 0));
    }
    // SAFETY: a block of this size.
    unsafe { block.cast::<u8>().write_bytes(stamp, block.len()) };
    live.push((block, wanted, stamp));
}

fn resize(
    heap: &impl Allocator,
    live: &mut Vec<(NonNull<[u8]>, Layout, u8)>,
    which: usize,
    new: Layout,
    zeroed: bool,
    fresh_stamp: u8,
) -> (usize, bool) {
    let (block, old, stamp) = live[which];
    // SAFETY: it is live, with this layout, and the method is chosen by the sizes.
    let answer = unsafe {
        match (new.size() >= old.size(), zeroed) {
            (true, false) => heap.grow(block.cast(), old, new),
            (true, true) => heap.grow_zeroed(block.cast(), old, new),
            (false, _) => heap.shrink(block.cast(), old, new),
        }
    };
    if let Ok(moved) = answer {
        let kept = usize::min(old.size(), new.size());
        assert!(bytes(NonNull::slice_from_raw_parts(moved.cast(), kept)).iter().all(|byte| *byte == stamp));
        live.swap_remove(which);
        take(live, moved, new, fresh_stamp, if zeroed { kept } else { new.size() });
    }
    (old.size(), answer.is_ok())
}

/// What any watching allocator must do when it is made over this backing and refuses nothing itself.
pub(in crate::heap) fn sit_exam<'b, H: Allocator>(backing: &'b Backing, make: impl Fn(&'b Backing) -> H) {
    let heap = make(backing);
    no_bytes_ask_nobody(&heap, backing);
    every_call_is_one_call(&heap, backing);
    a_refusal_changes_nothing(&heap, backing);
    a_panic_behind_loses_nothing(&heap, backing);
    collections(&heap);
    assert_eq!(backing.live_blocks(), 0);
}

fn no_bytes_ask_nobody(heap: &impl Allocator, backing: &Backing) {
    backing.refuses.store(true, Ordering::Relaxed);
    let before = backing.calls.load(Ordering::Relaxed);
    for align in [1, 8, 4096, 1 << 20] {
        let nothing = layout(0, align);
        for block in [heap.allocate(nothing), heap.allocate_zeroed(nothing)] {
            let block = block.unwrap();
            assert_eq!((block.len(), block.cast::<u8>().addr().get() % align), (0, 0));
            // SAFETY: the block that came out of each goes into the next.
            unsafe {
                let block = heap.grow(block.cast(), nothing, layout(0, 2)).unwrap();
                let block = heap.grow_zeroed(block.cast(), layout(0, 2), layout(0, 64)).unwrap();
                assert_eq!(block.cast::<u8>().addr().get() % 64, 0);
                let block = heap.shrink(block.cast(), layout(0, 64), nothing).unwrap();
                assert!(heap.grow(block.cast(), nothing, layout(1, align)).is_err());
                heap.deallocate(block.cast(), nothing);
            }
        }
    }
    assert_eq!(backing.calls.load(Ordering::Relaxed) - before, 8, "the eight that grew from nothing asked");
    backing.refuses.store(false, Ordering::Relaxed);
}

fn every_call_is_one_call(heap: &impl Allocator, backing: &Backing) {
    for align in [1, 16, 4096, 1 << 16] {
        let before = backing.calls.load(Ordering::Relaxed);
        let mut sizes = Vec::new();
        let steps = [
            Step::Allocate { size: 100, align, zeroed: false },
            Step::Allocate { size: 100, align, zeroed: true },
            Step::Resize { which: 1, size: 200, align: 1, zeroed: false },
            Step::Resize { which: 1, size: 300, align, zeroed: true },
            Step::Resize { which: 1, size: 30, align: 32, zeroed: false },
            Step::Resize { which: 1, size: 30, align: 32, zeroed: false },
        ];
        go(heap, backing, &steps, |done| sizes.push((done.from, done.to, done.succeeded)));
        let expected = [(0, 100), (0, 100), (100, 200), (200, 300), (300, 30), (30, 30), (100, 0), (30, 0)];
        assert_eq!(sizes, expected.map(|(from, to)| (from, to, true)));
        assert_eq!(backing.calls.load(Ordering::Relaxed) - before, 6);
    }
    let to_nothing = [
        Step::Allocate { size: 9, align: 1, zeroed: false },
        Step::Resize { which: 0, size: 0, align: 1, zeroed: false },
        Step::Resize { which: 0, size: 7, align: 1, zeroed: true },
    ];
    go(heap, backing, &to_nothing, |done| assert!(done.succeeded));
}

fn a_refusal_changes_nothing(heap: &impl Allocator, backing: &Backing) {
    let steps = [
        Step::Allocate { size: 100, align: 8, zeroed: false },
        Step::Refuse(true),
        Step::Allocate { size: 1, align: 1, zeroed: true },
        Step::Resize { which: 0, size: 200, align: 8, zeroed: false },
        Step::Resize { which: 0, size: 200, align: 8, zeroed: true },
        Step::Resize { which: 0, size: 50, align: 8, zeroed: false },
        Step::Refuse(false),
        Step::Resize { which: 0, size: 200, align: 8, zeroed: false },
    ];
    let mut told = String::new();
    go(heap, backing, &steps, |done| told.push(if done.succeeded { '.' } else { 'x' }));
    assert_eq!(told, ".xxxx..");
}

fn a_panic_behind_loses_nothing(heap: &impl Allocator, backing: &Backing) {
    let eight = layout(8, 8);
    backing.panics.store(true, Ordering::Relaxed);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| heap.allocate(eight)));
    assert!(caught.is_err());
    backing.panics.store(false, Ordering::Relaxed);
    let block = heap.allocate(eight).unwrap();
    // SAFETY: allocated just now, with this layout.
    unsafe { heap.deallocate(block.cast(), eight) };
}

/// Collections of every version of allocator-api2, over `&dyn Allocator`.
fn collections(heap: &impl Allocator) {
    let heap: &dyn Allocator = heap;
    macro_rules! fill {
        ($api:ident) => {
            let mut numbers = $api::vec::Vec::new_in(heap);
            numbers.extend(0..1000_u64);
            numbers.truncate(10);
            numbers.shrink_to_fit();
            assert_eq!(numbers.iter().sum::<u64>(), 45);
            let boxed = $api::boxed::Box::new_in([7_u8; 33], heap);
            assert_eq!(boxed[32], 7);
            let empty = $api::boxed::Box::new_in((), heap);
            drop(empty);
        };
    }
    fill!(allocator_api2_02);
    fill!(allocator_api2_03);
    fill!(allocator_api2_04);
}

#[test]
#[should_panic(expected = "blocks are left")]
fn the_backing_sees_a_leak() {
    let backing = Backing::default();
    let _leaked = backing.allocate(layout(1, 1));
}

#[test]
#[should_panic(expected = "with the layout that it was asked for with")]
fn the_backing_sees_a_wrong_layout() {
    let backing = Backing::default();
    let block = backing.allocate(layout(1, 1)).unwrap();
    // SAFETY: it panics before it touches the block.
    unsafe { backing.deallocate(block.cast(), layout(2, 1)) };
}
