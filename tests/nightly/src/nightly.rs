//! The standard library's own collections over allocators of oomsweep, and hashbrown's beside them, whichever of the traits are there
//! and whether allocator-api2 0.2 has one of its own.
#![feature(allocator_api, btreemap_alloc)]

/// Where the allocators have the standard library's trait: under its own name, or under allocator-api2's.
#[cfg(any(feature = "std-trait", all(feature = "foreign-traits", feature = "one-trait")))]
mod std_collections;
#[cfg(any(feature = "std-trait", all(feature = "foreign-traits", feature = "one-trait")))]
mod own_allocators;

/// Where they have the trait that hashbrown takes.
#[cfg(any(feature = "foreign-traits", all(feature = "std-trait", feature = "one-trait")))]
mod hashbrown;

/// Where they have that trait and another: one value serves both.
#[cfg(all(feature = "std-trait", feature = "foreign-traits"))]
mod both;

use oomsweep::{EngineChoice, Report};

/// The sweep ends so, trial by trial, however the points are tried.
#[track_caller]
fn expect(sweep: impl Fn(EngineChoice) -> Report, wanted: &[&str]) {
    for engine in [EngineChoice::Auto, EngineChoice::BruteForce] {
        let report = sweep(engine);
        let trials: Vec<String> =
            report.trials().iter().map(|trial| format!("{} {}", trial.fault, trial.verdict)).collect();
        assert_eq!(trials, wanted, "{report}");
    }
}
