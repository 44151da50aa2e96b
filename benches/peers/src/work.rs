//! The work that every peer's allocator is measured with. One program stands for one allocator: it includes this file, says in a
//! [`Peer`] how its tests are begun, and leaves the rest to [`main`].

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

/// How a test is run under an allocator. What is not said is what there is without a test.
pub(crate) trait Peer: Sync {
    /// Calls `body` as a test's body, on this thread or in a process forked from this one, once or several times.
    fn test(&self, body: &mut dyn FnMut()) {
        body();
    }

    /// Calls what a thread of a test does.
    fn thread(&self, work: &mut dyn FnMut()) {
        work();
    }

    /// Called before every repetition, not timed: the peer may drop what it has recorded on this thread.
    fn between(&self) {}
}

/// Names the file through which a body hands its figures over.
const VARIABLE: &str = "PEERS_FIGURES";

/// Timed repetitions, behind one that is not.
const REPETITIONS: usize = 5;

/// Measures one allocator. Without arguments: the time of every shape, a line each. With `memory SIZE`: how many bytes the process
/// grows with each live block of so many bytes.
#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
pub(crate) fn main(peer: &dyn Peer) {
    let figures = Figures::create();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == "memory") {
        let size = arguments.get(1).and_then(|size| size.parse().ok()).expect("`memory` and a block's size");
        let layout = Layout::from_size_align(size, 8).expect("a size that a block can have");
        // Memory that an earlier call has given back need not grow again, so the call that grew most counts.
        peer.test(&mut || figures.put(0, memory(layout).max(figures.get(0))));
        peer.between();
        println!("{size}\t{}", figures.get(0));
        return;
    }
    for (index, shape) in SHAPES.iter().enumerate() {
        // Where the body is called several times, the last call's figure stays.
        peer.test(&mut || figures.put(index, shape.measure(peer)));
        peer.between();
        println!("{}\t{}", shape.name, figures.get(index));
    }
}

/// Numbers in a file: they come back from a body that runs in another process, and to write them takes no memory.
struct Figures(File);

impl Figures {
    fn create() -> Figures {
        let path = std::env::var_os(VARIABLE);
        let path =
            path.unwrap_or_else(|| panic!("{VARIABLE} names the file for the figures: start this through `run`"));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
        let figures = Figures(file.expect("a file for the figures"));
        for index in 0..SHAPES.len() {
            figures.put(index, 0.0);
        }
        figures
    }

    fn put(&self, index: usize, figure: f64) {
        self.0.write_all_at(&figure.to_le_bytes(), index as u64 * 8).expect("the figure is written down");
    }

    fn get(&self, index: usize) -> f64 {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, index as u64 * 8).expect("the figure was written down");
        f64::from_le_bytes(bytes)
    }
}

/// One way of asking for memory and giving it back.
struct Shape {
    name: &'static str,
    /// What one call of `work` is divided by.
    operations: usize,
    /// Threads beside the test's own that do the work at the same time; 0: the test's own does it.
    threads: usize,
    work: fn(),
}

const SHAPES: &[Shape] = &[
    Shape { name: "ring of 64, 16-216 B", operations: PAIRS, threads: 0, work: ring },
    Shape { name: "pair of 8 B", operations: PAIRS, threads: 0, work: small },
    Shape { name: "pair of 4 KiB, touched", operations: PAGES, threads: 0, work: page },
    Shape { name: "two threads, a ring each", operations: PAIRS, threads: 2, work: ring },
    Shape { name: "1,000 pushes to a Vec", operations: GROWTHS, threads: 0, work: pushes },
    Shape { name: "realloc 16 B to 16 KiB", operations: GROWTHS, threads: 0, work: reallocs },
    Shape { name: "1,000 held, then freed", operations: HOLDS * HELD, threads: 0, work: holds },
];

const PAIRS: usize = 10_000;
const PAGES: usize = 5_000;
const GROWTHS: usize = 100;
const HOLDS: usize = 10;
const HELD: usize = 1_000;
const LIVE: usize = 64;

type Times = [f64; REPETITIONS];

impl Shape {
    /// Nanoseconds for one operation in the best repetition. With two threads the slower one makes a repetition's time.
    fn measure(&self, peer: &dyn Peer) -> f64 {
        let times = if self.threads == 0 { self.times(peer, &Barrier::new(1)) } else { self.times_of_threads(peer) };
        times.into_iter().fold(f64::INFINITY, f64::min) * 1e9 / self.operations as f64
    }

    fn times(&self, peer: &dyn Peer, start: &Barrier) -> Times {
        let mut times = [0.0; REPETITIONS];
        peer.between();
        (self.work)();
        for time in &mut times {
            peer.between();
            start.wait();
            let began = Instant::now();
            (self.work)();
            *time = began.elapsed().as_secs_f64();
        }
        times
    }

    fn times_of_threads(&self, peer: &dyn Peer) -> Times {
        let start = Barrier::new(self.threads);
        let one = || {
            let mut times = [0.0; REPETITIONS];
            peer.thread(&mut || times = self.times(peer, &start));
            peer.between();
            times
        };
        thread::scope(|scope| {
            let all: Vec<_> = (0..self.threads).map(|_| scope.spawn(one)).collect();
            let mut slowest = [0.0; REPETITIONS];
            for thread in all {
                let times = thread.join().expect("the work does not panic");
                for (slow, time) in slowest.iter_mut().zip(times) {
                    *slow = f64::max(*slow, time);
                }
            }
            slowest
        })
    }
}

// ---- The shapes. They are lean, for a debug build runs every step of them; and a block is used before it is freed. -------------

/// Pseudo-random sizes from 16 to 216 bytes.
static MIXED: [Layout; 256] = {
    let mut layouts = [Layout::new::<u64>(); 256];
    let mut state = 0x9E37_79B9_u32;
    let mut n = 0;
    while n < layouts.len() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        layouts[n] = of_size(16 + (state % 201) as usize);
        n += 1;
    }
    layouts
};
static SMALL: Layout = of_size(8);
static PAGE: Layout = of_size(4096);

const fn of_size(size: usize) -> Layout {
    match Layout::from_size_align(size, 8) {
        Ok(layout) => layout,
        Err(_) => panic!("a size that a block can have"),
    }
}

/// A block that the optimiser knows nothing of.
///
/// # Safety
/// `layout` is not of size 0.
#[inline(always)]
unsafe fn block(layout: Layout) -> *mut u8 {
    // SAFETY: by the obligation of this function.
    let block = black_box(unsafe { alloc(layout) });
    if block as usize == 0 {
        handle_alloc_error(layout);
    }
    block
}

fn ring() {
    let mut blocks = [std::ptr::null_mut(); LIVE];
    let mut n = 0;
    while n < PAIRS + LIVE {
        let at = n % LIVE;
        // SAFETY: no layout is of size 0; what stands in a place was put there `LIVE` steps ago and is freed once.
        unsafe {
            if n >= LIVE {
                dealloc(blocks[at], MIXED[(n - LIVE) % 256]);
            }
            if n < PAIRS {
                blocks[at] = block(MIXED[n % 256]);
            }
        }
        n += 1;
    }
}

fn small() {
    let mut n = 0;
    while n < PAIRS {
        // SAFETY: the layout is not of size 0, and the block is freed with it.
        unsafe { dealloc(block(SMALL), SMALL) };
        n += 1;
    }
}

fn page() {
    let mut n = 0;
    while n < PAGES {
        // SAFETY: the layout is not of size 0, both bytes lie inside it, and the block is freed with it.
        unsafe {
            let block = block(PAGE);
            *block = 1;
            *block.wrapping_add(4095) = 1;
            dealloc(black_box(block), PAGE);
        }
        n += 1;
    }
}

fn pushes() {
    for _ in 0..GROWTHS {
        let mut numbers: Vec<u64> = Vec::new();
        let mut n = 0;
        while n < 1_000 {
            numbers.push(n);
            n += 1;
        }
        black_box(&numbers);
    }
}

fn reallocs() {
    for _ in 0..GROWTHS {
        let mut size = 16;
        // SAFETY: no size is 0, and the block is moved and freed with the size that it has.
        unsafe {
            let mut grown = block(of_size(size));
            while size < 16 * 1024 {
                grown = black_box(realloc(grown, of_size(size), size * 2));
                size *= 2;
                if grown as usize == 0 {
                    handle_alloc_error(of_size(size));
                }
            }
            dealloc(grown, of_size(size));
        }
    }
}

fn holds() {
    let mut blocks = [std::ptr::null_mut(); HELD];
    for _ in 0..HOLDS {
        let mut n = 0;
        while n < HELD {
            // SAFETY: no layout is of size 0.
            blocks[n] = unsafe { block(MIXED[n % 256]) };
            n += 1;
        }
        n = 0;
        while n < HELD {
            // SAFETY: the block was made with this layout, and is freed once.
            unsafe { dealloc(blocks[n], MIXED[n % 256]) };
            n += 1;
        }
    }
}

// ---- Memory --------------------------------------------------------------------------------------------------------------------

const BLOCKS: usize = 1_000_000;

/// Bytes by which the process grows with each of a million live blocks.
fn memory(layout: Layout) -> f64 {
    // Not null, so that the list is all there before the first block is.
    let mut blocks = vec![std::ptr::dangling_mut(); BLOCKS];
    let before = resident();
    for place in &mut blocks {
        // SAFETY: the size is not 0, and both bytes lie inside the block.
        unsafe {
            *place = block(layout);
            **place = 1;
            *place.wrapping_add(layout.size() - 1) = 1;
        }
    }
    let grown = resident() - before;
    for place in blocks {
        // SAFETY: made above with this layout, and freed once.
        unsafe { dealloc(place, layout) };
    }
    grown / BLOCKS as f64
}

/// Bytes of this process that are in memory. Takes none itself.
fn resident() -> f64 {
    let mut text = [0; 8192];
    let read =
        File::open("/proc/self/status").and_then(|mut file| file.read(&mut text)).expect("a process knows its state");
    let text = std::str::from_utf8(&text[..read]).expect("the state is text");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the state tells the memory");
    let kilobytes: u32 = line.trim().trim_end_matches(" kB").parse().expect("a number of kilobytes");
    f64::from(kilobytes) * 1024.0
}
