//! Which fault next, what it came to, and who tries it.
//!
//! ```text
//! test ── starts ──> worker (never runs the body)
//!                      │ fork
//!                      ▼
//!                    server: warms up, then waits for orders ──┐ (or never runs the body, if its threads would stay behind)
//!                      │ raw clone                             │
//!                      ▼                                       │ order, answer: a mailbox in shared pages
//!                    runner: trial after trial while           │
//!                    nothing dies, then a plain run <──────────┘
//! ```

mod again;
mod births;
pub(crate) mod board;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod branches;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
pub(crate) mod carry;
#[cfg(not(all(target_os = "linux", not(oomsweep_portable))))]
#[path = "no_carry.rs"]
pub(crate) mod carry;
pub(crate) mod crew;
pub(crate) mod digest;
mod distinct;
pub(crate) mod excuse;
pub(crate) mod in_place;
pub(crate) mod order;
mod interrupt;
mod plain;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod room;
mod rounds;
pub(crate) mod runner;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
pub(crate) mod server;
pub(crate) mod standing;
pub(crate) mod supervisor;
mod swept;
mod tactics;
mod unsettled;
pub(crate) mod verdict;
pub(crate) mod warm;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
pub(crate) mod watchdog;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
pub(crate) mod worker;
