//! The board: what the worker, the server and the runner tell each other, in pages that all of them see.
#![cfg_attr(
    not(all(target_os = "linux", not(oomsweep_portable))),
    allow(dead_code, reason = "without processes most orders are never given, and most ends never met")
)]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::hook::arena::Arena;
use crate::hook::journal::{Journal, Span};
use crate::model::code::Verdict;
use crate::model::fault::Fault;
use crate::model::trial::Recorded;
use crate::sys::pages::{self, Share};

/// How many trials one order can hold.
pub(crate) const BATCH: usize = 1024;
/// How many faults one run can have copies for.
pub(crate) const PLAN: usize = 1 << 20;
/// How many sizes of births can be asked for; more become "all".
pub(crate) const WANTED: usize = 64;
const ARENA: usize = 96 << 20;

/// What the server is asked to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Run the body until it makes the same requests twice in a row.
    WarmUp,
    /// Try the first `count` faults of the plan, one after the other, while nothing is found.
    Batch {
        /// How many.
        count: usize,
    },
    /// Make one run, and in it a copy of the process for each fault of the plan for copies.
    Copies(Copying),
    /// Try one fault, from the reference state.
    Alone(Alone),
    /// End.
    Quit,
}

/// One run with copies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copying {
    /// How many faults there are.
    pub(crate) count: usize,
    /// How many copies may run at once.
    pub(crate) jobs: u32,
    /// They are shared with the other tests that run in this process; 0: with nobody.
    pub(crate) shared_with: i32,
    /// What a copy is thought to cost, in nanoseconds; 0: not known.
    pub(crate) cost: u64,
    /// No more are made when so many were over their time.
    pub(crate) most_hung: u32,
    /// Record the stack of every birth.
    pub(crate) births: bool,
    /// Keep every failed request.
    pub(crate) keep_failures: bool,
    /// The journal of every copy that was not good is to be read.
    pub(crate) keeps_all: bool,
    /// When no more copies are made, in nanoseconds of the monotonic clock; 0: never.
    pub(crate) deadline: u64,
}

/// One run from the reference state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alone {
    /// What is armed.
    pub(crate) fault: Fault,
    /// Which births get their stack recorded.
    pub(crate) births: Wanted,
    /// Keep every failed request.
    pub(crate) keep_failures: bool,
    /// Record the stack of every point.
    pub(crate) point_stacks: bool,
    /// The time limit is this many times the usual one.
    pub(crate) patience: u32,
}

impl Alone {
    /// A run that only injects.
    pub(crate) fn of(fault: Fault) -> Alone {
        Alone { fault, births: Wanted::None, keep_failures: false, point_stacks: false, patience: 1 }
    }
}

/// Which births get their stack recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// None.
    None,
    /// All.
    All,
    /// Those on the board's list.
    Listed,
}

/// How a batch's closing run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// There was none: a single trial from the reference state needs none, and a dead runner makes none.
    None,
    /// It passed and made the baseline's points.
    Fits,
    /// It did not.
    Differs,
}

/// What a process came to, as its parent saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It did what it was asked to do.
    Done,
    /// It ended by itself, with this status.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// It was over its time limit, and ended by its parent.
    TimedOut,
    /// It could not be made; the system's error number.
    Refused(i32),
}

/// What the server answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    /// How many trials of a batch were good, from its first.
    pub(crate) good: usize,
    /// The trial after them was not good, or its process died: the journal tells.
    pub(crate) stopped: bool,
    /// After the last good trial the state was another: the batch ends there, and each of its trials began in the reference
    /// state.
    pub(crate) changed: bool,
    /// The run with which a new process is to go on, for the last one was good but left another state behind, and its fault is
    /// to be tried in another way as well; 0: none.
    pub(crate) next: usize,
    /// How the batch was closed.
    pub(crate) closing: Closing,
    /// Wall time of the body in the closing run, in nanoseconds; 0: there was none.
    pub(crate) closed: u64,
    /// What it took to make the runner's process and to see it end, without what it did, in nanoseconds; 0: not known.
    pub(crate) fork: u64,
    /// What the runner came to.
    pub(crate) end: End,
}

/// What a warm-up came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Warm {
    /// Plain runs made.
    pub(crate) runs: u32,
    /// A run was not what a plain run must be: the journal tells.
    pub(crate) failed: bool,
    /// The number of points still differed between the last two runs.
    pub(crate) number_varies: bool,
    /// The points were as many, but not the same.
    pub(crate) sizes_vary: bool,
    /// Points of the first run.
    pub(crate) first_points: u64,
    /// Wall time of the slowest run, in nanoseconds.
    pub(crate) slowest: u64,
    /// Threads of the body are still there.
    pub(crate) threads_left: bool,
    /// The points of the baseline: an array of `Logged`.
    pub(crate) log: Span,
    /// How long the baseline took to each of them, in nanoseconds: an array of words.
    pub(crate) times: Span,
    /// Wall time of the baseline, in nanoseconds.
    pub(crate) took: u64,
    /// Where the last two runs part.
    pub(crate) parting: Option<(u64, Option<Recorded>, Option<Recorded>)>,
}

impl Warm {
    /// Before the first run.
    pub(crate) const NONE: Warm = Warm {
        runs: 0,
        failed: false,
        number_varies: false,
        sizes_vary: false,
        first_points: 0,
        slowest: 0,
        threads_left: false,
        log: Span { from: 0, len: 0 },
        times: Span { from: 0, len: 0 },
        took: 0,
        parting: None,
    };
}

impl Answer {
    /// Before anything was tried.
    pub(crate) const NONE: Answer = Answer {
        good: 0,
        stopped: false,
        changed: false,
        next: 0,
        closing: Closing::None,
        closed: 0,
        fork: 0,
        end: End::Done,
    };
}

/// See the module.
#[repr(C)]
pub(crate) struct Board {
    /// Counts the orders given.
    pub(crate) asked: AtomicU32,
    /// Counts the answers given.
    pub(crate) answered: AtomicU32,
    /// The server has found no lock that nobody frees.
    pub(crate) ready: AtomicU32,
    /// Which journal the open run is written in: 0 the first, 1 the spare one.
    pub(crate) current: AtomicU32,
    /// The order.
    pub(crate) order: Order,
    /// The answer.
    pub(crate) answer: Answer,
    /// The warm-up's answer.
    pub(crate) warm: Warm,
    /// When the runner's work began and ended, in nanoseconds of the monotonic clock; zeros: it did not come to its end.
    pub(crate) work: (u64, u64),
    /// The time limit of a run, in nanoseconds.
    pub(crate) limit: u64,
    /// When a batch is to stop, in nanoseconds of the monotonic clock; 0: never.
    pub(crate) deadline: u64,
    /// The faults of a batch.
    pub(crate) plan: [Fault; BATCH],
    /// What came of the good ones: verdict's number in `Verdict::ALL`, and whether it drifted.
    pub(crate) results: [(u8, bool); BATCH],
    /// How many sizes are listed.
    pub(crate) wanted_len: usize,
    /// Sizes and alignments of the births whose stacks are wanted.
    pub(crate) wanted: [(usize, usize); WANTED],
    /// The journal of the trial.
    pub(crate) journal: Journal,
    /// The journal of what comes after it: a second try, the closing run.
    pub(crate) spare: Journal,
}

/// The pages of one sweep.
pub(crate) struct Pages {
    board: NonNull<Board>,
    /// Room for texts and arrays of the trial.
    pub(crate) arena: Arena,
}

impl Pages {
    /// Maps them; `None` when the system refuses.
    pub(crate) fn map() -> Option<Pages> {
        let board = pages::map(size_of::<Board>(), Share::Shared)?.cast::<Board>();
        let Some(arena) = Arena::map(ARENA) else {
            // SAFETY: mapped just now.
            unsafe { pages::unmap(board.cast(), size_of::<Board>()) };
            return None;
        };
        let pages = Pages { board, arena };
        // SAFETY: the mapping is ours alone so far. Zeroed pages hold valid numbers, but not valid options and enums, so
        // everything that has some is written before anybody reads it.
        unsafe { init(pages.board.as_ptr()) };
        Some(pages)
    }

    /// The board. Who may touch what is told by the mailbox: an order's giver waits for the answer.
    pub(crate) fn board(&self) -> *mut Board {
        self.board.as_ptr()
    }

    /// The trial's journal.
    pub(crate) fn journal(&self) -> *mut Journal {
        // SAFETY: only the address of a field is taken.
        unsafe { &raw mut (*self.board.as_ptr()).journal }
    }

    /// The spare journal.
    pub(crate) fn spare(&self) -> *mut Journal {
        // SAFETY: as above.
        unsafe { &raw mut (*self.board.as_ptr()).spare }
    }

    /// The journal of the open run.
    pub(crate) fn current(&self) -> *mut Journal {
        // SAFETY: the word is atomic and always valid.
        let current = unsafe { (*self.board.as_ptr()).current.load(Ordering::Acquire) };
        if current == 0 { self.journal() } else { self.spare() }
    }
}

impl Pages {
    /// Writes a batch's order down; returns how many faults of it there was room for. For who gives the order, while none is
    /// open.
    pub(crate) fn put_batch(&self, faults: &[Fault], deadline: u64) -> usize {
        let board = self.board();
        // SAFETY: no order is open, so the board is the giver's; the places lie inside the array.
        unsafe {
            (*board).answer = Answer::NONE;
            (*board).deadline = deadline;
            for (place, &fault) in faults.iter().take(BATCH).enumerate() {
                (&raw mut (*board).plan).cast::<Fault>().add(place).write(fault);
            }
        }
        faults.len().min(BATCH)
    }

    /// The answer to a batch, and its good trials: verdict, and whether it drifted. For who has given the order, when it is
    /// answered.
    pub(crate) fn batch_answer(&self) -> (Answer, Vec<(Verdict, bool)>) {
        // SAFETY: nobody writes any more.
        let (answer, results) = unsafe { ((*self.board()).answer, &(*self.board()).results) };
        let verdict =
            |&(number, drifted): &(u8, bool)| Verdict::ALL.get(usize::from(number)).map(|&verdict| (verdict, drifted));
        (answer, results.iter().take(answer.good).filter_map(verdict).collect())
    }

    /// Writes down which births are wanted, if the order lists them; too many become all. As [`Pages::put_batch`].
    pub(crate) fn put_births(&self, ask: &mut Alone, births: &[(usize, usize)]) {
        if ask.births != Wanted::Listed {
            return;
        }
        if births.len() > WANTED {
            ask.births = Wanted::All;
        }
        let board = self.board();
        // SAFETY: as above.
        unsafe {
            (*board).wanted_len = births.len().min(WANTED);
            for (place, &pair) in births.iter().take(WANTED).enumerate() {
                (&raw mut (*board).wanted).cast::<(usize, usize)>().add(place).write(pair);
            }
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the value owns the pages; the processes that also had them have ended.
        unsafe {
            pages::unmap(self.board.cast(), size_of::<Board>());
            self.arena.unmap();
        }
    }
}

/// # Safety
/// `board` is a zeroed mapping that nobody else uses.
unsafe fn init(board: *mut Board) {
    use crate::hook::journal::{Fatality, NO_RECORD, Pointer, RECENT};
    use crate::model::stack::RawStack;
    use crate::model::trial::Facts;
    // SAFETY: every field is written through a raw pointer, without a reference to what is not valid yet.
    unsafe {
        (&raw mut (*board).order).write(Order::Quit);
        (&raw mut (*board).answer).write(Answer::NONE);
        (&raw mut (*board).warm).write(Warm::NONE);
        (&raw mut (*board).plan).write([Fault::None; BATCH]);
        for journal in [&raw mut (*board).journal, &raw mut (*board).spare] {
            (&raw mut (*journal).fault).write(Fault::None);
            (&raw mut (*journal).first).write(NO_RECORD);
            (&raw mut (*journal).recent).write([NO_RECORD; RECENT]);
            (&raw mut (*journal).diverged).write(None);
            (&raw mut (*journal).diverging).write(NO_RECORD);
            (&raw mut (*journal).panic).write(None);
            (&raw mut (*journal).panic_before).write(None);
            (&raw mut (*journal).payload).write(None);
            (&raw mut (*journal).fatal).write(Fatality {
                number: 0,
                address: None,
                pointer: Pointer::Unknown,
                sp: 0,
                in_alloc_error: false,
                panicking: false,
                stack: RawStack::EMPTY,
                culprit: None,
            });
            (&raw mut (*journal).memory).write(None);
            (&raw mut (*journal).facts).write(Facts::default());
            (&raw mut (*journal).error).write(None);
            (&raw mut (*journal).trouble).write(None);
        }
    }
}
