//! 200 tests with the attribute in one binary, all at once.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::Run;

macro_rules! crowd {
    ($($group:ident)*) => {
        $(mod $group {
            crowd!(@tests t0 t1 t2 t3 t4 t5 t6 t7 t8 t9);
        })*
    };
    (@tests $($name:ident)*) => {
        $(
            #[oomsweep::alloc_test]
            #[ignore = "crowd: run by the test beside it"]
            fn $name() -> Result<(), crate::kit::Oom> {
                (1..=20).try_for_each(|size| crate::kit::bytes!(size).map(drop).map_err(crate::kit::Oom::from))
            }
        )*
    };
}

crowd!(g00 g01 g02 g03 g04 g05 g06 g07 g08 g09 g10 g11 g12 g13 g14 g15 g16 g17 g18 g19);

/// Every one passes, every one reports, nobody stays.
fn all_at_once(threads: &str) {
    let run = Run::new("crowd").args(&["crowd::g", "--ignored", "--test-threads", threads]);
    let ran = run.limit(Duration::from_secs(300)).go();
    ran.assert_nothing_left();
    assert_eq!(ran.status.code(), Some(0), "{}", ran.output());
    assert!(ran.stdout.contains("ok. 200 passed; 0 failed;"), "{}", ran.output());
    let files: BTreeSet<String> = ran.report_files().into_iter().collect();
    assert_eq!(files.len(), 200, "{files:?}");
    assert!(files.contains(&crate::common::report_name("crowd::g19::t9")), "{files:?}");
}

#[test]
fn on_two_threads() {
    all_at_once("2");
}

#[test]
fn on_sixty_four_threads() {
    all_at_once("64");
}
