use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::heap::drill::{self, Held, Step, collections, is, layout};

type Buffer = Vec<MaybeUninit<u8>>;

fn buffer(len: usize) -> Buffer {
    vec![MaybeUninit::new(0xA5); len]
}

/// The same questions to both: `$name` is each of them over `$buffer`.
macro_rules! both {
    ($buffer:expr, |$name:ident| $with:block) => {{
        let bytes: &mut [MaybeUninit<u8>] = &mut $buffer[..];
        {
            #[allow(unused_mut, reason = "not every block empties it")]
            let mut $name = FixedBufferAllocator::new(bytes);
            $with
        }
        #[allow(unused_mut, reason = "not every block empties it")]
        let mut $name = SyncFixedBufferAllocator::new(bytes);
        $with
    }};
}

#[test]
fn what_every_allocator_does() {
    both!(buffer(1 << 20), |fixed| {
        drill::alignments(&&fixed, 16 << 10);
        fixed.reset();
        drill::nothing(&&fixed);
        drill::sizes_change(&&fixed, 5000);
        fixed.reset();
        for layouts in [[(8, 8); 4], [(1, 1), (100, 64), (3, 2), (2000, 8)]] {
            drill::every_order(&&fixed, &layouts.map(|(size, align)| layout(size, align)));
        }
    });
}

#[test]
fn collections_of_each_api() {
    both!(buffer(1 << 18), |fixed| {
        collections!(&fixed);
    });
}

/// A piece of a buffer that begins so many bytes behind a multiple of 4096.
fn piece(bytes: &mut Buffer, behind: usize, len: usize) -> &mut [MaybeUninit<u8>] {
    let from = padding_before(bytes) + behind;
    &mut bytes[from..from + len]
}

fn padding_before(bytes: &Buffer) -> usize {
    room::padding(bytes.as_ptr().addr(), 4096)
}

#[test]
fn the_last_block_comes_and_goes_in_place() {
    both!(buffer(100), |fixed| {
        let from = &fixed;
        let first = Held::take(&from, layout(10, 1), 1).unwrap();
        let mut second = Held::take(&from, layout(10, 1), 2).unwrap();
        let at = second.at;
        assert_eq!((fixed.used(), fixed.left(), fixed.capacity()), (20, 80, 100));
        second.resize(&from, layout(90, 1), true).unwrap();
        assert_eq!((second.at, fixed.used(), fixed.left()), (at, 100, 0));
        assert!(second.resize(&from, layout(91, 1), true).is_err());
        assert_eq!(fixed.needed().map(|shortage| shortage.needed), Some(101));
        second.resize(&from, layout(20, 1), false).unwrap();
        assert_eq!((second.at, fixed.used()), (at, 30));
        first.give(&from);
        assert_eq!(fixed.used(), 30);
        second.give(&from);
        assert_eq!(fixed.used(), 10);
        let third = Held::take(&from, layout(90, 1), 3).unwrap();
        assert_eq!(third.at, at);
        third.give(&from);
        fixed.reset();
        assert_eq!((fixed.used(), fixed.left()), (0, 100));
        assert!(Held::take(&&fixed, layout(100, 1), 3).is_ok());
    });
}

#[rstest]
#[case::at_the_boundary(0, [0, 16, 64])]
#[case::behind_it(1, [0, 15, 63])]
#[case::before_it(4095, [0, 1, 65])]
fn an_alignment_costs_what_the_address_asks_for(#[case] behind: usize, #[case] offsets: [usize; 3]) {
    let mut bytes = buffer(3 * 4096);
    let buffer = piece(&mut bytes, behind, 1000);
    let start = buffer.as_ptr().addr();
    both!(buffer, |fixed| {
        let found = [1, 16, 64].map(|align| (&fixed).allocate(layout(1, align)).unwrap().addr().get() - start);
        assert_eq!(found, offsets);
        assert_eq!(fixed.used(), offsets[2] + 1);
    });
}

#[test]
fn a_refusal_says_what_was_needed() {
    let mut bytes = buffer(3 * 4096);
    for sync in [false, true] {
        let buffer = piece(&mut bytes, 1, 100);
        let (plain, shared);
        let (from, needed): (&dyn Allocator, &dyn Fn() -> Option<Shortage>) = if sync {
            shared = SyncFixedBufferAllocator::new(buffer);
            (&&shared, &|| shared.needed())
        } else {
            plain = FixedBufferAllocator::new(buffer);
            (&&plain, &|| plain.needed())
        };
        assert_eq!(needed(), None);
        let block = Held::take(from, layout(90, 1), 1).unwrap();
        assert_eq!(needed(), None);
        let refused = layout(10, 8);
        assert_eq!(from.allocate(refused), Err(AllocError));
        // The buffer begins one byte behind a multiple, so 91 + 5 bytes lie before the next.
        let shortage = needed().unwrap();
        assert_eq!(shortage, Shortage { request: refused, needed: 105, capacity: 100 });
        assert_eq!(shortage.to_string(), "10 bytes aligned to 8 need a buffer of 105 bytes, and this one has 100");
        assert_eq!(from.allocate(layout(11, 1)), Err(AllocError));
        assert_eq!(needed(), Some(shortage));
        assert_eq!(from.allocate(layout(1, 4096)), Err(AllocError));
        let text = "1 byte aligned to 4096 needs a buffer of 4096 bytes, and this one has 100";
        assert_eq!(needed().unwrap().to_string(), text);
        for (size, align) in [(isize::MAX as usize, 1), (1 << 62, 1 << 62)] {
            assert_eq!(from.allocate(layout(size, align)), Err(AllocError));
            assert_eq!(needed().unwrap().request, layout(isize::MAX as usize, 1));
        }
        assert_eq!(needed().unwrap().needed, isize::MAX as usize + 90);
        Held::take(from, layout(10, 1), 2).unwrap().give(from);
        block.give(from);
    }
}

#[test]
fn an_empty_buffer_has_no_bytes() {
    both!(buffer(0), |fixed| {
        drill_of_an_empty_one(&&fixed);
        assert_eq!((fixed.capacity(), fixed.used(), fixed.left()), (0, 0, 0));
        assert_eq!(fixed.needed().map(|shortage| shortage.needed), Some(1));
        assert!(!fixed.owns(&fixed));
    });
}

fn drill_of_an_empty_one(from: &dyn Allocator) {
    Held::take(from, layout(0, 4096), 1).unwrap().give(from);
    assert_eq!(from.allocate(layout(1, 1)), Err(AllocError));
}

#[test]
fn what_leads_into_it_is_its_own() {
    let mut bytes = buffer(100);
    let range = bytes.as_ptr_range();
    both!(bytes, |fixed| {
        assert!(fixed.owns(range.start) && fixed.owns(range.end.wrapping_sub(1)));
        assert!(!fixed.owns(range.start.wrapping_sub(1)) && !fixed.owns(range.end) && !fixed.owns(&range));
        let held = Held::take(&&fixed, layout(100, 1), 1).unwrap();
        assert!(fixed.owns(held.at.as_ptr()) && !fixed.owns(std::ptr::null::<u8>()));
        held.give(&&fixed);
    });
}

#[test]
fn buffers_of_bytes() {
    let mut bytes = [7_u8; 64];
    {
        // SAFETY: the buffer is written before it is read again.
        let fixed = unsafe { FixedBufferAllocator::from_bytes(&mut bytes) };
        Held::take_zeroed(&&fixed, layout(64, 1), 1).unwrap().give(&&fixed);
    }
    bytes.fill(1);
    // SAFETY: as above.
    let fixed = unsafe { SyncFixedBufferAllocator::from_bytes(&mut bytes) };
    Held::take_zeroed(&&fixed, layout(64, 1), 1).unwrap().give(&&fixed);
    assert_eq!(format!("{fixed:?}"), "SyncFixedBufferAllocator { capacity: 64, used: 0, needed: None, .. }");
}

#[test]
fn who_may_send_and_share_them() {
    assert!(is!(FixedBufferAllocator<'_>, Send) && !is!(FixedBufferAllocator<'_>, Sync));
    assert!(is!(SyncFixedBufferAllocator<'_>, Send) && is!(SyncFixedBufferAllocator<'_>, Sync));
}

#[test]
fn several_threads_share_a_buffer() {
    let mut bytes = buffer(1 << 16);
    let mut fixed = SyncFixedBufferAllocator::new(&mut bytes);
    for _ in 0..20 {
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let fixed = &fixed;
                scope.spawn(move || churn(&fixed, thread));
            }
        });
        assert!(fixed.used() > 0 && fixed.used() <= fixed.capacity());
        fixed.reset();
    }
}

/// Takes, resizes and gives back, and looks whether anybody else has written to a block of this thread.
fn churn(from: &dyn Allocator, thread: u8) {
    let mut held: Vec<Held> = Vec::new();
    for turn in 0..60_u8 {
        let asked = layout(usize::from(turn % 37) + 1, 1 << (turn % 5));
        held.extend(Held::take(from, asked, thread ^ turn));
        if let Some(mut last) = held.pop() {
            let size = asked.size() + usize::from(turn % 9);
            // With or without the room for it, it is whole afterwards.
            let _moved_or_refused = last.resize(from, layout(size, asked.align()), turn % 2 == 0);
            held.push(last);
        }
        if turn % 3 == 0 {
            held.pop().into_iter().for_each(|held| held.give(from));
        }
        held.iter().for_each(Held::must_be_whole);
    }
    held.into_iter().for_each(|held| held.give(from));
}

proptest! {
    #[test]
    fn any_steps(steps in drill::steps(3000, 12), len in 0..10_000_usize) {
        both!(buffer(len), |fixed| {
            drill::take_steps(&&fixed, &steps);
            fixed.reset();
            drill::take_steps(&&fixed, &steps);
        });
    }

    #[test]
    fn exactly_as_the_model(steps in drill::steps(600, 6), behind in 0..100_usize) {
        const LEN: usize = 2000;
        let mut bytes = buffer(LEN + 2 * 4096);
        let buffer = piece(&mut bytes, behind, LEN);
        let fixed = FixedBufferAllocator::new(buffer);
        let (mut used, mut needed) = (0, 0);
        let mut blocks: Vec<(Held, usize)> = Vec::new();
        for step in &steps {
            match *step {
                Step::Take { layout, .. } if layout.size() > 0 => {
                    let end = (behind + used).next_multiple_of(layout.align()) - behind + layout.size();
                    let taken = Held::take(&&fixed, layout, 1);
                    prop_assert_eq!(taken.is_ok(), end <= LEN);
                    match taken {
                        Ok(held) => {
                            used = end;
                            blocks.push((held, end));
                        }
                        Err(AllocError) => needed = usize::max(needed, end),
                    }
                }
                Step::Give { which } if !blocks.is_empty() => {
                    let (held, end) = blocks.remove(if which % 2 == 0 { blocks.len() - 1 } else { which % blocks.len() });
                    used = if end == used { used - held.layout.size() } else { used };
                    held.give(&&fixed);
                }
                _ => {}
            }
            prop_assert_eq!((fixed.used(), fixed.left()), (used, LEN - used));
            prop_assert_eq!(fixed.needed().map_or(0, |shortage| shortage.needed), needed);
        }
    }
}
