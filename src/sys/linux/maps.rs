//! The list of this process's mappings (`proc(5)`, maps), read without allocating.

use super::raw::{self, File};
use super::state::Range;

/// A mapping, or several that lie side by side and are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// Where it lies.
    pub(crate) range: Range,
    /// It can be read.
    pub(crate) readable: bool,
    /// It can be written.
    pub(crate) writable: bool,
    /// It can be run.
    pub(crate) runs: bool,
    /// What is written is seen by others.
    pub(crate) shared: bool,
    /// What it is a mapping of, as far as that matters.
    pub(crate) of: Of,
}

/// What a mapping is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Plain memory, whether named or not.
    Memory,
    /// A file with a name.
    File,
    /// A device, the reading of which may do something.
    Device,
    /// The stack of the process's first thread.
    FirstStack,
}

/// How much of a line is looked at: all numbers, and how the name begins.
const HEAD: usize = 160;

/// Calls `each` with every mapping, in the order of their addresses; `room` is read into. False if the list could not be read.
/// May be called in a signal handler.
pub(crate) fn each(room: &mut [u8], mut each: impl FnMut(Mapping)) -> bool {
    let Some(list) = File::open(c"/proc/self/maps") else { return false };
    let mut head = [0_u8; HEAD];
    let mut len = 0_usize;
    let mut any = false;
    loop {
        let got = list.read(room);
        if got == 0 {
            return any;
        }
        for &byte in room.get(..got).unwrap_or(&[]) {
            if byte == b'\n' {
                if let Some(mapping) = parse(head.get(..len).unwrap_or(&[])) {
                    any = true;
                    each(mapping);
                }
                len = 0;
            } else if let Some(place) = head.get_mut(len) {
                *place = byte;
                len += 1;
            }
        }
    }
}

fn parse(line: &[u8]) -> Option<Mapping> {
    let (from, rest) = raw::hex(line)?;
    let (end, rest) = raw::hex(rest.strip_prefix(b"-")?)?;
    let rest = rest.strip_prefix(b" ")?;
    let has = |place: usize, letter: u8| rest.get(place) == Some(&letter);
    // Modes, offset, device and inode; then the name, behind spaces.
    let mut spaces = rest.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at);
    let name = spaces.nth(3).and_then(|at| rest.get(at..)).unwrap_or(&[]).trim_ascii_start();
    Some(Mapping {
        range: Range { from, len: end.checked_sub(from)? },
        readable: has(0, b'r'),
        writable: has(1, b'w'),
        runs: has(2, b'x'),
        shared: has(3, b's'),
        of: kind(name),
    })
}

fn kind(name: &[u8]) -> Of {
    let begins = |with: &[u8]| name.starts_with(with);
    // Shared memory without a file goes by these names.
    if begins(b"/dev/zero") || begins(b"/memfd:") || begins(b"/SYSV") || begins(b"/anon_hugepage") {
        Of::Memory
    } else if begins(b"/dev/shm/") {
        Of::File
    } else if begins(b"/dev/") || (begins(b"anon_inode:") && !begins(b"anon_inode:[io_uring]")) {
        Of::Device
    } else if begins(b"/") {
        Of::File
    } else if begins(b"[stack]") {
        Of::FirstStack
    } else {
        Of::Memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        let line = b"7f10-7f30 rw-s 00001000 00:01 1026                       /dev/zero (deleted)";
        let zero = Mapping {
            range: Range { from: 0x7f10, len: 0x20 },
            readable: true,
            writable: true,
            runs: false,
            shared: true,
            of: Of::Memory,
        };
        assert_eq!(parse(line), Some(zero));
        let of = |line: &[u8]| parse(line).map(|mapping| mapping.of);
        assert_eq!(of(b"1-2 ---p 0 00:00 0"), Some(Of::Memory));
        assert_eq!(of(b"1-2 ---p 0 00:00 0      [heap]"), Some(Of::Memory));
        assert_eq!(of(b"1-2 rw-p 0 00:00 0      [stack]"), Some(Of::FirstStack));
        assert_eq!(of(b"1-2 r-xp 0 fe:00 99     /a b/c"), Some(Of::File));
        assert_eq!(of(b"1-2 rw-s 0 fe:00 99     /dev/dri/card0"), Some(Of::Device));
        assert_eq!(parse(b"2-1 rw-p 0 00:00 0"), None);
        assert_eq!(parse(b"nothing"), None);
    }

    #[test]
    fn our_own_mappings_are_listed_whatever_the_room() {
        let (code, local) = (kind as *const () as usize, 0_u8);
        for room in [1, 100, 4096] {
            let mut last = 0;
            let (mut has_code, mut has_local) = (false, false);
            assert!(each(&mut vec![0; room], |mapping| {
                assert!(mapping.range.from >= last);
                last = mapping.range.from + mapping.range.len;
                has_code |= mapping.runs && mapping.of == Of::File && mapping.range.holds(code);
                has_local |= mapping.writable && mapping.readable && mapping.range.holds(&raw const local as usize);
            }));
            assert!(has_code && has_local);
        }
    }
}
