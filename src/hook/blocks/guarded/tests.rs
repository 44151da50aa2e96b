use std::alloc::Layout;

use super::super::birth::Birth;
use super::super::watch::{HUGE, Wrong};
use super::*;
use crate::model::event::Kind;

/// One thread's use of a store of its own.
struct Bench {
    store: &'static Store,
    shard: *mut Shard,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(pages::room_for_guarded())
    }

    fn with(most: usize) -> Bench {
        let store = Store::create().expect("the system has addresses");
        store.fences.admit(most);
        Bench { store, shard: store.shard(0x1000) }
    }

    fn try_to(&self, size: usize, align: usize, kind: Kind, at: Placement) -> Option<*mut Meta> {
        let birth = Birth { session: 1, thread: 0, marks: GUARDED, allocator: 0, stack: 0, kind, counted: true };
        // SAFETY: the shard is this bench's alone.
        unsafe {
            let meta = self.store.take_guarded(self.shard, size, align, at);
            if meta.is_null() {
                return None;
            }
            self.store.begin(self.shard, meta, size, align, &birth);
            assert_eq!((*meta).address % align, 0);
            Some(meta)
        }
    }

    fn allocate(&self, size: usize, align: usize, at: Placement) -> *mut Meta {
        self.try_to(size, align, Kind::Alloc, at).expect("there are pages")
    }

    fn claim(&self, meta: *mut Meta) -> Wrong {
        // SAFETY: the meta is one of the store's.
        unsafe {
            let (address, size, align) = ((*meta).address, (*meta).size, 1 << (*meta).align);
            assert_eq!(self.store.slot_of(address), meta);
            assert_eq!(self.store.slot_of(address + size), meta, "the end counts as the block's own");
            self.store.claim(meta, address, Layout::from_size_align(size, align).unwrap(), 0)
        }
    }

    fn free(&self, meta: *mut Meta) -> Wrong {
        let wrong = self.claim(meta);
        if wrong == Wrong::Nothing {
            // SAFETY: claimed just now.
            assert!(unsafe { self.store.end_life(self.shard, meta, 1) }.is_null());
        }
        wrong
    }
}

/// The signal that ends a child of this process which does `work`; 0 if it comes back.
fn dies_of(work: impl FnOnce()) -> i32 {
    // SAFETY: the child makes no use of what other threads may have held, and ends at once.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0, "no process could be made");
        if child == 0 {
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
            libc::signal(libc::SIGSEGV, libc::SIG_DFL);
            work();
            libc::_exit(0);
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        if libc::WIFSIGNALED(status) { libc::WTERMSIG(status) } else { 0 }
    }
}

fn read(at: usize) {
    // SAFETY: that is what the test is about; a child of its own does it.
    std::hint::black_box(unsafe { (at as *const u8).read_volatile() });
}

fn write(at: usize) {
    // SAFETY: as above.
    unsafe { (at as *mut u8).write_volatile(0x55) };
}

/// A byte beside a block: the very access dies, or, in what is left of its pages, a write is seen when the block is freed.
fn beside(bench: &Bench, meta: *mut Meta, at: usize, exact: bool) {
    // SAFETY: the meta is one of the store's.
    let (first, len) = unsafe { pages_of(meta) };
    let in_pages = at.wrapping_sub(first) < len;
    assert_eq!(in_pages, !exact, "{:#x} of {:#x}", at, first);
    if in_pages {
        write(at);
        assert_eq!(bench.claim(meta), Wrong::Damaged);
        // SAFETY: the block is this bench's.
        unsafe { bench.store.repair(meta) };
    } else {
        assert_eq!(dies_of(|| read(at)), libc::SIGSEGV);
        assert_eq!(dies_of(|| write(at)), libc::SIGSEGV);
    }
}

#[test]
fn a_byte_beside_a_block_is_out_of_reach_or_watched() {
    let bench = Bench::new();
    for size in [1, 2, 15, 16, 24, 100, 4095, 4096, 4097] {
        for align in [1, 2, 8, 64, 512, 4096] {
            let at_end = bench.allocate(size, align, Placement::AtEnd);
            let at_start = bench.allocate(size, align, Placement::AtStart);
            // SAFETY: metas of the store's.
            let (end, start) = unsafe { ((*at_end).address + size, (*at_start).address) };
            beside(&bench, at_end, end, size % align == 0);
            beside(&bench, at_start, start - 1, true);
            if size % align == 0 {
                assert_eq!(bench.store.touched(end), Touched::Behind(at_end));
            }
            assert_eq!(bench.store.touched(start - 1), Touched::Before(at_start));
            // The other sides: exact where the block fills its pages.
            // SAFETY: as above.
            let (begin, stop) = unsafe { ((*at_end).address, (*at_start).address + size) };
            beside(&bench, at_end, begin - 1, begin % PAGE == 0);
            beside(&bench, at_start, stop, stop % PAGE == 0);
            assert_eq!(bench.free(at_end), Wrong::Nothing);
            assert_eq!(bench.free(at_start), Wrong::Nothing);
        }
    }
}

#[test]
fn a_freed_block_is_out_of_reach_for_ever() {
    let bench = Bench::new();
    for size in [1, 24, 4096, 5000, HUGE, CHUNK + 1] {
        for at in [Placement::AtEnd, Placement::AtStart] {
            let meta = bench.allocate(size, 8, at);
            // SAFETY: a meta of the store's.
            let address = unsafe { (*meta).address };
            assert_eq!(dies_of(|| (read(address), write(address + size - 1)).0), 0);
            assert_eq!(bench.free(meta), Wrong::Nothing);
            assert_eq!(bench.free(meta), Wrong::Freed);
            for byte in [address, address + size / 2, address + size - 1] {
                assert_eq!(bench.store.touched(byte), Touched::Freed(meta));
                assert_eq!(dies_of(|| read(byte)), libc::SIGSEGV);
                assert_eq!(dies_of(|| write(byte)), libc::SIGSEGV);
            }
            let next = bench.allocate(size, 8, at);
            // SAFETY: as above.
            assert!(unsafe { (*next).address } != address);
        }
    }
}

#[test]
fn a_freed_large_block_between_zones_is_told() {
    let bench = Bench::new();
    let birth = Birth { session: 1, thread: 0, marks: 0, allocator: 0, stack: 0, kind: Kind::Alloc, counted: true };
    // SAFETY: the shard is this bench's alone.
    unsafe {
        let meta = bench.store.take(bench.shard, HUGE, 8, 1);
        bench.store.begin(bench.shard, meta, HUGE, 8, &birth);
        let inside = (*meta).address + HUGE / 2;
        assert_eq!(bench.store.touched(inside), Touched::Nothing);
        assert_eq!(
            bench.store.claim(meta, (*meta).address, Layout::from_size_align(HUGE, 8).unwrap(), 0),
            Wrong::Nothing
        );
        bench.store.end_life(bench.shard, meta, 1);
        assert_eq!(bench.store.touched(inside), Touched::Freed(meta));
        assert_eq!(dies_of(|| read(inside)), libc::SIGSEGV);
    }
}

#[test]
fn large_alignments_stand_between_guards_too() {
    let bench = Bench::new();
    for align in [8192, 1 << 16, CHUNK] {
        for size in [1, 4096, 10_000] {
            for at in [Placement::AtEnd, Placement::AtStart] {
                let meta = bench.allocate(size, align, at);
                // SAFETY: a meta of the store's.
                let (first, len) = unsafe { pages_of(meta) };
                beside(&bench, meta, first - 1, true);
                beside(&bench, meta, first + len, true);
                assert_eq!(bench.store.touched(first - 1), Touched::Before(meta));
                assert_eq!(bench.free(meta), Wrong::Nothing);
            }
        }
    }
}

#[test]
fn of_two_blocks_the_nearer_is_named() {
    let bench = Bench::new();
    let behind = bench.allocate(100, 1, Placement::AtEnd);
    let before = bench.allocate(100, 1, Placement::AtStart);
    // SAFETY: metas of the store's.
    let (end, start) = unsafe { ((*behind).address + 100, (*before).address) };
    assert_eq!(start - end, PAGE);
    for distance in 0..PAGE {
        let nearer = if distance < PAGE - distance { Touched::Behind(behind) } else { Touched::Before(before) };
        assert_eq!(bench.store.touched(end + distance), nearer, "{distance}");
    }
    assert_eq!(bench.store.touched(bench.store.base + bench.store.bytes / 2), Touched::Nothing);
}

#[test]
fn zeroed_memory_is_zero_and_other_memory_is_filled() {
    let bench = Bench::new();
    for size in [1, 100, 5000, HUGE, 2 * CHUNK] {
        for at in [Placement::AtEnd, Placement::AtStart] {
            for (kind, fill) in [(Kind::Zeroed, 0), (Kind::Alloc, zones::NEW)] {
                let meta = bench.try_to(size, 1, kind, at).expect("there are pages");
                // SAFETY: the block's own bytes.
                let bytes = unsafe { std::slice::from_raw_parts_mut((*meta).address as *mut u8, size) };
                assert!(bytes.iter().all(|&byte| byte == fill || size >= HUGE && byte == 0), "{size} {kind:?}");
                bytes.fill(7);
                assert_eq!(bench.free(meta), Wrong::Nothing);
            }
        }
    }
}

#[test]
fn no_more_than_admitted_stand_there() {
    let bench = Bench::with(3);
    let metas: Vec<*mut Meta> = (0..3).map(|_| bench.allocate(8, 8, Placement::AtEnd)).collect();
    assert_eq!(bench.try_to(8, 8, Kind::Alloc, Placement::AtEnd), None);
    assert_eq!(bench.free(metas[1]), Wrong::Nothing);
    bench.allocate(8, 8, Placement::AtEnd);
    assert_eq!(bench.try_to(8, 8, Kind::Alloc, Placement::AtEnd), None);
}

#[test]
fn blocks_too_large_are_refused() {
    let bench = Bench::new();
    for size in [isize::MAX as usize, 1 << 46, bench.store.bytes] {
        assert_eq!(bench.try_to(size, 1, Kind::Alloc, Placement::AtEnd), None);
    }
    assert_eq!(bench.try_to(1, 1 << 50, Kind::Alloc, Placement::AtEnd), None);
}

#[test]
fn the_two_ends_of_the_range_never_meet() {
    let bench = Bench::new();
    let spans = bench.store.bytes >> SPAN_SHIFT;
    let first = bench.store.new_spans(spans - 2 * CHUNK / SPAN).expect("nearly all");
    assert_eq!(first, 0);
    bench.allocate(8, 8, Placement::AtEnd);
    assert!(bench.store.new_spans(CHUNK / SPAN + 1).is_none());
    assert!(bench.store.new_spans(CHUNK / SPAN).is_some());
    bench.allocate(8, 8, Placement::AtEnd);
    assert_eq!(bench.try_to(2 * CHUNK, 8, Kind::Alloc, Placement::AtEnd), None);
    assert!(bench.store.new_spans(1).is_none());
}

#[test]
fn half_of_the_range_is_left_to_other_blocks() {
    let store = Store::of(1 << 27).expect("the system has addresses");
    store.fences.admit(usize::MAX);
    let bench = Bench { store, shard: store.shard(0x1000) };
    let made = (0..20_000).take_while(|_| bench.try_to(8, 8, Kind::Alloc, Placement::AtEnd).is_some()).count();
    let most = (1 << 26) / (2 * PAGE);
    assert!((most / 10 * 9..=most).contains(&made), "{made} of {most}");
    assert!(store.new_spans((1 << 26) / SPAN).is_some());
}

/// How many mappings this process has.
fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").map_or(0, |text| text.lines().count())
}

/// The same in a child that does as on a kernel without guard pages. What goes wrong there ends the child by an abort.
#[test]
fn without_guard_pages_their_protection_does_it() {
    let ended = dies_of(|| {
        let fine = std::panic::catch_unwind(|| {
            pages::without_guards();
            let room = pages::room_for_guarded();
            assert!((1..32_768).contains(&room), "{room}");
            let bench = Bench::with(room);
            let before = mappings();
            for round in 0..2000 {
                let size = round % 300 + 1;
                let at = if round % 2 == 0 { Placement::AtEnd } else { Placement::AtStart };
                let meta = bench.try_to(size, 1, Kind::Zeroed, at).expect("there are pages");
                // SAFETY: the block's own bytes.
                unsafe {
                    let bytes = std::slice::from_raw_parts_mut((*meta).address as *mut u8, size);
                    assert!(bytes.iter().all(|&byte| byte == 0));
                    bytes.fill(1);
                    if round % 200 == 0 {
                        let out = if round % 400 == 0 { (*meta).address + size } else { (*meta).address - 1 };
                        let exact = round % 400 == 0 || at == Placement::AtStart;
                        assert_eq!(dies_of(|| write(out)) == libc::SIGSEGV, exact);
                    }
                }
                assert_eq!(bench.free(meta), Wrong::Nothing);
                // SAFETY: a meta of the store's.
                let address = unsafe { (*meta).address };
                assert!(round % 200 != 0 || dies_of(|| read(address)) == libc::SIGSEGV);
            }
            // Freed ones have grown together.
            assert!(mappings() < before + 40, "{} after {before}", mappings());
        });
        if fine.is_err() {
            std::process::abort();
        }
    });
    assert_eq!(ended, 0);
}
