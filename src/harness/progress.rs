//! A sweep that takes long says so early: a line for each, at the bottom of the terminal, and only while it goes on.
//!
//! A test harness writes lines of its own to the same terminal meanwhile, and begins some of them long before it ends them. So the
//! lines stand outside of what scrolls, see `sys::terminal`.

use std::collections::VecDeque;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use crate::render::wording;
use crate::sweep::standing::{SoFar, Standing};
use crate::sys::{process, terminal};

/// A sweep that is over by then shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// The least time between two drawings.
const PERIOD: Duration = Duration::from_millis(100);
/// The rate is that of so much time.
const LATELY: Duration = Duration::from_secs(5);

static SCREEN: Mutex<Screen> = Mutex::new(Screen { lines: Vec::new(), next: 0, size: None });

/// The lines of all sweeps of this process.
struct Screen {
    lines: Vec<(u64, String)>,
    next: u64,
    /// The terminal, as large as it was when lines were kept there.
    size: Option<terminal::Size>,
}

impl Screen {
    fn set(&mut self, number: u64, text: String) {
        match self.lines.iter_mut().find(|(other, _)| *other == number) {
            Some((_, old)) if *old == text => return,
            Some((_, old)) => *old = text,
            None => self.lines.push((number, text)),
        }
        self.draw();
    }

    fn remove(&mut self, number: u64) {
        let before = self.lines.len();
        self.lines.retain(|(other, _)| *other != number);
        if self.lines.len() < before {
            self.draw();
        }
    }

    fn draw(&mut self) {
        let size = terminal::size();
        if size != self.size {
            terminal::give_back();
        }
        self.size = size;
        let Some(size) = size else { return };
        // What scrolls keeps the larger part.
        let lines = self.lines.len().min(usize::from(size.rows) / 3);
        terminal::keep(size, lines);
        let texts: Vec<&str> = self.lines.iter().take(lines).map(|(_, text)| text.as_str()).collect();
        if !texts.is_empty() {
            terminal::draw(size, &texts);
        }
    }
}

/// The line of one sweep; gone when it is dropped.
pub(super) struct Line<'a> {
    test: String,
    standing: &'a Standing,
    number: u64,
    began: Instant,
    looked: Duration,
    pace: Pace,
}

impl<'a> Line<'a> {
    /// `None` where nobody would see it.
    pub(super) fn new(test: &str, standing: &'a Standing) -> Option<Line<'a>> {
        static AT_EXIT: Once = Once::new();
        if !Line::is_seen() {
            return None;
        }
        // A test that ends the process must not leave the terminal as it is.
        AT_EXIT.call_once(|| process::at_exit(terminal::give_back));
        let mut screen = SCREEN.lock().unwrap_or_else(PoisonError::into_inner);
        screen.next += 1;
        Some(Line {
            test: test.to_owned(),
            standing,
            number: screen.next,
            began: Instant::now(),
            looked: Duration::ZERO,
            pace: Pace::default(),
        })
    }

    /// Whether somebody would see a line: the standard error is a terminal, and one that can place text (`TERM` is there, and is not
    /// `dumb`).
    pub(super) fn is_seen() -> bool {
        let can_place = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        can_place && terminal::size().is_some()
    }

    /// Shows how far the sweep has come, if it is time for that. To be called often.
    pub(super) fn look(&mut self) {
        let age = self.began.elapsed();
        if age < self.looked + PERIOD {
            return;
        }
        self.looked = age;
        let SoFar { parts, part, planned, done, failed } = self.standing.so_far();
        let rate = self.pace.of_late(age, done);
        if age < PATIENCE {
            return;
        }
        let standing = wording::Standing { test: &self.test, done, planned, failed, part: (part, parts), rate };
        let text = wording::standing(standing);
        SCREEN.lock().unwrap_or_else(PoisonError::into_inner).set(self.number, text);
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        SCREEN.lock().unwrap_or_else(PoisonError::into_inner).remove(self.number);
    }
}

/// How many trials there were, and when, over the last seconds: later points cost more than earlier ones, so what the whole sweep
/// has taken so far says little of what is to come.
#[derive(Debug, Default)]
struct Pace(VecDeque<(Duration, u64)>);

impl Pace {
    /// Takes note of this moment, and says how many trials a second there were lately; `None` if there were none.
    fn of_late(&mut self, now: Duration, done: u64) -> Option<f64> {
        // Trials that were made in a batch can turn out not to count.
        while self.0.back().is_some_and(|&(_, more)| more > done) {
            self.0.pop_back();
        }
        self.0.push_back((now, done));
        while self.0.get(1).is_some_and(|&(then, _)| now.saturating_sub(then) >= LATELY) {
            self.0.pop_front();
        }
        let &(since, before) = self.0.front()?;
        let (time, made) = (now.saturating_sub(since), done.saturating_sub(before));
        (made > 0 && time >= PERIOD).then(|| made as f64 / time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut pace = Pace::default();
        let mut at = |ms: u64, done: u64| pace.of_late(Duration::from_millis(ms), done);
        assert_eq!(at(0, 0), None);
        assert_eq!(at(1000, 1000), Some(1000.0));
        assert_eq!(at(2000, 2000), Some(1000.0));
        // From here on a trial takes a hundred times as long.
        assert_eq!(at(3000, 2010), Some(670.0));
        assert_eq!(at(7000, 2050), Some(10.0));
        assert_eq!(at(8000, 2060), Some(10.0));
        // Nothing for longer than is looked back.
        assert_eq!(at(12_000, 2060), Some(2.0));
        assert_eq!(at(13_000, 2060), None);
    }

    #[test]
    fn trials_that_did_not_count_are_no_pace() {
        let mut pace = Pace::default();
        let mut at = |ms: u64, done: u64| pace.of_late(Duration::from_millis(ms), done);
        assert_eq!(at(0, 100), None);
        assert_eq!(at(1000, 1100), Some(1000.0));
        assert_eq!(at(2000, 101), Some(0.5));
    }
}
