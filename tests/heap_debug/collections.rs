//! What collections of others make of it.

use std::alloc::System;

use allocator_api2_02::boxed::Box as Box02;
use allocator_api2_02::vec::Vec as Vec02;
use oomsweep::heap::{DebugAllocator, DebugOptions};

use crate::backing::Backing;
use crate::seeds::leaked;

#[test]
fn vectors_and_boxes() {
    let backing = Backing::new();
    let heap = DebugAllocator::new(backing.clone());
    {
        let mut words: Vec02<Box02<str, _>, _> = Vec02::new_in(&heap);
        for n in 0..1000 {
            let mut text = Vec02::new_in(&heap);
            text.extend_from_slice(format!("word {n}").as_bytes());
            // SAFETY: the bytes of a text.
            let text = unsafe {
                let (text, heap) = Box02::into_raw_with_allocator(text.into_boxed_slice());
                Box02::from_raw_in(text as *mut str, heap)
            };
            words.push(text);
        }
        words.retain(|word| word.ends_with('7'));
        words.shrink_to_fit();
        assert!(words.iter().all(|word| word.starts_with("word ")));
        assert_eq!((words.len(), heap.live_blocks()), (100, 101));
        heap.check().unwrap();
    }
    assert_eq!((heap.live_blocks(), heap.live_bytes()), (0, 0));
    heap.deinit().unwrap();
    assert_eq!(backing.out(), 0);
}

#[test]
fn a_vector_that_was_forgotten() {
    let heap = DebugAllocator::with(System, DebugOptions::new().name("words"));
    let mut words = Vec02::new_in(&heap);
    words.extend(0..100_u32);
    std::mem::forget(words);
    let left = heap.deinit().unwrap_err();
    assert_eq!(leaked(&left), [(400, 4, 1)]);
    if cfg!(debug_assertions) {
        assert!(left.to_string().contains("tests/heap_debug/collections.rs"), "{left}");
        assert!(left.iter().next().unwrap().born.iter().any(|frame| frame.own), "{left}");
    }
}

#[test]
fn a_vector_that_owns_its_allocator() {
    let backing = Backing::new();
    let mut words = Vec02::new_in(DebugAllocator::new(backing.clone()));
    words.extend(0..100_u32);
    assert_eq!(words.allocator().live_blocks(), 1);
    drop(words);
    assert_eq!(backing.out(), 0);
}

#[test]
fn a_limit_is_an_error_of_the_collection() {
    let heap = DebugAllocator::with(System, DebugOptions::new().memory_limit(1000));
    let mut bytes = Vec02::<u8, _>::new_in(&heap);
    bytes.try_reserve_exact(1000).unwrap();
    bytes.try_reserve_exact(1001).unwrap_err();
    assert_eq!(bytes.capacity(), 1000);
    drop(bytes);
    heap.deinit().unwrap();
}
