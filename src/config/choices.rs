//! The small words that an option takes, as the builder's callers write them.

use std::fmt;
use std::ops::BitOr;

use crate::model::options::Pattern;

/// Whether something that is worth a finding is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rule {
    /// It is a finding, and the test fails.
    #[default]
    Deny,
    /// It is accepted.
    Allow,
}

/// What it means that the process ended because an infallible API asked for the memory that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Infallible {
    /// It is a finding, `abort`.
    #[default]
    Deny,
    /// The point counts as tried, and its verdict is `skipped`.
    Skip,
}

/// Whether requests that make a block smaller are made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Shrink {
    /// They are points like all others: the contract of `realloc` lets a shrink fail.
    #[default]
    Fail,
    /// They are no points, and get no number.
    Skip,
}

/// How many different widths of [`Faults::window`] one value can hold.
const WINDOWS: usize = 4;

/// Which patterns are swept: a set, put together with `|`.
///
/// The order in which it is written does not matter. The patterns are tried in the order once, persistent, windows (narrow
/// ones first), budget. A set that names no pattern, such as `Faults::size(64)` alone, stands for the patterns of
/// [`Faults::default`].
///
/// ```
/// use oomsweep::Faults;
///
/// let faults = Faults::ONCE | Faults::window(3) | Faults::size(64);
/// assert_eq!(faults, Faults::size(64) | Faults::window(3) | Faults::ONCE);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Faults {
    once: bool,
    persistent: bool,
    budget: bool,
    /// Widths, ascending; unused places are 0 and stand at the end.
    windows: [u64; WINDOWS],
    /// In bytes; 0: every size.
    min_size: usize,
}

impl Faults {
    const EMPTY: Faults = Faults { once: false, persistent: false, budget: false, windows: [0; WINDOWS], min_size: 0 };

    /// Each point fails alone.
    pub const ONCE: Faults = Faults { once: true, ..Faults::EMPTY };

    /// Each point fails, and with it every later one.
    pub const PERSISTENT: Faults = Faults { persistent: true, ..Faults::EMPTY };

    /// Every point fails that would lift the live bytes above a budget, for every budget worth trying.
    pub const BUDGET: Faults = Faults { budget: true, ..Faults::EMPTY };

    /// `k` points in a row fail, from each point on.
    ///
    /// # Panics
    ///
    /// If `k` is 0. So does `|` if the set would hold more than four different widths.
    #[must_use]
    pub const fn window(k: u64) -> Faults {
        assert!(k > 0, "Faults::window(0) fails nothing: a window is at least one point wide");
        Faults { windows: [k, 0, 0, 0], ..Faults::EMPTY }
    }

    /// Only points of at least `min` bytes are failed. This is no pattern but a filter on all of them; where two are put
    /// together both must hold.
    #[must_use]
    pub const fn size(min: usize) -> Faults {
        Faults { min_size: min, ..Faults::EMPTY }
    }

    /// The patterns in the order in which they are tried; never empty.
    pub(crate) fn patterns(self) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        if self.once {
            patterns.push(Pattern::Once);
        }
        if self.persistent {
            patterns.push(Pattern::Persistent);
        }
        patterns.extend(self.widths().map(Pattern::Window));
        if self.budget {
            patterns.push(Pattern::Budget);
        }
        if patterns.is_empty() { Faults::default().patterns() } else { patterns }
    }

    /// The least size of a point that is failed, in bytes; `None`: every size.
    pub(crate) fn min_size(self) -> Option<usize> {
        (self.min_size > 0).then_some(self.min_size)
    }

    fn widths(self) -> impl Iterator<Item = u64> {
        self.windows.into_iter().filter(|&width| width > 0)
    }

    fn with_window(mut self, width: u64) -> Faults {
        if self.windows.contains(&width) {
            return self;
        }
        let free = self.windows.iter().position(|&taken| taken == 0);
        let Some(place) = free.and_then(|at| self.windows.get_mut(at)) else {
            panic!("a set of faults holds at most {WINDOWS} different windows");
        };
        *place = width;
        self.windows.sort_by_key(|&width| if width == 0 { u64::MAX } else { width });
        self
    }
}

impl Default for Faults {
    /// `Faults::ONCE | Faults::PERSISTENT`.
    fn default() -> Faults {
        Faults { once: true, persistent: true, ..Faults::EMPTY }
    }
}

impl BitOr for Faults {
    type Output = Faults;

    fn bitor(self, other: Faults) -> Faults {
        let both = Faults {
            once: self.once || other.once,
            persistent: self.persistent || other.persistent,
            budget: self.budget || other.budget,
            windows: self.windows,
            min_size: self.min_size.max(other.min_size),
        };
        other.widths().fold(both, Faults::with_window)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.patterns().into_iter().map(|pattern| match pattern {
            Pattern::Once => "once".to_owned(),
            Pattern::Persistent => "persistent".to_owned(),
            Pattern::Window(width) => format!("window({width})"),
            Pattern::Budget => "budget".to_owned(),
        });
        let size = self.min_size().map(|min| format!("size({min})"));
        write!(f, "Faults({})", patterns.chain(size).collect::<Vec<_>>().join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::default(Faults::default(), "Faults(once | persistent)", None)]
    #[case::once(Faults::ONCE, "Faults(once)", None)]
    #[case::any_order(
        Faults::BUDGET | Faults::window(3) | Faults::PERSISTENT | Faults::ONCE,
        "Faults(once | persistent | window(3) | budget)",
        None
    )]
    #[case::narrow_windows_first(
        Faults::window(5) | Faults::window(2) | Faults::window(u64::MAX) | Faults::window(5) | Faults::window(3),
        "Faults(window(2) | window(3) | window(5) | window(18446744073709551615))",
        None
    )]
    #[case::a_filter_alone(Faults::size(64), "Faults(once | persistent | size(64))", Some(64))]
    #[case::both_filters_hold(Faults::size(64) | Faults::size(8) | Faults::ONCE, "Faults(once | size(64))", Some(64))]
    #[case::no_filter(Faults::size(0) | Faults::ONCE, "Faults(once)", None)]
    fn a_set_is_what_was_put_into_it(#[case] faults: Faults, #[case] shown: &str, #[case] min: Option<usize>) {
        assert_eq!(format!("{faults:?}"), shown);
        assert_eq!(faults.min_size(), min);
    }

    #[test]
    fn patterns_come_in_the_order_of_the_sweep() {
        let patterns = (Faults::BUDGET | Faults::window(7) | Faults::ONCE).patterns();
        assert_eq!(patterns, [Pattern::Once, Pattern::Window(7), Pattern::Budget]);
    }

    #[test]
    #[should_panic(expected = "a window is at least one point wide")]
    fn a_window_of_nothing_is_refused() {
        let _ = Faults::window(std::hint::black_box(0));
    }

    #[test]
    #[should_panic(expected = "at most 4 different windows")]
    fn a_fifth_window_is_refused() {
        let _ = (1..=5).map(Faults::window).fold(Faults::ONCE, Faults::bitor);
    }
}
