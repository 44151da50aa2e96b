//! The end that the user asks for by SIGINT or SIGTERM: what was found so far is shown, and then the process ends by that signal.
//!
//! Every sweep that is going on has its say first, so whoever has said it waits for the others. What is said goes to the standard
//! error itself: what a test harness has captured is lost with the process.

use std::io::Write;
use std::process::Child;
use std::time::{Duration, Instant};

use super::{Site, report_file};
use crate::config::Environment;
use crate::model::report::Report;
use crate::render;
use crate::sys::interrupts::{self, Listening, Second};
use crate::sys::time;

/// A worker that was asked to come to an end, and has done nothing for so long, is killed.
const STANDSTILL: Duration = Duration::from_secs(5);
/// So is one that is not done by then.
const LAST: Duration = Duration::from_secs(30);
/// Less processor time than this between two looks is nothing, in nanoseconds.
const SOMETHING: u64 = 1_000_000;

/// From now on until the value is dropped a signal is for [`end_if_asked`] to answer. One that has arrived already ends this
/// here: no sweep begins any more.
pub(super) fn listen() -> Listening {
    let listening = interrupts::listen(Second::Ends);
    if interrupts::name().is_some() {
        listening.end();
    }
    listening
}

/// The same in a worker, for as long as it lives: who has started it ends it if need be.
pub(super) fn listen_as_worker() {
    std::mem::forget(interrupts::listen(Second::Waits));
}

/// Shows a report and ends the process, if a signal has arrived.
pub(super) fn end_if_asked(listening: Listening, report: &Report, site: &Site, environment: &Environment) {
    if interrupts::name().is_none() {
        return;
    }
    let written = report_file::write(report, site, environment);
    let mut text = format!("\n{}\n", render::terminal_text(report, report_file::colors()));
    if let Err(trouble) = written {
        text.push_str(&trouble);
        text.push('\n');
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
    listening.end()
}

/// Tells a worker that it is to come to an end, and kills one that does not.
pub(super) struct Patience {
    told: bool,
    moved: Instant,
    used: u64,
}

impl Patience {
    /// Before the first look.
    pub(super) fn new() -> Patience {
        Patience { told: false, moved: Instant::now(), used: 0 }
    }

    /// Looks at a worker that is not waited for yet.
    pub(super) fn look(&mut self, worker: &mut Child) {
        let Some(age) = interrupts::age() else { return };
        if !std::mem::replace(&mut self.told, true) {
            interrupts::hand_on_to(worker.id());
        }
        let used = i32::try_from(worker.id()).ok().and_then(time::cpu_ns).unwrap_or(0);
        if used.saturating_sub(self.used) > SOMETHING {
            self.used = used;
            self.moved = Instant::now();
        }
        let stands = self.moved.elapsed() >= STANDSTILL && age >= STANDSTILL;
        if stands || age >= LAST {
            // One that is gone already needs no killing.
            let _ = worker.kill();
        }
    }
}
