//! The second mistake, a block that goes to another allocator: `cargo run --example allocators_mistake_mixing`.
//!
//! What one allocator gave out, another is asked to take back: at best it aborts, at worst it takes it. A collection keeps its allocator
//! beside its block, so the mistake needs a raw pointer, which has forgotten whose it is.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use std::hint::black_box;

use allocator_api2_02::alloc::{AllocError, Allocator};
use allocator_api2_02::boxed::Box;
use oomsweep::Sweep;

fn main() {
    println!("A session from one allocator is freed by another:\n");
    println!("{}", Sweep::new("mixes").run_alloc(["sessions", "cache"], |[sessions, cache]| mixed(sessions, cache)));

    println!("The session keeps its allocator with it:\n");
    println!("{}", Sweep::new("keeps").run_alloc(["sessions", "cache"], |[sessions, cache]| kept(sessions, cache)));
}

struct Session {
    user: u64,
}

/// As C would hand it around.
fn mixed<A: Allocator, B: Allocator>(sessions: A, cache: B) -> Result<(), AllocError> {
    let session: *mut Session = Box::into_raw(Box::try_new_in(Session { user: 7 }, sessions)?);
    // SAFETY: none: it is not the cache's.
    let session = unsafe { Box::from_raw_in(black_box(session), cache) };
    assert_eq!(session.user, 7);
    Ok(())
}

/// A value and the allocator that it came from. It is what `Box<T, A>` is.
struct Owned<A: Allocator> {
    session: *mut Session,
    alloc: A,
}

impl<A: Allocator> Owned<A> {
    fn new(user: u64, alloc: A) -> Result<Owned<A>, AllocError> {
        let (session, alloc) = Box::into_raw_with_allocator(Box::try_new_in(Session { user }, alloc)?);
        Ok(Owned { session, alloc })
    }
}

impl<A: Allocator> Drop for Owned<A> {
    fn drop(&mut self) {
        // SAFETY: it came from this very allocator, and this is the end of it.
        drop(unsafe { Box::from_raw_in(self.session, &self.alloc) });
    }
}

fn kept<A: Allocator, B: Allocator>(sessions: A, cache: B) -> Result<(), AllocError> {
    let session = Owned::new(7, sessions)?;
    let cached = Box::try_new_in(8, cache)?;
    // SAFETY: it is there as long as its owner.
    assert!(unsafe { (*session.session).user } < *cached);
    Ok(())
}
