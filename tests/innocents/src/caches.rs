//! What threads keep for themselves.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::hint::black_box;
use std::rc::Rc;
use std::thread;

use oomsweep::alloc_test;

thread_local! {
    static SQUARES: RefCell<HashMap<usize, Rc<Vec<usize>>>> = RefCell::default();
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static NAME: OnceCell<String> = const { OnceCell::new() };
    static SPARE: Cell<Option<Box<[u8; 500]>>> = const { Cell::new(None) };
}

fn square(number: usize) -> Rc<Vec<usize>> {
    SQUARES.with_borrow_mut(|kept| Rc::clone(kept.entry(number).or_insert_with(|| Rc::new(vec![number; number % 30]))))
}

fn work() -> usize {
    let mut sum = 0;
    for number in 0..100 {
        sum += square(number % 40).len();
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            scratch.resize(number * 10, 1);
            sum += scratch.len();
        });
        let mut spare = SPARE.take().unwrap_or_else(|| Box::new([0; 500]));
        spare[number] = 1;
        SPARE.set(Some(black_box(spare)));
        sum += NAME.with(|name| name.get_or_init(|| format!("{:?}", thread::current().name())).len().min(1));
    }
    sum
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn of_one_thread() {
    assert_eq!(work(), work());
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn of_many_threads() {
    let here = work();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || assert_eq!(work(), here));
        }
    });
}
