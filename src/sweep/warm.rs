//! The warm-up: plain runs until two in a row make the same requests.

use std::time::Duration;

use super::board::Warm;
use super::{digest, verdict};
use crate::hook::core::Core;
use crate::hook::journal::Journal;
use crate::hook::points::unpacked;
use crate::hook::stack_log::{StackLog, places, stack_at};
use crate::model::event::Request;
use crate::model::fault::Fault;
use crate::model::stack::RawStack;
use crate::model::trial::Recorded;
use crate::session::Body;
use crate::session::run::{Desk, Orders, run};
use crate::sys::threads;

/// Plain runs at least, and at most.
const LEAST: u32 = 2;
const MOST: u32 = 10;
/// How long threads are waited for in a plain run that decides nothing.
const SHORT: Duration = Duration::from_millis(50);

/// Runs the body plainly until it has settled, at most ten times; leaves the last run's points as the baseline. Stops at a run
/// that is not what a plain run must be; its journal stays. `with_stacks`: the stack of every point is recorded. `before` is
/// called before every run.
pub(crate) fn warm_up(body: &mut dyn Body, desk: Desk<'_>, with_stacks: bool, mut before: impl FnMut()) -> Warm {
    let start = threads::count();
    let mut warm = Warm::NONE;
    let mut stacks = [StackLog::new(), StackLog::new()];
    let mut took = 0;
    while warm.runs < MOST {
        before();
        keep_base(desk.core);
        let looks = with_stacks || warm.runs + LEAST >= MOST;
        run(body, desk, Orders { point_stacks: looks, ..plain() });
        // SAFETY: the run is over, and this process is the only one that writes the journal.
        let journal = unsafe { &*desk.journal };
        warm.runs += 1;
        if warm.runs == 1 {
            warm.first_points = journal.made;
        }
        took = journal.took;
        warm.slowest = warm.slowest.max(took);
        if !passes(journal, desk.should_panic.is_some()) {
            warm.failed = true;
            break;
        }
        if looks {
            stacks.swap(0, 1);
            // SAFETY: no run is open.
            std::mem::swap(&mut stacks[1], unsafe { &mut desk.core.own().points });
        }
        if warm.runs >= LEAST && same(desk.core) {
            break;
        }
        if warm.runs == MOST {
            vary(desk.core, &stacks, &mut warm);
        }
    }
    keep_base(desk.core);
    // SAFETY: no run is open.
    let own = unsafe { desk.core.own() };
    warm.log = desk.arena.put(&own.baseline()).unwrap_or_default();
    warm.times = desk.arena.put(own.base_times.as_slice()).unwrap_or_default();
    warm.took = took;
    warm.threads_left = !threads::settle(threads::count, start, Duration::from_millis(100));
    warm
}

/// `runs` plain runs, to bring a new process to the reference state; the last is its baseline. False if one fails.
#[cfg_attr(
    not(all(target_os = "linux", not(oomsweep_portable))),
    allow(dead_code, reason = "there are no other processes to bring there")
)]
pub(crate) fn repeat(body: &mut dyn Body, desk: Desk<'_>, runs: u32, mut before: impl FnMut()) -> bool {
    for _ in 0..runs {
        before();
        run(body, desk, plain());
        // SAFETY: as above.
        if !passes(unsafe { &*desk.journal }, desk.should_panic.is_some()) {
            return false;
        }
        keep_base(desk.core);
    }
    true
}

fn plain() -> Orders {
    Orders { record: true, compare: false, failure_stacks: true, grace: SHORT, ..Orders::new(Fault::None) }
}

/// Whether the run ended as a plain run must; what it left behind is judged by a run of its own.
pub(crate) fn passes(journal: &Journal, should_panic: bool) -> bool {
    let facts = crate::model::trial::Facts { leaks: 0, thread_leaks: 0, fd_leaks: 0, ..digest::facts(journal) };
    verdict::plain_findings(&facts, should_panic).is_empty()
}

/// The points of the last run become those that the next is compared with.
fn keep_base(core: &Core) {
    // SAFETY: no run is open.
    let own = unsafe { core.own() };
    if own.record {
        own.keep_log();
        own.record = false;
    }
}

fn same(core: &Core) -> bool {
    // SAFETY: no run is open.
    let own = unsafe { core.own() };
    let (a, b) = (own.base.as_slice(), own.log.as_slice());
    a == b
}

fn vary(core: &Core, stacks: &[StackLog; 2], warm: &mut Warm) {
    // SAFETY: no run is open.
    let own = unsafe { core.own() };
    let (older, newer) = (own.base.as_slice(), own.log.as_slice());
    let index = older.iter().zip(newer).position(|(x, y)| x != y).unwrap_or(older.len().min(newer.len()));
    if older.len() == newer.len() {
        warm.sizes_vary = true;
    } else {
        warm.number_varies = true;
    }
    let record = |log: &[u64], stacks: &StackLog| {
        log.get(index).map(|&word| unpacked(word, 0)).map(|point| Recorded {
            request: Request {
                size: point.size,
                old_size: 0,
                align: point.align,
                index: index as u64,
                kind: point.kind,
                benign: false,
                allocator: own.space,
            },
            stack: nth_stack(stacks.words(), index),
            injected: false,
        })
    };
    warm.parting = Some((index as u64, record(older, &stacks[0]), record(newer, &stacks[1])));
}

/// The n-th of the stacks of a log.
pub(crate) fn nth_stack(words: &[usize], n: usize) -> RawStack {
    stacks(words).nth(n).map_or(RawStack::EMPTY, RawStack::from_ips)
}

/// The stacks of a log, point by point.
pub(crate) fn stacks(words: &[usize]) -> impl Iterator<Item = &[usize]> {
    places(words).map(|place| stack_at(words, place))
}
