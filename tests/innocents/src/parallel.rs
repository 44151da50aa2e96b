//! Pools, epochs, channels and locks that many threads share.

use std::hint::black_box;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::{LazyLock, Mutex, PoisonError};

use crossbeam::channel::{self, Receiver, Sender};
use crossbeam::deque::{Injector, Steal, Worker};
use crossbeam::epoch::{self, Atomic, Owned};
use oomsweep::alloc_test;
use parking_lot::{Condvar, RwLock};
use rayon::prelude::*;

use crate::elsewhere;

fn sorted(count: usize) -> usize {
    let mut words: Vec<String> = (0..count).into_par_iter().map(|number| (number * 7919 % count).to_string()).collect();
    words.par_sort();
    let lengths: Vec<Vec<usize>> = words.par_chunks(50).map(|chunk| chunk.iter().map(String::len).collect()).collect();
    lengths.into_par_iter().flatten().sum()
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn own_pool() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("three threads");
    assert_eq!(pool.install(|| sorted(400)), 1090);
    let joined = pool.join(|| sorted(100), || sorted(200));
    assert_eq!(joined, (190, 490));
}

/// The pool of the whole program goes on for ever.
#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn global_pool() {
    assert_eq!(sorted(400), 1090);
}

fn replaced(place: &Atomic<Vec<usize>>, times: usize) {
    for time in 0..times {
        let guard = epoch::pin();
        let before = place.swap(Owned::new(vec![time; 20]), AcqRel, &guard);
        if !before.is_null() {
            // SAFETY: nobody reaches it any more but those who are pinned now.
            unsafe { guard.defer_destroy(before) };
        }
    }
    epoch::pin().flush();
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn epochs() {
    let place: Atomic<Vec<usize>> = Atomic::null();
    crossbeam::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|_| replaced(&place, 100));
        }
    })
    .expect("nobody panics");
    // SAFETY: nobody else has it any more.
    drop(unsafe { place.into_owned() });
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn epochs_in_a_static() {
    static PLACE: LazyLock<Atomic<Vec<usize>>> = LazyLock::new(Atomic::null);
    replaced(&PLACE, 100);
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn channels() {
    elsewhere(through_channels);
}

fn through_channels() {
    let (bounded, received) = channel::bounded::<Vec<usize>>(5);
    let (unbounded, results) = channel::unbounded::<String>();
    crossbeam::scope(|scope| {
        for _ in 0..3 {
            let (received, unbounded) = (received.clone(), unbounded.clone());
            scope.spawn(move |_| {
                for numbers in received {
                    unbounded.send(format!("{numbers:?}")).expect("the body listens");
                }
            });
        }
        drop((received, unbounded));
        for count in 0..100 {
            bounded.send((0..count % 10).collect()).expect("somebody listens");
        }
        drop(bounded);
        assert_eq!(results.iter().count(), 100);
    })
    .expect("nobody panics");
}

/// More messages than one block of the channel holds, and nobody reads them.
#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn unread_messages() {
    static ENDS: LazyLock<(Sender<Vec<usize>>, Receiver<Vec<usize>>)> = LazyLock::new(channel::unbounded);
    while ENDS.1.len() >= 70 {
        drop(ENDS.1.recv());
    }
    for count in 0..70 {
        ENDS.0.send(black_box(vec![count; 5])).expect("the other end is there");
    }
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn scopes() {
    let queue: Injector<Vec<usize>> = Injector::new();
    (0..200).for_each(|count| queue.push(vec![count; count % 20]));
    let done = Mutex::new(0);
    crossbeam::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|_| {
                let own: Worker<Vec<usize>> = Worker::new_lifo();
                loop {
                    let job = own.pop().map_or_else(|| queue.steal_batch_and_pop(&own), Steal::Success);
                    match job {
                        Steal::Success(job) => *done.lock().unwrap_or_else(PoisonError::into_inner) += job.len(),
                        Steal::Retry => {}
                        Steal::Empty => return,
                    }
                }
            });
        }
    })
    .expect("nobody panics");
    assert_eq!(*done.lock().unwrap_or_else(PoisonError::into_inner), 10 * 190);
}

/// Threads that wait have a place in a table of the whole program.
#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn contention() {
    static SHARED: RwLock<Vec<Vec<usize>>> = RwLock::new(Vec::new());
    static COUNT: parking_lot::Mutex<usize> = parking_lot::Mutex::new(0);
    static CHANGED: Condvar = Condvar::new();
    *COUNT.lock() = 0;
    SHARED.write().clear();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            scope.spawn(move || {
                for number in 0..50 {
                    SHARED.write().push(vec![worker; number % 10]);
                    assert!(!SHARED.read().is_empty());
                }
                *COUNT.lock() += 1;
                CHANGED.notify_all();
            });
        }
        let mut count = COUNT.lock();
        while *count < 4 {
            CHANGED.wait(&mut count);
        }
    });
    assert_eq!(SHARED.read().len(), 200);
}
