//! Reading memory whose contents nobody vouches for.

/// The word at this address, whatever it is. The compiler does not see the read: it may be of a byte that was never written, lie
/// between two statics or in a freed block, which a read of the language's may not; and no sanitizer looks into it.
///
/// # Safety
/// The address is aligned for a word, and mapped readable.
#[inline]
pub(crate) unsafe fn read(at: usize) -> usize {
    let word: usize;
    // SAFETY: one load of a readable word; nothing is written, and no flag is touched.
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
        word = (at as *const usize).read_volatile();
    }
    word
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
}
