//! Where the program and its libraries lie, learnt while the loader's lock may be taken, and known afterwards without it.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use super::pages::{self, Share};
use super::state::Range;

const SEGMENTS: usize = 8192;
const LOCALS: usize = 2048;

/// What was learnt; in pages of our own.
struct Table {
    segments: [Segment; SEGMENTS],
    segment_count: AtomicUsize,
    locals: [Locals; LOCALS],
    locals_count: AtomicUsize,
}

struct Segment {
    from: AtomicUsize,
    len: AtomicUsize,
    writable: AtomicBool,
}

/// The thread-locals of one module.
struct Locals {
    module: AtomicUsize,
    len: AtomicUsize,
    align: AtomicUsize,
    /// The calling thread's.
    from: AtomicUsize,
}

static TABLE: AtomicPtr<Table> = AtomicPtr::new(std::ptr::null_mut());

/// Where it lies: it changes without the program's doing.
pub(super) fn bookkeeping() -> Range {
    Range::of(&TABLE)
}

/// What every thread has of one module.
#[derive(Debug, Clone, Copy)]
pub(super) struct ModuleLocals {
    /// The loader's number of the module.
    pub(super) module: usize,
    /// The learning thread's part.
    pub(super) range: Range,
    /// How it is aligned.
    pub(super) align: usize,
}

fn table() -> Option<&'static Table> {
    let known = TABLE.load(Ordering::Acquire);
    // SAFETY: only `learn` stores here, and what it stores stays mapped and is made of atomics.
    unsafe { known.as_ref() }
}

/// Learns where the modules lie. Takes the loader's lock; allocates nothing. One caller at a time.
pub(super) fn learn() {
    if table().is_none() {
        let Some(at) = pages::map(size_of::<Table>(), Share::Private) else { return };
        // Zeros are a valid table.
        TABLE.store(at.as_ptr().cast(), Ordering::Release);
    }
    let Some(table) = table() else { return };
    let mut counts = (0_usize, 0_usize);
    // SAFETY: the callback fits, and `counts` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(each_module), (&raw mut counts).cast()) };
    table.segment_count.store(counts.0, Ordering::Release);
    table.locals_count.store(counts.1, Ordering::Release);
}

unsafe extern "C" fn each_module(info: *mut libc::dl_phdr_info, _size: usize, counts: *mut libc::c_void) -> i32 {
    // SAFETY: the loader hands valid information, and `counts` is the pair of `learn`.
    let (info, (segments, locals)) = unsafe { (&*info, &mut *counts.cast::<(usize, usize)>()) };
    let Some(table) = table() else { return 1 };
    // SAFETY: the headers are an array of that length.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    for header in headers {
        let len = usize::try_from(header.p_memsz).unwrap_or(0);
        if header.p_type == libc::PT_LOAD
            && let Some(segment) = table.segments.get(*segments)
        {
            let from = usize::try_from(info.dlpi_addr.wrapping_add(header.p_vaddr)).unwrap_or(0);
            segment.from.store(from, Ordering::Relaxed);
            segment.len.store(len, Ordering::Relaxed);
            segment.writable.store(header.p_flags & libc::PF_W != 0, Ordering::Relaxed);
            *segments += 1;
        }
        if header.p_type == libc::PT_TLS
            && let Some(part) = table.locals.get(*locals)
        {
            part.module.store(info.dlpi_tls_modid, Ordering::Relaxed);
            part.len.store(len, Ordering::Relaxed);
            part.align.store(usize::try_from(header.p_align).unwrap_or(1), Ordering::Relaxed);
            part.from.store(info.dlpi_tls_data as usize, Ordering::Relaxed);
            *locals += 1;
        }
    }
    0
}

/// Every segment that was learnt of, code and constants too, and whether it is one of variables. Takes no lock.
pub(super) fn segments() -> impl Iterator<Item = (Range, bool)> {
    table().into_iter().flat_map(|table| {
        let count = table.segment_count.load(Ordering::Acquire);
        table.segments.iter().take(count).map(|segment| {
            let (from, len) = (segment.from.load(Ordering::Relaxed), segment.len.load(Ordering::Relaxed));
            (Range { from, len }, segment.writable.load(Ordering::Relaxed))
        })
    })
}

/// The thread-locals of every module that was learnt of and has any. Takes no lock.
pub(super) fn locals() -> impl Iterator<Item = ModuleLocals> {
    table().into_iter().flat_map(|table| {
        let count = table.locals_count.load(Ordering::Acquire);
        table.locals.iter().take(count).map(|part| ModuleLocals {
            module: part.module.load(Ordering::Relaxed),
            range: Range { from: part.from.load(Ordering::Relaxed), len: part.len.load(Ordering::Relaxed) },
            align: part.align.load(Ordering::Relaxed),
        })
    })
}
