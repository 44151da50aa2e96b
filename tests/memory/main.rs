//! The checker of memory, checked: seeded errors and leaks with everything that their reports must say, their clean twins, and
//! large innocent bodies.
//!
//! Every body is ignored, for half of them must fail. The tables start this binary again for one body after the other, and hold
//! exit status and report file against the row.
#![cfg(all(target_os = "linux", not(oomsweep_portable)))]

#[path = "../common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

mod kit;
mod seed;

mod double_free;
mod invalid_free;
mod never_written;
mod on_demand;
mod overflow;
mod underflow;
mod use_after_free;
mod wrong_layout;

mod held;
mod held_elsewhere;
mod late_threads;
mod lost;
mod soak;

mod table_bytes;
mod table_calls;
mod table_leaks;
mod table_threads;

/// Holds a row against the file of its module.
#[track_caller]
fn hold(row: &common::Row) {
    let module = row.module();
    let (_, text) =
        SOURCES.iter().find(|(name, _)| *name == module).unwrap_or_else(|| panic!("no source of `{module}`"));
    row.check(&format!("tests/memory/{module}.rs"), text);
}

macro_rules! sources {
    ($($module:ident)*) => {
        &[$((stringify!($module), include_str!(concat!(stringify!($module), ".rs"))),)*]
    };
}

/// The text of every module that holds bodies, for its marked lines.
const SOURCES: &[(&str, &str)] = sources! {
    double_free invalid_free never_written on_demand overflow underflow use_after_free wrong_layout
    held held_elsewhere late_threads lost
};
