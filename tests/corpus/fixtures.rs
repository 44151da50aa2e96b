//! Cases and fixtures of rstest: each case is a sweep of its own, what rstest builds is never failed.

use std::collections::TryReserveError;

use oomsweep::alloc_test;
use rstest::{fixture, rstest};

use super::kit::bytes;

#[fixture]
fn stock() -> Vec<String> {
    vec!["bolts".to_owned(), "nuts".to_owned()]
}

#[rstest]
#[case::few(1)]
#[case::many(3)]
#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn below(stock: Vec<String>, #[case] blocks: usize) -> Result<(), TryReserveError> {
    (1..=blocks).try_for_each(|size| bytes!(size + stock.len()).map(drop))
}

#[alloc_test]
#[rstest]
#[case::few(1)]
#[case::many(3)]
#[ignore = "clean twin: run by the table"]
fn above(stock: Vec<String>, #[case] blocks: usize) -> Result<(), TryReserveError> {
    (1..=blocks).try_for_each(|size| bytes!(size + stock.len()).map(drop))
}

/// Only one of the two cases has the bug.
#[rstest]
#[case::honest(false)]
#[case::silent(true)]
#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn one_of_two(stock: Vec<String>, #[case] silent: bool) -> Result<(), TryReserveError> {
    let room = bytes!(stock.len()); // HERE: failed
    if silent { Ok(()) } else { room.map(drop) }
}
