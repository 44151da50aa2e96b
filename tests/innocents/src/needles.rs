//! One lost block in the middle of all that: nothing of it may hide the block.

use std::hint::black_box;
use std::mem;

use oomsweep::alloc_test;
use rayon::prelude::*;
use serde_json::{Value, json};

/// As long as no other block of these bodies.
const SIZE: usize = 777;

fn lose() {
    mem::forget(black_box(vec![1_u8; SIZE]));
}

#[alloc_test(leaks_only)]
#[ignore = "seeded bug: run by the table"]
fn among_values() {
    let values: Vec<Value> = (0..200).map(|number| json!({ "number": number, "text": number.to_string() })).collect();
    lose();
    let text = serde_json::to_string(&values).expect("values are text");
    assert_eq!(serde_json::from_str::<Vec<Value>>(&text).expect("it is JSON"), values);
}

#[alloc_test(leaks_only)]
#[ignore = "seeded bug: run by the table"]
fn in_a_task() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let task = runtime.spawn(async {
        tokio::task::yield_now().await;
        lose();
    });
    runtime.block_on(task).expect("nobody panics");
}

#[alloc_test(leaks_only)]
#[ignore = "seeded bug: run by the table"]
fn in_a_pool() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    pool.install(|| {
        (0..100_usize).into_par_iter().for_each(|number| {
            if number == 50 {
                lose()
            }
        })
    });
}

/// By the body's own thread, while a pool goes on that knows nothing of it.
#[alloc_test(leaks_only)]
#[ignore = "seeded bug: run by the table"]
fn beside_a_pool() {
    let sum: usize = (0..100_usize).into_par_iter().map(|number| number.to_string().len()).sum();
    assert_eq!(sum, 190);
    lose();
}

#[alloc_test(leaks_only)]
#[ignore = "seeded bug: run by the table"]
fn behind_an_epoch() {
    let place = crossbeam::epoch::Atomic::new(vec![1; 30]);
    let guard = crossbeam::epoch::pin();
    let before = place.swap(crossbeam::epoch::Shared::null(), std::sync::atomic::Ordering::AcqRel, &guard);
    // SAFETY: nobody else ever had it.
    unsafe { guard.defer_destroy(before) };
    lose();
}
