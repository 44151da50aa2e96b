//! thin-vec 0.2: a vector of one pointer. It has no fallible call at all.
//!
//! Expected: an empty one points at a shared static and asks for nothing; every growth, clone and shrink aborts. That is a
//! finding where the strict question is asked, and `skipped` where infallible allocation is the crate's policy.

use std::hint::black_box;

use oomsweep::{Infallible, Sweep};
use thin_vec::ThinVec;

use crate::expect;

#[test]
fn empty() {
    let sweep = |engine| {
        Sweep::new("thin_vec::empty").engine(engine).run(|| {
            let v: ThinVec<u32> = ThinVec::new();
            black_box(v.clone());
        })
    };
    expect(sweep, &[], &["1 no-points"]);
}

/// Room for 4, 8 and 16, then the clone and the shrink.
fn grow_clone_shrink() {
    let mut v: ThinVec<u32> = ThinVec::new();
    for i in 0..10 {
        v.push(i);
    }
    black_box(v.clone());
    v.shrink_to_fit();
    black_box(&v);
}

#[test]
fn infallible() {
    let sweep = |engine| Sweep::new("thin_vec::infallible").engine(engine).run(grow_clone_shrink);
    expect(sweep, &["once: 5 abort", "persistent: 5 abort"], &["10 abort"]);
}

#[test]
fn infallible_by_policy() {
    let sweep = |engine| {
        Sweep::new("thin_vec::infallible_by_policy").engine(engine).infallible(Infallible::Skip).run(grow_clone_shrink)
    };
    expect(sweep, &["once: 5 skipped", "persistent: 5 skipped"], &[]);
}
