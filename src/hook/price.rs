//! Whether a copy of the process is worth its price.

/// So many faults are passed over before the price is asked for anew; then twice as many, and so on.
const PATIENCE: u32 = 16;

/// What a copy costs: how long the run stands still for one, in nanoseconds.
///
/// One copy that the machine or its error path held up says little of the others, and where none is made nothing is learnt. So a
/// copy is made now and then that seems too dear, ever more rarely, and its price alone counts.
#[derive(Debug)]
pub(super) struct Price {
    /// 0: not known.
    cost: u64,
    /// How many faults were passed over since a copy was made last.
    passed: u32,
    /// After so many the price is asked for anew.
    patience: u32,
    /// The next copy is made to learn what it costs.
    anew: bool,
}

impl Price {
    /// `cost` is what a copy is thought to cost at first; 0: not known.
    pub(super) const fn new(cost: u64) -> Price {
        Price { cost, passed: 0, patience: PATIENCE, anew: false }
    }

    /// Whether a copy is to be made for a fault that is worth so much, in nanoseconds.
    pub(super) fn suits(&mut self, worth: u64) -> bool {
        if worth > self.cost {
            return true;
        }
        self.passed = self.passed.wrapping_add(1);
        if self.passed < self.patience {
            return false;
        }
        self.patience = self.patience.saturating_mul(2);
        self.anew = true;
        true
    }

    /// The run stood still for a copy, in nanoseconds.
    pub(super) fn took(&mut self, time: u64) {
        let is_alone = self.cost == 0 || self.anew;
        self.cost = if is_alone { time } else { self.cost.wrapping_mul(7).wrapping_add(time) / 8 };
        self.passed = 0;
        self.anew = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: u64 = 1_000;

    /// How many copies are made for so many faults of the same worth, if each costs what is said of it.
    fn made(price: &mut Price, faults: u64, worth: u64, costs: impl Fn(u64) -> u64) -> u64 {
        let mut made = 0;
        for _ in 0..faults {
            if price.suits(worth) {
                price.took(costs(made));
                made += 1;
            }
        }
        made
    }

    #[test]
    fn one_copy_that_was_held_up_does_not_end_them() {
        for held_up in [0, 1, 50] {
            let costs = |nth| if nth == held_up { 100_000 * US } else { 300 * US };
            assert_eq!(made(&mut Price::new(0), 1_000, 4_000 * US, costs), 985, "the price is asked for after 16");
        }
    }

    #[test]
    fn where_copies_are_too_dear_few_are_made() {
        assert_eq!(made(&mut Price::new(0), 10_000, 300 * US, |_| 10_000 * US), 10);
        assert_eq!(made(&mut Price::new(500 * US), 15, 300 * US, |_| 10_000 * US), 0, "of few faults for none");
    }

    #[test]
    fn they_end_where_they_become_too_dear() {
        let costs = |nth| if nth < 100 { 300 * US } else { 10_000 * US };
        assert!(made(&mut Price::new(0), 10_000, 4_000 * US, costs) < 120);
    }

    #[test]
    fn who_has_no_choice_makes_them_all() {
        assert_eq!(made(&mut Price::new(0), 1_000, u64::MAX, |_| 10_000 * US), 1_000);
    }
}
