//! The one hash that leaves the process: keys of points, ids of findings, names of long files.

/// 64-bit FNV-1a of these bytes: the same on every machine and in every version.
pub const fn fnv1a64(bytes: &[u8]) -> u64 {
    fnv1a64_more(0xcbf2_9ce4_8422_2325, bytes)
}

/// The hash of what `hash` was made of, followed by these bytes.
pub const fn fnv1a64_more(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        hash = (hash ^ *first as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = tail;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::{fnv1a64, fnv1a64_more};

    #[test]
    fn agrees_with_the_published_vectors() {
        assert_eq!(fnv1a64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a64(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(fnv1a64_more(fnv1a64(b"foo"), b"bar"), fnv1a64(b"foobar"));
    }
}
