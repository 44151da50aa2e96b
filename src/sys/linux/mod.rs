//! Linux: processes, signals, pages, descriptors and threads.

mod actions;
#[cfg(test)]
mod alone;
pub(crate) mod clock;
pub(crate) mod cores;
pub(crate) mod family;
pub(crate) mod fds;
pub(crate) mod futex;
pub(crate) mod interrupts;
pub(crate) mod locals;
pub(crate) mod malloc;
pub(crate) mod mapping;
pub(crate) mod maps;
mod modules;
#[cfg(target_arch = "x86_64")]
mod operand;
pub(crate) mod output;
pub(crate) mod pages;
pub(crate) mod place;
pub(crate) mod process;
mod raw;
mod resident;
pub(crate) mod roots;
pub(crate) mod seen;
pub(crate) mod shared;
pub(crate) mod signals;
pub(crate) mod state;
pub(crate) mod terminal;
pub(crate) mod threads;
pub(crate) mod world;

/// Whether this platform can try points in processes of their own.
pub(crate) const HAS_PROCESSES: bool = true;

/// The system's number for "there is no such child".
pub(crate) const NO_CHILD: i32 = libc::ECHILD;

/// The calling thread's `errno`, to be put back by [`set_errno`] around what must not be seen.
#[inline]
pub(crate) fn errno() -> i32 {
    // SAFETY: `__errno_location` returns the address of the calling thread's own errno, valid for the thread's life.
    unsafe { *libc::__errno_location() }
}

/// Puts `errno` back.
#[inline]
pub(crate) fn set_errno(value: i32) {
    // SAFETY: as in `errno`.
    unsafe { *libc::__errno_location() = value };
}

/// Leaves the mark that C's `malloc` leaves when it has nothing: `errno` is `ENOMEM`.
#[inline]
pub(crate) fn no_memory() {
    set_errno(libc::ENOMEM);
}

/// Writes bytes to descriptor 2, as far as that goes. Allocates nothing; for signal handlers.
pub(crate) fn write_error(bytes: &[u8]) {
    // SAFETY: the buffer is valid for its length.
    unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
}
