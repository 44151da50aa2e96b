//! What a run has left behind.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::reach::{self, Search};
use crate::hook::asks::STANDING;
use crate::hook::blocks::meta::LIVE;
use crate::hook::core::Core;
use crate::hook::journal::Leaked;
use crate::sys::threads;

/// What is left at the end of a run.
#[derive(Default)]
pub(crate) struct Left {
    /// The roots of what leaked.
    pub(crate) roots: Vec<Leaked>,
    /// Blocks of the run that something reaches, if they were asked for.
    pub(crate) reachable: Vec<Leaked>,
    /// Threads of the body that still run and made blocks that are live.
    pub(crate) thread_leaks: u64,
    /// Everything that could hold a block was looked at.
    pub(crate) certain: bool,
}

/// Looks at the blocks that were born in the open session and still live. `entry`: the stack pointer below which nothing is
/// held; `older`: the threads that were there before the run; `threads_run`: others are there now; `reachable`: blocks that are
/// held are listed too.
///
/// Blocks that a thread of the body made which still runs are a leak of the thread, and nothing else.
pub(crate) fn leaks(core: &Core, entry: usize, older: &[i32], threads_run: bool, reachable: bool) -> Left {
    if core.live_now().0 == 0 {
        return Left { certain: true, ..Left::default() };
    }
    let alone = core.everyone.load(Ordering::Relaxed);
    let mut search = Search::new(core);
    let thread_leaks = if threads_run { of_living_threads(core, &mut search, older, alone) } else { 0 };
    if !alone {
        if thread_leaks > 0 || threads_run {
            // What such a thread can reach is not known.
            return Left { thread_leaks, ..Left::default() };
        }
        hold_what_living_threads_made(core, &mut search);
    }
    search.see_near();
    let certain = alone && (search.is_done() || search.see_everything(entry, STANDING));
    let mut left = Left { thread_leaks, certain, ..Left::default() };
    if reachable {
        left.reachable = search.reached().iter().map(|&number| leaked(core, number, 0, 0)).collect();
    }
    left.roots = roots(core, &search.unreached());
    left
}

/// How many threads that this run has started, and that still run, made blocks that are live; these are held.
fn of_living_threads(core: &Core, search: &mut Search<'_>, older: &[i32], hold: bool) -> u64 {
    let system_ids = system_ids(core);
    let is_young = |thread: u32| running(&system_ids, thread).is_some_and(|id| !older.contains(&id));
    let mut alive: Vec<u32> = search.makers().filter(|&thread| is_young(thread)).collect();
    alive.sort_unstable();
    alive.dedup();
    if hold {
        search.hold(|thread| alive.binary_search(&thread).is_ok());
    }
    alive.len() as u64
}

/// The blocks whose thread still lives, from an earlier run on: its stack and its thread-locals may hold them.
fn hold_what_living_threads_made(core: &Core, search: &mut Search<'_>) {
    let makers: Vec<u32> = search.makers().filter(|&thread| thread != 0).collect();
    if makers.is_empty() {
        return;
    }
    let system_ids = system_ids(core);
    let mut known: HashMap<u32, bool> = HashMap::new();
    search.hold(|thread| thread != 0 && *known.entry(thread).or_insert_with(|| running(&system_ids, thread).is_some()));
}

fn system_ids(core: &Core) -> Vec<i32> {
    let room = core.with_shared(|shared| shared.threads.len());
    let mut ids = Vec::with_capacity(room);
    core.with_shared(|shared| ids.extend(shared.threads.as_slice().iter().take(room).copied()));
    ids
}

/// The system's number of the thread with this number of ours, if it still runs.
fn running(system_ids: &[i32], number: u32) -> Option<i32> {
    let place = (number as usize).checked_sub(1)?;
    system_ids.get(place).copied().filter(|&id| threads::is_alive(id))
}

/// Tells roots from what only they reach, in linear time and without a name for every component: flood from each block not
/// reached yet, in the order of birth; whoever started a flood is a candidate. Then flood from the candidates in the reverse
/// order: those not reached by then are exactly the roots, and whom a root's flood reaches is its own. A cycle has the
/// block first born for its one root.
fn roots(core: &Core, lost: &[u32]) -> Vec<Leaked> {
    let mut search = Search::among(core, lost);
    let mut starters = Vec::new();
    for &number in lost {
        if !search.is_reached(number) {
            starters.push(number);
            search.flood(number);
        }
    }
    search.forget();
    let mut found = Vec::new();
    for &number in starters.iter().rev() {
        if !search.is_reached(number) {
            let (count, bytes) = search.flood(number);
            found.push((number, count, bytes));
        }
    }
    found.reverse();
    found.iter().map(|&(number, count, bytes)| leaked(core, number, count, bytes)).collect()
}

fn leaked(core: &Core, number: u32, indirect_count: u64, indirect_bytes: u64) -> Leaked {
    let meta = core.store.meta(number);
    // SAFETY: a live block of the store's, which nobody changes while the harness looks.
    unsafe {
        Leaked {
            hidden: !(*meta).address,
            session: (*meta).session,
            size: (*meta).size,
            born_size: (*meta).born_size,
            align: 1 << (*meta).align,
            ordinal: u64::from((*meta).ordinal),
            thread: (*meta).thread,
            allocator: (*meta).allocator,
            indirect_count,
            indirect_bytes,
            born: core.with_shared(|shared| shared.stack((*meta).born_stack)),
        }
    }
}

/// What of the first try's leaks stays one after a second try of the same fault in the same process.
///
/// What the second run has freed is none: somebody held it. What both tries left is a leak. What only the first left is first
/// use, if memory that the reachability of a single run does not look at points to it; otherwise it is a leak that the first
/// failure of a process makes and later ones do not. Beside other tests all of it counts as first use: their threads may
/// take memory away while it is looked through. `outside`: an address in a frame that was open around both runs, for a body that
/// may keep things in what it captures; one that captures nothing holds what it keeps in statics.
pub(crate) fn confirmed(
    core: &Core,
    first: &[Leaked],
    second: &[Leaked],
    certain: bool,
    outside: Option<usize>,
) -> Vec<Leaked> {
    let mut again: HashMap<(&[usize], usize, usize), u64> = HashMap::new();
    for block in second {
        *again.entry(group(block)).or_default() += 1;
    }
    let mut kept = Vec::new();
    for block in first {
        if !is_live(core, block) {
            // The second run has freed it or moved it, so somebody held it.
            continue;
        }
        let repeated = again.get_mut(&group(block)).filter(|left| **left > 0);
        let is_leak = match repeated {
            Some(left) => {
                *left -= 1;
                true
            }
            None if certain => true,
            None if !core.everyone.load(Ordering::Relaxed) => false,
            None => !outside.is_some_and(|outside| reach::in_other_memory(block.hidden, block.size, outside)),
        };
        if is_leak {
            kept.push(*block);
        }
    }
    kept
}

fn is_live(core: &Core, block: &Leaked) -> bool {
    let meta = core.store.slot_of(!block.hidden);
    // SAFETY: a meta of the store's; nobody changes it while the harness looks.
    unsafe {
        !meta.is_null()
            && (*meta).state.load(Ordering::Acquire) == LIVE
            && (*meta).address == !block.hidden
            && (*meta).session == block.session
            && (*meta).thread == block.thread
            && u64::from((*meta).ordinal) == block.ordinal
    }
}

fn group(block: &Leaked) -> (&[usize], usize, usize) {
    (block.born.ips(), block.born_size, block.align)
}
