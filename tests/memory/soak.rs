//! A million allocations from eight threads, of all sizes and alignments, each freed or resized by whoever comes to it.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::fs;
use std::hint::black_box;
use std::sync::{Mutex, MutexGuard};
use std::thread;

use oomsweep::{Sweep, exempt};

const THREADS: u64 = 8;
/// A plain run is made twice at least.
const EACH: u64 = 1_000_000 / THREADS / 2 + 1;
/// How many blocks wait in each place where threads exchange them.
const KEPT: usize = 40;
const PLACES: usize = 32;

/// A block and what it holds: one byte, over and over.
struct Block {
    at: *mut u8,
    layout: Layout,
    fill: u8,
}

// SAFETY: memory, which any thread may use while it holds this.
unsafe impl Send for Block {}

/// Numbers that only look like chance (Marsaglia, Xorshift RNGs, 2003).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> usize {
        (self.roll() >> 16) as usize % limit as usize
    }

    /// Mostly small, sometimes large.
    fn size(&mut self) -> usize {
        1 + match self.below(100) {
            0..70 => self.below(128),
            70..95 => self.below(2048),
            95..99 => self.below(20_000),
            _ => self.below(200_000),
        }
    }

    fn align(&mut self) -> usize {
        1 << match self.below(20) {
            0 => self.below(13),
            _ => self.below(5),
        }
    }
}

impl Block {
    fn new(dice: &mut Dice) -> Block {
        let layout = Layout::from_size_align(dice.size(), dice.align()).expect("a layout that there is");
        let fill = dice.roll() as u8;
        // SAFETY: the size is above zero.
        let at = black_box(unsafe { if fill.is_multiple_of(2) { alloc(layout) } else { alloc_zeroed(layout) } });
        assert!(!at.is_null());
        assert_eq!(at.addr() % layout.align(), 0);
        let block = Block { at, layout, fill };
        if fill % 2 == 1 {
            block.holds(0, layout.size());
        }
        block.fill();
        block
    }

    /// The first and the last bytes, for all of them would take too long.
    fn fill(&self) {
        let size = self.layout.size();
        // SAFETY: the block's own bytes.
        unsafe {
            self.at.write_bytes(self.fill, size.min(64));
            self.at.add(size - size.min(64)).write_bytes(self.fill, size.min(64));
        }
    }

    fn holds(&self, fill: u8, size: usize) {
        for at in (0..size.min(64)).chain(size - size.min(64)..size) {
            // SAFETY: as above.
            assert_eq!(unsafe { self.at.add(at).read() }, fill, "byte {at} of {:?}", self.layout);
        }
    }

    fn resized(self, dice: &mut Dice) -> Block {
        self.holds(self.fill, self.layout.size());
        let size = dice.size();
        // SAFETY: the block has this layout, and the new size is above zero.
        let at = black_box(unsafe { realloc(self.at, self.layout, size) });
        assert!(!at.is_null());
        let layout = Layout::from_size_align(size, self.layout.align()).expect("a layout that there is");
        let kept = size.min(self.layout.size()).min(64);
        // SAFETY: the bytes that both blocks have.
        assert!((0..kept).all(|byte| unsafe { at.add(byte).read() } == self.fill));
        let block = Block { at, layout, fill: self.fill };
        block.fill();
        block
    }

    fn freed(self) {
        self.holds(self.fill, self.layout.size());
        // SAFETY: the block has this layout, and nobody uses it any more.
        unsafe { dealloc(self.at, self.layout) };
    }
}

type Exchange = [Mutex<Vec<Block>>; PLACES];

fn open(place: &Mutex<Vec<Block>>) -> MutexGuard<'_, Vec<Block>> {
    place.lock().expect("nobody panics")
}

fn work(exchange: &Exchange, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut made = 0;
    while made < EACH {
        let place = &exchange[dice.below(PLACES as u64)];
        let mut block = None;
        let mut kept = open(place);
        if kept.len() >= KEPT {
            let which = dice.below(kept.len() as u64);
            block = Some(kept.swap_remove(which));
        }
        drop(kept);
        let block = match block {
            Some(block) if dice.below(3) == 0 => block.resized(&mut dice),
            other => {
                if let Some(block) = other {
                    block.freed();
                }
                Block::new(&mut dice)
            }
        };
        made += 1;
        open(place).push(block);
    }
}

/// Bytes of this process that are in memory (`proc(5)`, statm).
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("the system has /proc");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}

/// What the blocks need that may wait at once: 95 of 100 are far below 2 KiB, and the rest of a mean of 12 KiB.
const NEED: u64 = (PLACES * (KEPT + 1)) as u64 * 2048;
/// Guards, slots that are too large, spans of every class for every thread, and what is watched after its free. Measured: 15.
const FACTOR: u64 = 40;

#[test]
#[ignore = "clean: run by the table"]
fn a_million() {
    let before = resident();
    let report = Sweep::new("soak").leaks_only().show_reachable().run(|| {
        let exchange: Exchange = std::array::from_fn(|_| Mutex::new(Vec::with_capacity(KEPT + THREADS as usize)));
        thread::scope(|scope| {
            let exchange = &exchange;
            let workers: Vec<_> = (1..=THREADS).map(|seed| scope.spawn(move || work(exchange, seed))).collect();
            workers.into_iter().for_each(|worker| worker.join().expect("nobody panics"));
        });
        for place in exchange {
            place.into_inner().expect("nobody panicked").into_iter().for_each(Block::freed);
        }
        let grown = exempt(resident).saturating_sub(before);
        assert!(grown < NEED * FACTOR, "{grown} bytes more in memory, for blocks of {NEED}");
    });
    report.assert_clean();
    assert!(report.reachable.is_empty(), "{report}");
}
