//! Files of the kernel, read without the standard library: nothing here allocates or takes a lock.

use std::ffi::CStr;

/// A file that is open for reading.
pub(super) struct File(i32);

impl File {
    /// Opens a file or a folder; `None` when the system refuses.
    pub(super) fn open(path: &CStr) -> Option<File> {
        let how = libc::O_RDONLY | libc::O_CLOEXEC;
        // SAFETY: the path is a C string that outlives the call.
        let number = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), how, 0) };
        i32::try_from(number).ok().filter(|&number| number >= 0).map(File)
    }

    /// The next bytes of the file, and how many; 0 at its end, or when the system refuses.
    pub(super) fn read(&self, into: &mut [u8]) -> usize {
        // SAFETY: the buffer is writable for its length.
        let got = unsafe { libc::syscall(libc::SYS_read, self.0, into.as_mut_ptr(), into.len()) };
        usize::try_from(got).unwrap_or(0).min(into.len())
    }

    /// The next entries of a folder, as `getdents64` gives them, and how many bytes.
    pub(super) fn entries(&self, into: &mut [u8]) -> usize {
        // SAFETY: the buffer is writable for its length.
        let got = unsafe { libc::syscall(libc::SYS_getdents64, self.0, into.as_mut_ptr(), into.len()) };
        usize::try_from(got).unwrap_or(0).min(into.len())
    }

    /// The words that begin at this byte of the file, and how many.
    pub(super) fn words_at(&self, offset: u64, into: &mut [u64]) -> usize {
        let Ok(offset) = i64::try_from(offset) else { return 0 };
        let bytes = size_of_val(into);
        // SAFETY: the buffer is writable for its length, and any bytes are words.
        let got = unsafe { libc::syscall(libc::SYS_pread64, self.0, into.as_mut_ptr(), bytes, offset) };
        usize::try_from(got).unwrap_or(0).min(bytes) / size_of::<u64>()
    }

    /// The descriptor.
    pub(super) fn number(&self) -> i32 {
        self.0
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours, and nobody uses it any more.
        unsafe { libc::syscall(libc::SYS_close, self.0) };
    }
}

/// A short text that is put together without allocating, for instance the name of a file; what does not fit is left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    bytes: [u8; 64],
    len: usize,
}

impl Text {
    /// The three parts, one after the other.
    pub(super) fn new(before: &[u8], number: i32, after: &[u8]) -> Text {
        let mut text = Text { bytes: [0; 64], len: 0 };
        text.push(before);
        let mut digits = [0_u8; 12];
        let mut first = digits.len();
        let mut left = number.unsigned_abs();
        loop {
            first = first.saturating_sub(1);
            if let Some(digit) = digits.get_mut(first) {
                *digit = b'0' | (left % 10) as u8;
            }
            left /= 10;
            if left == 0 {
                break;
            }
        }
        text.push(digits.get(first..).unwrap_or(&[]));
        text.push(after);
        text
    }

    fn push(&mut self, part: &[u8]) {
        // The last byte stays zero, for C.
        let room = self.bytes.len() - 1;
        for &byte in part {
            if self.len < room {
                self.bytes[self.len] = byte;
                self.len += 1;
            }
        }
    }

    /// What the file with this name begins with: as much as the system gives at once; `None` if it can't be opened.
    pub(super) fn begin_of_file<'a>(&self, into: &'a mut [u8]) -> Option<&'a [u8]> {
        let got = File::open(self.as_c())?.read(into);
        into.get(..got)
    }

    /// The text, for the system.
    pub(super) fn as_c(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"")
    }
}

/// The number in lower-case hexadecimal digits that a line begins with, and what follows it.
pub(super) fn hex(line: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    let mut digits = 0;
    for &byte in line {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => break,
        };
        value = value.checked_mul(16)? | usize::from(digit);
        digits += 1;
    }
    if digits == 0 { None } else { Some((value, line.get(digits..)?)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_together_and_numbers_taken_apart() {
        assert_eq!(Text::new(b"/a/", 1204, b"/b").as_c(), c"/a/1204/b");
        assert_eq!(Text::new(b"", 0, b"").as_c(), c"0");
        assert_eq!(Text::new(&[b'x'; 80], 7, b"").as_c().count_bytes(), 63);
        assert_eq!(hex(b"7f0a-x"), Some((0x7f0a, &b"-x"[..])));
        assert_eq!(hex(b"ffffffffffffffff"), Some((usize::MAX, &b""[..])));
        assert_eq!(hex(b"1ffffffffffffffff"), None);
        assert_eq!(hex(b"-"), None);
    }
}
