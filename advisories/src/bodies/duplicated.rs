//! A collection makes two owners of one element, and nobody panics.

use std::mem;

use algorithmica::sort::merge_sort;
use arenavec::region::{Arena, SliceVec};
use arenavec::{ArenaBacking, common};
use crossbeam::queue::SegQueue;
use http::HeaderMap;
use slice_ring_buffer::SliceRingBuffer;

/// The halves are read out of the slice, and written back over what is still in it, which is dropped.
pub fn algorithmica_2021_0053() {
    let mut words = ["pear".to_owned(), "apple".to_owned()];
    merge_sort::sort(&mut words);
}

/// `split_off` gives the second half away, and keeps it.
pub fn arenavec_split_2025_0053() {
    let arena = Arena::init_capacity(ArenaBacking::SystemAllocation, 4096).expect("there is memory");
    let token = arena.generation_token().expect("it is the first");
    let mut numbers: SliceVec<'_, Box<u64>> = common::SliceVec::new(token.weak());
    numbers.push(Box::new(1));
    numbers.push(Box::new(2));
    drop(numbers.split_off(1));
}

/// What was popped is dropped once more, some time later, with the segment of the queue that it stood in.
pub fn crossbeam_2018_0009() {
    let queue: SegQueue<Vec<u8>> = SegQueue::new();
    for number in 0..5000 {
        queue.push(vec![0; 24 + number % 8]);
        drop(queue.try_pop());
    }
}

/// A drain that is forgotten leaves its elements in the map.
pub fn http_2019_0034() {
    let mut headers: HeaderMap<Box<u64>> = HeaderMap::default();
    headers.insert("accept", Box::new(1));
    let mut drained = headers.drain();
    let first = drained.next();
    mem::forget(drained);
    drop(first);
}

/// `shrink_to_fit` copies the elements into a smaller buffer, and drops those in the larger one.
pub fn slice_ring_buffer_2025_0044() {
    let mut numbers = SliceRingBuffer::with_capacity(4096);
    numbers.push_back(Box::new(1_u64));
    numbers.shrink_to_fit();
}
