use allocator_api2_02::vec::Vec;
use oomsweep::heap::{ArenaAllocator, Keep};

fn main() {
    let mut arena = ArenaAllocator::new();
    let mut bytes = Vec::new_in(&arena);
    bytes.push(1);
    arena.reset(Keep::Capacity).unwrap();
    bytes.push(2);
}
