//! Runtimes for tasks, built and torn down, or kept.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

use oomsweep::alloc_test;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task;
use tokio::time::sleep;

use crate::elsewhere;

async fn work() -> usize {
    let (sender, mut receiver) = mpsc::channel::<Vec<usize>>(4);
    let shared = std::sync::Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..5)
        .map(|number: usize| {
            let (sender, shared) = (sender.clone(), shared.clone());
            task::spawn(async move {
                for count in 0..10 {
                    sender.send(vec![number; count]).await.expect("somebody listens");
                    shared.lock().await.push(format!("{number} {count}"));
                    task::yield_now().await;
                }
            })
        })
        .collect();
    drop(sender);
    let mut sum = 0;
    while let Some(numbers) = receiver.recv().await {
        sum += numbers.len();
    }
    for task in tasks {
        task.await.expect("nobody panics");
    }
    // One that is given up.
    let (never, waits) = oneshot::channel::<String>();
    let given_up = task::spawn(waits);
    task::yield_now().await;
    given_up.abort();
    drop(never);
    assert_eq!(shared.lock().await.len(), 50);
    sum
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn current_thread() {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    for _ in 0..3 {
        assert_eq!(runtime.block_on(work()), 225);
    }
    runtime.block_on(async { sleep(Duration::from_millis(1)).await });
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn blocking_pool() {
    assert_eq!(elsewhere(on_a_blocking_pool), 15);
}

fn on_a_blocking_pool() -> usize {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let parts: Vec<_> = (0..6).map(|count: usize| task::spawn_blocking(move || vec![count; count])).collect();
        let mut sum = 0;
        for part in parts {
            sum += part.await.expect("nobody panics").len();
        }
        sum
    })
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn many_threads() {
    let runtime = Builder::new_multi_thread().worker_threads(3).enable_time().build().expect("a runtime");
    assert_eq!(runtime.block_on(work()), 225);
    drop(runtime);
}

fn kept() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime"))
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn in_a_static() {
    assert_eq!(kept().block_on(work()), 225);
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn with_a_sleeping_task() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let numbers = black_box(vec![3; 70]);
        kept().spawn(async move {
            sleep(Duration::from_secs(1000)).await;
            black_box(numbers);
        });
    });
}
