//! What is seen of a quarantine whose thread goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// The blocks that are found, by their addresses.
fn found(bench: &Bench, session: u32) -> Vec<usize> {
    let mut found = Vec::new();
    // SAFETY: the shard is the store's; the blocks that are found are freed ones, and nobody else's.
    unsafe {
        bench.store.look_at_quarantine(bench.shard, session, |meta| {
            found.push((*meta).address);
            bench.store.mend_freed(meta);
        });
    }
    found
}

/// Allocates and frees blocks of these sizes; their addresses.
fn freed(bench: &Bench, sizes: &[usize]) -> Vec<usize> {
    // SAFETY: the metas are the store's.
    let blocks = sizes.iter().map(|&size| unsafe { (*bench.allocate(size, 8, Kind::Alloc)).address });
    let blocks: Vec<usize> = blocks.collect();
    for (&address, &size) in blocks.iter().zip(sizes) {
        assert_eq!(bench.free(address, size, 8), Ok(std::ptr::null_mut()));
    }
    blocks
}

fn spoil(address: usize) {
    // SAFETY: a byte of a freed block, whose memory is still there.
    unsafe { (address as *mut u8).write(7) };
}

#[test]
fn a_written_block_is_found_where_it_stands() {
    let bench = Bench::new();
    let sizes = [40, 100, 20_000, 40];
    let blocks = freed(&bench, &sizes);
    assert_eq!(found(&bench, 1).len(), 0);
    for &address in &blocks[1..] {
        spoil(address);
    }
    // The small ones first.
    assert_eq!(found(&bench, 1), [blocks[1], blocks[3], blocks[2]]);
    assert_eq!(found(&bench, 1).len(), 0);
    // It is not found by who frees so many that it leaves the quarantine either, and its slot is given to nobody.
    for _ in 0..20 {
        let others = freed(&bench, &[[40; 300].as_slice(), &[20_000; 20]].concat());
        assert!(blocks[1..].iter().all(|address| !others.contains(address)));
    }
}

#[test]
fn only_blocks_of_the_session_are_looked_at() {
    let bench = Bench::new();
    spoil(freed(&bench, &[40])[0]);
    assert_eq!(found(&bench, 2).len(), 0);
    assert_eq!(found(&bench, 1).len(), 1);
}

/// The owner writes to its live blocks, and frees so many that each of them soon has a slot that another had.
#[test]
fn nothing_is_found_while_the_owner_goes_on() {
    let bench = Bench::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let Bench { store, shard } = &bench;
            let owner = Bench { store, shard: *shard };
            for round in 0..200_000_usize {
                let size = if round % 8 == 0 { 20_000 + round % 3 * 70_000 } else { 40 + round % 2 * 100 };
                let meta = owner.allocate(size, 8, Kind::Alloc);
                // SAFETY: the block is this thread's.
                let address = unsafe { (*meta).address };
                spoil(address);
                assert_eq!(owner.free(address, size, 8), Ok(std::ptr::null_mut()));
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            assert_eq!(found(&bench, 1).len(), 0);
        }
    });
}
