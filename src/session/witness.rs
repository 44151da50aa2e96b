//! Who sees panics and fatal signals while a run is open.

use std::fmt::Write;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use crate::hook::arena::Arena;
use crate::hook::gate;
use crate::hook::journal::{Journal, PanicPlace};
use crate::hook::{core, explain};
use crate::model::fault::Fault;
use crate::model::memory::{MemoryError, Noticed, Place};
use crate::model::stack::RawStack;
use crate::sys::{self, stacks};

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

static ARENA: Mutex<Option<Arena>> = Mutex::new(None);
static OURS: AtomicUsize = AtomicUsize::new(0);
static SPOKEN: AtomicBool = AtomicBool::new(false);
static AFTER: AtomicU8 = AtomicU8::new(AFTER_PASS_ON);
const AFTER_PASS_ON: u8 = 0;
const AFTER_LEAVE: u8 = 1;

/// What becomes of the process when a fatal signal is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It ends at once: a child of our own, no core file.
    Leave,
    /// Whoever had the signal before gets it.
    PassOn,
}

/// Writes panics and fatal signals of this process into the open run's journal from now on; to be called again where a body
/// may have put handlers of its own in place.
pub(crate) fn watch(arena: Arena, then: Then) {
    *ARENA.lock().unwrap_or_else(PoisonError::into_inner) = Some(arena);
    AFTER.store(if then == Then::Leave { AFTER_LEAVE } else { AFTER_PASS_ON }, Ordering::SeqCst);
    sys::signals::own_stack();
    sys::signals::watch(on_fatal);
    // Not in a child: C's lock of what is called at an exit may have been held when it was forked.
    if then == Then::PassOn {
        static AT_EXIT: Once = Once::new();
        AT_EXIT.call_once(|| sys::process::at_exit(on_exit));
    }
}

/// Makes sure that our hook stands in front of whatever hook is in place. On a thread that is panicking nothing is done: the
/// hook can't be changed there.
pub(crate) fn watch_panics() {
    if std::thread::panicking() {
        return;
    }
    SPOKEN.store(false, Ordering::Relaxed);
    let present = panic::take_hook();
    if address(&present) == OURS.load(Ordering::Relaxed) {
        panic::set_hook(present);
        return;
    }
    let fresh: Hook = Box::new(move |info| {
        if gate::local(|local| local.harness.get() != 0) {
            return;
        }
        let own = gate::local(|local| local.own.get());
        if own {
            note(info);
            if is_told_later() {
                return;
            }
        }
        let _harness = gate::harness();
        // A second panic prints a full stack whatever the environment says, which can take longer than any limit.
        if !own || !SPOKEN.swap(true, Ordering::Relaxed) {
            present(info);
        }
    });
    OURS.store(address(&fresh), Ordering::Relaxed);
    panic::set_hook(fresh);
}

/// A trial in the process of the test, which has no output of its own, panics for the first time: the report tells of it. Were
/// every panic printed, a sweep of a body that unwraps would print one for each point, with a stack if `RUST_BACKTRACE` asks
/// for it; and that stack's debug information would stay in statics, full of old addresses of the body's blocks. A second panic
/// is printed, for the process may die of it; and so is that of a replay.
fn is_told_later() -> bool {
    let Some(core) = core::core().filter(|_| AFTER.load(Ordering::SeqCst) == AFTER_PASS_ON) else { return false };
    let journal = core.journal();
    // SAFETY: as in `note`; the own part is only read, and nothing else of this thread does that meanwhile.
    unsafe { !core.own().break_here && !journal.is_null() && (*journal).delivered > 0 && (*journal).panics == 1 }
}

fn address(hook: &Hook) -> usize {
    std::ptr::from_ref(&**hook).cast::<()>() as usize
}

fn note(info: &PanicHookInfo<'_>) {
    let Some(core) = core::core() else { return };
    let journal = core.journal();
    let arena = ARENA.try_lock().ok().and_then(|held| *held);
    // In what a body forks, the gate is closed.
    let open = gate::state() == gate::State::Session as u32 && !journal.is_null();
    let (true, Some(arena)) = (open, arena) else { return };
    // SAFETY: this is the own thread of the open run; no other reference to the journal is alive here.
    let journal = unsafe { &mut *journal };
    journal.panics = journal.panics.wrapping_add(1);
    let message = text(info.payload());
    let follows = info.location().is_some_and(|place| place.file().ends_with("core/src/panicking.rs"));
    if follows && journal.panics > 1 {
        // The last of two or three: "panic in a destructor during cleanup" follows a panic in a destructor that ran because
        // of another panic, which tells most; "panic in a function that cannot unwind" follows the one that tells.
        if message.is_some_and(|message| message.contains("destructor")) && journal.panic_before.is_some() {
            journal.panic = journal.panic_before;
        }
        return;
    }
    journal.panic_before = journal.panic;
    journal.panic = info.location().map(|place| PanicPlace {
        message: message.and_then(|text| arena.put_bytes(text.as_bytes())),
        file: arena.put_bytes(place.file().as_bytes()),
        line: place.line(),
    });
}

/// The text of a panic's payload, if it is text.
pub(crate) fn text(payload: &(dyn std::any::Any + Send)) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// In the signal's handler: no allocation, no lock, no unwinding.
fn on_fatal(fatal: &sys::signals::Fatal) {
    if let Some(core) = core::core() {
        let journal = core.journal();
        if !journal.is_null() && gate::state() != gate::State::Off as u32 {
            // SAFETY: the thread that would write here is the interrupted one, or is about to die with the process.
            unsafe { write_down(core, journal, fatal) };
            if AFTER.load(Ordering::SeqCst) == AFTER_LEAVE {
                sys::process::leave(99);
            }
            // SAFETY: as above.
            last_words(unsafe { &*journal }, format_args!("signal {}", fatal.number));
        }
    }
}

/// # Safety
/// The journal is the open run's, and whoever writes there is the interrupted thread, or is about to die with the process.
unsafe fn write_down(core: &core::Core, journal: *mut Journal, fatal: &sys::signals::Fatal) {
    // SAFETY: by the obligation of this function; no other reference to it is alive here.
    let journal = unsafe { &mut *journal };
    if !is_first(&journal.dying) || journal.fatal.number != 0 {
        // A second signal, raised by the first one's handling: the first tells what happened.
        return;
    }
    let handler = stacks::alloc_error_handler();
    journal.fatal.address = fatal.address;
    journal.fatal.pointer = explain::pointer(fatal.address, fatal.is_no_address, &fatal.general);
    journal.fatal.sp = fatal.sp;
    journal.fatal.panicking = std::thread::panicking();
    journal.fatal.in_alloc_error = stacks::capture_interrupted(&mut journal.fatal.stack, fatal.pc, handler, 0);
    journal.fatal.culprit = None;
    // Where nothing of another thread's is failed, no failed request is behind its handler.
    let is_asked = core.all_threads.load(Ordering::Relaxed) || gate::local(|local| local.own.get());
    if journal.fatal.in_alloc_error && is_asked {
        let found =
            journal.kept_failures().find(|(_, record)| !holds(&record.stack, handler)).map(|(number, _)| number);
        journal.fatal.culprit = found;
    }
    if let Some(address) = fatal.address {
        let fault = explain::Fault { address, access: fatal.access, pc: fatal.pc };
        // SAFETY: by the obligation of this function.
        unsafe { explain::put_on_record(core, journal, &fault) };
    }
    journal.fatal.number = fatal.number;
}

/// Whether this thread is the first to die. Another one waits until the first has written down what it has to, and does not come
/// back but where the process goes on all the same.
fn is_first(dying: &AtomicI32) -> bool {
    let own = sys::threads::id();
    match dying.compare_exchange(0, own, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => return true,
        Err(other) if other == own => return false,
        Err(_) => {}
    }
    for _ in 0..200 {
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// Whether a function is on a stack.
fn holds(stack: &RawStack, function: usize) -> bool {
    stack.ips().iter().any(|&ip| stacks::enclosing_function(ip) == function)
}

/// When the process ends by `exit`. In a child of our own whoever made the child tells of it.
extern "C" fn on_exit() {
    let open = gate::state() == gate::State::Session as u32 && AFTER.load(Ordering::SeqCst) == AFTER_PASS_ON;
    let journal = core::core().map_or(std::ptr::null_mut(), core::Core::journal);
    if open && !journal.is_null() {
        // SAFETY: whoever writes here is the thread that ends the process, or about to end with it.
        last_words(unsafe { &*journal }, format_args!("an exit"));
    }
}

/// What the dying process says of the fault that was being tried.
fn last_words(journal: &Journal, of: std::fmt::Arguments<'_>) {
    let mut line = Line { bytes: [0; 512], len: 0 };
    let _ = match journal.fault {
        Fault::None => {
            writeln!(line, "oomsweep: this process dies of {of} in a plain run of the body; nothing could be tried")
        }
        fault => writeln!(
            line,
            "oomsweep: this process dies of {of} while {fault} is tried in it; what follows could not be tried"
        ),
    };
    if let Some(error) = journal.memory.as_ref().filter(|_| journal.fatal.number != 0) {
        let _ = touched(&mut line, error);
    }
    sys::write_error(line.bytes.get(..line.len).unwrap_or(&[]));
}

/// What was touched, where the very instruction was seen.
fn touched(line: &mut Line, error: &MemoryError) -> std::fmt::Result {
    let (Some(block), Some(did)) = (&error.block, did(error.noticed)) else { return Ok(()) };
    let (place, offset) = (error.place, error.offset.unsigned_abs());
    write!(line, "oomsweep: it {did} ")?;
    match place {
        Place::Before => write!(line, "{offset} bytes before")?,
        Place::Behind => write!(line, "{} bytes behind the end of", offset.saturating_sub(block.size as u64))?,
        _ => write!(line, "byte {offset} of")?,
    }
    let state = if block.is_freed { "freed" } else { "live" };
    let (size, align) = (block.size, block.align);
    writeln!(line, " a {state} block of {size} bytes (align {align}), born as number {} of its thread", block.ordinal)
}

fn did(noticed: Noticed) -> Option<&'static str> {
    match noticed {
        Noticed::Read => Some("read"),
        Noticed::Write => Some("wrote"),
        Noticed::Access => Some("touched"),
        _ => None,
    }
}

/// A line put together without an allocator.
struct Line {
    bytes: [u8; 512],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for &byte in text.as_bytes() {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = byte;
                self.len = self.len.saturating_add(1);
            }
        }
        Ok(())
    }
}
