//! The user's wish that everything ends: SIGINT and SIGTERM, while somebody listens.
//!
//! ```text
//! first signal ──> written down; whoever listens looks, hands it on to its child, and comes to an end
//! second       ──> ends the process at once, as the first would have done if nobody had listened
//! ```
//!
//! A signal for which the program has a handler of its own, or which it ignores, is left alone; a worker's end ([`family`]) is no such
//! handler: its sweep comes to an end first. The children that a process forks
//! must [`forget`]; one that executes another program begins with the defaults anyway.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::actions::{self, Handler};
use super::{clock, family, output, process, terminal};

const SIGNALS: [i32; 2] = [libc::SIGINT, libc::SIGTERM];
const HANDLER: Handler = Handler::Plain(on_signal);
/// One wish can arrive twice, by way of the process and of its group.
const ONE_WISH: u64 = 300_000_000;

/// The signal that has arrived; 0: none.
static ARRIVED: AtomicI32 = AtomicI32::new(0);
/// When that was, by the monotonic clock; 0: it is just arriving.
static SINCE: AtomicU64 = AtomicU64::new(0);
/// The process that listens: its children have copies of these words.
static LISTENER: AtomicI32 = AtomicI32::new(0);
/// A second signal changes nothing: who has started this process ends it.
static PATIENT: AtomicBool = AtomicBool::new(false);
/// How many listen.
static COUNT: Mutex<u32> = Mutex::new(0);

/// As long as it is there, a signal does not end the process.
#[derive(Debug)]
#[must_use]
pub(crate) struct Listening(());

/// What a second signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// It ends the process.
    Ends,
    /// Nothing: another process listens too, and ends this one.
    Waits,
}

/// From now on signals are written down.
pub(crate) fn listen(second: Second) -> Listening {
    let mut count = COUNT.lock().unwrap_or_else(PoisonError::into_inner);
    if *count == 0 {
        LISTENER.store(process::pid(), Ordering::SeqCst);
        PATIENT.store(second == Second::Waits, Ordering::SeqCst);
        for number in SIGNALS {
            let now = actions::stands(number);
            if now == libc::SIG_DFL || family::is_its(now) {
                // System calls that it interrupts are taken up again.
                actions::handle(number, HANDLER, libc::SA_RESTART, actions::none());
            }
        }
    }
    *count += 1;
    Listening(())
}

impl Listening {
    /// Ends the process by the signal that has arrived, as soon as nobody else listens.
    pub(crate) fn end(self) -> ! {
        let mut count = COUNT.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        if *count == 0 {
            end_now();
        }
        drop(count);
        std::mem::forget(self);
        loop {
            std::thread::park();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut count = COUNT.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        if *count > 0 {
            return;
        }
        forget();
        // It came when everything was done, and was not to be lost.
        if arrived().is_some() && !PATIENT.load(Ordering::SeqCst) {
            end_now();
        }
    }
}

/// The signal that has arrived.
pub(crate) fn arrived() -> Option<i32> {
    Some(ARRIVED.load(Ordering::SeqCst))
        .filter(|&number| number != 0 && LISTENER.load(Ordering::SeqCst) == process::pid())
}

/// The name of the signal that has arrived.
pub(crate) fn name() -> Option<&'static str> {
    arrived().map(|number| if number == libc::SIGINT { "SIGINT" } else { "SIGTERM" })
}

/// How long ago a signal has arrived.
pub(crate) fn age() -> Option<Duration> {
    arrived()?;
    let now = clock::now_ns();
    let since = SINCE.load(Ordering::SeqCst);
    Some(Duration::from_nanos(if since == 0 { 0 } else { now.saturating_sub(since) }))
}

/// Puts the defaults back where this listens; the first thing that a forked child does. Takes no lock.
pub(crate) fn forget() {
    for number in SIGNALS {
        if actions::stands(number) == HANDLER.address() {
            actions::reset(number);
        }
    }
}

/// Hands the signal that has arrived on to a child, which must not be waited for yet.
pub(crate) fn hand_on_to(pid: u32) {
    if let (Some(number), Ok(pid)) = (arrived(), i32::try_from(pid)) {
        // SAFETY: the child is not waited for yet, so its number is its own.
        unsafe { libc::kill(pid, number) };
    }
}

extern "C" fn on_signal(number: i32) {
    let saved = super::errno();
    if LISTENER.load(Ordering::SeqCst) != process::pid() {
        // A child in its first moments, for which nobody listens.
        actions::reset(number);
        // SAFETY: it is sent to this thread, and comes when the handler has returned.
        unsafe { libc::raise(number) };
    } else if ARRIVED.compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
        SINCE.store(clock::now_ns().max(1), Ordering::SeqCst);
    } else if !PATIENT.load(Ordering::SeqCst) {
        let since = SINCE.load(Ordering::SeqCst);
        if since != 0 && clock::now_ns().saturating_sub(since) > ONE_WISH {
            terminal::give_back();
            actions::reset(number);
            // SAFETY: as above.
            unsafe { libc::raise(number) };
        }
    }
    super::set_errno(saved);
}

/// Ends this process by the signal that has arrived.
fn end_now() -> ! {
    output::flush();
    terminal::give_back();
    end_by(ARRIVED.load(Ordering::SeqCst))
}

/// Ends this process by a signal, so that whoever waits for it sees which one it was.
fn end_by(number: i32) -> ! {
    actions::reset(number);
    actions::change_mask(libc::SIG_UNBLOCK, number);
    // SAFETY: it is sent to this thread, and ends the process.
    unsafe { libc::raise(number) };
    process::leave(128_i32.saturating_add(number))
}
