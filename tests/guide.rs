//! The examples of the page on allocators: each is run, and what it prints is held against what it has been seen to print; and each
//! is on the page, and the page names no other.
//!
//! An example is a program beside this test, which Cargo builds with it (`cargo test`) or alone (`cargo build --examples`).
#![cfg(all(target_os = "linux", not(oomsweep_portable)))]
#![allow(dead_code, reason = "what the examples' `main`s call is a part of the programs, and these are run as such")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rstest::rstest;

// The examples as modules: so the tests in them are run here.
#[path = "../examples/allocators_c_and_pages.rs"]
mod c_and_pages;
#[path = "../examples/allocators_choosing.rs"]
mod choosing;
#[path = "../examples/allocators_custom.rs"]
mod custom;
#[path = "../examples/allocators_debug.rs"]
mod debug;
#[path = "../examples/allocators_failing.rs"]
mod failing;
#[path = "../examples/allocators_logging.rs"]
mod logging;
#[path = "../examples/allocators_passing_down.rs"]
mod passing_down;
#[path = "../examples/allocators_pool.rs"]
mod pool;
#[path = "../examples/allocators_request_arena.rs"]
mod request_arena;
#[path = "../examples/allocators_stack_parsing.rs"]
mod stack_parsing;
#[path = "../examples/allocators_testing.rs"]
mod testing;

const PREFIX: &str = "allocators_";

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where Cargo has put an example.
#[track_caller]
fn program(name: &str) -> PathBuf {
    let me = std::env::current_exe().expect("the path of this binary");
    let program = me.ancestors().nth(2).expect("it is in `deps`").join("examples").join(name);
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let source = package().join("examples").join(name).with_extension("rs");
    assert!(
        changed(&program) >= changed(&source),
        "{} is missing or older than its source: type `cargo build --examples`, with the same profile",
        program.display()
    );
    program
}

/// What an example prints, without what differs from run to run.
fn printed(name: &str) -> String {
    let mut command = Command::new(program(name));
    for (key, _) in std::env::vars_os() {
        let key = key.to_string_lossy();
        if ["OOMSWEEP", "CLICOLOR", "RUST_", "CARGO_"].iter().any(|steers| key.starts_with(steers)) {
            command.env_remove(&*key);
        }
    }
    command.env("NO_COLOR", "1").env("CARGO_MANIFEST_DIR", package()).current_dir(package()).stdin(Stdio::null());
    let output = command.output().expect("the example starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{stdout}\n{stderr}", output.status);
    assert_eq!(stderr, "", "{name} wrote to stderr");
    stdout.lines().map(|line| settled(line, name)).collect::<Vec<_>>().join("\n")
}

/// A line with placeholders for times, for hashes of paths, for the folder that Cargo builds into, and for how many frames the standard
/// library takes.
fn settled(line: &str, name: &str) -> String {
    let mut line = line.to_owned();
    if let Some(frames) = line.find("… ").filter(|_| line.ends_with(" of std")) {
        line.replace_range(frames.., "… frames of std");
    }
    if let Some(id) = line.find("= id: ") {
        line.replace_range(id + 6.., "[id]");
    }
    if let Some(key) = line.find('#').filter(|_| line.contains("OOMSWEEP_REPLAY=")) {
        let end = line[key..].find(' ').map_or(line.len(), |end| key + end);
        line.replace_range(key + 1..end, "[key]");
    }
    if let Some(end) = line.find(&format!("examples/{name}")).filter(|_| line.ends_with(name)) {
        let start = line[..end].rfind(' ').map_or(0, |space| space + 1);
        line.replace_range(start..end, "[target]/");
    }
    let words: Vec<&str> = line.split(' ').collect();
    let time = words.windows(3).find(|words| words[0] == "in" && is_number(words[1]) && is_unit(words[2]));
    match time {
        Some(time) => {
            line.replace(&format!("in {} {}", time[1], time[2]), &format!("in [time]{}", behind_unit(time[2])))
        }
        None => line,
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn is_unit(word: &str) -> bool {
    matches!(word.trim_end_matches([',', ':', '.']), "µs" | "us" | "ms" | "s" | "min" | "m")
}

fn behind_unit(word: &str) -> &str {
    word.trim_start_matches(char::is_alphabetic)
}

/// The sources of a release build's stacks are others.
#[rstest]
#[case::choosing("choosing")]
#[case::debug("debug")]
#[case::request_arena("request_arena")]
#[case::stack_parsing("stack_parsing")]
#[case::c_and_pages("c_and_pages")]
#[case::logging("logging")]
#[case::passing_down("passing_down")]
#[case::custom("custom")]
#[case::pool("pool")]
#[case::testing("testing")]
#[case::failing("failing")]
#[case::mistake_scope("mistake_scope")]
#[case::mistake_mixing("mistake_mixing")]
#[case::mistake_cleanup("mistake_cleanup")]
#[cfg_attr(not(debug_assertions), ignore = "optimised, stacks have other frames")]
fn an_example_prints_what_it_has_been_seen_to_print(#[case] pattern: &str) {
    let name = format!("{PREFIX}{pattern}");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name.clone(), printed(&name));
    });
}

/// The stems of the files in a folder that end so.
fn stems(folder: &str, end: &str) -> BTreeSet<String> {
    let files = fs::read_dir(package().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let names = files.map(|file| file.expect("it can be listed").file_name().to_string_lossy().into_owned());
    names.filter_map(|name| name.strip_suffix(end).filter(|stem| stem.starts_with(PREFIX)).map(str::to_owned)).collect()
}

#[test]
fn every_example_has_its_expectation_and_stands_on_the_page() {
    let examples = stems("examples", ".rs");
    assert!(!examples.is_empty());
    assert_eq!(stems("tests/snapshots", ".snap"), examples, "in tests/snapshots, and in examples");

    let page = fs::read_to_string(package().join("docs/allocators.md")).expect("the page");
    let named = page.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.starts_with(PREFIX));
    assert_eq!(named.map(str::to_owned).collect::<BTreeSet<_>>(), examples, "on the page, and in examples");

    let here = include_str!("guide.rs");
    for example in &examples {
        let case = format!("#[case::{0}(\"{0}\")]", &example[PREFIX.len()..]);
        assert!(here.contains(&case), "{example} is not run: add `{case}` to tests/guide.rs");
        let source =
            fs::read_to_string(package().join("examples").join(example).with_extension("rs")).expect("a source");
        let module = format!("#[path = \"../examples/{example}.rs\"]");
        assert!(
            !source.contains("mod tests") || here.contains(&module),
            "the tests in {example} are not run: add `{module}` to tests/guide.rs"
        );
    }
}

#[test]
fn placeholders_take_the_place_of_what_differs() {
    for (line, expected) in [
        ("   = id: bb3849e3581f690a", "   = id: [id]"),
        ("  OOMSWEEP_REPLAY=once@1#edd4.1 /a/b/examples/x", "  OOMSWEEP_REPLAY=once@1#[key] [target]/examples/x"),
        ("4 trials in 14 ms, 4 of 4 tried", "4 trials in [time], 4 of 4 tried"),
        ("0 allocations in 2 ms: nothing to try", "0 allocations in [time]: nothing to try"),
        ("0 of 1 tried in 1.2 s: it failed", "0 of 1 tried in [time]: it failed"),
        ("    … 1 frame of std", "    … frames of std"),
        ("--> examples/x.rs:3:4", "--> examples/x.rs:3:4"),
        ("flew for 196 steps in 8 slots, for # 1", "flew for 196 steps in 8 slots, for # 1"),
    ] {
        assert_eq!(settled(line, "x"), expected);
    }
}
