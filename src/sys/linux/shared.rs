//! Words that this process has in common with one that it has started, or that has started it.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::output::MemoryFile;

/// What two processes may both hold: nothing but atomic words, all of them valid when they are zero.
///
/// # Safety
/// A type is shared so only if that is true of every field of it.
pub(crate) unsafe trait Words: Sync + 'static {}

// SAFETY: they are such words themselves.
unsafe impl Words for AtomicU32 {}
// SAFETY: as above.
unsafe impl Words for AtomicU64 {}

/// A value in a file in memory. Children that are forked do not have it.
#[derive(Debug)]
pub(crate) struct Shared<T: Words> {
    at: NonNull<T>,
    file: std::fs::File,
}

impl<T: Words> Shared<T> {
    /// A value of zeros, in a new file.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn create(name: &std::ffi::CStr) -> io::Result<Shared<T>> {
        let file = MemoryFile::create(name)?.into_file();
        file.set_len(size_of::<T>() as u64)?;
        Shared::of(file)
    }

    /// The value that another process has made, whose file this is.
    ///
    /// # Errors
    /// What the system says; a file that is too short for the value.
    pub(crate) fn of(file: std::fs::File) -> io::Result<Shared<T>> {
        use std::os::fd::AsRawFd;
        if file.metadata()?.len() < size_of::<T>() as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a mapping at an address of the kernel's choice, of a file that is long enough; the advice is about it alone.
        let at = unsafe {
            let at = libc::mmap(ptr::null_mut(), size_of::<T>(), access, libc::MAP_SHARED, file.as_raw_fd(), 0);
            if at == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            libc::madvise(at, size_of::<T>(), libc::MADV_DONTFORK);
            at
        };
        let at = NonNull::new(at.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Shared { at, file })
    }

    /// The value.
    pub(crate) fn get(&self) -> &T {
        // SAFETY: mapped as long as `self` is there, at the beginning of a page; the words are valid whatever they are.
        unsafe { self.at.as_ref() }
    }

    /// The number of the file's descriptor in this process.
    pub(crate) fn descriptor(&self) -> i32 {
        use std::os::fd::AsRawFd;
        self.file.as_raw_fd()
    }
}

impl<T: Words> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: mapped by `of`, and nobody has a reference any more.
        unsafe { libc::munmap(self.at.as_ptr().cast(), size_of::<T>()) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn two_that_have_the_file_have_the_words() {
        let one = Shared::<AtomicU64>::create(c"words").expect("a file in memory");
        let path = format!("/proc/self/fd/{}", one.descriptor());
        let open = || std::fs::OpenOptions::new().read(true).write(true).open(&path).expect("it is there");
        let other = Shared::<AtomicU64>::of(open()).expect("it is long enough");
        assert_eq!(other.get().load(Ordering::Acquire), 0);
        one.get().store(7, Ordering::Release);
        assert_eq!(other.get().load(Ordering::Acquire), 7);
        open().set_len(7).expect("it is ours");
        assert!(Shared::<AtomicU64>::of(open()).is_err());
    }
}
