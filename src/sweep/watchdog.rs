//! When a run is over its time.

use crate::sys::cores::{self, Use};
use crate::sys::time;

/// Watches one process: a run is over when it has had more time than its limit.
///
/// Time counts while the run was given a core, and while it waited for anything else: a lock, a message, a sleep. Time in which a
/// thread of it was ready to run and had no core does not count, so a busy machine makes no hang. Where the system does not tell
/// that, time in which the process has made some progress counts as far as it had a processor.
pub(crate) struct Watchdog {
    limit: u64,
    /// The process and the run that were looked at last.
    watched: Option<(i32, u64)>,
    /// How much of that run's time counts, up to `at`.
    counted: u64,
    at: u64,
    seen: Use,
}

/// Where waiting is not told: less processor time than one part in so many is no progress.
const PROGRESS: u64 = 50;
/// The least and the most time between two looks, in nanoseconds.
const LEAST: u64 = 5_000_000;
const MOST: u64 = 50_000_000;

impl Watchdog {
    /// A limit in nanoseconds.
    pub(crate) fn new(limit: u64) -> Watchdog {
        Watchdog { limit, watched: None, counted: 0, at: 0, seen: Use::default() }
    }

    /// How long to wait before the next look, for a run that began then.
    pub(crate) fn slice(&self, began: u64) -> std::time::Duration {
        let age = time::now_ns().saturating_sub(began);
        std::time::Duration::from_nanos(self.left(age).clamp(LEAST, MOST))
    }

    /// The least time until a run so old can be over.
    fn left(&self, age: u64) -> u64 {
        match self.limit.saturating_sub(age) {
            0 => self.limit.saturating_sub(self.counted),
            left => left,
        }
    }

    /// Looks at process `pid`, in which run number `run` goes on. True: it is over its time, as counted from the first look at it.
    pub(crate) fn over(&mut self, pid: i32, run: u64) -> bool {
        self.look(time::now_ns(), cores::use_of(pid), (pid, run))
    }

    fn look(&mut self, now: u64, seen: Use, watched: (i32, u64)) -> bool {
        if self.watched != Some(watched) {
            // What the process did before the run is not its doing, so what it has had up to now is not known.
            *self = Watchdog { watched: Some(watched), at: now, seen, ..Watchdog::new(self.limit) };
            return false;
        }
        let passed = now.saturating_sub(self.at);
        let ran = seen.ran.saturating_sub(self.seen.ran);
        let waited = match seen.runnable {
            // How long it has waited since it had a core last is not told.
            Some(1..) => passed,
            Some(0) => seen.waited.saturating_sub(self.seen.waited),
            None => passed * u64::from(ran > passed / PROGRESS),
        };
        // Each thread that is ready had this much, on average.
        let had = ran / seen.runnable.unwrap_or(1).max(1);
        self.counted += passed.saturating_sub(waited).max(had).min(passed);
        self.at = now;
        self.seen = seen;
        self.counted > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const MS: u64 = 1_000_000;

    /// A millisecond of a process: the processor time that it gets, in percent of a core, how long its threads wait for one, in
    /// percent too, and how many of them are ready.
    #[derive(Clone, Copy)]
    struct Life {
        ran: u64,
        waited: u64,
        ready: u64,
    }

    const SPINS: Life = life(100, 0, 1);
    const SLEEPS: Life = life(0, 0, 0);
    const STARVES: Life = life(0, 0, 1);

    const fn life(ran: u64, waited: u64, ready: u64) -> Life {
        Life { ran, waited, ready }
    }

    /// When a run of a limit of one second is found to be over, in milliseconds, by a look every 50; `told`: the system tells who
    /// is ready to run.
    fn found_at(lives: impl Fn(u64) -> Life, told: bool) -> Option<u64> {
        let mut dog = Watchdog::new(1_000 * MS);
        let mut seen = Use::default();
        dog.look(0, Use { runnable: told.then_some(1), ..seen }, (1, 1));
        for ms in 1..=30_000 {
            let life = lives(ms);
            seen.ran += life.ran * MS / 100;
            seen.waited += if told { life.waited * MS / 100 } else { 0 };
            seen.runnable = told.then_some(life.ready);
            if ms % 50 == 0 && dog.look(ms * MS, seen, (1, 1)) {
                return Some(ms);
            }
        }
        None
    }

    #[rstest]
    #[case::spins(SPINS, Some(1_050))]
    #[case::sleeps(SLEEPS, Some(1_050))]
    #[case::gets_half_a_core(life(50, 0, 1), Some(2_050))]
    #[case::gets_a_tenth_of_a_core(life(10, 0, 1), Some(10_050))]
    #[case::has_waited_and_sleeps_at_every_look(life(10, 50, 0), Some(2_050))]
    #[case::wakes_now_and_then(life(3, 1, 0), Some(1_050))]
    #[case::starves(STARVES, None)]
    #[case::spins_with_four_threads_on_two_cores(life(200, 200, 4), Some(2_050))]
    #[case::waits_for_a_thread_that_starves(life(0, 0, 1), None)]
    #[case::has_a_lock_that_it_waits_for_beside_others_that_are_idle(life(0, 0, 0), Some(1_050))]
    fn counts_the_time_that_a_run_could_use(#[case] always: Life, #[case] wanted: Option<u64>) {
        assert_eq!(found_at(|_| always, true), wanted);
    }

    /// Where nothing tells who waits for a core, only who gets none at all is taken for one that waits for something else.
    #[rstest]
    #[case::spins(SPINS, Some(1_050))]
    #[case::sleeps(SLEEPS, Some(1_050))]
    #[case::gets_half_a_core(life(50, 50, 1), Some(2_050))]
    #[case::gets_a_tenth_of_a_core(life(10, 90, 1), Some(10_050))]
    #[case::wakes_now_and_then(life(1, 0, 0), Some(1_050))]
    fn does_what_it_can_where_less_is_told(#[case] always: Life, #[case] wanted: Option<u64>) {
        assert_eq!(found_at(|_| always, false), wanted);
    }

    #[test]
    fn ten_seconds_without_a_core_are_no_time() {
        let told = |ms: u64| if (500..=10_500).contains(&ms) { STARVES } else { SPINS };
        assert_eq!(found_at(told, true), Some(11_050));
    }

    /// A lock that nobody gives back is found on a busy machine, too: who waits for it is not ready to run.
    #[test]
    fn a_lock_is_waited_for_after_a_late_start() {
        let told = |ms: u64| match ms {
            ..2_000 => life(5, 95, 1),
            _ => SLEEPS,
        };
        let found = found_at(told, true).expect("it is found");
        assert!((2_000..=3_050).contains(&found), "found at {found} ms");
    }

    #[test]
    fn a_new_run_has_its_own_limit() {
        let mut dog = Watchdog::new(1_000 * MS);
        for run in 0..10_u64 {
            for ms in (0..900).step_by(50) {
                let now = (run * 900 + ms) * MS;
                let seen = Use { ran: now, waited: 0, runnable: Some(1) };
                assert!(!dog.look(now, seen, (1, run)));
            }
        }
    }

    /// A process that has done much before, and is looked at late.
    #[test]
    fn what_was_done_before_the_run_does_not_count() {
        let mut dog = Watchdog::new(1_000 * MS);
        assert!(!dog.look(5_000 * MS, Use { ran: 9_000 * MS, waited: 0, runnable: Some(1) }, (1, 1)));
        assert!(!dog.look(9_000 * MS, Use { ran: 9_000 * MS, waited: 0, runnable: Some(0) }, (1, 2)));
        assert!(!dog.look(9_900 * MS, Use { ran: 9_000 * MS, waited: 0, runnable: Some(0) }, (1, 2)));
        assert!(dog.look(10_100 * MS, Use { ran: 9_000 * MS, waited: 0, runnable: Some(0) }, (1, 2)));
    }

    #[test]
    fn looks_are_as_far_apart_as_the_limit_allows() {
        let mut dog = Watchdog::new(1_000 * MS);
        assert_eq!(dog.left(0), 1_000 * MS);
        assert_eq!(dog.left(990 * MS), 10 * MS);
        // A run that is older, and has had less.
        for (ms, ran) in [(50, 0), (2_000, 700)] {
            assert!(!dog.look(ms * MS, Use { ran: ran * MS, waited: 0, runnable: Some(1) }, (1, 1)));
        }
        assert_eq!(dog.left(2_000 * MS), 300 * MS);
    }
}
