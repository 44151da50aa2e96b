//! Sweeps as users write them, for `benches/figures` to time: each test by itself, as a process.

#[path = "../src/body.rs"]
mod body;
#[path = "figures/bare.rs"]
mod bare;
#[path = "figures/bodies.rs"]
mod bodies;

use bodies::{aborting, forgetting, passing};
use body::{Refused, held, work};
use oomsweep::model::options::EngineChoice;
use oomsweep::{Faults, Sweep, alloc_test};

/// The sweep of so many held blocks, in each of its ways.
macro_rules! sweeps {
    ($($name:ident: $count:literal)*) => {$(
        mod $name {
            use super::*;

            #[alloc_test]
            fn default() -> Result<(), Refused> {
                held::<$count>()
            }

            #[alloc_test(faults(once))]
            fn once() -> Result<(), Refused> {
                held::<$count>()
            }

            #[alloc_test(faults(persistent))]
            fn persistent() -> Result<(), Refused> {
                held::<$count>()
            }

            /// A new process for every fault.
            #[test]
            fn brute_force() {
                let name = concat!(stringify!($name), "::brute_force");
                Sweep::new(name).engine(EngineChoice::BruteForce).check(held::<$count>);
            }
        }
    )*};
}

sweeps! { n20: 20 n100: 100 n1000: 1_000 n10000: 10_000 }

/// Every point ends the process.
#[test]
fn all_abort() {
    let report = Sweep::new("all_abort").faults(Faults::ONCE).run(aborting::<100>);
    assert!(report.coverage.tried == 100 && !report.is_clean(), "{report}");
}

/// Every point leaks what was made before it.
#[test]
fn all_leak() {
    let report = Sweep::new("all_leak").faults(Faults::ONCE).run(forgetting::<100>);
    assert!(report.coverage.tried == 100 && !report.is_clean(), "{report}");
}

/// A hundred milliseconds of work before the first of a thousand points.
#[alloc_test]
fn after_work() -> Result<(), Refused> {
    work();
    held::<1_000>()
}

/// What stands before and behind every sweep: no fault is tried.
#[alloc_test(leaks_only)]
fn passing_plain() -> Result<(), Refused> {
    passing::<1_000>(|| ())
}

#[alloc_test]
fn passing_swept() -> Result<(), Refused> {
    passing::<1_000>(|| ())
}

/// Where a copy of the process would be made to take a fault, one is made to take none.
#[alloc_test(leaks_only)]
fn passing_bare() -> Result<(), Refused> {
    let mut copies = bare::Copies::new();
    let done = passing::<1_000>(|| copies.make());
    copies.tell();
    done
}
