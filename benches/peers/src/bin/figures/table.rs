//! The table of figures, as Markdown.

use std::fmt;

use super::clock::Cost;

/// What is to be reached.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// So many times as fast as the peer.
    Faster(f64),
    /// At most so many times as long as the peer.
    Within(f64),
    /// Less than so many seconds.
    Under(f64),
    /// Nothing, but how many times as fast as the peer is told.
    Beside,
    /// Nothing.
    None,
}

/// One line.
#[derive(Debug)]
pub(crate) struct Line {
    /// The figure's number.
    pub(crate) number: &'static str,
    /// What is measured.
    pub(crate) what: String,
    /// What ours took, in words.
    pub(crate) ours: String,
    /// What the peer took, in words.
    pub(crate) peer: String,
    /// How many times as much as the smaller side the larger took: `Faster` and `Beside` divide the peer's by ours, the others
    /// the other way.
    pub(crate) ratio: Option<Cost>,
    /// Seconds that ours took, for a goal that is a time.
    pub(crate) seconds: f64,
    /// What is to be reached.
    pub(crate) goal: Goal,
}

/// All lines.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<[String; 7]>);

const HEAD: [&str; 7] = ["", "figure", "ours", "beside it", "ratio (by processor time)", "goal", ""];

impl Table {
    /// Adds a line.
    pub(crate) fn line(&mut self, line: Line) {
        let ratio = line.ratio.map_or(String::new(), |ratio| {
            let words = if matches!(line.goal, Goal::Faster(_) | Goal::Beside) { "as fast" } else { "as long" };
            let by_processor =
                if ratio.processor.is_finite() { format!(" ({})", number(ratio.processor)) } else { String::new() };
            format!("{} times {words}{by_processor}", number(ratio.time))
        });
        let time = line.ratio.map_or(f64::NAN, |ratio| ratio.time);
        let (goal, met) = match line.goal {
            Goal::Faster(times) => (format!("{} times as fast", number(times)), Some(time >= times)),
            Goal::Within(times) => (format!("{} times", number(times)), Some(time <= times)),
            Goal::Under(seconds) => (format!("under {}", took(seconds)), Some(line.seconds < seconds)),
            Goal::Beside | Goal::None => (String::new(), None),
        };
        let met = met.map_or("", |met| if met { "met" } else { "missed" });
        self.0.push([line.number.to_owned(), line.what, line.ours, line.peer, ratio, goal, met.to_owned()]);
    }

    /// Adds a line that says why there is none.
    pub(crate) fn skip(&mut self, figure: &str, why: &str) {
        let mut cells: [String; 7] = Default::default();
        figure.clone_into(&mut cells[0]);
        cells[1] = format!("NOT MEASURED: {why}");
        self.0.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", HEAD.join(" | "))?;
        writeln!(f, "|{}", "---|".repeat(HEAD.len()))?;
        for row in &self.0 {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// Seconds in the unit that fits.
pub(crate) fn took(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "µs"),
        s => (s * 1e9, "ns"),
    };
    format!("{} {unit}", number(value))
}

/// A number with about three digits.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 99.95 || v.fract() == 0.0 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}
