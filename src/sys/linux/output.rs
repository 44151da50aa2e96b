//! What a body prints: one file in memory that stands in for descriptors 1 and 2.

use std::io;
use std::mem::MaybeUninit;

/// The file, and how to find it again when a body has closed our descriptor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    fd: i32,
    inode: u64,
    owner: i32,
    owner_fd: i32,
}

impl Output {
    /// Makes the file. The descriptor is closed in programs that are executed.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn create() -> io::Result<Output> {
        let fd = memory_file(c"oomsweep output")?;
        // SAFETY: `fd` is ours; the flags are plain integers.
        unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_APPEND) };
        let inode = status(fd).map_or(0, |stat| stat.st_ino);
        Ok(Output { fd, inode, owner: super::process::pid(), owner_fd: fd })
    }

    /// Puts the file in the place of descriptors 1 and 2 (a body may have closed them, or the file's own), and returns how many bytes
    /// were written so far. `known`: as many, says [`written`](Output::written), and nobody has run since.
    pub(crate) fn redirect(&mut self, known: Option<u64>) -> u64 {
        let written = known.or_else(|| self.written()).unwrap_or_else(|| {
            self.reopen();
            self.len()
        });
        for stream in [1, 2] {
            // SAFETY: `dup2` on our descriptor; what stood at 1 and 2 in this child is the body's.
            unsafe { libc::dup2(self.fd, stream) };
        }
        written
    }

    fn reopen(&mut self) {
        let path = format!("/proc/{}/fd/{}\0", self.owner, self.owner_fd);
        // SAFETY: the path ends in a zero byte.
        let fd = unsafe { libc::open(path.as_ptr().cast(), libc::O_RDWR | libc::O_APPEND | libc::O_CLOEXEC) };
        if fd >= 0 {
            self.fd = fd;
        }
    }

    /// The same as [`len`](Output::len); `None` if a body has put another file in the place of this one.
    pub(crate) fn written(&self) -> Option<u64> {
        status(self.fd).filter(|stat| stat.st_ino == self.inode).map(|stat| u64::try_from(stat.st_size).unwrap_or(0))
    }

    /// How many bytes were written so far.
    pub(crate) fn len(&self) -> u64 {
        status(self.fd).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0))
    }

    /// Throws away what was written.
    pub(crate) fn clear(&self) {
        // SAFETY: `fd` is ours.
        unsafe { libc::ftruncate(self.fd, 0) };
    }

    /// The bytes from `from` to `to` (0: to the end), but no more than the last `most`.
    pub(crate) fn tail(&self, from: u64, to: u64, most: u64) -> Vec<u8> {
        let end = if to == 0 { self.len() } else { to.min(self.len()) };
        let begin = from.min(end).max(end.saturating_sub(most));
        let mut bytes = vec![0_u8; usize::try_from(end.saturating_sub(begin)).unwrap_or(0)];
        // SAFETY: the buffer is ours, and its length is told.
        let read = unsafe {
            libc::pread(self.fd, bytes.as_mut_ptr().cast(), bytes.len(), i64::try_from(begin).unwrap_or(i64::MAX))
        };
        bytes.truncate(usize::try_from(read).unwrap_or(0));
        bytes
    }

    /// Gives the file back.
    pub(crate) fn close(self) {
        super::fds::close(self.fd);
    }
}

/// A file in memory that another process writes and this one reads.
pub(crate) struct MemoryFile(std::fs::File);

impl MemoryFile {
    /// Makes one; closed in programs that are executed.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn create(name: &std::ffi::CStr) -> io::Result<MemoryFile> {
        use std::os::fd::FromRawFd;
        let fd = memory_file(name)?;
        // SAFETY: made just now, and nobody else's.
        Ok(MemoryFile(unsafe { std::fs::File::from_raw_fd(fd) }))
    }

    /// The number of its descriptor.
    pub(crate) fn descriptor(&self) -> i32 {
        use std::os::fd::AsRawFd;
        self.0.as_raw_fd()
    }

    /// As a file like any other.
    pub(crate) fn into_file(self) -> std::fs::File {
        self.0
    }

    /// A copy of the descriptor, for a child's stream; both write behind each other.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn for_child(&self) -> io::Result<std::process::Stdio> {
        Ok(self.0.try_clone()?.into())
    }

    /// Everything that was written.
    ///
    /// # Errors
    /// What the system says, or if it is no UTF-8.
    pub(crate) fn read_to_string(&mut self, into: &mut String) -> io::Result<usize> {
        use std::io::{Read, Seek};
        self.0.rewind()?;
        self.0.read_to_string(into)
    }

    /// The last bytes that were written, as text.
    pub(crate) fn tail(&mut self, most: usize) -> String {
        use std::io::{Read, Seek, SeekFrom};
        let len = self.0.metadata().map_or(0, |data| data.len());
        let mut bytes = Vec::new();
        let from = len.saturating_sub(most as u64);
        if self.0.seek(SeekFrom::Start(from)).is_ok() {
            let _ = self.0.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Makes an empty file in memory.
///
/// # Errors
/// What the system says.
pub(crate) fn memory_file(name: &std::ffi::CStr) -> io::Result<i32> {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(fd) }
}

/// Writes out what Rust's and C's buffers hold, so that a child does not print it again.
pub(crate) fn flush() {
    use std::io::Write;
    let _ = io::stdout().flush();
    // SAFETY: a null stream means all of them.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Puts `/dev/null` in the place of descriptor 0.
pub(crate) fn no_input() {
    // SAFETY: the path is a C string; the descriptor opened is moved to 0 and closed if it is another.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if null > 0 {
            libc::dup2(null, 0);
            libc::close(null);
        }
    }
}

fn status(fd: i32) -> Option<libc::stat> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `stat` is ours to be written, and read only after success.
    unsafe { if libc::fstat(fd, stat.as_mut_ptr()) == 0 { Some(stat.assume_init()) } else { None } }
}
