//! Seeded bugs and their clean twins, each with everything that its report must say; and bodies that are innocent.
//!
//! Every body is ignored, for half of them must fail. The table starts this binary again for one body after the other,
//! and holds exit status and report file against the row.
#![cfg(all(target_os = "linux", not(oomsweep_portable)))]

#[path = "../common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

mod kit;

mod abort_absurd;
mod abort_benign;
mod abort_format;
mod abort_later;
mod abort_push;
mod baseline;
mod benign;
mod crash_null;
mod crash_overflow;
mod crash_signal;
mod exempt;
mod exit;
mod fd_leak;
mod fixtures;
mod hang;
mod incomplete;
mod known;
mod leak_cycle;
mod leak_errdefer;
mod leak_owner;
mod leak_plain;
mod leak_second_path;
mod leak_sticky;
mod leak_two_places;
mod leaks_only;
mod no_points;
mod not_reached;
mod panic_explicit;
mod panic_in_drop;
mod panic_leak;
mod panic_unwrap;
mod should_panic;
mod shrink;
mod swallowed;
mod unit;
mod untracked;
mod wrong_error;

mod innocent_first_use;
mod innocent_output;
mod innocent_state;
mod innocent_threads;

mod engines;
mod table;
mod table_innocent;
mod table_policy;
mod table_run;

/// Holds a row against the file of its module.
#[track_caller]
fn hold(row: &common::Row) {
    let module = row.module();
    let (_, text) =
        SOURCES.iter().find(|(name, _)| *name == module).unwrap_or_else(|| panic!("no source of `{module}`"));
    row.check(&format!("tests/corpus/{module}.rs"), text);
}

macro_rules! sources {
    ($($module:ident)*) => {
        &[$((stringify!($module), include_str!(concat!(stringify!($module), ".rs"))),)*]
    };
}

/// The text of every module that holds bodies, for its marked lines.
const SOURCES: &[(&str, &str)] = sources! {
    abort_absurd abort_benign abort_format abort_later abort_push baseline benign crash_null crash_overflow crash_signal
    exempt exit fd_leak fixtures hang incomplete known leak_cycle leak_errdefer leak_owner leak_plain leak_second_path
    leak_sticky leak_two_places leaks_only no_points not_reached panic_explicit panic_in_drop panic_leak panic_unwrap
    should_panic shrink swallowed unit untracked wrong_error
    innocent_first_use innocent_output innocent_state innocent_threads
};
