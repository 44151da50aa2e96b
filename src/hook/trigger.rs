//! The armed fault: pass or fail.

use crate::model::fault::Fault;

/// Decides, point by point, what the armed fault does. Plain: no statics, no locks; any allocator may hold one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trigger {
    fault: Fault,
    made: u64,
}

impl Trigger {
    /// Armed with `fault`, before the first point.
    pub(crate) const fn new(fault: Fault) -> Self {
        Trigger { fault, made: 0 }
    }

    /// Armed with `fault`, when so many points were made.
    #[cfg_attr(
        not(all(target_os = "linux", not(oomsweep_portable))),
        allow(dead_code, reason = "only a copy of a process begins in the middle")
    )]
    pub(crate) const fn at(fault: Fault, made: u64) -> Self {
        Trigger { fault, made }
    }

    /// The number of the next point.
    #[inline(always)]
    pub(crate) fn upcoming(&self) -> u64 {
        self.made
    }

    /// Where the number of the next point is kept.
    pub(crate) fn made(&mut self) -> *mut u64 {
        &raw mut self.made
    }

    /// The number of the first point to come that may fail.
    pub(crate) fn passes_until(&self) -> u64 {
        let (first, last) = match self.fault {
            Fault::None => return u64::MAX,
            Fault::Once(place) => (place, place),
            Fault::Persistent(place) => (place, u64::MAX),
            Fault::Window { at, len } => (at, at.saturating_add(len)),
            Fault::Pair(first, second) => (first, second),
            Fault::Budget(_) => (0, u64::MAX),
        };
        if self.made > last { u64::MAX } else { first }
    }

    /// Whether what it does hangs on the live bytes.
    #[inline(always)]
    pub(crate) fn is_budget(&self) -> bool {
        matches!(self.fault, Fault::Budget(_))
    }

    /// Numbers the next point, and says whether it fails. `growth` is what the request would add to the live bytes, and
    /// `live_after` what they would be then.
    #[inline(always)]
    pub(crate) fn next(&mut self, growth: u64, live_after: u64) -> (u64, bool) {
        let index = self.made;
        self.made = index.wrapping_add(1);
        let fails = match self.fault {
            Fault::None => false,
            Fault::Once(place) => index == place,
            Fault::Persistent(place) => index >= place,
            Fault::Window { at, len } => index >= at && index.wrapping_sub(at) < len,
            Fault::Pair(first, second) => index == first || index == second,
            Fault::Budget(most) => growth > 0 && live_after > most,
        };
        (index, fails)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Fault::None, "......")]
    #[case(Fault::Once(2), "..x...")]
    #[case(Fault::Persistent(4), "....xx")]
    #[case(Fault::Window { at: 1, len: 3 }, ".xxx..")]
    #[case(Fault::Pair(0, 3), "x..x..")]
    #[case(Fault::Budget(25), "..xxxx")]
    fn fails_what_the_pattern_says(#[case] fault: Fault, #[case] expected: &str) {
        let mut trigger = Trigger::new(fault);
        let mut live = 0;
        let told: String = (0..6)
            .map(|_| {
                let (_, fails) = trigger.next(10, live + 10);
                if !fails {
                    live += 10;
                }
                if fails { 'x' } else { '.' }
            })
            .collect();
        assert_eq!(told, expected);
        assert_eq!(trigger.next(0, 0).0, 6);
    }
}
