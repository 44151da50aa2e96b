//! Every other platform, with nothing but the standard library: memory and time, and no processes.
//!
//! What this costs is said where it is missing. Points are tried in the process of the test, so an abort, a crash, an exit or a
//! hang ends the sweep, and nothing is told of it but what the system prints; descriptors are not counted; threads that a body
//! leaves behind are not waited for, so what they hold may be called a leak.
//!
//! Built and tested on Linux with `--cfg oomsweep_portable`. It was not tried on any other system: nothing here was compiled for
//! Windows, macOS, the BSDs or WebAssembly. `wasm32-unknown-unknown` is known not to do, for its standard library has no clock.

pub(crate) mod clock;
pub(crate) mod fds;
pub(crate) mod interrupts;
pub(crate) mod locals;
pub(crate) mod malloc;
pub(crate) mod mapping;
pub(crate) mod output;
pub(crate) mod pages;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod roots;
pub(crate) mod seen;
pub(crate) mod signals;
pub(crate) mod state;
pub(crate) mod threads;
pub(crate) mod world;

/// Whether this platform can try points in processes of their own.
pub(crate) const HAS_PROCESSES: bool = false;

/// C's `malloc` leaves a mark when it has nothing, `errno`; the standard library has no way to leave it.
#[inline]
pub(crate) fn no_memory() {}

/// Writes bytes to the standard error, as far as that goes. Allocates nothing: that stream has no buffer.
pub(crate) fn write_error(bytes: &[u8]) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(bytes);
}
