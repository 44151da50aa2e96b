use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::heap::drill::{self, Held, collections, is, layout};

const GUARDS: [Guard; 3] = [Guard::Behind, Guard::Before, Guard::None];

#[rstest]
fn what_every_allocator_does(#[values(Guard::Behind, Guard::Before, Guard::None)] guard: Guard) {
    let pages = PageAllocator::new().guard(guard);
    drill::alignments(&pages, 1 << 16);
    drill::nothing(&pages);
    drill::sizes_change(&pages, 300_000);
    for layouts in [[(8, 8); 4], [(1, 1), (100, 64), (4096, 2), (200_000, 8192)]] {
        drill::every_order(&pages, &layouts.map(|(size, align)| layout(size, align)));
    }
}

#[test]
fn collections_of_each_api() {
    for guard in GUARDS {
        collections!(PageAllocator::new().guard(guard));
    }
}

#[test]
fn blocks_lie_at_their_guards() {
    let page = PageAllocator::page_size();
    for (size, align) in
        [(1, 1), (7, 8), (page, 1), (page + 1, 4), (3 * page - 5, 16), (10, 4 * page), (5 * page, 2 * page)]
    {
        for guard in GUARDS {
            let pages = PageAllocator::new().guard(guard);
            let held = Held::take(&pages, layout(size, align), 1).unwrap();
            let (from, to) = (held.at.addr().get(), held.at.addr().get() + size);
            match pages.effective() {
                Guard::Behind => assert!(to.next_multiple_of(page) - to < usize::min(align, page)),
                Guard::Before | Guard::None => assert_eq!(from % page, 0),
            }
            held.give(&pages);
        }
    }
}

#[test]
fn a_block_stays_in_its_pages_as_long_as_they_do() {
    let page = PageAllocator::page_size();
    for guard in GUARDS {
        let pages = PageAllocator::new().guard(guard);
        let mut held = Held::take(&pages, layout(2 * page, 8), 1).unwrap();
        let own = held.at;
        for size in [2 * page - 9, page + 1, page + 2000, 2 * page] {
            held.resize(&pages, layout(size, 1), true).unwrap();
            let offset = if pages.effective() == Guard::Behind { 2 * page - size } else { 0 };
            assert_eq!(held.at.addr().get(), own.addr().get() + offset);
        }
        held.give(&pages);
    }
}

#[test]
fn what_the_system_does_not_have_is_refused() {
    for guard in GUARDS {
        let pages = PageAllocator::new().guard(guard);
        let mut held = Held::take(&pages, layout(100, 8), 1).unwrap();
        for (size, align) in
            [(isize::MAX as usize, 1), (isize::MAX as usize - 4095, 4096), (1 << 62, 1 << 62), (1, 1 << 62)]
        {
            let layout = layout(size, align);
            assert_eq!(pages.allocate(layout), Err(AllocError));
            assert_eq!(pages.allocate_zeroed(layout), Err(AllocError));
            assert!(held.resize(&pages, layout, true).is_err() || size < 100);
        }
        assert!(held.resize(&pages, layout(isize::MAX as usize, 1), false).is_err());
        held.give(&pages);
    }
}

#[test]
fn who_may_send_and_share_it() {
    assert!(is!(PageAllocator, Send) && is!(PageAllocator, Sync) && is!(PageAllocator, Copy));
    assert_eq!(PageAllocator::default(), PageAllocator::new().guard(Guard::Behind));
}

/// A byte that is touched, and whether whoever touches it dies.
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
struct Touch {
    guard: Guard,
    layout: Layout,
    /// Given a new size first.
    resized: Option<usize>,
    /// Given back first.
    freed: bool,
    offset: isize,
    deadly: bool,
}

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
fn touches() -> Vec<Touch> {
    use Guard::{Before, Behind, None as Bare};
    let page = PageAllocator::page_size();
    let end = page as isize;
    let touch = |guard, size: usize, align, resized: usize, freed, offset: isize, deadly| Touch {
        guard,
        layout: layout(size, align),
        resized: (resized > 0).then_some(resized),
        freed,
        offset,
        deadly,
    };
    vec![
        touch(Behind, 10, 1, 0, false, 9, false),
        touch(Behind, 10, 1, 0, false, 10, true),
        touch(Behind, 10, 8, 0, false, 15, false),
        touch(Behind, 10, 8, 0, false, 16, true),
        touch(Behind, 10, 1, 11, false, 10, false),
        touch(Behind, 10, 1, 11, false, 11, true),
        touch(Behind, 2 * page, 1, 5, false, 5, true),
        touch(Behind, 5, 1, 2 * page, false, 2 * end, true),
        touch(Behind, page, 4 * page, 0, false, end, true),
        touch(Behind, 10, 1, 0, true, 0, true),
        touch(Before, 10, 1, 0, false, 0, false),
        touch(Before, 10, 1, 0, false, -1, true),
        touch(Before, 10, 4 * page, 0, false, -1, true),
        touch(Before, 10, 1, 3 * page, false, -1, true),
        touch(Before, 3 * page, 1, 10, false, -1, true),
        touch(Before, 3 * page, 1, 10, false, end, true),
        touch(Before, 3 * page, 1, 0, true, 2 * end, true),
        touch(Bare, 10, 1, 0, false, end - 1, false),
        touch(Bare, 9 * page, 1, 3 * page, false, 3 * end, true),
        touch(Bare, 9 * page, 1, 0, true, 5 * end, true),
    ]
}

/// Who touches a guard or what was given back dies: each case in a process of its own, which runs this test with the case's number.
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
#[test]
fn whoever_touches_what_is_not_theirs_dies() {
    use std::os::unix::process::ExitStatusExt;

    const MARK: &str = "OOMSWEEP_TEST_TOUCHES";
    if let Ok(number) = std::env::var(MARK) {
        return touch(&touches()[number.parse::<usize>().unwrap()]);
    }
    let (_, inside) = module_path!().split_once("::").expect("a crate and a module");
    let this = std::env::current_exe().unwrap();
    for (number, case) in touches().into_iter().enumerate() {
        let name = format!("{inside}::whoever_touches_what_is_not_theirs_dies");
        let mut child = std::process::Command::new(&this);
        let run = child.args([&name, "--exact", "--nocapture"]).env(MARK, number.to_string()).output().unwrap();
        let expected = case.deadly.then_some(libc::SIGSEGV);
        assert_eq!(run.status.signal(), expected, "case {number}: {run:?}");
        assert!(case.deadly || run.status.success(), "case {number}: {run:?}");
    }
}

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
fn touch(case: &Touch) {
    let pages = PageAllocator::new().guard(case.guard);
    let mut held = Held::take(&pages, case.layout, 1).unwrap();
    if let Some(size) = case.resized {
        held.resize(&pages, layout(size, case.layout.align()), false).unwrap();
    }
    let at = held.at.as_ptr().wrapping_offset(case.offset);
    if case.freed {
        held.give(&pages);
    }
    // SAFETY: none, where the case is deadly: that is what is tested.
    std::hint::black_box(unsafe { at.read_volatile() });
}

proptest! {
    #[test]
    fn any_steps(steps in drill::steps(50_000, 16), guard in prop::sample::select(GUARDS.to_vec())) {
        drill::take_steps(&PageAllocator::new().guard(guard), &steps);
    }
}
