use std::ptr;

use super::*;

const PAGE: usize = 4096;

fn map(pages: usize, how: i32) -> Mapping {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping where the system likes.
    let at = unsafe { libc::mmap(ptr::null_mut(), pages * PAGE, access, how | libc::MAP_ANONYMOUS, -1, 0) };
    assert_ne!(at, libc::MAP_FAILED);
    let range = Range { from: at as usize, len: pages * PAGE };
    Mapping { range, readable: true, writable: true, runs: false, shared: how == libc::MAP_SHARED, of: Of::Memory }
}

fn touch(mapping: &Mapping, page: usize) {
    // SAFETY: inside the mapping, which is ours.
    unsafe { ((mapping.range.from + page * PAGE) as *mut u8).write_volatile(1) };
}

/// Which bytes are told, from the mapping's first one; `how` is one of the ways to ask.
fn told(mapping: &Mapping, part: Range, how: impl Fn(&Pages, &mut Run<'_>)) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let pages = Pages::open();
    assert_eq!(pages.size, PAGE);
    let mut each = |range: Range| found.push((range.from - mapping.range.from, range.len));
    let mut run = Run { open: None, part, each: &mut each };
    how(&pages, &mut run);
    run.close();
    found
}

#[test]
fn only_pages_that_were_touched_are_told() {
    for how in [libc::MAP_PRIVATE, libc::MAP_SHARED] {
        let mapping = map(1500, how);
        [3, 4, 5, 700, 1499].into_iter().for_each(|page| touch(&mapping, page));
        let expected = [(3 * PAGE, 3 * PAGE), (700 * PAGE, PAGE), (1499 * PAGE, PAGE)];
        let all = mapping.range;
        assert_eq!(told(&mapping, all, |pages, run| pages.each(&mapping, all, run.each)), expected);
        if how == libc::MAP_PRIVATE {
            let map = File::open(c"/proc/self/pagemap").expect("this system has it");
            assert_eq!(told(&mapping, all, |pages, run| pages.each_present(&map, all, run)), expected);
        }
        // A part that begins and ends inside of pages.
        let part = Range { from: all.from + 4 * PAGE + 8, len: PAGE };
        let expected = [(4 * PAGE + 8, PAGE)];
        assert_eq!(told(&mapping, part, |pages, run| pages.each(&mapping, part, run.each)), expected);
    }
}

#[test]
fn guard_pages_inside_a_mapping_are_not_told() {
    const MADV_GUARD_INSTALL: i32 = 102;
    let mapping = map(8, libc::MAP_PRIVATE);
    (0..8).for_each(|page| touch(&mapping, page));
    let second = (mapping.range.from + 2 * PAGE) as *mut libc::c_void;
    // SAFETY: the mapping is ours.
    let known = unsafe { libc::madvise(second, 2 * PAGE, MADV_GUARD_INSTALL) } == 0;
    let expected = if known { vec![(0, 2 * PAGE), (4 * PAGE, 4 * PAGE)] } else { vec![(0, 8 * PAGE)] };
    let all = mapping.range;
    assert_eq!(told(&mapping, all, |pages, run| pages.each(&mapping, all, run.each)), expected);
    let map = File::open(c"/proc/self/pagemap").expect("this system has it");
    assert_eq!(told(&mapping, all, |pages, run| pages.each_present(&map, all, run)), expected);
}
