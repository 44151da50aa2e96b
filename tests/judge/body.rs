//! A program carried out with real memory.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error, realloc};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use oomsweep::{benign, exempt, untracked};

use crate::program::{OnFail, Op, Region, SLOTS};

/// A request has failed in this process.
static FAILED: AtomicBool = AtomicBool::new(false);
/// A block that the first run keeps, and one that a failure keeps.
static FIRST: AtomicUsize = AtomicUsize::new(0);
static KEPT: AtomicUsize = AtomicUsize::new(0);

/// No pointer looks like this.
const FILL: u8 = 0x5A;

/// What a program returns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Memory,
    Other,
}

/// Makes this process forget the programs that were run in it, and closes what they have opened: a process of hundreds of open
/// descriptors is beyond what the sweep looks at.
pub(crate) fn forget() {
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let theirs = open.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == "/dev/null"));
    let numbers: Vec<i32> = theirs.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in numbers.into_iter().filter(|&fd| fd > 2) {
        // SAFETY: nothing else in this program keeps this file open above the standard descriptors.
        unsafe { libc::close(fd) };
    }
    FAILED.store(false, SeqCst);
    FIRST.store(0, SeqCst);
    KEPT.store(0, SeqCst);
}

/// Carries the program out.
pub(crate) fn run(program: &[Op]) -> Result<(), Refused> {
    steps(program, &mut Held::default())
}

/// The blocks that a program holds; frees them when it ends.
#[derive(Default)]
struct Held {
    slots: [Option<(*mut u8, Layout)>; SLOTS],
    leak: bool,
}

impl Held {
    fn free(&mut self, slot: usize) {
        if let Some((block, layout)) = self.slots[slot].take() {
            // SAFETY: the block is live, and has this layout.
            unsafe { dealloc(black_box(block), layout) };
        }
    }

    /// A request was refused.
    fn refused(&mut self, fails: OnFail, layout: Layout) -> Result<(), Refused> {
        let again = FAILED.swap(true, SeqCst);
        match fails {
            OnFail::Clean => return Err(Refused::Memory),
            OnFail::WrongError => return Err(Refused::Other),
            OnFail::Swallow => {}
            OnFail::SwallowOnce if again => return Err(Refused::Memory),
            OnFail::SwallowOnce => {}
            OnFail::SwallowAndLeak => self.leak = true,
            OnFail::Panic => panic!("a request was refused"),
            OnFail::PanicAndLeak => {
                self.leak = true;
                panic!("a request was refused");
            }
            OnFail::Abort => handle_alloc_error(layout),
            OnFail::LeakOnce if again => return Err(Refused::Memory),
            OnFail::Leak | OnFail::LeakOnce => {
                self.leak = true;
                return Err(Refused::Memory);
            }
            OnFail::Keep => {
                if let Some((block, _)) = self.slots.iter_mut().find_map(Option::take) {
                    KEPT.store(block as usize, SeqCst);
                }
                return Err(Refused::Memory);
            }
            OnFail::Descriptor => {
                // SAFETY: the path is a C string.
                unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) };
                return Err(Refused::Memory);
            }
            // SAFETY: no memory is involved.
            OnFail::Exit => unsafe { libc::_exit(3) },
            // SAFETY: none; the process is to die here.
            OnFail::Crash => unsafe { black_box(std::ptr::without_provenance_mut::<u8>(8)).write_volatile(1) },
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.leak {
            (0..SLOTS).for_each(|slot| self.free(slot));
        }
        // The audit must not find the addresses anywhere.
        black_box(&mut self.slots).fill(None);
    }
}

fn steps(ops: &[Op], held: &mut Held) -> Result<(), Refused> {
    ops.iter().try_for_each(|op| step(op, held))
}

#[inline(never)]
fn further_down(ops: &[Op], held: &mut Held) -> Result<(), Refused> {
    black_box(steps(ops, held))
}

fn step(op: &Op, held: &mut Held) -> Result<(), Refused> {
    match op {
        &Op::Alloc { slot, size, align, site, fails } => {
            held.free(slot);
            let layout = Layout::from_size_align(size, align).expect("a layout");
            let block = [one, another, yet_another][site](layout);
            if block.is_null() {
                return held.refused(fails, layout);
            }
            // SAFETY: the block has this size.
            unsafe { block.write_bytes(FILL, size) };
            held.slots[slot] = Some((block, layout));
        }
        &Op::Resize { slot, size, fails } => {
            let Some((block, old)) = held.slots[slot] else { return Ok(()) };
            let new = Layout::from_size_align(size, old.align()).expect("a layout");
            // SAFETY: the block is live, has this layout, and the new size is not zero.
            let moved = black_box(unsafe { realloc(black_box(block), old, size) });
            if moved.is_null() {
                return held.refused(fails, new);
            }
            // SAFETY: the block has this size.
            unsafe { moved.write_bytes(FILL, size) };
            held.slots[slot] = Some((moved, new));
        }
        Op::Free { slot } => held.free(*slot),
        Op::First => {
            if FIRST.load(SeqCst) == 0 {
                FIRST.store(another(Layout::new::<u64>()) as usize, SeqCst);
            }
        }
        Op::In(Region::Exempt, ops) => return exempt(|| steps(ops, held)),
        Op::In(Region::Benign, ops) => return benign(|| steps(ops, held)),
        Op::In(Region::Untracked, ops) => return untracked(|| steps(ops, held)),
        Op::Call(ops) => return further_down(ops, held),
        Op::Loop(times, ops) => return (0..*times).try_for_each(|_| steps(ops, held)),
    }
    Ok(())
}

#[inline(never)]
fn one(layout: Layout) -> *mut u8 {
    // SAFETY: no program asks for nothing.
    black_box(unsafe { alloc(layout) })
}

#[inline(never)]
fn another(layout: Layout) -> *mut u8 {
    // SAFETY: as above.
    black_box(unsafe { alloc_zeroed(layout) })
}

#[inline(never)]
fn yet_another(layout: Layout) -> *mut u8 {
    // SAFETY: as above.
    black_box(unsafe { alloc(layout) })
}
