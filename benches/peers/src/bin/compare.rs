//! Runs the programs that `run` has built, and prints the tables. Arguments: the folder with the programs, and how many rounds.

#![allow(clippy::print_stdout, reason = "a bench prints its tables")]

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs, in the order of the columns. The first is what the others are compared with.
const PEERS: &[&str] = &[
    "system",
    "system-declared",
    "oomsweep-outside",
    "oomsweep-inside",
    "stats_alloc",
    "alloc-chaos-outside",
    "alloc-chaos-inside",
    "mockalloc",
    "checkers",
    "dhat",
    "asan",
];

/// The folders, and what was built into them.
const BUILDS: &[(&str, &str)] = &[
    ("debug", "debug: dev profile, opt-level 0 for everything"),
    ("tuned", "debug, with oomsweep itself at opt-level 3: --config profile.dev.package.oomsweep.opt-level=3"),
    ("release", "release"),
];

/// Sizes of the blocks whose memory is measured.
const SIZES: &[usize] = &[16, 64, 256];

fn main() {
    let mut arguments = env::args_os().skip(1);
    let programs = PathBuf::from(arguments.next().expect("the folder with the programs"));
    let rounds = arguments.next().map_or(Some(7), |rounds| rounds.to_str()?.parse().ok());
    let rounds = rounds.filter(|&rounds| rounds > 0).expect("a number of rounds");
    for &(folder, what) in BUILDS {
        let build = Build::find(&programs.join(folder));
        println!("\n{what}: nanoseconds of an operation under `system`, and times that; medians of {rounds} rounds\n");
        print!("{}", build.times(rounds));
    }
    let release = Build::find(&programs.join("release"));
    println!(
        "\nrelease: bytes that the process grows by with a live block, less the block's own size; a million live blocks\n"
    );
    print!("{}", release.memory());
    let missing: Vec<&str> = PEERS.iter().copied().filter(|peer| !release.peers.contains(peer)).collect();
    if !missing.is_empty() {
        println!("\nNOT MEASURED, for they were not built: {}", missing.join(", "));
    }
}

/// The programs of one build.
struct Build {
    folder: PathBuf,
    peers: Vec<&'static str>,
}

/// What one run of a program printed: names and figures.
type Figures = Vec<(String, f64)>;

impl Build {
    fn find(folder: &Path) -> Build {
        let peers: Vec<_> = PEERS.iter().copied().filter(|peer| folder.join(peer).is_file()).collect();
        assert!(peers.first() == PEERS.first(), "no `{}` in {}", PEERS[0], folder.display());
        Build { folder: folder.to_owned(), peers }
    }

    /// In every round each program runs once, so that a ratio is of two neighbours.
    fn times(&self, rounds: usize) -> Table {
        let round = |_| self.peers.iter().map(|peer| self.run(peer, &[])).collect();
        let rounds: Vec<Vec<Figures>> = (0..rounds).map(round).collect();
        let mut table = Table::new("", &self.peers);
        for (row, (shape, _)) in rounds[0][0].iter().enumerate() {
            let of = |peer: usize, round: &Vec<Figures>| round[peer][row].1;
            let mut cells = vec![format!("{:.1} ns", median(rounds.iter().map(|round| of(0, round)).collect()))];
            cells.extend((1..self.peers.len()).map(|peer| {
                let ratios = rounds.iter().map(|round| of(peer, round) / of(0, round)).collect();
                format!("{:.2}", median(ratios))
            }));
            table.row(shape, cells);
        }
        table
    }

    fn memory(&self) -> Table {
        let mut table = Table::new("block", &self.peers);
        for &size in SIZES {
            let growth = |peer: &&str| self.run(peer, &["memory", &size.to_string()])[0].1;
            let cells = self.peers.iter().map(|peer| format!("{:.0}", growth(peer) - size as f64)).collect();
            table.row(&format!("{size} B"), cells);
        }
        table
    }

    fn run(&self, peer: &str, arguments: &[&str]) -> Figures {
        let figures = self.folder.join("figures");
        let mut command = Command::new(self.folder.join(peer));
        command.args(arguments).current_dir(&self.folder).env("PEERS_FIGURES", &figures);
        // Whatever is set where this is started, a stack for each event of checkers would be measured by it.
        command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
        let output = command.output().unwrap_or_else(|error| panic!("{peer} does not start: {error}"));
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{peer} {arguments:?}: {}\n{said}{complained}", output.status);
        let pairs = said.lines().filter_map(|line| line.split_once('\t'));
        let figures: Figures =
            pairs.map(|(name, figure)| (name.to_owned(), figure.parse().expect("a figure"))).collect();
        let sound = figures.iter().all(|&(_, figure)| figure > 0.0 && figure.is_finite());
        let names: BTreeSet<&String> = figures.iter().map(|(name, _)| name).collect();
        assert!(sound && names.len() == figures.len() && !figures.is_empty(), "{peer} {arguments:?} printed:\n{said}");
        figures
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A table of text, one column for each program.
struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(corner: &str, peers: &[&str]) -> Table {
        let head = [corner].iter().chain(peers).map(|&word| word.to_owned()).collect();
        Table { head, rows: Vec::new() }
    }

    fn row(&mut self, name: &str, mut cells: Vec<String>) {
        cells.insert(0, name.to_owned());
        self.rows.push(cells);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for row in std::iter::once(&self.head).chain(&self.rows) {
            write!(f, "{:<26}", row[0])?;
            for (cell, head) in row.iter().zip(&self.head).skip(1) {
                write!(f, " {cell:>width$}", width = head.len().max(9))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
