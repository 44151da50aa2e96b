//! The line that a terminal shows while a sweep goes on.

use std::fmt::Write;
use std::time::Duration;

/// What the line tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing<'a> {
    /// The test.
    pub(crate) test: &'a str,
    /// Trials made, and planned so far; none are planned while the body is warmed up.
    pub(crate) done: u64,
    /// See `done`.
    pub(crate) planned: u64,
    /// Trials with a finding.
    pub(crate) failed: u64,
    /// Which allocator is swept, from 1, and of how many.
    pub(crate) part: (u32, u32),
    /// Trials a second, of late; `None` if that can't be told.
    pub(crate) rate: Option<f64>,
}

/// How many characters the bar has.
const CELLS: u64 = 20;

/// `oomsweep [###.................] 1234 of 8000 trials, 310/s, about 21 s left, 3 failed | index::builds_an_index`
pub(crate) fn standing(now: Standing<'_>) -> String {
    let mut line = String::from("oomsweep ");
    let (at, of) = now.part;
    let of_parts = if of > 1 { format!(", allocator {at} of {of}") } else { String::new() };
    let left = now.planned.saturating_sub(now.done);
    if now.planned == 0 {
        let _ = write!(line, "plain runs{of_parts}");
    } else if left == 0 && at == of {
        let _ = write!(line, "{} trials made, putting the report together", now.done);
    } else {
        let full = now.done.saturating_mul(CELLS) / now.planned;
        let bar: String = (0..CELLS).map(|cell| if cell < full { '#' } else { '.' }).collect();
        let _ = write!(line, "[{bar}] {} of {} trials{of_parts}", now.done, now.planned);
        if let Some(rate) = now.rate {
            let _ = write!(line, ", {}", pace(rate));
            // What another allocator is asked for is not known before its turn.
            if at == of {
                let _ = write!(line, ", about {} left", time(left as f64 / rate));
            }
        }
    }
    if now.failed > 0 {
        let _ = write!(line, ", {} failed", now.failed);
    }
    let _ = write!(line, " | {}", now.test);
    line
}

/// `310/s`, `1.5/s`, `12/min`.
fn pace(rate: f64) -> String {
    match rate {
        rate if rate >= 10.0 => format!("{rate:.0}/s"),
        rate if rate >= 1.0 => format!("{rate:.1}/s"),
        rate => format!("{:.0}/min", rate * 60.0),
    }
}

/// `8 s`, `4 min 50 s`, `2 h 10 min`: no finer than such an estimate is.
fn time(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.ceil()).map_or(u64::MAX, |time| time.as_secs());
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {} s", seconds / 10 * 10),
        (hours @ 0..100, minutes, _) => format!("{hours} h {minutes} min"),
        _ => String::from("days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_every_stage() {
        let begun = Standing { test: "index::builds", done: 0, planned: 0, failed: 0, part: (1, 1), rate: None };
        assert_eq!(standing(begun), "oomsweep plain runs | index::builds");
        let first = Standing { planned: 8000, ..begun };
        assert_eq!(standing(first), "oomsweep [....................] 0 of 8000 trials | index::builds");
        let going = Standing { done: 1600, failed: 3, rate: Some(310.0), ..first };
        let line =
            "oomsweep [####................] 1600 of 8000 trials, 310/s, about 21 s left, 3 failed | index::builds";
        assert_eq!(standing(going), line);
        let many = Standing { part: (1, 2), ..going };
        let line =
            "oomsweep [####................] 1600 of 8000 trials, allocator 1 of 2, 310/s, 3 failed | index::builds";
        assert_eq!(standing(many), line);
        let made = Standing { done: 8000, ..going };
        let line = "oomsweep 8000 trials made, putting the report together, 3 failed | index::builds";
        assert_eq!(standing(made), line);
    }

    #[test]
    fn rates_and_times_are_told_in_what_fits_them() {
        assert_eq!([pace(312.4), pace(9.94), pace(0.25)], ["312/s", "9.9/s", "15/min"]);
        assert_eq!([time(0.2), time(59.0), time(293.0)], ["1 s", "59 s", "4 min 50 s"]);
        assert_eq!([time(7800.0), time(1e9), time(f64::INFINITY)], ["2 h 10 min", "days", "days"]);
    }
}
