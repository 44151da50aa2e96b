//! Traps that come with threads: those that still run when the body is over, and those that live beside it.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{LazyLock, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use oomsweep::{alloc_test, exempt};
use rstest::rstest;

use crate::assert_innocent;
use crate::common::run_self;
use crate::kit::{Oom, bytes};

fn busy_thread(time: Duration) -> JoinHandle<usize> {
    exempt(|| {
        thread::spawn(move || {
            let held = black_box(vec![1_u8; 1000]);
            thread::sleep(time);
            held.len()
        })
    })
}

/// An early `?` drops the handles of threads that still hold blocks.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn detached_by_an_error() -> Result<(), Oom> {
    let threads = [busy_thread(Duration::from_millis(5)), busy_thread(Duration::from_millis(15))];
    let room = bytes!(10)?;
    threads.into_iter().for_each(|thread| drop(thread.join()));
    drop(room);
    Ok(())
}

/// Nobody ever waits for these.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn detached_always() -> Result<(), Oom> {
    drop(busy_thread(Duration::from_millis(20)));
    bytes!(10).map(drop).map_err(Oom::from)
}

/// Another thread lives, and allocates, while every point is tried.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn beside_a_live_thread() -> Result<(), Oom> {
    static STOP: AtomicBool = AtomicBool::new(false);
    STOP.store(false, SeqCst);
    let allocate = || {
        while !STOP.load(SeqCst) {
            drop(black_box(vec![1_u8; 500]));
        }
    };
    let beside = exempt(|| thread::spawn(allocate));
    let all = (1..20).try_for_each(|size| bytes!(size).map(drop).map_err(Oom::from));
    STOP.store(true, SeqCst);
    assert!(beside.join().is_ok(), "the other thread is well");
    all
}

/// The end of a scope does not wait for the last breath of its threads.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn after_a_scope() -> Result<(), Oom> {
    for _ in 0..20 {
        exempt(|| thread::scope(|scope| drop(scope.spawn(|| black_box(vec![1_u8; 500]).len()))));
        drop(bytes!(10)?);
    }
    Ok(())
}

type Job = (Vec<u8>, mpsc::Sender<usize>);

/// A pool that the first run makes and that stays.
#[alloc_test]
#[ignore = "trap: run by the test beside it"]
fn a_pool_that_stays() -> Result<(), Oom> {
    static POOL: LazyLock<Mutex<mpsc::Sender<Job>>> = LazyLock::new(|| {
        let (jobs, queue) = mpsc::channel::<Job>();
        thread::spawn(move || queue.iter().for_each(|(job, answer)| answer.send(job.len()).unwrap_or_default()));
        Mutex::new(jobs)
    });
    let job = bytes!(10)?;
    let answer = exempt(|| {
        let (sender, receiver) = mpsc::channel();
        let sent = POOL.lock().map(|pool| pool.send((job, sender)).is_ok());
        assert!(sent.unwrap_or_default(), "the pool listens");
        receiver.recv_timeout(Duration::from_secs(30))
    });
    assert_eq!(answer.ok(), Some(0), "the pool answers");
    bytes!(20).map(drop).map_err(Oom::from)
}

/// A verdict that depends on who is faster is wrong now and then, so every body goes round several times.
#[rstest]
#[case::detached_by_an_error("threads::detached_by_an_error", 10)]
#[case::detached_always("threads::detached_always", 10)]
#[case::beside_a_live_thread("threads::beside_a_live_thread", 5)]
#[case::after_a_scope("threads::after_a_scope", 5)]
#[case::a_pool_that_stays("threads::a_pool_that_stays", 5)]
fn live_threads(#[case] path: &str, #[case] rounds: u32) {
    for _ in 0..rounds {
        assert_innocent(&run_self(path, &[]));
    }
}
