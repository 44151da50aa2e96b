//! Many values of one type that come and go: `cargo run --example allocators_pool`.
//!
//! A pool asks for room for several values at once, and what is given back is the first to be taken again. `create` puts a value into a
//! slot, and the slot comes back when the value is dropped; and a reference to the pool is an allocator for boxes of that size.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use allocator_api2_02::boxed::Box;
use oomsweep::Sweep;
use oomsweep::heap::adapt::Global;
use oomsweep::heap::{AllocError, Allocator, CountingAllocator, PoolAllocator};

fn main() {
    let counting = CountingAllocator::new(Global);
    let pool = PoolAllocator::<Spark, _>::with_capacity_in(8, &counting).expect("memory").limit(8);
    let lived = fly(&pool, 100).expect("there is room for eight");
    println!(
        "100 sparks flew for {lived} steps in {} slots, for which memory was asked for {} time.",
        pool.capacity(),
        counting.stats().allocations
    );

    let flying: Vec<_> = (1..=8).map_while(|steps| pool.create(Spark { steps }).ok()).collect();
    println!("{} fly at once, and the next: {:?}", flying.len(), pool.create(Spark { steps: 1 }).err());
    drop(flying);

    let chained = Links::new();
    let chain = link(&chained, 5).expect("memory");
    println!(
        "A chain of boxes in a pool adds up to {}; {} of {} slots are taken.",
        sum(&chain),
        chained.live(),
        chained.capacity()
    );
    drop(chain);

    println!("\nAnd when there is no memory for the pool:\n");
    let report = Sweep::new("sparks_fly").run_alloc(["backing"], |[backing]| fly(&PoolAllocator::new_in(backing), 300));
    println!("{report}");
}

#[derive(Debug)]
struct Spark {
    steps: u32,
}

/// Every step a new spark flies up, until there are so many, and some go out. Says for how many steps they lived together.
fn fly<A: Allocator>(pool: &PoolAllocator<Spark, A>, sparks: u32) -> Result<u32, AllocError> {
    let mut flying = [const { None }; 8];
    let mut lived = 0;
    for number in 0..sparks {
        let place = number as usize % flying.len();
        flying[place] = None; // Its slot is free again, and the next to be taken.
        flying[place] = Some(pool.create(Spark { steps: number % 5 })?);
        for spark in flying.iter_mut().flatten().filter(|spark| spark.steps > 0) {
            spark.steps -= 1;
            lived += 1;
        }
    }
    Ok(lived)
}

/// Slots of three words, which is what a [`Link`] takes.
type Links = PoolAllocator<[usize; 3]>;

/// A link of a chain whose links are boxes in a pool.
struct Link<'p> {
    number: usize,
    next: Option<Box<Link<'p>, &'p Links>>,
}

fn link(pool: &Links, links: usize) -> Result<Box<Link<'_>, &Links>, AllocError> {
    let next = if links > 1 { Some(link(pool, links - 1)?) } else { None };
    Box::try_new_in(Link { number: links, next }, pool).map_err(|_| AllocError)
}

fn sum(link: &Link<'_>) -> usize {
    link.number + link.next.as_deref().map_or(0, sum)
}

#[cfg(test)]
mod tests {
    use oomsweep::{TestAlloc, alloc_test};

    use super::*;

    #[alloc_test]
    fn no_slot_is_lost(backing: TestAlloc) -> Result<(), AllocError> {
        let pool = PoolAllocator::new_in(backing);
        let flown = fly(&pool, 200);
        assert_eq!(pool.live(), 0);
        flown.map(drop)
    }
}
