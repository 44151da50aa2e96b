//! What a process carries from one run to the next, as far as it can be seen cheaply: its statics, the thread-locals of the
//! calling thread, and a few things that the kernel keeps.

use std::ffi::CStr;
use std::mem::MaybeUninit;

/// A range of this process's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// Its first byte.
    pub(crate) from: usize,
    /// How many bytes.
    pub(crate) len: usize,
}

/// What the kernel keeps for the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel {
    umask: u32,
    folder: (u64, u64),
    blocked: u64,
    environment: usize,
}

/// The C library and the loader: their statics change with every allocation, and hold nothing of a body's but the environment.
const PASSED_OVER: [&[u8]; 5] = [b"/libc.so", b"/ld-linux", b"linux-vdso", b"/libgcc_s", b"/libpthread"];

/// The writable statics of the program and its libraries, but for those that the loader has made read-only when it had filled them, and
/// the calling thread's part of their thread-locals.
pub(crate) fn statics() -> Vec<Range> {
    // Room first: the loader's lock is held while the list is made.
    let mut found: Vec<Range> = Vec::with_capacity(256);
    // SAFETY: the callback fits, and `found` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(each_module), (&raw mut found).cast()) };
    found
}

unsafe extern "C" fn each_module(info: *mut libc::dl_phdr_info, _size: usize, found: *mut libc::c_void) -> i32 {
    // SAFETY: the loader hands valid information, and `found` is the Vec of `statics`.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<Range>>()) };
    let name = if info.dlpi_name.is_null() {
        &[]
    } else {
        // SAFETY: a C string that lives as long as the module.
        unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes()
    };
    if PASSED_OVER.iter().any(|part| name.windows(part.len()).any(|window| window == *part)) {
        return 0;
    }
    // SAFETY: the headers are an array of that length.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let loaded = |at: u64| usize::try_from(info.dlpi_addr.wrapping_add(at)).unwrap_or(0);
    let sealed = headers.iter().find(|header| header.p_type == libc::PT_GNU_RELRO).map_or((0, 0), |header| {
        let end = loaded(header.p_vaddr.saturating_add(header.p_memsz));
        (loaded(header.p_vaddr), end - end % super::pages::page_size())
    });
    for header in headers {
        let len = usize::try_from(header.p_memsz).unwrap_or(0);
        let from = match header.p_type {
            libc::PT_LOAD if header.p_flags & libc::PF_W != 0 => loaded(header.p_vaddr),
            libc::PT_TLS => info.dlpi_tls_data as usize,
            _ => 0,
        };
        for range in (Range { from, len }).without(sealed) {
            if from != 0 && range.len != 0 && found.len() < found.capacity() {
                found.push(range);
            }
        }
    }
    0
}

/// Statics of this crate that change without the program's doing: they belong to no state that a run leaves behind.
pub(crate) fn bookkeeping() -> Vec<Range> {
    let words = super::world::bookkeeping().into_iter().chain(super::seen::bookkeeping());
    let mut all: Vec<Range> = words.chain([super::pages::bookkeeping(), super::modules::bookkeeping()]).collect();
    all.sort_unstable_by_key(|range| range.from);
    all
}

/// The calling thread's stack from `from` to its outermost frame. On a thread that C's library made, the thread's own record
/// lies above the stack in the same mapping, and is left out: it holds what the thread was once started with.
pub(crate) fn stack_above(from: usize) -> Option<Range> {
    let map = mappings().into_iter().find(|map| map.holds(from))?;
    let end = map.end();
    let locals = statics().into_iter().map(|range| range.from).filter(|&start| start > from && start < end).min();
    Some(Range { from, len: locals.unwrap_or(end).saturating_sub(from) })
}

/// Every range that can be read and written, but for the statics that [`statics`] lists and the mapping that holds `stack`.
pub(crate) fn writable_memory(stack: usize) -> Vec<Range> {
    let known = statics();
    let is_known = |map: &Range| known.iter().any(|range| range.touches(*map));
    mappings().into_iter().filter(|map| !map.holds(stack) && !is_known(map)).collect()
}

impl Range {
    /// Where a value lies.
    pub(super) fn of<T>(value: &T) -> Range {
        Range { from: std::ptr::from_ref(value) as usize, len: size_of::<T>() }
    }

    /// Whether the address lies in it.
    pub(crate) fn holds(&self, address: usize) -> bool {
        address >= self.from && address.wrapping_sub(self.from) < self.len
    }

    /// Whether the two have a byte in common.
    pub(super) fn touches(&self, other: Range) -> bool {
        self.from < other.end() && other.from < self.end()
    }

    /// What lies before other addresses, and what lies behind them.
    fn without(self, (from, to): (usize, usize)) -> [Range; 2] {
        let end = self.end();
        if to <= self.from || from >= end || from >= to {
            return [self, Range { from: end, len: 0 }];
        }
        let behind = usize::min(to, end);
        [
            Range { from: self.from, len: from.saturating_sub(self.from) },
            Range { from: behind, len: end.saturating_sub(behind) },
        ]
    }

    /// The first byte behind it.
    pub(crate) fn end(&self) -> usize {
        self.from.saturating_add(self.len)
    }
}

/// The readable and writable mappings, as the system lists them (`proc(5)`, maps).
fn mappings() -> Vec<Range> {
    let Ok(list) = std::fs::read_to_string("/proc/self/maps") else { return Vec::new() };
    list.lines()
        .filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (from, to) = range.split_once('-')?;
            let (from, to) = (usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?);
            let device = rest.contains("/dev/");
            (rest.starts_with("rw") && !device).then_some(Range { from, len: to.checked_sub(from)? })
        })
        .collect()
}

/// How many times a module was loaded or unloaded in this process.
pub(crate) fn modules() -> u64 {
    unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _size: usize, changes: *mut libc::c_void) -> i32 {
        // SAFETY: the loader hands valid information, and `changes` is the number below.
        unsafe { *changes.cast::<u64>() = (*info).dlpi_adds.wrapping_add((*info).dlpi_subs) };
        1
    }
    let mut changes = 0_u64;
    // SAFETY: the callback fits, and `changes` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut changes).cast()) };
    changes
}

/// What the kernel keeps, as it is now. `alone`: this process is known to have no other thread.
pub(crate) fn kernel(alone: bool) -> Kernel {
    // The mask can only be read by setting it, which is done where no other thread can make a file meanwhile.
    let umask = if alone || super::threads::count() == 1 {
        // SAFETY: the mask is put back at once.
        unsafe {
            let umask = libc::umask(0o077);
            libc::umask(umask);
            umask
        }
    } else {
        0
    };
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the path, which is that of the folder itself, is a C string, `stat` is ours, and zeros are a valid one.
    let stat = unsafe {
        libc::fstatat(libc::AT_FDCWD, c"".as_ptr(), stat.as_mut_ptr(), libc::AT_EMPTY_PATH);
        stat.assume_init()
    };
    let environment = super::process::environment() as usize;
    Kernel { umask, folder: (stat.st_dev, stat.st_ino), blocked: super::actions::mask(), environment }
}

/// Where the pointers to the variables of the environment are, with the null one behind them: a variable that is set or taken away
/// changes them, or the place.
pub(crate) fn environment() -> Range {
    let mut count = 1;
    // SAFETY: nobody changes it while the harness works.
    unsafe { super::process::each_variable(|_| count += 1) };
    let from = super::process::environment() as usize;
    Range { from, len: if from == 0 { 0 } else { count * size_of::<usize>() } }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn statics_are_what_can_be_written() {
        static WRITTEN: AtomicUsize = AtomicUsize::new(5);
        static NAMES: [&str; 2] = ["a name", "another name"];
        let all = statics();
        let holds = |at: usize| all.iter().any(|range| range.holds(at));
        assert!(holds(&raw const WRITTEN as usize));
        // It has addresses in it, so it is written once, by the loader.
        assert!(!holds(std::hint::black_box(&raw const NAMES) as usize));
    }

    #[test]
    fn what_is_left_of_a_range_lies_before_and_behind() {
        let range = Range { from: 100, len: 50 };
        let left =
            |from, to| range.without((from, to)).map(|range| (range.len != 0).then_some((range.from, range.end())));
        assert_eq!(left(0, 0), [Some((100, 150)), None]);
        assert_eq!(left(50, 100), [Some((100, 150)), None]);
        assert_eq!(left(150, 160), [Some((100, 150)), None]);
        assert_eq!(left(90, 120), [None, Some((120, 150))]);
        assert_eq!(left(120, 160), [Some((100, 120)), None]);
        assert_eq!(left(110, 120), [Some((100, 110)), Some((120, 150))]);
        assert_eq!(left(100, 150), [None, None]);
        assert_eq!(left(120, 110), [Some((100, 150)), None]);
    }
}
