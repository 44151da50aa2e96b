//! C's work on bytes: as fast in a build without optimisation as in one with it.

use std::ffi::{c_int, c_void};

unsafe extern "C" {
    fn memset(into: *mut c_void, byte: c_int, len: usize) -> *mut c_void;
    fn memcmp(a: *const c_void, b: *const c_void, len: usize) -> c_int;
    fn memcpy(into: *mut c_void, from: *const c_void, len: usize) -> *mut c_void;
}

/// Writes `len` copies of `byte`.
///
/// # Safety
/// The range is writable, and nobody else uses it.
#[inline(always)]
pub(crate) unsafe fn set(into: usize, byte: u8, len: usize) {
    // SAFETY: by the obligation of this function.
    unsafe { memset(into as *mut c_void, c_int::from(byte), len) };
}

/// Whether two ranges, which may overlap, hold the same bytes.
///
/// # Safety
/// Both are readable for `len` bytes.
#[inline(always)]
pub(crate) unsafe fn same(a: usize, b: usize, len: usize) -> bool {
    // SAFETY: by the obligation of this function.
    unsafe { memcmp(a as *const c_void, b as *const c_void, len) == 0 }
}

/// Copies bytes to a range that does not overlap.
///
/// # Safety
/// `from` is readable and `into` writable for `len` bytes, nobody else uses them, and they have no byte in common.
#[inline(always)]
pub(crate) unsafe fn copy(from: usize, into: usize, len: usize) {
    // SAFETY: by the obligations of this function.
    unsafe { memcpy(into as *mut c_void, from as *const c_void, len) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_set_copied_and_compared() {
        let (mut a, mut b) = ([0_u8; 32], [1_u8; 32]);
        let (at_a, at_b) = (a.as_mut_ptr() as usize, b.as_mut_ptr() as usize);
        // SAFETY: inside the two arrays.
        unsafe {
            set(at_a + 1, 7, 30);
            assert!(!same(at_a, at_b, 32));
            copy(at_a, at_b, 32);
            assert!(same(at_a, at_b, 32));
        }
        assert_eq!(b[..3], [0, 7, 7]);
        assert_eq!(b[30..], [7, 0]);
        assert_eq!(a, b);
    }
}
