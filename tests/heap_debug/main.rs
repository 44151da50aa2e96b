mod seeds;
use oomsweep::heap::*;
use std::alloc::System;

#[test]
fn show() {
    let heap = DebugAllocator::new(System);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| seeds::double_free(&heap)));
    caught.unwrap_err();
    seeds::leak_three(&heap);
    seeds::leak_one(&heap);
    let b = seeds::take(&heap, 20);
    seeds::poke(b, 20);
    println!("{}", heap.check().unwrap_err());
    seeds::give(&heap, b, 20);
    seeds::poke(b, 3);
    println!("=====\n{}", heap.deinit().unwrap_err());
}
