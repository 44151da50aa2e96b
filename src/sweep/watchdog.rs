//! When a run is over its time.

use crate::sys::time;

/// Watches one process: a run is over its limit when it is over it in wall time, and either over it in processor time too or
/// without any progress for half of it. A busy machine slows both clocks of a run down, so it makes no hang.
pub(crate) struct Watchdog {
    limit: u64,
    run: Option<u64>,
    cpu_at_start: u64,
    progress_at: u64,
    progress: u64,
}

/// Less processor time than this is no progress, in nanoseconds.
const PROGRESS: u64 = 1_000_000;

impl Watchdog {
    /// A limit in nanoseconds.
    pub(crate) fn new(limit: u64) -> Watchdog {
        Watchdog { limit, run: None, cpu_at_start: 0, progress_at: time::now_ns(), progress: 0 }
    }

    /// How long to wait before the next look, for a run that began then.
    pub(crate) fn slice(&self, began: u64) -> std::time::Duration {
        let age = time::now_ns().saturating_sub(began);
        std::time::Duration::from_nanos(self.limit.saturating_sub(age).clamp(1_000_000, 50_000_000))
    }

    /// Looks at process `pid`, in which run number `run` began then. True: it is over its time.
    pub(crate) fn over(&mut self, pid: i32, run: u64, began: u64) -> bool {
        let now = time::now_ns();
        let cpu = time::cpu_ns(pid).unwrap_or(0);
        self.look(now, cpu, run, began)
    }

    fn look(&mut self, now: u64, cpu: u64, run: u64, began: u64) -> bool {
        if self.run != Some(run) {
            self.run = Some(run);
            self.cpu_at_start = cpu;
            self.progress_at = now;
            self.progress = cpu;
        } else if cpu.saturating_sub(self.progress) > PROGRESS {
            self.progress_at = now;
            self.progress = cpu;
        }
        let over = now.saturating_sub(began) > self.limit;
        let busy = cpu.saturating_sub(self.cpu_at_start) >= self.limit;
        let stuck = now.saturating_sub(self.progress_at) >= self.limit / 2;
        over && (busy || stuck)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const MS: u64 = 1_000_000;

    /// `cpu_per_ms`: processor time in percent of wall time.
    #[rstest]
    #[case::spins(100, Some(1_050))]
    #[case::sleeps(0, Some(1_050))]
    #[case::gets_half_a_core(50, Some(2_050))]
    fn tells_a_hang_from_a_busy_machine(#[case] percent: u64, #[case] found_by: Option<u64>) {
        let mut dog = Watchdog::new(1_000 * MS);
        let found = (0..4_000).step_by(50).find(|&ms| dog.look(ms * MS, ms * MS * percent / 100, 1, 0));
        assert!(found <= found_by, "found at {found:?} ms");
        assert!(found >= found_by.map(|ms| ms - 50), "found at {found:?} ms");
    }

    #[test]
    fn a_new_run_has_its_own_limit() {
        let mut dog = Watchdog::new(1_000 * MS);
        for run in 0..10_u64 {
            for ms in (0..900).step_by(50) {
                let now = (run * 900 + ms) * MS;
                assert!(!dog.look(now, now, run, run * 900 * MS));
            }
        }
    }
}
