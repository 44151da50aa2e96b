//! Runs what `benches/figures` has built, and prints the table of figures.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table, and says how far it is")]

mod builds;
mod clock;
mod points;
mod requests;
mod sweeps;
mod table;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::Command;

use clock::{Program, Rounds};
use table::Table;

/// What is measured, and with what.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The folder with the programs.
    programs: PathBuf,
    /// The repository.
    root: PathBuf,
    /// How often each side of a figure runs; what takes seconds runs half as often.
    rounds: usize,
    /// Nothing is extrapolated.
    whole: bool,
    /// The figures that are wanted; none: all.
    wanted: Vec<String>,
    /// What several figures share.
    hundred: OnceCell<Rounds>,
    thousand: OnceCell<Rounds>,
    ten_thousand: OnceCell<Rounds>,
}

impl Plan {
    fn read() -> Plan {
        let mut arguments = std::env::args().skip(1);
        let mut folder =
            || PathBuf::from(arguments.next().expect("the folder of the programs, and that of the repository"));
        let (programs, root) = (folder(), folder());
        let mut plan = Plan {
            programs,
            root,
            rounds: 5,
            whole: false,
            wanted: Vec::new(),
            hundred: OnceCell::new(),
            thousand: OnceCell::new(),
            ten_thousand: OnceCell::new(),
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--whole" => plan.whole = true,
                "--rounds" => {
                    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).filter(|&rounds| rounds > 0);
                    plan.rounds = rounds.expect("--rounds and a number");
                }
                number => {
                    assert!(FIGURES.iter().any(|&(known, _)| known == number), "there is no figure {number}");
                    plan.wanted.push(argument);
                }
            }
        }
        plan
    }

    fn hundred(&self) -> &Rounds {
        self.hundred.get_or_init(|| sweeps::hundred(self))
    }

    fn thousand(&self) -> &Rounds {
        self.thousand.get_or_init(|| sweeps::thousand(self))
    }

    fn ten_thousand(&self) -> &Rounds {
        self.ten_thousand.get_or_init(|| sweeps::ten_thousand(self))
    }

    /// How often what takes seconds runs.
    fn slow_rounds(&self) -> usize {
        self.rounds.div_ceil(2)
    }

    /// A test of this build, `debug` or `release`, as a program.
    fn test(&self, build: &str, program: &str, name: &str) -> Program {
        Program::new(&self.programs.join(build).join(program), &["--exact", name])
    }

    /// Zig's sweep of so many points, `debug` or `release`; `None`: there was no Zig.
    fn zig(&self, build: &str, points: usize) -> Option<Program> {
        let path = self.programs.join(build).join("zig-sweep");
        path.is_file().then(|| Program::new(&path, &[]).with("PEERS_POINTS", points.to_string()))
    }
}

type Figure = fn(&Plan, &mut Table);

/// The figures by their numbers.
const FIGURES: &[(&str, Figure)] = &[
    ("1", sweeps::debug),
    ("2", sweeps::large),
    ("3", sweeps::release),
    ("4", sweeps::beside_alloc_chaos),
    ("5", points::after_work),
    ("6", points::snapshot),
    ("7", requests::pairs),
    ("8", requests::attribute),
    ("9", builds::clean),
    ("10", sweeps::growth),
    ("11", sweeps::failing),
];

fn main() {
    let plan = Plan::read();
    let mut table = Table::default();
    let begin = load();
    for &(number, figure) in FIGURES {
        if plan.wanted.is_empty() || plan.wanted.iter().any(|wanted| wanted == number) {
            eprintln!("figure {number}");
            figure(&plan, &mut table);
        }
    }
    println!("{}", machine());
    println!(
        "{} rounds ({} of what takes seconds), load {begin} before and {} after\n",
        plan.rounds,
        plan.slow_rounds(),
        load()
    );
    print!("{table}");
    if plan.zig("debug", 100).is_none() {
        println!(
            "\nNO ZIG: what is beside Zig was not measured. On with `pip install ziglang`, or with its command in ZIG."
        );
    }
}

/// The day, and what this runs on.
fn machine() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |pair| pair.1);
    let zig = std::env::var("PEERS_ZIG").unwrap_or_default();
    format!(
        "{}; {model}, {} cores; {}; {}; {}",
        said("date", &["-u", "+%Y-%m-%d"]),
        said("nproc", &[]),
        said("uname", &["-sr"]),
        said("rustc", &["--version"]),
        if zig.is_empty() { String::from("no Zig") } else { format!("Zig {zig}") },
    )
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
