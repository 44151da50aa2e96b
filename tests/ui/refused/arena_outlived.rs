use allocator_api2_02::vec::Vec;
use oomsweep::heap::ArenaAllocator;

fn out_of_the_function<'a>() -> Vec<u8, &'a ArenaAllocator> {
    let arena = ArenaAllocator::new();
    Vec::new_in(&arena)
}

fn out_of_the_scope() -> usize {
    let mut bytes;
    {
        let arena = ArenaAllocator::new();
        bytes = Vec::new_in(&arena);
        bytes.push(1);
    }
    bytes.len()
}

fn main() {}
