//! What a run has left behind.

use std::collections::HashMap;

use crate::hook::core::Core;
use crate::hook::journal::Leaked;
use crate::hook::ledger::Entry;
use crate::sys::threads;

/// What the ledger says at the end of a run.
pub(crate) struct Left {
    /// The roots of what leaked.
    pub(crate) roots: Vec<Leaked>,
    /// Threads of the body that still run and made blocks that are live.
    pub(crate) thread_leaks: u64,
}

/// Looks at the blocks that were born in the open session and still live.
///
/// While threads that the body started still run, what they can reach is not known, so no block is called a leak: blocks that
/// such a thread made itself are a leak of the thread.
pub(crate) fn leaks(core: &Core, threads_run: bool) -> Left {
    if core.with_shared(|shared| shared.live_blocks) == 0 {
        return Left { roots: Vec::new(), thread_leaks: 0 };
    }
    // Room first: inside the lock nothing may allocate.
    let room = core.with_shared(|shared| shared.ledger.len());
    let mut blocks: Vec<Entry> = Vec::with_capacity(room);
    core.with_shared(|shared| {
        let session = shared.session;
        let found = shared.ledger.entries().filter(|entry| entry.session == session && !entry.untracked);
        for entry in found.take(room) {
            blocks.push(*entry);
        }
    });
    if threads_run {
        let system_ids = system_ids(core);
        let mut alive: Vec<u32> = blocks.iter().map(|block| block.thread).filter(|&n| runs(&system_ids, n)).collect();
        alive.sort_unstable();
        alive.dedup();
        return Left { roots: Vec::new(), thread_leaks: alive.len() as u64 };
    }
    blocks.sort_unstable_by_key(|block| block.ordinal);
    Left { roots: roots(core, &blocks), thread_leaks: 0 }
}

fn system_ids(core: &Core) -> Vec<i32> {
    let room = core.with_shared(|shared| shared.threads.len());
    let mut ids = Vec::with_capacity(room);
    core.with_shared(|shared| ids.extend(shared.threads.as_slice().iter().take(room).copied()));
    ids
}

fn runs(system_ids: &[i32], number: u32) -> bool {
    let Some(place) = (number as usize).checked_sub(1) else { return false };
    system_ids.get(place).is_some_and(|&id| threads::is_alive(id))
}

/// Tells roots from what only they reach, in linear time and without a name for every component: flood from each block not
/// reached yet, in the order of birth; whoever started a flood is a candidate. Then flood from the candidates in the reverse
/// order: those not reached by then are exactly the roots, and whom a root's flood reaches is its own. A cycle has the
/// block first born for its one root.
fn roots(core: &Core, blocks: &[Entry]) -> Vec<Leaked> {
    let mut by_address: Vec<(usize, usize)> = blocks.iter().enumerate().map(|(n, block)| (block.address, n)).collect();
    by_address.sort_unstable();
    let heap = Heap { blocks, by_address };
    let mut reached = vec![false; blocks.len()];
    let mut starters = Vec::new();
    for number in 0..blocks.len() {
        if !reached[number] {
            starters.push(number);
            heap.flood(number, &mut reached);
        }
    }
    reached.fill(false);
    let mut found = Vec::new();
    for &number in starters.iter().rev() {
        if !reached[number] {
            let (count, bytes) = heap.flood(number, &mut reached);
            found.push((number, count, bytes));
        }
    }
    found.reverse();
    found.iter().map(|&(number, count, bytes)| leaked(core, &blocks[number], count, bytes)).collect()
}

fn leaked(core: &Core, block: &Entry, indirect_count: u64, indirect_bytes: u64) -> Leaked {
    Leaked {
        size: block.size,
        born_size: block.born_size,
        align: block.align,
        ordinal: block.ordinal,
        thread: block.thread,
        indirect_count,
        indirect_bytes,
        born: core.with_shared(|shared| shared.stack(block.stack)),
    }
}

struct Heap<'a> {
    blocks: &'a [Entry],
    by_address: Vec<(usize, usize)>,
}

impl Heap<'_> {
    /// Marks what `from` reaches; returns how many blocks that were not reached yet, and their bytes, without itself.
    fn flood(&self, from: usize, reached: &mut [bool]) -> (u64, u64) {
        let (mut count, mut bytes) = (0, 0);
        reached[from] = true;
        let mut open = vec![from];
        while let Some(number) = open.pop() {
            self.pointers(number, |target| {
                if !reached[target] {
                    reached[target] = true;
                    count += 1;
                    bytes += self.blocks[target].size as u64;
                    open.push(target);
                }
            });
        }
        (count, bytes)
    }

    fn pointers(&self, number: usize, mut each: impl FnMut(usize)) {
        let block = &self.blocks[number];
        let step = size_of::<usize>();
        let first = block.address.next_multiple_of(step);
        let end = block.address + block.size;
        let mut at = first;
        while at + step <= end {
            // SAFETY: the block is live, so its bytes are readable, and the word at `at` lies inside and is aligned; whatever
            // it holds is taken for a number.
            let word = unsafe { (at as *const usize).read_volatile() };
            if let Some(target) = self.holding(word) {
                each(target);
            }
            at += step;
        }
    }

    /// The block that holds this address, its first byte and those inside.
    fn holding(&self, address: usize) -> Option<usize> {
        let after = self.by_address.partition_point(|&(start, _)| start <= address);
        let &(start, number) = self.by_address.get(after.checked_sub(1)?)?;
        (address - start < self.blocks[number].size).then_some(number)
    }
}

/// What of the first try's leaks the second try of the same fault left as well: what only the first left is first use.
pub(crate) fn confirmed(first: &[Leaked], second: &[Leaked]) -> Vec<Leaked> {
    let mut again: HashMap<(&[usize], usize, usize), u64> = HashMap::new();
    for block in second {
        *again.entry(group(block)).or_default() += 1;
    }
    let mut kept = Vec::new();
    for block in first {
        if let Some(left) = again.get_mut(&group(block))
            && *left > 0
        {
            *left -= 1;
            kept.push(*block);
        }
    }
    kept
}

fn group(block: &Leaked) -> (&[usize], usize, usize) {
    (block.born.ips(), block.born_size, block.align)
}
