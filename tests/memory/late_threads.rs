//! Threads that end late, or not at all, and memory that goes from one to another.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use oomsweep::alloc_test;

use crate::kit::{Carried, give, take};

fn numbers(count: usize) -> Vec<usize> {
    black_box((0..count).collect())
}

/// Takes its time to go.
struct Slow(Vec<usize>);

impl Drop for Slow {
    fn drop(&mut self) {
        thread::sleep(Duration::from_millis(2));
        black_box(self.0.len());
    }
}

thread_local! {
    static SLOW: RefCell<Option<Slow>> = const { RefCell::new(None) };
    static CACHE: RefCell<Vec<Vec<usize>>> = const { RefCell::new(Vec::new()) };
}

/// The implicit join of a scope does not wait for the destructors of thread-locals.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn scoped_with_late_destructors() {
    thread::scope(|scope| {
        for count in 0..4 {
            scope.spawn(move || {
                SLOW.with_borrow_mut(|slow| *slow = Some(Slow(numbers(count + 10))));
                CACHE.with_borrow_mut(|cache| cache.push(numbers(count)));
            });
        }
    });
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn detached_that_ends_late() {
    let kept = numbers(40);
    thread::spawn(move || {
        let more = numbers(30);
        thread::sleep(Duration::from_millis(5));
        black_box((kept, more));
    });
}

/// What it holds was made by the thread itself.
#[alloc_test(leaks_only)]
#[ignore = "seeded bug: run by the table"]
fn detached_with_memory() {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let kept = numbers(40);
        sender.send(()).expect("the body waits");
        loop {
            thread::park();
            black_box(&kept);
        }
    });
    receiver.recv().expect("the thread has it");
}

#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn detached_without_memory() {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        sender.send(()).expect("the body waits");
        drop(sender);
        loop {
            thread::park();
        }
    });
    receiver.recv().expect("the thread has begun");
}

/// Work for four threads, and the results of it, made by whoever came first.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn pool() {
    let queue = Arc::new((Mutex::new(VecDeque::with_capacity(70)), Condvar::new()));
    let (results, all) = mpsc::channel::<Vec<usize>>();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (queue, results) = (Arc::clone(&queue), results.clone());
            thread::spawn(move || {
                loop {
                    let (jobs, changed) = &*queue;
                    let jobs = jobs.lock().expect("nobody panics");
                    let mut jobs = changed.wait_while(jobs, |jobs| jobs.is_empty()).expect("nobody panics");
                    let job: Option<Vec<usize>> = jobs.pop_front().expect("there is one");
                    drop(jobs);
                    let Some(job) = job else { return };
                    results.send(job.iter().map(|number| number * 2).collect()).expect("somebody listens");
                }
            })
        })
        .collect();
    drop(results);
    for count in 0..60 {
        queue.0.lock().expect("nobody panics").push_back(Some(numbers(count)));
        queue.1.notify_one();
    }
    queue.0.lock().expect("nobody panics").extend([const { None }; 4]);
    queue.1.notify_all();
    assert_eq!(all.iter().map(|result| result.len()).sum::<usize>(), 59 * 60 / 2);
    workers.into_iter().for_each(|worker| worker.join().expect("nobody panics"));
}

/// Every thread frees what another made.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn ring() {
    const THREADS: usize = 5;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel::<Vec<usize>>()).unzip();
    thread::scope(|scope| {
        for (place, receiver) in receivers.into_iter().enumerate() {
            let next = senders[(place + 1) % THREADS].clone();
            scope.spawn(move || {
                (0..50).for_each(|count| next.send(numbers(count)).expect("the next one listens"));
                drop(next);
                let sum: usize = (0..50).map(|_| receiver.recv().expect("one comes").len()).sum();
                assert_eq!(sum, 49 * 50 / 2);
            });
        }
        drop(senders);
    });
}

/// Blocks that are resized by one thread after the other.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn grown_in_turns() {
    let shared = Arc::new(Mutex::new(Vec::new()));
    let workers: Vec<_> = (0..6)
        .map(|worker| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for number in 0..200 {
                    let mut shared = shared.lock().expect("nobody panics");
                    shared.push(vec![worker; number % 9]);
                    if number % 50 == 49 {
                        shared.truncate(20);
                        shared.shrink_to_fit();
                    }
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().expect("nobody panics"));
    assert!(!shared.lock().expect("nobody panics").is_empty());
}

/// A destructor of one thread-local uses another one, which is made anew for it.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn destructors_that_allocate() {
    struct Late(Vec<usize>);
    impl Drop for Late {
        fn drop(&mut self) {
            let _ = CACHE.try_with(|cache| cache.borrow_mut().push(self.0.clone()));
            black_box(numbers(20));
        }
    }
    thread_local!(static LATE: RefCell<Option<Late>> = const { RefCell::new(None) });
    let workers: Vec<_> = (0..4)
        .map(|count| {
            thread::spawn(move || {
                LATE.with_borrow_mut(|late| *late = Some(Late(numbers(count + 3))));
                CACHE.with_borrow_mut(|cache| cache.push(numbers(5)));
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().expect("nobody panics"));
}

/// All at once, with another order in every run.
#[alloc_test(leaks_only)]
#[ignore = "clean: run by the table"]
fn any_order() {
    let barrier = Barrier::new(6);
    let turns = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel::<(usize, Vec<usize>)>();
    thread::scope(|scope| {
        for _ in 0..6 {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                barrier.wait();
                for _ in 0..20 {
                    let turn = turns.fetch_add(1, SeqCst);
                    sender.send((turn, numbers(turn % 50))).expect("the body listens");
                }
            });
        }
        drop(sender);
        let kept: Vec<_> = receiver.iter().filter(|(turn, _)| turn % 3 == 0).collect();
        assert_eq!(kept.len(), 40);
    });
}

/// One of many frees what one of many has freed.
#[alloc_test(leaks_only)]
#[ignore = "seeded bug: run by the table"]
fn race_of_frees() {
    #[inline(never)]
    fn free(block: Carried) {
        give!(block.get(), 60);
    }
    let block = Carried(take!(60)); // HERE: race_of_frees
    let barrier = Arc::new(Barrier::new(4));
    let workers = [(); 4].map(|()| {
        let barrier = Arc::clone(&barrier);
        thread::spawn(move || {
            barrier.wait();
            free(block);
        })
    });
    for worker in workers {
        worker.join().expect("nobody panics");
    }
}
