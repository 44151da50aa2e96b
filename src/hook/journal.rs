//! The journal of one run: fixed-size records in shared pages, so that they outlive the process that made them.
//!
//! One process writes a journal at a time; its parent reads it when that process has ended or has said that it is done.

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64};

use crate::model::event::{Kind, Request};
use crate::model::fault::Fault;
use crate::model::memory::MemoryError;
use crate::model::stack::RawStack;
use crate::model::trial::{Facts, Recorded};

/// How many of the latest failed requests are kept for the search of a culprit.
pub(crate) const RECENT: usize = 4;
const LATEST: usize = RECENT.wrapping_sub(1);
const _: () = assert!(RECENT.is_power_of_two());

/// Where a text or an array lies in the arena.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Span {
    /// The first byte.
    pub(crate) from: usize,
    /// How many bytes.
    pub(crate) len: usize,
}

/// A panic, as the hook saw it.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct PanicPlace {
    /// Its text, if it has one.
    pub(crate) message: Option<Span>,
    /// The file in which it was raised.
    pub(crate) file: Option<Span>,
    /// The line.
    pub(crate) line: u32,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Step {
    /// The run goes on. (0, as fresh pages hold: none has begun.)
    Running = 1,
    /// The facts are written; the ending is final.
    Done = 2,
}

/// What a faulting instruction took for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Pointer {
    /// Nothing that is known.
    Unknown = 0,
    /// Bytes of freed memory.
    Freed = 1,
    /// Bytes of memory that was never written.
    New = 2,
    /// Bytes beside a block.
    Zone = 3,
}

/// What a fatal signal left behind.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Fatality {
    /// The signal's number; 0: none.
    pub(crate) number: i32,
    /// Its address, for those that have one.
    pub(crate) address: Option<usize>,
    /// What the instruction took for an address, where that tells.
    pub(crate) pointer: Pointer,
    /// The stack pointer of the interrupted code.
    pub(crate) sp: usize,
    /// Rust's allocation-error handler is on the stack.
    pub(crate) in_alloc_error: bool,
    /// The thread was panicking.
    pub(crate) panicking: bool,
    /// The stack at the signal.
    pub(crate) stack: RawStack,
    /// Which of the failed requests is behind the handler: 0 the first, n the n-th of `recent` from 1; `None` unknown.
    pub(crate) culprit: Option<usize>,
}

/// The journal.
#[repr(C)]
pub(crate) struct Journal {
    /// See [`Step`].
    pub(crate) step: AtomicU32,
    /// Counts the runs begun: a watcher sees by it that another run has begun.
    pub(crate) runs: AtomicU64,
    /// When this run began, in nanoseconds of the monotonic clock.
    pub(crate) began: AtomicU64,
    /// What is armed.
    pub(crate) fault: Fault,
    /// Points made so far.
    pub(crate) made: u64,
    /// Requests failed by the fault.
    pub(crate) delivered: u64,
    /// Those outside `benign`.
    pub(crate) delivered_outside: u64,
    /// Requests that came back empty-handed, for whatever reason.
    pub(crate) failed: u64,
    /// The first of them.
    pub(crate) first: Recorded,
    /// The latest of the others, as a ring.
    pub(crate) recent: [Recorded; RECENT],
    /// The index of the first point that differs from the baseline, if it came before the fault.
    pub(crate) diverged: Option<u64>,
    /// That point.
    pub(crate) diverging: Recorded,
    /// Requests inside `exempt`.
    pub(crate) exempt: u64,
    /// Requests of the own thread to the global allocator, where another is swept.
    pub(crate) beside: u64,
    /// Requests to handles of earlier runs.
    pub(crate) stale: AtomicU64,
    /// Requests of other threads.
    pub(crate) others: AtomicU64,
    /// Panics seen by the hook of this run.
    pub(crate) panics: u64,
    /// The panic that tells what happened: the last one, or the one that led to it.
    pub(crate) panic: Option<PanicPlace>,
    /// The one before it.
    pub(crate) panic_before: Option<PanicPlace>,
    /// The text of the payload that came back to the harness.
    pub(crate) payload: Option<Span>,
    /// What a fatal signal left.
    pub(crate) fatal: Fatality,
    /// The first memory error of this run.
    pub(crate) memory: Option<MemoryError>,
    /// What the run came to (valid once `Done`).
    pub(crate) facts: Facts,
    /// The error, formatted.
    pub(crate) error: Option<Span>,
    /// The roots of what leaked: an array of [`Leaked`].
    pub(crate) leaks: Span,
    /// The blocks of the run that something still reaches, if they were asked for: an array of [`Leaked`].
    pub(crate) reachable: Span,
    /// Everything that could hold a block was looked at.
    pub(crate) leaks_certain: bool,
    /// The descriptors left open: an array of [`Fd`].
    pub(crate) fds: Span,
    /// Failed requests after the first: an array of [`Recorded`].
    pub(crate) later: Span,
    /// The stacks of all points: an array of words, each stack its length and then its addresses.
    pub(crate) point_stacks: Span,
    /// Where the output of this run begins.
    pub(crate) output_from: u64,
    /// Where it ends; 0: it goes on to the end.
    pub(crate) output_to: u64,
    /// Threads that still ran when the grace time was over.
    pub(crate) threads_left: u64,
    /// Wall time of the body, in nanoseconds.
    pub(crate) took: u64,
    /// Blocks that could not be entered in the ledger.
    pub(crate) lost: u64,
    /// Blocks of this run that stood between guard pages.
    pub(crate) guarded: AtomicU64,
    /// Blocks that were to, but for which there was no room.
    pub(crate) unguarded: AtomicU64,
    /// The thread that a fatal signal is written down for; 0: none.
    pub(crate) dying: AtomicI32,
    /// What was wrong with the harness itself, if anything.
    pub(crate) trouble: Option<Span>,
}

/// A root block that leaked.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Leaked {
    /// Its address, complemented, so that no copy of this record keeps it reachable.
    pub(crate) hidden: usize,
    /// The session that it was born in.
    pub(crate) session: u32,
    /// Its size, in bytes.
    pub(crate) size: usize,
    /// The size that it was born with.
    pub(crate) born_size: usize,
    /// Its alignment.
    pub(crate) align: usize,
    /// Its ordinal in its session.
    pub(crate) ordinal: u64,
    /// The thread that made it.
    pub(crate) thread: u32,
    /// The allocator that it came from.
    pub(crate) allocator: u8,
    /// Blocks that only it reaches.
    pub(crate) indirect_count: u64,
    /// Their bytes.
    pub(crate) indirect_bytes: u64,
    /// The stack of its birth.
    pub(crate) born: RawStack,
}

/// A descriptor that was left open.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Fd {
    /// Its number.
    pub(crate) fd: i32,
    /// What it names.
    pub(crate) target: Span,
}

/// A request about which nothing is known.
pub(crate) const NO_REQUEST: Request = Request {
    size: 0,
    old_size: 0,
    align: 0,
    index: Request::NO_POINT,
    kind: Kind::Alloc,
    benign: false,
    allocator: 0,
};

/// A record about which nothing is known.
pub(crate) const NO_RECORD: Recorded = Recorded { request: NO_REQUEST, stack: RawStack::EMPTY, injected: false };

impl Journal {
    /// Makes the journal ready for the next run. Written field by field: the records are large, and what is not marked as
    /// present need not be wiped.
    pub(crate) fn reset(&mut self, fault: Fault) {
        self.fault = fault;
        self.made = 0;
        self.delivered = 0;
        self.delivered_outside = 0;
        self.failed = 0;
        self.diverged = None;
        self.exempt = 0;
        self.beside = 0;
        *self.stale.get_mut() = 0;
        *self.others.get_mut() = 0;
        self.panics = 0;
        self.panic = None;
        self.panic_before = None;
        self.payload = None;
        self.fatal.number = 0;
        self.memory = None;
        self.facts = Facts::default();
        self.error = None;
        self.leaks = Span::default();
        self.reachable = Span::default();
        self.fds = Span::default();
        self.later = Span::default();
        self.point_stacks = Span::default();
        self.threads_left = 0;
        *self.guarded.get_mut() = 0;
        *self.unguarded.get_mut() = 0;
        *self.dying.get_mut() = 0;
        self.output_to = 0;
        self.trouble = None;
    }

    /// Puts down a request that came back empty-handed.
    pub(crate) fn put_failed(&mut self, request: Request, injected: bool, stack: &RawStack) {
        let nth = self.failed;
        self.failed = nth.wrapping_add(1);
        if injected {
            self.delivered = self.delivered.wrapping_add(1);
            if !request.benign {
                self.delivered_outside = self.delivered_outside.wrapping_add(1);
            }
        }
        let record =
            if nth == 0 { Some(&mut self.first) } else { self.recent.get_mut(nth.wrapping_sub(1) as usize & LATEST) };
        if let Some(record) = record {
            record.request = request;
            record.injected = injected;
            record.stack.copy_from(stack);
        }
    }

    /// The failed requests that are kept, the latest first, each with its number (see [`Fatality::culprit`]).
    pub(crate) fn kept_failures(&self) -> impl Iterator<Item = (usize, &Recorded)> {
        let later = self.failed.saturating_sub(1);
        let kept = later.min(RECENT as u64);
        let ring = (0..kept).filter_map(move |back| {
            let place = later.wrapping_sub(1).wrapping_sub(back) as usize & LATEST;
            self.recent.get(place).map(|record| (place.wrapping_add(1), record))
        });
        let first = (self.failed > 0).then_some((0, &self.first));
        ring.chain(first)
    }

    /// The record that [`Fatality::culprit`] names.
    pub(crate) fn failure(&self, number: usize) -> Option<&Recorded> {
        match number.checked_sub(1) {
            None => Some(&self.first),
            Some(place) => self.recent.get(place),
        }
    }
}
