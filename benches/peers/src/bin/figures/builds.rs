//! How long a clean build takes.

use std::fs;
use std::path::Path;

use super::Plan;
use super::clock::{Program, Rounds};
use super::table::{Goal, Line, Table, took};

/// Figure 9: a package with nothing but this dependency, built into an empty folder with everything fetched.
pub(crate) fn clean(plan: &Plan, table: &mut Table) {
    let folder = plan.programs.join("clean");
    let ours = package(&folder, "oomsweep", &format!("oomsweep = {{ path = {:?} }}", plan.root));
    let checkers = package(&folder, "checkers", "checkers = \"=0.7.1\"");
    let mut all = Rounds::default();
    for _ in 0..plan.slow_rounds() {
        for (name, program) in [("ours", &ours), ("checkers", &checkers)] {
            let built = folder.join(name).join("target");
            if built.exists() {
                fs::remove_dir_all(&built).expect("an earlier build can be removed");
            }
            all.put(name, program.run().0);
        }
    }
    let (here, there) = (all.of("ours"), all.of("checkers"));
    table.line(Line {
        number: "9",
        what: String::from("clean build of the default features; checkers 0.7.1"),
        ours: format!("{} ({} of processor time)", took(here.time), took(here.processor)),
        peer: took(there.time),
        ratio: Some(all.ratio("ours", "checkers")),
        seconds: here.time,
        goal: Goal::Under(15.0),
    });
}

/// A package with this dependency, all of it fetched; returns its build.
fn package(folder: &Path, name: &'static str, dependency: &str) -> Program {
    let package = folder.join(name);
    fs::create_dir_all(package.join("src")).expect("a folder for a package");
    let manifest = format!(
        "[package]\nname = \"built-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}\n\n[workspace]\n"
    );
    fs::write(package.join("Cargo.toml"), manifest).expect("a manifest is written");
    fs::write(package.join("src/lib.rs"), "").expect("a crate is written");
    let manifest = package.join("Cargo.toml").display().to_string();
    let cargo = |arguments: &[&str]| {
        let program = Program::new(Path::new("cargo"), arguments).with("CARGO_INCREMENTAL", "1");
        program.with("CARGO_TARGET_DIR", package.join("target").display().to_string())
    };
    cargo(&["fetch", "--quiet", "--manifest-path", &manifest]).run();
    cargo(&["build", "--quiet", "--offline", "--manifest-path", &manifest])
}
