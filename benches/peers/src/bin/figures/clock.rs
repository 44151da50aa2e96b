//! How long programs take: each in every round, one after the other, so that what slows the machine down slows all of them.

use std::collections::HashMap;
use std::ops::{Div, Sub};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a run took, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) time: f64,
    /// Of processor time, of the program and of all processes below it.
    pub(crate) processor: f64,
}

impl Sub for Cost {
    type Output = Cost;

    fn sub(self, other: Cost) -> Cost {
        Cost { time: self.time - other.time, processor: self.processor - other.processor }
    }
}

impl Div<f64> for Cost {
    type Output = Cost;

    fn div(self, by: f64) -> Cost {
        Cost { time: self.time / by, processor: self.processor / by }
    }
}

/// A program with its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Program {
    /// The program `path` with these arguments.
    pub(crate) fn new(path: &Path, arguments: &[&str]) -> Program {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Program { path: path.to_owned(), arguments, variables: Vec::new() }
    }

    /// The same with a variable of the environment.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Program {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs it, and returns what it took and what it printed.
    ///
    /// # Panics
    /// If it does not start, or does not end well.
    pub(crate) fn run(&self) -> (Cost, String) {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        // Whatever is set where this is started, a stack for each panic or event would be measured by it.
        command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE").stdin(Stdio::null());
        let (before, began) = (children(), Instant::now());
        let output = command.output();
        let cost = Cost { time: began.elapsed().as_secs_f64(), processor: children() - before };
        let output = output.unwrap_or_else(|error| panic!("{} does not start: {error}", self.path.display()));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{self:?}: {}\n{said}{complained}", output.status);
        (cost, said)
    }
}

/// Seconds of processor time of all processes below this one that have ended.
fn children() -> f64 {
    // SAFETY: numbers, for which 0 is a value; and the structure is valid for writing.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// A program that runs in turn with others.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    pub(crate) rounds: usize,
}

/// What several sides took, by their names, in rounds.
#[derive(Debug, Default)]
pub(crate) struct Rounds(HashMap<&'static str, Vec<Cost>>);

impl Rounds {
    /// Runs each side's program once in each of its rounds.
    pub(crate) fn race(sides: &[Side]) -> Rounds {
        let mut all = Rounds::default();
        for round in 0..sides.iter().map(|side| side.rounds).max().unwrap_or(0) {
            for side in sides.iter().filter(|side| round < side.rounds) {
                all.put(side.name, side.program.run().0);
            }
        }
        all
    }

    /// Whether this side has run.
    pub(crate) fn has(&self, side: &str) -> bool {
        self.0.contains_key(side)
    }

    /// What a side took in its next round.
    pub(crate) fn put(&mut self, side: &'static str, cost: Cost) {
        self.0.entry(side).or_default().push(cost);
    }

    /// The median of what a side took.
    pub(crate) fn of(&self, side: &str) -> Cost {
        let of = |what: fn(&Cost) -> f64| median(self.0[side].iter().map(what));
        Cost { time: of(|cost| cost.time), processor: of(|cost| cost.processor) }
    }

    /// How many times as much as the second the first took: the median of the rounds that both ran in.
    pub(crate) fn ratio(&self, much: &str, little: &str) -> Cost {
        let pairs = || self.0[much].iter().zip(&self.0[little]);
        Cost {
            time: median(pairs().map(|(much, little)| much.time / little.time)),
            processor: median(pairs().map(|(much, little)| much.processor / little.processor)),
        }
    }
}

/// The value in the middle, or between the two that are.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
