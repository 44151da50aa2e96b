//! A collection writes behind its block.

use arenavec::region::{Arena, SliceVec};
use arenavec::{ArenaBacking, common};
use smallvec_1_6::SmallVec;

/// A vector at the end of its arena grows where it stands, whether the arena goes on or not.
pub fn arenavec_push_2025_0053() {
    let arena = Arena::init_capacity(ArenaBacking::SystemAllocation, 4096).expect("there is memory");
    let token = arena.generation_token().expect("it is the first");
    let mut numbers: SliceVec<'_, u64> = common::SliceVec::new(token.weak());
    for number in 0..512 {
        numbers.push(number);
    }
}

/// An iterator that cannot tell how much will come finds room for itself, and none for what is moved up.
pub fn smallvec_2021_0003() {
    let mut numbers: SmallVec<[u64; 1]> = SmallVec::with_capacity(8);
    numbers.extend([1, 2, 3, 4, 5, 6]);
    numbers.insert_many(0, (10..20).filter(|number| number % 2 == 0));
}
