//! Walking the stack, without allocating.

use std::ffi::c_void;

use crate::model::stack::RawStack;

/// Writes the return addresses of the calling thread into `into`, innermost first, as far as the first frame whose stack
/// pointer is above `cut` (0: no cut).
///
/// Makes no allocation and takes no lock of Rust's; with glibc 2.35 and later the unwinder takes none either. May be called
/// inside the allocator call and in a signal handler.
#[inline(never)]
pub(crate) fn capture(into: &mut RawStack, cut: usize) {
    into.clear();
    walk(|frame| {
        if cut != 0 && frame.sp() as usize > cut {
            return false;
        }
        into.push(frame.ip() as usize)
    });
}

/// Writes the return addresses of the calling thread into `into`, from the first frame on whose stack pointer is above `below`,
/// innermost first, and `most` of them at the most. Where a frame's stack pointer is not known, the frame counts.
///
/// As for [`capture`], nothing is allocated and no lock is taken.
#[inline(never)]
pub(crate) fn capture_above(into: &mut RawStack, below: usize, most: usize) {
    into.clear();
    walk(|frame| {
        let at = frame.sp() as usize;
        let inside = at != 0 && at <= below;
        inside || (into.ips().len() < most && into.push(frame.ip() as usize))
    });
}

/// Waits until no other thread resolves a stack.
#[cfg_attr(not(all(target_os = "linux", not(oomsweep_portable))), allow(dead_code, reason = "nobody forks there"))]
pub(crate) fn wait_for_lock() {
    // It walks under the lock under which stacks are resolved.
    backtrace::trace(|_| false);
}

/// Writes the stack that a signal interrupted into `into`: from the interrupted instruction `pc` outwards (0: from here). The
/// instruction itself is put down one higher, since the others are return addresses. It ends at the first frame whose stack pointer
/// is above `cut` (0: no cut). Returns whether the stack held `handler`.
#[inline(never)]
pub(crate) fn capture_interrupted(into: &mut RawStack, pc: usize, handler: usize, cut: usize) -> bool {
    into.clear();
    let mut seen = false;
    let mut found = false;
    let mut room = true;
    let mut left = 100_000_u32;
    walk(|frame| {
        let ip = frame.ip() as usize;
        // The handler has a stack of its own, whose place tells nothing.
        room = room && !(found && cut != 0 && frame.sp() as usize > cut);
        seen = seen || frame.symbol_address() as usize == handler;
        if pc != 0 && ip == pc {
            into.clear();
            found = true;
            room = into.push(ip.wrapping_add(1));
        } else if room {
            room = into.push(ip);
        }
        left = left.wrapping_sub(1);
        left != 0
    });
    seen
}

fn walk(mut each: impl FnMut(&backtrace::Frame) -> bool) {
    // SAFETY: `trace_unsynchronized` asks that no other thread uses the crate's *symbolication* state at the same time; a
    // walk with `_Unwind_Backtrace` has no state of its own, and on other platforms the callers hold the hook's re-entry
    // flag on their own thread only, where the walk is a pure read of the stack.
    unsafe { backtrace::trace_unsynchronized(|frame| each(frame)) };
}

/// Where the calling function's frame is, or one that it was made part of: the register, for a sanitizer may keep a local
/// elsewhere.
#[inline(always)]
pub(crate) fn pointer() -> usize {
    let sp: usize;
    // SAFETY: copies a register.
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    unsafe {
        std::arch::asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    // SAFETY: as above.
    #[cfg(all(target_arch = "aarch64", target_pointer_width = "64"))]
    unsafe {
        std::arch::asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), target_pointer_width = "64")))]
    {
        let here = 0_u8;
        sp = &raw const here as usize;
    }
    sp
}

/// How far below its caller [`scrub`] wipes, in bytes.
const SCRUBBED: usize = 64 * 1024;

/// Wipes what calls that have returned left on the stack below the caller: frames that come to lie there later would have it in
/// slots that they have not written yet, and a search for pointers would take it for theirs; or they would copy it to the heap, in
/// the padding of what they put there.
#[inline(never)]
pub(crate) fn scrub() {
    let mut room = std::mem::MaybeUninit::<[u8; SCRUBBED]>::uninit();
    let room = std::hint::black_box(&mut room);
    // SAFETY: a local of this function.
    unsafe { super::bytes::set(room.as_mut_ptr() as usize, 0, SCRUBBED) };
    std::hint::black_box(room);
}

/// The address of the function that the standard library calls when an infallible API gets no memory.
pub(crate) fn alloc_error_handler() -> usize {
    std::alloc::handle_alloc_error as *const c_void as usize
}

/// The first instruction of the function that a return address lies in; 0 if unknown.
#[cfg(all(target_os = "linux", not(oomsweep_portable)))]
pub(crate) fn enclosing_function(ip: usize) -> usize {
    unsafe extern "C" {
        fn _Unwind_FindEnclosingFunction(pc: *mut c_void) -> *mut c_void;
    }
    // SAFETY: the unwinder only looks the number up in its tables.
    unsafe { _Unwind_FindEnclosingFunction(ip.wrapping_sub(1) as *mut c_void) as usize }
}

/// The first instruction of the function that a return address lies in; 0 if unknown.
#[cfg(not(all(target_os = "linux", not(oomsweep_portable))))]
pub(crate) fn enclosing_function(_ip: usize) -> usize {
    0
}
