//! Reading memory whose contents nobody vouches for, and words that threads share: one instruction each, with optimisation and
//! without.

#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), target_pointer_width = "64")))]
use std::sync::atomic::AtomicUsize;
#[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64")))]
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// The word at this address, whatever it is. The compiler does not see the read: it may be of a byte that was never written, lie
/// between two statics or in a freed block, which a read of the language's may not; and no sanitizer looks into it.
///
/// # Safety
/// Its bytes are mapped readable.
#[inline(always)]
pub(crate) unsafe fn read(at: usize) -> usize {
    let word: usize;
    // SAFETY: one load of a readable word, aligned or not; nothing is written, and no flag is touched.
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    unsafe {
        std::arch::asm!("mov {}, qword ptr [{}]", out(reg) word, in(reg) at, options(nostack, readonly, preserves_flags));
    }
    // SAFETY: as above.
    #[cfg(all(target_arch = "aarch64", target_pointer_width = "64"))]
    unsafe {
        std::arch::asm!("ldr {}, [{}]", out(reg) word, in(reg) at, options(nostack, readonly, preserves_flags));
    }
    // SAFETY: as above, as near to it as other machines come.
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), target_pointer_width = "64")))]
    unsafe {
        word = (at as *const usize).read_unaligned();
    }
    word
}

/// Writes a word that other threads may read at the same time.
///
/// # Safety
/// 1. Its bytes are mapped writable.
/// 2. No other thread writes it; if one reads it, it is aligned for a word.
#[inline(always)]
pub(crate) unsafe fn write(at: usize, word: usize) {
    // SAFETY: one store of a writable word; no flag is touched.
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    unsafe {
        std::arch::asm!("mov qword ptr [{}], {}", in(reg) at, in(reg) word, options(nostack, preserves_flags));
    }
    // SAFETY: as above.
    #[cfg(all(target_arch = "aarch64", target_pointer_width = "64"))]
    unsafe {
        std::arch::asm!("str {}, [{}]", in(reg) word, in(reg) at, options(nostack, preserves_flags));
    }
    // SAFETY: by the obligations of this function.
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), target_pointer_width = "64")))]
    unsafe {
        if at % size_of::<usize>() == 0 {
            AtomicUsize::from_ptr(at as *mut usize).store(word, Ordering::Relaxed);
        } else {
            (at as *mut usize).write_unaligned(word);
        }
    }
}

/// Writes a byte that other threads may read at the same time; what was written before is seen by who sees it.
///
/// # Safety
/// The byte is mapped writable.
#[inline(always)]
pub(crate) unsafe fn write_byte(at: usize, byte: u8) {
    // SAFETY: one store of a writable byte, which this machine orders after those before it; no flag is touched.
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    unsafe {
        std::arch::asm!("mov byte ptr [{}], {}", in(reg) at, in(reg_byte) byte, options(nostack, preserves_flags));
    }
    // SAFETY: by the obligation of this function.
    #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64")))]
    unsafe {
        AtomicU8::from_ptr(at as *mut u8).store(byte, Ordering::Release);
    }
}

/// Writes four bytes that other threads may read at the same time; what was written before is seen by who sees them.
///
/// # Safety
/// They are mapped writable and aligned for a `u32`, and no other thread writes them.
#[inline(always)]
pub(crate) unsafe fn write_half(at: usize, half: u32) {
    // SAFETY: one store of four writable bytes, which this machine orders after those before it; no flag is touched.
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    unsafe {
        std::arch::asm!("mov dword ptr [{}], {:e}", in(reg) at, in(reg) half, options(nostack, preserves_flags));
    }
    // SAFETY: by the obligations of this function.
    #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64")))]
    unsafe {
        AtomicU32::from_ptr(at as *mut u32).store(half, Ordering::Release);
    }
}

/// Puts `new` in the place of `old`, if that stands there; returns what stood there. Of several threads one succeeds.
///
/// # Safety
/// The byte is mapped writable, and changed by functions of this module alone.
#[inline(always)]
pub(crate) unsafe fn exchange_byte(at: usize, old: u8, new: u8) -> u8 {
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    {
        let stood: u8;
        // SAFETY: a comparison and an exchange with memory, which are one step for all threads.
        unsafe {
            std::arch::asm!("lock cmpxchg byte ptr [{}], {}", in(reg) at, in(reg_byte) new, inout("al") old => stood, options(nostack));
        }
        stood
    }
    // SAFETY: by the obligations of this function.
    #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64")))]
    unsafe {
        match AtomicU8::from_ptr(at as *mut u8).compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(stood) | Err(stood) => stood,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_written() {
        for word in [0, 1, usize::MAX, 0x0123_4567_89AB_CDEF_u64 as usize] {
            // SAFETY: a word on the stack.
            assert_eq!(unsafe { read(&raw const word as usize) }, word);
        }
    }

    #[test]
    fn writes_and_exchanges() {
        let mut word = 5_usize;
        let mut byte = 1_u8;
        let mut half = 6_u32;
        // SAFETY: a word and a byte on the stack.
        unsafe {
            write(&raw mut word as usize, 9);
            assert_eq!(exchange_byte(&raw mut byte as usize, 2, 3), 1);
            assert_eq!(exchange_byte(&raw mut byte as usize, 1, 3), 1);
            assert_eq!((read(&raw const word as usize), byte), (9, 3));
            write_byte(&raw mut byte as usize, 4);
            write_half(&raw mut half as usize, 7);
        }
        assert_eq!((word, byte, half), (9, 4, 7));
    }
}
