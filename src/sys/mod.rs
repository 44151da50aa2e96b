//! The operating system, one job a function, with a portable twin that lacks processes.
//!
//! Nothing here knows what a trial is. The functions that may be called inside the allocator call say so.

#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
mod linux;
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
pub(crate) use linux::*;

#[cfg(not(all(target_os = "linux", not(oomsweep_portable))))]
mod portable;
#[cfg(not(all(target_os = "linux", not(oomsweep_portable))))]
pub(crate) use portable::*;

pub(crate) mod bytes;
pub(crate) mod stacks;
pub(crate) mod time;
pub(crate) mod words;
