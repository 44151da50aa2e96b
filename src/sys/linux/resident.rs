//! Which pages of a mapping hold anything: the others read as zeros or as what a file holds, cost memory when they are read, or
//! kill who reads them, as pages behind the end of a file and guard pages inside a mapping do.

use super::maps::{Mapping, Of};
use super::pages;
use super::raw::File;
use super::state::Range;

/// In a word of the page map (`proc(5)`, pagemap): the page is there; it is swapped out, or marked by the kernel.
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;

/// How many pages are asked about at once.
const STEP: usize = 512;

/// What there is to ask.
pub(super) struct Pages {
    map: Option<File>,
    size: usize,
}

impl Pages {
    /// Opens the page map; without one every page counts.
    pub(super) fn open() -> Pages {
        Pages { map: File::open(c"/proc/self/pagemap"), size: pages::page_size() }
    }

    /// Calls `each` with the parts of `part`, which lies in `mapping`, that hold anything.
    pub(super) fn each(&self, mapping: &Mapping, part: Range, each: &mut dyn FnMut(Range)) {
        let mut run = Run { open: None, part, each };
        // The pages of a shared mapping may be there and not be in this process's own table.
        if mapping.shared {
            self.each_cached(part, &mut run);
        } else if let Some(map) = &self.map {
            if !self.each_in_use(map, part, &mut run) {
                self.each_present(map, part, &mut run);
            }
        } else if mapping.of == Of::Memory || mapping.of == Of::FirstStack {
            run.add(part.from, part.end());
        } else {
            self.each_cached(part, &mut run);
        }
        run.close();
    }

    /// Asks the kernel for the runs of pages in use, which passes over what was never touched however large (Linux 6.7 and
    /// later). False if it does not know.
    fn each_in_use(&self, map: &File, part: Range, run: &mut Run<'_>) -> bool {
        let mut from = part.from & !(self.size - 1);
        let end = part.end().next_multiple_of(self.size);
        while from < end {
            let mut found = [Found { start: 0, end: 0, is: 0 }; 64];
            let mut ask = Scan {
                size: size_of::<Scan>() as u64,
                flags: 0,
                start: from as u64,
                end: end as u64,
                walk_end: 0,
                found: found.as_mut_ptr() as u64,
                room: found.len() as u64,
                max_pages: 0,
                inverted: 0,
                all_of: 0,
                any_of: IS_PRESENT | IS_SWAPPED,
                tell: IS_PRESENT | IS_SWAPPED,
            };
            // SAFETY: the kernel reads the request and writes into it, and no more than `room` entries into `found`.
            let got = unsafe { libc::ioctl(map.number(), PAGEMAP_SCAN as _, &raw mut ask) };
            let Ok(got) = usize::try_from(got) else { return false };
            for entry in found.iter().take(got) {
                self.add(entry.start as usize, entry.end as usize, entry.is & IS_PRESENT != 0, run);
            }
            let next = ask.walk_end as usize;
            if next <= from {
                return false;
            }
            from = next;
        }
        true
    }

    /// Reads the word of every page.
    fn each_present(&self, map: &File, part: Range, run: &mut Run<'_>) {
        let mut words = [0_u64; STEP];
        let mut page = part.from / self.size;
        let last = part.end().div_ceil(self.size);
        while page < last {
            let wanted = (last - page).min(STEP);
            let offset = (page as u64).saturating_mul(size_of::<u64>() as u64);
            let got = map.words_at(offset, words.get_mut(..wanted).unwrap_or(&mut []));
            if got == 0 {
                run.add(page.saturating_mul(self.size), part.end());
                return;
            }
            for &word in words.iter().take(got) {
                if word & (PRESENT | SWAPPED) != 0 {
                    let from = page.saturating_mul(self.size);
                    self.add(from, from.saturating_add(self.size), word & PRESENT != 0, run);
                }
                page += 1;
            }
        }
    }

    /// Asks which pages the system's cache holds.
    fn each_cached(&self, part: Range, run: &mut Run<'_>) {
        let mut held = [0_u8; STEP];
        let mut from = part.from & !(self.size - 1);
        let end = part.end().next_multiple_of(self.size);
        while from < end {
            let pages = ((end - from) / self.size).min(STEP);
            let bytes = pages.saturating_mul(self.size);
            // SAFETY: one byte a page is written, and there are as many.
            if unsafe { libc::mincore(from as *mut libc::c_void, bytes, held.as_mut_ptr().cast()) } == 0 {
                for &page in held.iter().take(pages) {
                    if page & 1 == 1 {
                        run.add(from, from.saturating_add(self.size));
                    }
                    from = from.saturating_add(self.size);
                }
            } else {
                from = from.saturating_add(bytes);
            }
        }
    }

    /// Adds pages; such as are not there only if the system can bring them, which it can't with guard pages.
    fn add(&self, from: usize, to: usize, present: bool, run: &mut Run<'_>) {
        if present {
            return run.add(from, to);
        }
        const MADV_POPULATE_READ: i32 = 22;
        let mut at = from;
        while at < to {
            // SAFETY: what the memory holds stays as it is.
            let done = unsafe { libc::madvise(at as *mut libc::c_void, self.size, MADV_POPULATE_READ) } == 0;
            // An older system knows neither this advice nor guard pages inside mappings.
            if done || super::errno() == libc::EINVAL {
                run.add(at, at.saturating_add(self.size));
            }
            at = at.saturating_add(self.size);
        }
    }
}

/// Neighbouring pages are told as one range.
struct Run<'a> {
    open: Option<(usize, usize)>,
    part: Range,
    each: &'a mut dyn FnMut(Range),
}

impl Run<'_> {
    fn add(&mut self, from: usize, to: usize) {
        match &mut self.open {
            Some((_, end)) if *end == from => *end = to,
            _ => {
                self.close();
                self.open = Some((from, to));
            }
        }
    }

    fn close(&mut self) {
        if let Some((from, to)) = self.open.take() {
            let (from, to) = (from.max(self.part.from), to.min(self.part.end()));
            if from < to {
                (self.each)(Range { from, len: to - from });
            }
        }
    }
}

/// The request `PAGEMAP_SCAN`, as `linux/fs.h` has it.
const PAGEMAP_SCAN: u64 = 0xC060_6610;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;

#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    found: u64,
    room: u64,
    max_pages: u64,
    inverted: u64,
    all_of: u64,
    any_of: u64,
    tell: u64,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Found {
    start: u64,
    end: u64,
    is: u64,
}

#[cfg(test)]
mod tests;
