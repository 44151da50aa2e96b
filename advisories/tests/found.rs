//! What oomsweep says of the bodies: of those with a bug what the table expects, of those without nothing.
#![cfg(target_os = "linux")]

use oomsweep::{Report, Sweep};
use oomsweep_advisories::{ADVISORIES, CONTROLS};

fn plain_runs(name: &str) -> Sweep {
    Sweep::new(name).leaks_only()
}

fn first_code(report: &Report) -> Option<&'static str> {
    report.findings().first().map(|finding| finding.code.as_str())
}

#[test]
fn every_advisory_is_found_as_what_it_is() {
    let mut others = Vec::new();
    for advisory in ADVISORIES {
        let code = first_code(&plain_runs(advisory.name).run(advisory.body));
        if code != advisory.expected {
            others.push(format!("{}: {code:?}, not {:?}", advisory.name, advisory.expected));
        }
    }
    assert!(others.is_empty(), "\n{}\n", others.join("\n"));
}

#[test]
fn guard_pages_find_the_reads_too() {
    let mut others = Vec::new();
    for advisory in ADVISORIES {
        let code = first_code(&plain_runs(advisory.name).guard_pages().run(advisory.body));
        if code != advisory.with_pages {
            others.push(format!("{}: {code:?}, not {:?}", advisory.name, advisory.with_pages));
        }
    }
    assert!(others.is_empty(), "\n{}\n", others.join("\n"));
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    for control in CONTROLS {
        plain_runs(control.name).run(control.body).assert_clean();
        plain_runs(control.name).guard_pages().run(control.body).assert_clean();
    }
}

#[test]
fn every_body_has_a_name_of_its_own() {
    let mut names: Vec<&str> = ADVISORIES.iter().map(|advisory| advisory.name).collect();
    names.extend(CONTROLS.iter().map(|control| control.name));
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
