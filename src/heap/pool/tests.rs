use std::alloc::System;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::heap::drill::{self, Held, Watched, is, layout};

fn watched<T>() -> PoolAllocator<T, Watched> {
    PoolAllocator::new_in(Watched::default())
}

/// How many slots each chunk has, oldest first.
fn slots<T>(pool: &PoolAllocator<T, Watched>) -> Vec<usize> {
    let own = size_of::<Chunk>();
    pool.backing().sizes().iter().map(|size| (size - own) / size_of::<Slot<T>>()).collect()
}

#[test]
fn what_every_allocator_does_as_far_as_it_fits() {
    let pool = PoolAllocator::<[u128; 8], System>::new_in(System);
    drill::alignments(&&pool, 16);
    drill::nothing(&&pool);
    drill::every_order(&&pool, &[(8, 8), (128, 16), (1, 1), (100, 4)].map(|(size, align)| layout(size, align)));
    let mut held = Held::take(&&pool, layout(10, 2), 1).unwrap();
    let at = held.at;
    for (size, align) in [(128, 16), (3, 1), (3, 16), (127, 1), (1, 1)] {
        for zeroed in [true, false] {
            held.resize(&&pool, layout(size, align), zeroed).unwrap();
            assert_eq!(held.at, at);
        }
    }
    held.give(&&pool);
    assert_eq!(pool.live(), 0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let pool = watched::<[u64; 3]>();
    for (size, align) in [(25, 8), (1, 16), (1 << 40, 1)] {
        assert_eq!((&pool).allocate(layout(size, align)), Err(AllocError));
        assert_eq!((&pool).allocate_zeroed(layout(size, align)), Err(AllocError));
    }
    assert_eq!(pool.backing().asked.get(), 0);
    let mut held = Held::take(&&pool, layout(24, 4), 1).unwrap();
    assert!(held.resize(&&pool, layout(25, 8), false).is_err());
    assert!(held.resize(&&pool, layout(24, 16), true).is_err());
    assert!(held.resize(&&pool, layout(20, 16), false).is_err());
    assert_eq!(pool.live(), 1);
    held.give(&&pool);
    assert_eq!((pool.live(), pool.free()), (0, pool.capacity()));
}

#[test]
fn boxes_of_each_api() {
    let pool = PoolAllocator::<[u8; 100], System>::new_in(System);
    let second = allocator_api2_02::boxed::Box::new_in([2_u8; 100], &pool);
    let third = allocator_api2_03::boxed::Box::new_in([3_u8; 50], &pool);
    let fourth = allocator_api2_04::boxed::Box::new_in([4_u32; 25], &pool);
    assert_eq!((pool.live(), second[99], third[49]), (3, 2, 3));
    drop((second, third));
    assert_eq!((pool.live(), fourth[24]), (1, 4));
    drop(fourth);
    assert_eq!(pool.live(), 0);
}

#[test]
fn what_is_given_back_is_taken_next() {
    let pool = watched::<u32>();
    let all: Vec<_> = (0..100).map(|_| pool.acquire().unwrap()).collect();
    assert_eq!((pool.live(), pool.capacity(), pool.free()), (100, 128, 28));
    for slot in &all {
        // SAFETY: each is given back once.
        unsafe { pool.release(*slot) };
    }
    assert_eq!((pool.live(), pool.free()), (0, 128));
    for slot in all.iter().rev() {
        assert_eq!(pool.acquire().unwrap(), *slot);
    }
    assert_eq!(slots(&pool), [64, 64]);
}

#[test]
fn slots_are_as_large_as_the_type_asks_for() {
    fn apart<T>() -> usize {
        let pool = PoolAllocator::<T, _>::with_capacity_in(2, System).unwrap();
        let [a, b] = [(), ()].map(|()| pool.acquire().unwrap().addr().get());
        assert_eq!((a % align_of::<T>(), a % align_of::<usize>()), (0, 0));
        b - a
    }
    #[repr(align(4096))]
    struct Page(#[allow(dead_code, reason = "it is there for its size")] u8);
    assert_eq!((apart::<()>(), apart::<u8>(), apart::<[u8; 9]>()), (8, 8, 16));
    assert_eq!((apart::<[u16; 10]>(), apart::<u128>(), apart::<Page>()), (24, 16, 4096));
}

#[test]
fn chunks_double_to_a_limit() {
    fn grown<T>(count: usize) -> Vec<usize> {
        let pool = watched::<T>();
        assert!((0..count).all(|_| pool.acquire().is_ok()));
        slots(&pool)
    }
    assert_eq!(grown::<u64>(300), [64, 64, 128, 256]);
    assert_eq!(grown::<[u8; 100]>(41), [9, 9, 18, 36]);
    assert_eq!(grown::<[u8; 3000]>(5), [1, 1, 2, 4]);
    assert_eq!(grown::<[u8; 6 << 20]>(7), [1, 1, 2, 2, 2]);
    assert_eq!(grown::<[u8; 20 << 20]>(3), [1, 1, 1]);
}

#[test]
fn a_limited_pool_stops() {
    let pool = watched::<u64>().limit(100);
    for _ in 0..100 {
        pool.acquire().unwrap();
    }
    assert_eq!((pool.acquire(), pool.capacity()), (Err(AllocError), 100));
    assert_eq!((slots(&pool), pool.backing().asked.get()), (vec![64, 36], 2));
    assert_eq!(pool.reserve(1), Err(AllocError));
    let none = watched::<u64>().limit(0);
    assert_eq!(none.acquire(), Err(AllocError));
    assert_eq!((none.reserve(0), none.backing().asked.get()), (Ok(()), 0));
    // Slots that are there stay there.
    let over = PoolAllocator::<u64, _>::with_capacity_in(3, System).unwrap().limit(1);
    assert_eq!([(); 4].map(|()| over.acquire().is_ok()), [true, true, true, false]);
}

#[test]
fn slots_are_there_before_they_are_asked_for() {
    let pool = PoolAllocator::<u64, _>::with_capacity_in(5, Watched::refusing(2)).unwrap();
    assert_eq!((pool.capacity(), pool.free(), slots(&pool)), (5, 5, vec![5]));
    let first = pool.acquire().unwrap();
    pool.reserve(4).unwrap();
    assert_eq!(slots(&pool), [5]);
    pool.reserve(10).unwrap();
    assert_eq!((pool.free(), slots(&pool)), (10, vec![5, 6]));
    let rest: Vec<_> = (0..10).map(|_| pool.acquire().unwrap()).collect();
    // What the first chunk had left was taken before the second was begun.
    assert_eq!(rest[3].addr().get() - first.addr().get(), 32);
    assert_eq!((pool.free(), pool.acquire()), (0, Err(AllocError)));
    assert_eq!(pool.acquire().map(|_| slots(&pool)), Ok(vec![5, 6, 64]));
    for count in [usize::MAX, usize::MAX / 8, isize::MAX as usize / 8] {
        assert_eq!(PoolAllocator::<u64, _>::with_capacity_in(count, Watched::default()).map(|_| ()), Err(AllocError));
    }
}

#[test]
fn a_refusal_at_any_request_leaves_it_valid() {
    for at in 0..4 {
        let pool = PoolAllocator::<u64, _>::new_in(Watched::refusing(at));
        let mut refused = 0;
        let mut all = Vec::new();
        while all.len() < 300 {
            match pool.create(all.len() as u64) {
                Ok(value) => all.push(value),
                Err(AllocError) => refused += 1,
            }
        }
        assert_eq!((refused, pool.live(), pool.capacity()), (1, 300, 512));
        assert!(all.iter().enumerate().all(|(n, value)| **value == n as u64));
    }
}

#[test]
fn a_reset_keeps_the_slots() {
    let mut pool = watched::<u64>();
    for _ in 0..3 {
        let all: std::collections::BTreeSet<_> = (0..200).map(|_| pool.acquire().unwrap()).collect();
        assert_eq!((all.len(), pool.live(), slots(&pool)), (200, 200, vec![64, 64, 128]));
        // SAFETY: it was acquired, and is given back once.
        unsafe { pool.release(*all.first().unwrap()) };
        pool.reset();
        assert_eq!((pool.live(), pool.free(), pool.backing().asked.get()), (0, 256, 3));
    }
    pool.free_all();
    assert_eq!((pool.capacity(), pool.free(), slots(&pool)), (0, 0, vec![]));
    assert_eq!(pool.acquire().map(|_| slots(&pool)), Ok(vec![64]));
}

#[test]
fn pooled_values_are_dropped_once() {
    let counted = Rc::new(());
    let pool = watched::<Rc<()>>().limit(2);
    let mut first = pool.create(counted.clone()).unwrap();
    let second = pool.create(counted.clone()).unwrap();
    // The value of a refused request is dropped.
    assert!(pool.create(counted.clone()).is_err());
    assert_eq!((Rc::strong_count(&counted), pool.live()), (3, 2));
    *first = Rc::new(());
    assert_eq!((Rc::strong_count(&counted), format!("{first:?}")), (2, "()".to_owned()));
    let taken = Pooled::into_inner(second);
    assert_eq!((Rc::strong_count(&counted), pool.live()), (2, 1));
    drop((taken, first));
    assert_eq!((Rc::strong_count(&counted), pool.live(), pool.free()), (1, 0, 2));
}

#[test]
fn a_slot_comes_back_when_the_destructor_panics() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("while it is dropped");
        }
    }
    let pool = watched::<Panics>();
    let value = pool.create(Panics).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(value))).is_err());
    assert_eq!((pool.live(), pool.free()), (0, pool.capacity()));
}

#[test]
fn who_may_send_and_share_it() {
    type Pool<T, A> = PoolAllocator<T, A>;
    assert!(is!(Pool<u8, System>, Send) && is!(Pool<Rc<u8>, System>, Send) && !is!(Pool<u8, Rc<System>>, Send));
    assert!(!is!(Pool<u8, System>, Sync) && !is!(Pooled<'_, u8, System>, Send) && !is!(Pooled<'_, u8, System>, Sync));
}

proptest! {
    #[test]
    fn any_steps(steps in drill::steps(64, 4), refused in prop::option::of(0..3_usize), limit in 0..40_usize) {
        let mut pool = PoolAllocator::<[u64; 4], _>::new_in(Watched::refusing(refused)).limit(limit);
        for _ in 0..2 {
            drill::take_steps(&&pool, &steps);
            prop_assert_eq!(pool.live(), 0);
            prop_assert!(pool.capacity() <= limit);
            pool.reset();
        }
    }

    #[test]
    fn exactly_as_the_model(takes in prop::collection::vec(prop::option::of(any::<usize>()), 0..400)) {
        let pool = watched::<usize>();
        let mut model: Vec<(usize, Pooled<'_, usize, Watched>)> = Vec::new();
        let mut most = 0;
        for (number, step) in takes.into_iter().enumerate() {
            match step {
                Some(which) if !model.is_empty() => drop(model.swap_remove(which % model.len())),
                _ => model.push((number, pool.create(number).unwrap())),
            }
            most = usize::max(most, model.len());
            let capacity = if most == 0 { 0 } else { most.next_power_of_two().max(64) };
            prop_assert_eq!((pool.live(), pool.capacity()), (model.len(), capacity));
            prop_assert!(model.iter().all(|(number, value)| *number == **value));
        }
    }
}
