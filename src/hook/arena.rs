//! Room for what has no fixed size, in shared pages, emptied before every run.

use std::mem::size_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::journal::Span;
use crate::sys::pages::{self, Share};

/// See the module. The value itself may lie in private memory: all copies of it name the same pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arena {
    at: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the pages are shared by design; every access goes through the atomic length or to a span that was handed out once.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

const HEAD: usize = 64;

impl Arena {
    /// Maps an arena; `None` when the system refuses.
    pub(crate) fn map(bytes: usize) -> Option<Arena> {
        Some(Arena { at: pages::map(bytes, Share::Shared)?, bytes })
    }

    /// Gives the pages back.
    ///
    /// # Safety
    /// No copy of this value is used any more, and no reference into the arena is held.
    pub(crate) unsafe fn unmap(self) {
        // SAFETY: by the obligation of this function.
        unsafe { pages::unmap(self.at, self.bytes) };
    }

    fn used(&self) -> &AtomicUsize {
        // SAFETY: the first word of the mapping is the length; zeroed pages hold a valid one.
        unsafe { self.at.cast::<AtomicUsize>().as_ref() }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.used().store(0, Ordering::Relaxed);
    }

    /// Whether less than a quarter of it is left.
    #[cfg_attr(
        not(all(target_os = "linux", not(oomsweep_portable))),
        allow(dead_code, reason = "only copies of a process ask for it")
    )]
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.used().load(Ordering::Relaxed) > self.bytes.saturating_sub(self.bytes / 4)
    }

    /// Writes bytes at the end; `None` when it is full.
    pub(crate) fn put_bytes(&self, bytes: &[u8]) -> Option<Span> {
        let from = self.reserve(bytes.len())?;
        // SAFETY: `reserve` has handed out these bytes, once, inside the mapping.
        unsafe { self.at.as_ptr().add(HEAD.wrapping_add(from)).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Some(Span { from, len: bytes.len() })
    }

    /// Writes the bytes of plain values.
    pub(crate) fn put<T: Copy>(&self, values: &[T]) -> Option<Span> {
        // SAFETY: reading initialised values as bytes; padding travels along unread (it is only ever read as `T` again).
        let bytes = unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) };
        self.put_bytes(bytes)
    }

    /// The text at a span; what is no UTF-8 is replaced.
    pub(crate) fn text(&self, span: Span) -> String {
        String::from_utf8_lossy(self.bytes(span)).into_owned()
    }

    /// The values at a span that [`put`](Arena::put) gave for the same type.
    pub(crate) fn values<T: Copy>(&self, span: Span) -> Vec<T> {
        let bytes = self.bytes(span);
        let size = usize::max(1, size_of::<T>());
        // SAFETY: the span holds whole values of `T`, written by `put::<T>` of the same program image.
        bytes.chunks_exact(size).map(|chunk| unsafe { chunk.as_ptr().cast::<T>().read_unaligned() }).collect()
    }

    fn bytes(&self, span: Span) -> &[u8] {
        let end = span.from.saturating_add(span.len);
        if end > self.bytes.saturating_sub(HEAD) {
            return &[];
        }
        // SAFETY: inside the mapping; who writes there has ended or waits for us.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr().add(HEAD.wrapping_add(span.from)), span.len) }
    }

    fn reserve(&self, len: usize) -> Option<usize> {
        let room = self.bytes.saturating_sub(HEAD);
        let rounded = len.checked_add(15)? & !15;
        // Copies of a process that run at once all write here.
        let end = |from: usize| from.checked_add(rounded).filter(|&end| end <= room);
        self.used().fetch_update(Ordering::Relaxed, Ordering::Relaxed, end).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_given_the_same_room() {
        let arena = Arena::map(1 << 20).unwrap();
        let begin = std::sync::Barrier::new(4);
        let put = |number: u64| {
            begin.wait();
            (0..5_000).map(|_| arena.put(&[number; 2]).unwrap()).collect::<Vec<Span>>()
        };
        std::thread::scope(|scope| {
            let put = &put;
            let writers: Vec<_> = (0..4).map(|number| (number, scope.spawn(move || put(number)))).collect();
            for (number, writer) in writers {
                for span in writer.join().unwrap() {
                    assert_eq!(arena.values::<u64>(span), [number; 2]);
                }
            }
        });
        // SAFETY: nobody uses it any more.
        unsafe { arena.unmap() };
    }
}
