//! Who may name whom. The modules of this crate stand in layers; the table below says which of them each may name, and a scan of
//! the paths in the code holds it. Nothing may name a later line.
//!
//! A path through the root (`crate::Report`) is refused as well, whatever it leads to: re-exports are for users, and through them
//! anybody could name everything. For the same reason a zone re-exports nothing of another zone; only `lib.rs`
//! and the private door of the attribute do.
//!
//! The arrows bind what ships. Unit tests (`tests.rs`, `#[cfg(test)] mod`) may look wherever they need to.
//!
//! If a better house appears while building, change the table, and say why in the commit.

mod source;

use source::{Source, Token, is_test_file, rust_files, tokens, without_tests};

/// Each zone, and the zones that it may name besides itself. `lib.rs` may name them all.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("sys", &["model"]),
    ("hook", &["model", "sys"]),
    ("config", &["model"]),
    ("session", &["model", "sys", "hook"]),
    ("sweep", &["model", "sys", "hook", "session"]),
    ("inspect", &["model", "sys"]),
    ("render", &["model"]),
    ("report_api", &["model", "render"]),
    ("heap", &["model", "sys", "hook", "inspect", "render"]),
    ("harness", &["model", "sys", "hook", "config", "session", "sweep", "inspect", "render"]),
    ("builder", &["model", "config", "session", "render", "heap", "harness"]),
    ("private", &["heap", "harness", "builder"]),
];

/// What the attribute's expansion names; it re-exports, as `lib.rs` does.
const DOOR: &str = "private";

const CRATE: &str = "oomsweep";

#[test]
fn the_sources_keep_to_the_arrows() {
    let broken: Vec<String> = rust_files(&["src"]).iter().flat_map(broken_arrows).collect();
    assert!(broken.is_empty(), "\n{}\n\nThe table is at the top of tests/arrows.rs.", broken.join("\n"));
}

#[test]
fn no_line_of_the_table_names_a_later_one() {
    for (at, (zone, may_name)) in ARROWS.iter().enumerate() {
        for named in *may_name {
            let above = ARROWS[..at].iter().any(|(earlier, _)| earlier == named);
            assert!(above, "`{zone}` may name `{named}`, which is no earlier line");
        }
    }
}

/// What a source does that the table does not allow, one message each.
fn broken_arrows(source: &Source) -> Vec<String> {
    let home = module_of(&source.path);
    let tokens = without_tests(tokens(&source.text));
    let Some(zone) = home.first() else {
        return undeclared_zones(source, &tokens);
    };
    let mut broken = Vec::new();
    let Some((_, may_name)) = ARROWS.iter().find(|(name, _)| name == zone) else {
        return vec![format!("{}: the zone `{zone}` is not in the table; give it a line", source.path)];
    };
    let found = if is_test_file(&source.path) { Vec::new() } else { paths_in(&tokens, &home) };
    for found in found {
        let name = found.target.first().map(String::as_str);
        let fault = match name {
            None | Some("*") => "imports the crate's root; name the zone".to_owned(),
            Some(name) if name == zone => continue,
            Some(name) if !ARROWS.iter().any(|(known, _)| *known == name) => {
                format!(
                    "names `crate::{name}`, which is no zone; go to the zone where it is defined, not through the root"
                )
            }
            Some(name) if !may_name.contains(&name) => format!("names `{name}`, which `{zone}` may not"),
            Some(name) if found.exported && zone != DOOR => {
                format!("re-exports from `{name}`; only lib.rs re-exports what another zone defines")
            }
            Some(_) => continue,
        };
        broken.push(format!("{}:{}: {fault}", source.path, found.line));
    }
    broken
}

/// `lib.rs` may name everything, but what it declares must stand in the table.
fn undeclared_zones(source: &Source, tokens: &[Token]) -> Vec<String> {
    let declared = tokens.windows(3).filter(|three| three[0].text == "mod" && three[2].text == ";");
    declared
        .filter(|three| !ARROWS.iter().any(|(zone, _)| *zone == three[1].text))
        .map(|three| {
            format!(
                "{}:{}: the zone `{}` is not in the table; give it a line",
                source.path, three[1].line, three[1].text
            )
        })
        .collect()
}

/// `src/hook/gate.rs` is the module `hook::gate`.
fn module_of(path: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    let steps = inside.split('/').filter(|step| !matches!(*step, "mod" | "lib"));
    steps.map(str::to_owned).collect()
}

/// A path that begins at `crate`, `self`, `super` or the crate's own name.
struct Found {
    /// Where it leads, from the root.
    target: Vec<String>,
    line: usize,
    /// It stands in a `pub use`.
    exported: bool,
}

fn paths_in(tokens: &[Token], home: &[String]) -> Vec<Found> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let before = |at: usize, back: usize| at.checked_sub(back).map_or("", text);
    let mut module = home.to_vec();
    let mut inline_ends = Vec::new(); // where the inline modules that we are in end
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if inline_ends.last() == Some(&at) {
            inline_ends.pop();
            module.pop();
        }
        if text(at) == "mod" && text(at + 2) == "{" {
            module.push(text(at + 1).to_owned());
            inline_ends.push(source::closing(tokens, at + 2));
        }
        let continues = before(at, 1) == "::";
        let begins = match text(at) {
            "crate" | "self" | "super" => !continues,
            name => name == CRATE && (!continues || !is_name(before(at, 2))),
        };
        // `crate as root` is a path too, in a `use`; `pub(crate)` and a plain `self` are none.
        let goes_on = text(at + 1) == "::" || (text(at + 1) == "as" && text(at) != "self");
        if !begins || !goes_on {
            continue;
        }
        let exported = before(at, 1) == "use" && matches!(before(at, 2), "pub" | ")");
        let mut leaves = Vec::new();
        read_tree(tokens, at, &[], &mut leaves);
        for (path, line) in leaves {
            let target = resolve(&path, &module);
            found.push(Found { target, line, exported });
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_') && text != "use"
}

/// Reads the path or the tree of a `use` that begins at `at`; adds each path in it with its line. Returns where it ends.
fn read_tree(tokens: &[Token], mut at: usize, prefix: &[String], leaves: &mut Vec<(Vec<String>, usize)>) -> usize {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(at) {
        if token.text == "{" {
            let end = source::closing(tokens, at);
            at += 1;
            while at < end {
                at = read_tree(tokens, at, &path, leaves);
                while at < end && tokens[at].text != "," {
                    at += 1; // `as name`
                }
                at += 1;
            }
            return end + 1;
        }
        if !is_name(&token.text) && token.text != "*" {
            break; // generic arguments: the path is known well enough
        }
        path.push(token.text.clone());
        at += 1;
        if tokens.get(at).is_none_or(|next| next.text != "::") {
            break;
        }
        at += 1;
    }
    let line = tokens.get(at.saturating_sub(1)).map_or(0, |token| token.line);
    leaves.push((path, line));
    at
}

/// The path from the root that `path` means in `module`.
fn resolve(path: &[String], module: &[String]) -> Vec<String> {
    let mut target = module.to_vec();
    for (at, step) in path.iter().enumerate() {
        match step.as_str() {
            "crate" => target.clear(),
            name if at == 0 && name == CRATE => target.clear(),
            "self" => {}
            "super" => {
                target.pop();
            }
            name => target.push(name.to_owned()),
        }
    }
    target
}

// ---- The scan itself, on sources in memory ------------------------------------------------------------------------------------

fn broken_in(path: &str, text: &str) -> Vec<String> {
    broken_arrows(&Source { path: path.to_owned(), text: text.to_owned() })
}

#[track_caller]
fn assert_broken(path: &str, text: &str, expected: &[&str]) {
    let found = broken_in(path, text);
    let all = found.len() == expected.len() && found.iter().zip(expected).all(|(found, part)| found.contains(part));
    assert!(all, "in {path}:\n{text}\nexpected {expected:#?}\nfound {found:#?}");
}

#[test]
fn a_planted_arrow_is_found_however_it_is_spelt() {
    let planted = [
        "use crate::sweep::order;",
        "use crate::{model::fault, sweep};",
        "use crate::{\n    model::{self, fault::{Fault, NotAFault}},\n    sweep::{self as s, order},\n};",
        "use super::super::sweep::order;",
        "use super::{super::sweep, trigger};",
        "fn f() { let x = crate::sweep::order::<u8>(); }",
        "fn f(x: &crate::sweep::Order) {}",
        "mod inner { use super::super::super::sweep::order; }",
        "macro_rules! m { () => { $crate::sweep::order() }; }",
        "use ::oomsweep::sweep::order;",
        "use oomsweep::sweep;",
        "use r#crate_like::x; use crate::r#sweep;",
        "const A: char = '\"'; use crate::sweep; const B: &str = \"\";",
        "fn f<'a>(x: &'a u8) -> &'a u8 { crate::sweep::order(x) }",
    ];
    for text in planted {
        let found = broken_in("src/hook/gate.rs", text);
        assert!(
            found.iter().any(|message| message.contains("names `sweep`, which `hook` may not")),
            "not found: {text}\nbut {found:?}"
        );
    }
    assert_broken("src/model/mod.rs", "use super::sys;", &["src/model/mod.rs:1: names `sys`"]);
    assert_broken("src/config.rs", "\nuse super::hook;", &["src/config.rs:2: names `hook`"]);
    assert_broken("src/hook/gate.rs", "#[cfg(test)] mod tests {}\nuse crate::sweep;", &["src/hook/gate.rs:2"]);
    assert_broken("src/inspect/fold.rs", "use crate::{session, sys, render};", &["`session`", "`render`"]);
}

#[test]
fn an_import_through_the_root_is_found() {
    assert_broken("src/sweep/order.rs", "use crate::Report;", &["names `crate::Report`, which is no zone"]);
    assert_broken("src/sweep/order.rs", "use crate::{model, Report};", &["names `crate::Report`"]);
    assert_broken("src/config.rs", "use super::Report;", &["names `crate::Report`"]);
    assert_broken("src/hook/gate.rs", "use super::super::exempt;", &["names `crate::exempt`"]);
    assert_broken("src/session.rs", "use crate::__private::site;", &["names `crate::__private`"]);
    assert_broken("src/session.rs", "use ::oomsweep::exempt;", &["names `crate::exempt`"]);
    for whole_root in [
        "use crate::*;",
        "use super::*;",
        "use crate as root;",
        "use super as root;",
        "use crate::{self as root};",
        "use crate::{model, *};",
    ] {
        assert_broken("src/session.rs", whole_root, &["imports the crate's root"]);
    }
}

#[test]
fn a_zone_that_re_exports_another_is_found() {
    assert_broken("src/session.rs", "pub(crate) use crate::hook::exempt;", &["re-exports from `hook`"]);
    assert_broken("src/session.rs", "pub use super::hook;", &["re-exports from `hook`"]);
    assert_broken("src/private.rs", "pub use crate::builder::TestReturn;", &[]);
    assert_broken("src/session.rs", "pub(crate) use self::stage::Stage; #[cfg(unix)] use crate::hook;", &[]);
}

#[test]
fn a_zone_without_a_line_is_found() {
    assert_broken("src/lib.rs", "mod model;\nmod attic;", &["src/lib.rs:2: the zone `attic` is not in the table"]);
    assert_broken("src/attic/mod.rs", "", &["the zone `attic` is not in the table"]);
}

#[test]
fn what_is_allowed_is_left_alone() {
    let innocent = [
        "use crate::model::event::{Kind, Request};\nuse crate::sys::{self, pages};",
        "use super::trigger; use super::{guard, ledger::Ledger}; use self::inner::x;",
        "pub(crate) fn f(self: &Self) {} pub(in crate::hook) struct S; impl S { fn g(self) { self.h() } }",
        "// use crate::sweep;\n/* crate::sweep /* nested */ crate::sweep */ /// [`crate::sweep`]\nfn f() {}",
        "const A: &str = \"crate::sweep\"; const B: &str = r#\"\"crate::sweep\"#; const C: &[u8] = b\"\\\"crate::sweep\";",
        "#[cfg(test)]\nmod tests { use crate::sweep; fn f() { if true {} } }\nuse super::trigger;",
        "mod inner { use super::*; use super::super::trigger; }",
        "use std::alloc; use core::ptr; use oomsweep_macros::sweep; extern crate self as oomsweep;",
        "mod a { mod b { use super::super::trigger; } use super::guard; } use super::trigger;",
    ];
    for text in innocent {
        assert_broken("src/hook/gate.rs", text, &[]);
    }
    assert_broken(
        "src/lib.rs",
        "pub mod model; mod sweep; pub use crate::sweep::x; pub use model::Report; mod __private { pub use super::hook; }",
        &[],
    );
}
