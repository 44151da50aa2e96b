//! Texts into values: strict, without a sign, a space or a default. `None` means that the text is nothing of the kind.

use std::time::Duration;

use crate::model::fault::Fault;
use crate::model::options::{ReplayAt, Selection, Shard};

/// The longest limit there is, a hundred years: as good as none, and far enough from the end of every clock that sums and
/// small multiples of it do not overflow.
pub(super) const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The first number that the report file cannot hold, 2^53.
pub(super) const SEED_END: u64 = 1 << 53;

/// Decimal digits only.
pub(super) fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// A number from 1.
pub(super) fn count(text: &str) -> Option<u64> {
    number(text).filter(|&count| count > 0)
}

/// `all`, `stacks` or `stacks:k`, k from 1.
pub(super) fn points(text: &str) -> Option<Selection> {
    match text.split_once(':') {
        None if text == "all" => Some(Selection::All),
        None if text == "stacks" => Some(Selection::Stacks(1)),
        Some(("stacks", most)) => count(most).map(Selection::Stacks),
        _ => None,
    }
}

/// A number of processes, from 1.
pub(super) fn jobs(text: &str) -> Option<u32> {
    count(text)?.try_into().ok()
}

/// A number that the report file can hold.
pub(super) fn seed(text: &str) -> Option<u64> {
    number(text).filter(|&seed| seed < SEED_END)
}

/// A number with or without a fraction, and its unit: `ms`, `s`, `m` or `h`. What is finer than a nanosecond is cut off, what
/// is over [`LONGEST`] is that; zero is none.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (amount, unit) = text.split_at_checked(unit_at)?;
    let nanos_per_unit: u128 = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A u64 of hours is below 2^106 nanoseconds, and 10^18 hours are below 2^102: neither leaves a u128.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let whole = u128::from(number(whole)?) * nanos_per_unit;
    let part = u128::from(number(fraction)?) * nanos_per_unit / scale;
    let total = (whole + part).min(LONGEST.as_nanos());
    let nanos_per_second = 1_000_000_000;
    let seconds = u64::try_from(total / nanos_per_second).ok()?;
    let nanos = u32::try_from(total % nanos_per_second).ok()?;
    Some(Duration::new(seconds, nanos)).filter(|duration| !duration.is_zero())
}

/// `k/n`, k from 1 to n.
pub(super) fn shard(text: &str) -> Option<Shard> {
    let (k, n) = text.split_once('/')?;
    checked_shard(number(k)?, number(n)?)
}

/// Part `k` of `n`, if there is such a part.
pub(crate) fn checked_shard(k: u64, n: u64) -> Option<Shard> {
    (1..=n).contains(&k).then_some(Shard { k, n })
}

/// `once@7`, `once@cache:7`, `once@7#1f3a9c`, `once@7#1f3a9c02d4e5f607.2`: the fault, in which space if there are several, then the key
/// (6 to 16 lower-case hex digits), then the occurrence.
pub(super) fn replay(text: &str) -> Option<ReplayAt> {
    let (fault, rest) = match text.split_once('#') {
        Some((fault, rest)) => (fault, Some(rest)),
        None => (text, None),
    };
    let (fault, space) = Fault::read_in(fault).ok().filter(|&(fault, _)| fault != Fault::None)?;
    let space = space.map(str::to_owned);
    let Some(rest) = rest else {
        return Some(ReplayAt { fault, space, key: None, occurrence: 0 });
    };
    let (key, occurrence) = match rest.split_once('.') {
        Some((key, occurrence)) => (key, number(occurrence)?),
        None => (rest, 0),
    };
    let is_key = (6..=16).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_key.then(|| ReplayAt { fault, space, key: Some(key.to_owned()), occurrence })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("250ms", Duration::from_millis(250))]
    #[case("2s", Duration::from_secs(2))]
    #[case("1.5s", Duration::from_millis(1500))]
    #[case("1m", Duration::from_secs(60))]
    #[case("0.5m", Duration::from_secs(30))]
    #[case("1h", Duration::from_secs(3600))]
    #[case("007s", Duration::from_secs(7))]
    #[case("0.000001ms", Duration::from_nanos(1))]
    #[case("0.0000019ms", Duration::from_nanos(1))]
    #[case("1.000000000000000000000000000000009s", Duration::from_secs(1))]
    #[case("0.3333333333333333333333333h", Duration::from_nanos(1_199_999_999_999))]
    #[case("0.999999999999999999999h", Duration::from_nanos(3_599_999_999_999))]
    #[case("18446744073709551615ms", LONGEST)]
    #[case("18446744073709551615h", LONGEST)]
    #[case("18446744073709551615.999999999999999999h", LONGEST)]
    fn durations(#[case] text: &str, #[case] expected: Duration) {
        assert_eq!(duration(text), Some(expected));
    }

    #[rstest]
    fn no_durations(
        #[values(
            "",
            "5",
            "s",
            "ms",
            ".5s",
            "1.s",
            "1..5s",
            "1.5.5s",
            "-1s",
            "+1s",
            "1 s",
            " 1s",
            "1s ",
            "1S",
            "1sec",
            "1m30s",
            "5 parsecs",
            "1e3s",
            "1_000s",
            "0s",
            "0ms",
            "0.0s",
            "0.0000001ms",
            "18446744073709551616s",
            "1.-5s",
            "\u{661}s",
            "1\u{b5}s",
            "NaNs",
            "infs"
        )]
        text: &str,
    ) {
        assert_eq!(duration(text), None);
    }

    #[rstest]
    #[case("0", Some(0), None, Some(0))]
    #[case("1", Some(1), Some(1), Some(1))]
    #[case("9007199254740991", Some((1 << 53) - 1), Some((1 << 53) - 1), Some((1 << 53) - 1))]
    #[case("9007199254740992", Some(1 << 53), Some(1 << 53), None)]
    #[case("18446744073709551615", Some(u64::MAX), Some(u64::MAX), None)]
    #[case("18446744073709551616", None, None, None)]
    #[case("", None, None, None)]
    #[case("+1", None, None, None)]
    #[case("-1", None, None, None)]
    #[case("0x10", None, None, None)]
    #[case("1 ", None, None, None)]
    fn numbers(
        #[case] text: &str,
        #[case] any: Option<u64>,
        #[case] from_one: Option<u64>,
        #[case] below: Option<u64>,
    ) {
        assert_eq!((number(text), count(text), seed(text)), (any, from_one, below));
    }

    #[rstest]
    #[case("all", Some(Selection::All))]
    #[case("stacks", Some(Selection::Stacks(1)))]
    #[case("stacks:1", Some(Selection::Stacks(1)))]
    #[case("stacks:12", Some(Selection::Stacks(12)))]
    #[case("stacks:0", None)]
    #[case("stacks:", None)]
    #[case("stacks:-1", None)]
    #[case("stacks:3:3", None)]
    #[case("stacks 3", None)]
    #[case("all:3", None)]
    #[case("Stacks", None)]
    #[case("", None)]
    fn choices_of_points(#[case] text: &str, #[case] expected: Option<Selection>) {
        assert_eq!(points(text), expected);
    }

    #[rstest]
    #[case("1/1", Some((1, 1)))]
    #[case("2/3", Some((2, 3)))]
    #[case("3/3", Some((3, 3)))]
    #[case("0/3", None)]
    #[case("4/3", None)]
    #[case("0/0", None)]
    #[case("1/0", None)]
    #[case("1", None)]
    #[case("/", None)]
    #[case("1/2/3", None)]
    #[case("1 / 2", None)]
    fn shards(#[case] text: &str, #[case] expected: Option<(u64, u64)>) {
        assert_eq!(shard(text), expected.map(|(k, n)| Shard { k, n }));
    }

    #[rstest]
    #[case("once@7", Fault::Once(7), None, 0)]
    #[case("persistent@7", Fault::Persistent(7), None, 0)]
    #[case("window@7+3", Fault::Window { at: 7, len: 3 }, None, 0)]
    #[case("pair@7,9", Fault::Pair(7, 9), None, 0)]
    #[case("budget@4096", Fault::Budget(4096), None, 0)]
    #[case("once@7#1f3a9c", Fault::Once(7), Some("1f3a9c"), 0)]
    #[case("once@7#1f3a9c.0", Fault::Once(7), Some("1f3a9c"), 0)]
    #[case("once@7#1f3a9c02d4e5f607.2", Fault::Once(7), Some("1f3a9c02d4e5f607"), 2)]
    #[case("window@7+3#123456.18446744073709551615", Fault::Window { at: 7, len: 3 }, Some("123456"), u64::MAX)]
    fn replays(#[case] text: &str, #[case] fault: Fault, #[case] key: Option<&str>, #[case] occurrence: u64) {
        let expected = ReplayAt { fault, space: None, key: key.map(str::to_owned), occurrence };
        assert_eq!(replay(text), Some(expected));
    }

    #[rstest]
    fn no_replays(
        #[values(
            "",
            "7",
            "once",
            "once@",
            "once@-1",
            "twice@7",
            "none",
            "none#1f3a9c",
            "once@7#",
            "once@7#1f3a9",
            "once@7#1F3A9C",
            "once@7#1f3a9g",
            "once@7#1f3a9c02d4e5f6078",
            "once@7#1f3a9c.",
            "once@7#1f3a9c.x",
            "once@7#1f3a9c.1.2",
            "once@7.2",
            "once@7#1f3a9c#1f3a9c",
            "#1f3a9c",
            "pair@9,7",
            "window@7+0",
            " once@7",
            "once@18446744073709551616"
        )]
        text: &str,
    ) {
        assert_eq!(replay(text), None);
    }
}
