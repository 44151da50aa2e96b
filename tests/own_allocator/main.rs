//! A testing allocator round an allocator of the program's own, which counts. Outside a run one call is exactly one call inside,
//! with the caller's own arguments and answer. In a run the allocator inside is asked for nothing: blocks stand in the testing
//! allocator's own place. And every block goes back to where it came from, whenever that is.
//!
//! Built by `cargo test --no-default-features --test own_allocator`.
#![cfg(all(target_os = "linux", not(feature = "global")))]

#[path = "../common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

mod block;
mod calls;
mod counting;

use std::alloc::System;
use std::hint::black_box;
use std::mem;

use oomsweep::{TestingAllocator, alloc_test, benign};
use rstest::rstest;
use serde_json::Value::Null;

use block::{Block, Home, Refused, of};
use common::{Row, clean, failing, want};
use counting::Counting;

#[global_allocator]
static ALLOCATOR: TestingAllocator<Counting<System>> = TestingAllocator::new(Counting(System));

// Seeded bugs, each with its twin, in processes of their own.

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn leaks() -> Result<(), Refused> {
    let first = Block::filled(Home::Store, of(48, 16), 1)?;
    let second = Block::filled(Home::Store, of(20, 4), 1);
    if second.is_err() {
        mem::forget(first);
    }
    second.map(drop)
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn keeps() -> Result<(), Refused> {
    let first = Block::filled(Home::Store, of(48, 16), 1)?;
    let second = Block::filled(Home::Store, of(20, 4), 1);
    if second.is_err() {
        drop(first);
    }
    second.map(drop)
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn loses_what_did_not_grow() -> Result<(), Refused> {
    let mut block = Block::filled(Home::Store, of(40, 4096), 1)?;
    let grown = block.resize(4000);
    if grown.is_err() {
        mem::forget(block);
    }
    grown
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn frees_what_did_not_grow() -> Result<(), Refused> {
    let mut block = Block::filled(Home::Store, of(40, 4096), 1)?;
    block.resize(4000)
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn loses_what_could_not_grow() -> Result<(), Refused> {
    let mut block = Block::filled(Home::Store, of(40, 4096), 1)?;
    assert!(benign(|| block.resize(1 << 46)).is_err());
    let second = Block::filled(Home::Store, of(20, 4), 1);
    if second.is_err() {
        mem::forget(block);
    }
    second.map(drop)
}

/// No system has this much.
#[alloc_test(infallible = "skip")]
#[ignore = "seeded bug: run by the table"]
fn asks_for_too_much() -> Result<(), Refused> {
    let room = Block::filled(Home::Store, of(24, 1), 1);
    if room.is_err() {
        drop(black_box(Vec::<u8>::with_capacity(black_box(1 << 46)))); // HERE: absurd
    }
    room.map(drop)
}

#[rstest]
#[case::leak(failing("leaks").trials("error leak error leak").finds(want("leak", "once@1", 2).block(48, 1)))]
#[case::leak_twin(clean("keeps").trials("error*4"))]
#[case::resized(failing("loses_what_did_not_grow").trials("error leak error leak")
    .finds(want("leak", "once@1", 2).block(40, 1).has("/failed_request/old_size", 40)))]
#[case::resized_twin(clean("frees_what_did_not_grow").trials("error*4"))]
#[case::too_large(failing("loses_what_could_not_grow").trials("error tolerated leak error leak leak")
    .finds(want("leak", "once@2", 3).block(40, 1)))]
#[case::real(failing("asks_for_too_much").trials("abort skipped")
    .finds(want("abort", "once@0", 1).culprit("absurd").has("/culprit/injected", Null)))]
fn bugs_are_found(#[case] row: Row) {
    row.check("tests/own_allocator/main.rs", include_str!("main.rs"));
}
