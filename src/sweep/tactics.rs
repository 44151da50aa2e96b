//! Which way of trying a fault is the cheaper: to run the body again up to it, or to copy the process there. From what was measured
//! in the very sweep: when the baseline came to each point, what trials cost besides, and what a process costs.

use std::time::Duration;

use super::crew::{BatchEnd, Early};
use crate::model::fault::Fault;
use crate::sys::time::nanos;

/// Below this no choice is worth its trouble: all the runs up to the faults together take no longer, in nanoseconds.
const SMALL: u64 = 3_000_000;
/// So much may be spent on the first trials, to learn what they cost, in nanoseconds; and so many are made.
const PROBE: u64 = 2_000_000;
const MOST_PROBED: usize = 64;
/// What a process costs where nothing is known yet, in nanoseconds.
const GUESS: u64 = 150_000;

/// What was measured so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Costs {
    /// How long the baseline took to each point, in nanoseconds. A run that writes its points down is slower than others.
    times: Vec<u64>,
    /// How long it took in all.
    took: u64,
    /// How long a run takes that writes nothing down; 0: not known.
    plain: u64,
    /// What a trial costs besides the way to its fault; 0: not known.
    trial: u64,
    /// What a process costs: to make it, and to see it end; 0: not known.
    fork: u64,
    /// What a process costs a trial from the start: next to nothing where many trials share one.
    share: u64,
}

/// How the faults are to be tried.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Their places, of those for which the process is copied.
    pub(super) dear: Vec<usize>,
    /// The others'.
    pub(super) cheap: Vec<usize>,
    /// How long all this may take, in nanoseconds.
    pub(super) foretold: u64,
}

impl Costs {
    /// `times` and `took` of the baseline, in nanoseconds.
    pub(super) fn new(times: Vec<u64>, took: u64) -> Costs {
        Costs { times, took, ..Costs::default() }
    }

    /// The way to this fault, in nanoseconds. A budget has no place, and is no nearer than the end.
    pub(super) fn way(&self, fault: Fault) -> u64 {
        let time = fault.place().and_then(|place| self.times.get(usize::try_from(place).ok()?)).copied();
        self.plainly(time.unwrap_or(self.took))
    }

    /// What takes this long in a run that writes its points down, in others.
    fn plainly(&self, time: u64) -> u64 {
        if self.plain == 0 || self.took == 0 {
            return time;
        }
        let scaled = u128::from(time) * u128::from(self.plain) / u128::from(self.took);
        u64::try_from(scaled).unwrap_or(u64::MAX).clamp(time / 20, time.saturating_mul(2))
    }

    /// What a trial costs from the start, in nanoseconds.
    pub(super) fn replay(&self, fault: Fault) -> u64 {
        self.way(fault).saturating_add(self.share).saturating_add(self.trial)
    }

    /// What one costs in a copy, in nanoseconds; 0: not known.
    pub(super) fn copy(&self) -> u64 {
        if self.fork == 0 { 0 } else { self.fork.saturating_add(self.trial) }
    }

    /// Whether the ways to all these faults are so short that there is nothing to choose.
    pub(super) fn is_small(&self, faults: &[Fault]) -> bool {
        let mut all = 0_u64;
        faults.iter().all(|&fault| {
            all = all.saturating_add(self.way(fault));
            all <= SMALL
        })
    }

    /// How many of the first faults are to be tried from the start, to learn what that costs.
    pub(super) fn probe(&self, faults: &[Fault]) -> usize {
        let mut spent = 0_u64;
        let affordable = |&&fault: &&Fault| {
            spent = spent.saturating_add(self.way(fault));
            spent <= PROBE
        };
        faults.iter().take(MOST_PROBED).take_while(affordable).count()
    }

    /// A batch of these faults took so long.
    pub(super) fn learn(&mut self, faults: &[Fault], end: &BatchEnd, took: Duration) {
        if end.fork > 0 {
            self.fork = if self.fork == 0 { end.fork } else { (self.fork * 3 + end.fork) / 4 };
        }
        if end.closed > 0 {
            self.plain = end.closed;
        }
        let good = end.good.len();
        if good > 0 && (good == faults.len() || end.changed) {
            let ways: u64 = faults.iter().take(good).map(|&fault| self.way(fault)).fold(0, u64::saturating_add);
            let rest = nanos(took).saturating_sub(ways).saturating_sub(end.fork).saturating_sub(end.closed);
            self.trial = (rest / good as u64).max(1);
            // A batch that came to its end could have been larger; of a single trial that is not known.
            if end.changed || good > 1 {
                self.share = if end.changed { end.fork / good as u64 } else { 0 };
            }
        }
    }

    /// How long trials take from then on when `early` was known: of `dear` in copies of one run, in the order of the points, or from the
    /// start where there is no copy or none that is worth it; of `cheap` from the start. The faults that had their turn before without
    /// a copy are still to be tried.
    pub(super) fn rest(&self, dear: &[Fault], cheap: &[Fault], early: &Early) -> Duration {
        let sum = |faults: &mut dyn Iterator<Item = u64>| Duration::from_nanos(faults.fold(0, u64::saturating_add));
        let left = || dear.iter().skip(early.faults);
        // Where none was tried from the start, a trial is thought to take as long as a run that comes to its end.
        let least = if self.trial == 0 { self.plainly(self.took) } else { 0 };
        let replayed = sum(&mut left().map(|&fault| self.replay(fault).max(least)));
        let copied = sum(&mut left().map(|&fault| self.replay(fault).min(early.each)));
        let others = sum(&mut cheap.iter().map(|&fault| self.replay(fault)));
        let run = Duration::from_nanos(self.plainly(self.took));
        let passed_over = early.faults.min(dear.len()) as f64 * early.without;
        let first = Duration::from_nanos(dear.first().map_or(0, |&fault| self.replay(fault).max(least)));
        run + first.mul_f64(passed_over)
            + replayed.mul_f64(early.without)
            + copied.mul_f64(1.0 - early.without)
            + others
    }

    /// For which of these faults, each with its place, the process is copied; for none if a run with copies costs more than it saves.
    pub(super) fn split(&self, faults: &[(usize, Fault)]) -> Split {
        let fork = if self.fork == 0 { GUESS } else { self.fork };
        // Several copies at once cost less than one: the run itself sees what they cost, and passes over what is cheaper otherwise.
        let is_dear = |fault: Fault| fault.place().is_some() && self.way(fault).saturating_add(self.share) > fork / 2;
        let mut gain = 0_u64;
        let mut copied = self.plainly(self.took);
        for &(_, fault) in faults.iter().filter(|(_, fault)| is_dear(*fault)) {
            gain = gain.saturating_add(self.way(fault).saturating_add(self.share).saturating_sub(fork));
            copied = copied.saturating_add(fork).saturating_add(self.trial);
        }
        let worth_it = gain > self.plainly(self.took).saturating_add(fork);
        let mut split = Split { dear: Vec::new(), cheap: Vec::new(), foretold: if worth_it { copied } else { 0 } };
        for &(place, fault) in faults {
            if worth_it && is_dear(fault) {
                split.dear.push(place);
            } else {
                split.foretold = split.foretold.saturating_add(self.replay(fault));
                split.cheap.push(place);
            }
        }
        split
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::board::Closing;

    const US: u64 = 1_000;
    const MS: u64 = 1_000 * US;

    fn once(count: u64) -> Vec<Fault> {
        (0..count).map(Fault::Once).collect()
    }

    fn placed(faults: &[Fault]) -> Vec<(usize, Fault)> {
        faults.iter().copied().enumerate().collect()
    }

    fn even(count: u64, step: u64) -> Costs {
        Costs::new((0..count).map(|nth| nth * step).collect(), count * step)
    }

    #[test]
    fn short_ways_are_walked() {
        let costs = even(100, 100);
        assert!(costs.is_small(&once(100)));
        assert!(!even(1_000, 100 * US).is_small(&once(1_000)));
        assert_eq!(costs.split(&placed(&once(100))).dear, Vec::<usize>::new());
    }

    #[test]
    fn the_first_trials_are_few_and_short() {
        assert_eq!(even(1_000, US).probe(&once(1_000)), 63, "0 + 1 + 2 + … us");
        assert_eq!(even(1_000, MS).probe(&once(1_000)), 2);
        assert_eq!(Costs::new(vec![100 * MS; 10], 101 * MS).probe(&once(10)), 0);
    }

    #[test]
    fn from_some_point_on_the_process_is_copied() {
        let mut costs = even(1_000, 10 * US);
        costs.fork = 300 * US;
        costs.trial = 20 * US;
        let split = costs.split(&placed(&once(1_000)));
        assert_eq!((split.cheap.len(), split.dear.first()), (16, Some(&16)), "half of what a process costs");
        assert_eq!(costs.copy(), 320 * US);
        assert_eq!(costs.replay(Fault::Persistent(100)), 1_020 * US);
    }

    #[test]
    fn a_dear_beginning_is_made_once() {
        let costs = Costs::new(vec![100 * MS; 10], 101 * MS);
        assert_eq!(costs.split(&placed(&once(10))).dear.len(), 10);
        assert_eq!(costs.split(&placed(&once(1))).dear, Vec::<usize>::new(), "one more run is what one trial costs");
    }

    #[test]
    fn a_budget_is_tried_from_the_start() {
        let costs = Costs::new(vec![100 * MS; 2], 100 * MS);
        let split =
            costs.split(&[(0, Fault::Budget(7)), (1, Fault::Once(0)), (2, Fault::Once(1)), (3, Fault::Persistent(1))]);
        assert_eq!((split.cheap, split.dear), (vec![0], vec![1, 2, 3]));
    }

    #[test]
    fn what_the_first_copies_cost_the_others_will() {
        let costs = Costs::new(vec![100 * MS; 100], 100 * MS);
        let early = Early { at: std::time::Instant::now(), faults: 10, each: 20 * MS, without: 0.0 };
        let rest = |early| costs.rest(&once(100), &once(3), &early);
        assert_eq!(rest(early), Duration::from_millis(100 + 90 * 20 + 300));
        assert_eq!(rest(Early { without: 0.5, ..early }), Duration::from_millis(100 + 50 * 100 + 45 * 20 + 300));
        assert_eq!(rest(Early { without: 1.0, each: 0, ..early }), Duration::from_millis(100 + 100 * 100 + 300));
        assert_eq!(rest(Early { each: 900 * MS, ..early }), Duration::from_millis(100 + 90 * 100 + 300));
    }

    #[test]
    fn where_each_trial_has_its_process_that_counts() {
        let mut costs = even(10, 10 * US);
        let good = vec![(crate::model::code::Verdict::Error, false); 2];
        let end = BatchEnd { good, stopped: None, closing: Closing::None, changed: true, closed: 0, fork: 40 * MS };
        costs.learn(&once(10), &end, Duration::from_micros(40_010 + 30));
        assert_eq!((costs.share, costs.trial), (20 * MS, 15 * US));
        assert_eq!(costs.replay(Fault::Once(3)), 20 * MS + 45 * US);
    }

    #[test]
    fn what_batches_took_is_learnt() {
        let mut costs = even(10, 10 * US);
        let good = vec![(crate::model::code::Verdict::Error, false); 10];
        let end =
            BatchEnd { good, stopped: None, closing: Closing::Fits, changed: false, closed: 50 * US, fork: 200 * US };
        costs.learn(&once(10), &end, Duration::from_micros(225 + 200 + 50 + 300));
        assert_eq!((costs.fork, costs.plain, costs.trial), (200 * US, 50 * US, 30 * US));
        assert_eq!(costs.way(Fault::Once(4)), 20 * US, "runs that write nothing down take half of the time");
    }
}
