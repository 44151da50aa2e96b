//! Time, in nanoseconds.

use std::time::Duration;

pub(crate) use super::clock::*;

/// A length of time in nanoseconds; the largest number if there are more.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_as_long_as_can_be() {
        assert_eq!(nanos(Duration::new(2, 3)), 2_000_000_003);
        assert_eq!(nanos(Duration::from_nanos(u64::MAX)), u64::MAX);
        assert_eq!(nanos(Duration::MAX), u64::MAX);
    }
}
