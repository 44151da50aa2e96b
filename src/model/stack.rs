//! Stacks: raw, as captured inside the allocator call, and resolved, as shown to people.

use serde::{Deserialize, Serialize};

use super::hash::Fnv;

/// How many return addresses are kept of one stack, innermost first.
pub const MAX_FRAMES: usize = 96;

/// The return addresses of one stack, innermost first, cut at the frame that called the body.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct RawStack {
    len: usize,
    ips: [usize; MAX_FRAMES],
}

impl RawStack {
    /// A stack without a frame.
    pub const EMPTY: RawStack = RawStack { len: 0, ips: [0; MAX_FRAMES] };

    /// Adds the next outer frame; false (and nothing added) when the stack is full.
    #[inline]
    pub fn push(&mut self, ip: usize) -> bool {
        match self.ips.get_mut(self.len) {
            Some(place) => {
                *place = ip;
                self.len = self.len.saturating_add(1);
                true
            }
            None => false,
        }
    }

    /// The addresses, innermost first.
    #[inline]
    pub fn ips(&self) -> &[usize] {
        self.ips.get(..self.len).unwrap_or(&[])
    }

    /// Takes over the frames of another stack; touches only as many as there are.
    #[inline]
    pub fn copy_from(&mut self, other: &RawStack) {
        self.len = other.len;
        if let (Some(into), Some(from)) = (self.ips.get_mut(..other.len), other.ips.get(..other.len)) {
            into.copy_from_slice(from);
        }
    }

    /// A stack of these addresses, innermost first; what does not fit is cut.
    pub fn from_ips(ips: &[usize]) -> RawStack {
        let mut stack = RawStack::EMPTY;
        for &ip in ips {
            if !stack.push(ip) {
                break;
            }
        }
        stack
    }

    /// The 64-bit FNV-1a hash of the addresses: within one process image, and in its forks, equal for equal stacks. Stacks that part
    /// only beyond the [`MAX_FRAMES`] innermost frames are equal.
    pub fn hash(&self) -> u64 {
        let mut hash = Fnv::new();
        for ip in self.ips() {
            hash.write(&ip.to_le_bytes());
        }
        hash.finish()
    }

    /// Forgets the frames.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }
}

impl std::fmt::Debug for RawStack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ips()).finish()
    }
}

/// One frame of a resolved stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Frame {
    /// The demangled function name; empty if unknown.
    pub function: String,
    /// The source file as the debug information names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The file lies in the workspace under test.
    pub own: bool,
}

/// A resolved stack, innermost frame first.
pub type Stack = Vec<Frame>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_addresses_and_their_order() {
        let hash = |ips: &[usize]| RawStack::from_ips(ips).hash();
        assert_eq!(hash(&[]), Fnv::new().finish());
        assert_eq!(hash(&[7, 9]), hash(&[7, 9]));
        let others = [hash(&[]), hash(&[7]), hash(&[9]), hash(&[9, 7]), hash(&[7, 9, 0]), hash(&[7, 9, 9])];
        assert!(!others.contains(&hash(&[7, 9])), "{others:?}");
    }

    #[test]
    fn what_is_beyond_the_kept_frames_makes_no_difference() {
        let mut ips = vec![1; MAX_FRAMES];
        let all = RawStack::from_ips(&ips).hash();
        ips.push(2);
        assert_eq!(RawStack::from_ips(&ips).hash(), all);
        ips[MAX_FRAMES - 1] = 2;
        assert_ne!(RawStack::from_ips(&ips).hash(), all);
    }
}
