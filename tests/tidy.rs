//! The house's style, as far as a machine can see it: few rules, each with a message that says what to do instead.

mod source;

use source::{Source, Token, closing, is_test_file, rust_files, tokens, without_tests};

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;

/// All Rust that we write.
const EVERYWHERE: &[&str] = &["src", "macros/src", "tests", "examples", "benches"];
/// What ships.
const SHIPPED: &[&str] = &["src", "macros/src"];

#[track_caller]
fn hold(folders: &[&str], rule: fn(&Source) -> Vec<String>) {
    let untidy: Vec<String> = rust_files(folders).iter().flat_map(rule).collect();
    assert!(untidy.is_empty(), "\n{}\n", untidy.join("\n"));
}

#[test]
fn files_are_short() {
    hold(EVERYWHERE, long_file);
}

fn long_file(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines <= MAX_FILE_LINES {
        return Vec::new();
    }
    vec![format!(
        "{}: {lines} lines, more than {MAX_FILE_LINES}: it holds more than one concept, so give one of them a file of its own",
        source.path
    )]
}

#[test]
fn functions_are_short() {
    hold(EVERYWHERE, long_functions);
}

fn long_functions(source: &Source) -> Vec<String> {
    let tokens = tokens(&source.text);
    let mut long = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let name = tokens.get(at + 1).map_or("", |name| name.text.as_str());
        if token.text != "fn" || name == "(" {
            continue; // not a function, or a pointer to one
        }
        let Some(open) = body_of(&tokens, at) else {
            continue;
        };
        let lines = tokens[closing(&tokens, open)].line - token.line + 1;
        if lines > MAX_FUNCTION_LINES {
            long.push(format!(
                "{}:{}: `{name}` has {lines} lines, more than {MAX_FUNCTION_LINES}: give its steps names",
                source.path, token.line
            ));
        }
    }
    long
}

/// Where the body of the function at `at` opens; `None` if it has none.
fn body_of(tokens: &[Token], at: usize) -> Option<usize> {
    let mut next = at;
    loop {
        match tokens.get(next)?.text.as_str() {
            "{" => return Some(next),
            ";" => return None,
            "(" | "[" => next = closing(tokens, next) + 1,
            _ => next += 1,
        }
    }
}

#[test]
fn nothing_is_left_for_later() {
    hold(&["src", "macros/src", "examples"], left_for_later);
}

fn left_for_later(source: &Source) -> Vec<String> {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    let mut found = Vec::new();
    for (text, line) in source.text.lines().zip(1..) {
        let mut in_line = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(word) = in_line.find(|word| words.contains(word)) {
            found.push(format!("{}:{line}: `{word}`: do it, or write down why it is right as it is", source.path));
        }
    }
    found.extend(macro_calls(source, &["dbg", "todo", "unimplemented"], "finish it and take it out"));
    found
}

#[test]
fn only_the_harness_prints() {
    hold(SHIPPED, prints);
}

fn prints(source: &Source) -> Vec<String> {
    // The server primes the buffer in which a test harness captures what is printed: only the macro writes there.
    // A debug allocator says what its user asked to hear, and errors on threads that can't panic once more.
    let speaks = ["src/sweep/server.rs", "src/heap/debug/say.rs"];
    if source.path.starts_with("src/harness") || speaks.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let say = "only the harness prints, and once; make a value, and let `render` make a `String` of it";
    macro_calls(source, &["print", "println", "eprint", "eprintln"], say)
}

fn macro_calls(source: &Source, names: &[&str], say: &str) -> Vec<String> {
    let tokens = tokens(&source.text);
    let calls = tokens.windows(2).filter(|two| two[1].text == "!" && names.contains(&two[0].text.as_str()));
    calls.map(|two| format!("{}:{}: `{}!`: {say}", source.path, two[0].line, two[0].text)).collect()
}

#[test]
fn every_allow_has_a_reason() {
    hold(EVERYWHERE, allows_without_a_reason);
}

fn allows_without_a_reason(source: &Source) -> Vec<String> {
    let tokens = tokens(&source.text);
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let open = at + 1 + usize::from(text(at + 1) == "!");
        if text(at) != "#" || text(open) != "[" {
            continue;
        }
        for inside in open..closing(&tokens, open) {
            if !matches!(text(inside), "allow" | "expect") || text(inside + 1) != "(" {
                continue;
            }
            let arguments = &tokens[inside + 1..closing(&tokens, inside + 1)];
            if !arguments.iter().any(|token| token.text == "reason") {
                found.push(format!(
                    "{}:{}: `{}(…)` without a reason: add `reason = \"…\"`",
                    source.path,
                    tokens[inside].line,
                    text(inside)
                ));
            }
        }
    }
    found
}

#[test]
fn the_hook_never_unwraps() {
    hold(&["src/hook"], unwraps);
}

fn unwraps(source: &Source) -> Vec<String> {
    if is_test_file(&source.path) {
        return Vec::new();
    }
    let tokens = without_tests(tokens(&source.text));
    let calls = tokens.windows(3).filter(|three| {
        three[0].text == "." && matches!(three[1].text.as_str(), "unwrap" | "expect") && three[2].text == "("
    });
    calls
        .map(|three| {
            format!(
                "{}:{}: `{}` inside the allocator call, where nothing may unwind: handle the other case",
                source.path, three[1].line, three[1].text
            )
        })
        .collect()
}

#[test]
fn the_two_packages_carry_the_same_licences() {
    let read = |path: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(read(name) == read(&format!("macros/{name}")), "{name} and macros/{name} differ: copy the first");
    }
}

// ---- The rules themselves, on sources in memory -------------------------------------------------------------------------------

#[track_caller]
fn assert_untidy(rule: fn(&Source) -> Vec<String>, path: &str, text: &str, expected: &[&str]) {
    let found = rule(&Source { path: path.to_owned(), text: text.to_owned() });
    let all = found.len() == expected.len() && found.iter().zip(expected).all(|(found, part)| found.contains(part));
    assert!(all, "in {path}:\n{text}\nexpected {expected:#?}\nfound {found:#?}");
}

#[test]
fn long_files_and_functions_are_found() {
    let lines = |count: usize| "let x = 1; // fn\n".repeat(count);
    assert_untidy(long_file, "src/a.rs", &lines(500), &[]);
    assert_untidy(long_file, "src/a.rs", &lines(501), &["src/a.rs: 501 lines"]);
    let function = |inner: usize| {
        format!(
            "trait T {{ fn no_body(&self); }}\nimpl T {{\n  fn f(x: [u8; 2], g: fn(u8)) {{\n{}  }}\n}}\n",
            lines(inner)
        )
    };
    assert_untidy(long_functions, "src/a.rs", &function(68), &[]);
    assert_untidy(long_functions, "src/a.rs", &function(69), &["src/a.rs:3: `f` has 71 lines"]);
    let braces_in_text = "fn f() { let a = ['{', '\\'', '\"']; let b = \"{{\"; let c = r#\"{\"{\"#; /* { */ }\n";
    assert_untidy(long_functions, "src/a.rs", &format!("{braces_in_text}{}", lines(90)), &[]);
}

#[test]
fn leftovers_and_prints_are_found() {
    let later = concat!("// TO", "DO: more\nfn f() { dbg!(1); todo!() }\n");
    assert_untidy(left_for_later, "src/a.rs", later, &["src/a.rs:1: ", "src/a.rs:2: `dbg!`", "`todo!`"]);
    assert_untidy(left_for_later, "src/a.rs", "fn f() { mastodons!(); \"dbg!(1)\"; }", &[]);
    let print = "fn f() { println!(\"x\"); eprint!(\"y\"); }";
    assert_untidy(prints, "src/render/mod.rs", print, &["`println!`", "`eprint!`"]);
    assert_untidy(prints, "src/harness.rs", print, &[]);
    assert_untidy(prints, "src/a.rs", "/// println!(\"x\");\nfn f() { write!(w, \"println!()\"); }", &[]);
}

#[test]
fn allows_without_reasons_are_found() {
    let bare = "#![allow(dead_code)]\n#[cfg_attr(unix, expect(unused))]\nfn f() {}";
    let with = "#[allow(dead_code, reason = \"so\")] fn f() { policy.allow(x); y.expect(\"z\"); }";
    assert_untidy(allows_without_a_reason, "src/a.rs", bare, &["src/a.rs:1: `allow(…)`", "src/a.rs:2: `expect(…)`"]);
    assert_untidy(allows_without_a_reason, "src/a.rs", with, &[]);
}

#[test]
fn unwraps_in_the_hook_are_found() {
    let code = "fn f() { x.unwrap(); y.unwrap_or(0); z\n.expect(\"w\"); }\n";
    let tests = "#[cfg(test)]\nmod tests { fn g() { x.unwrap(); } }\n";
    let both = format!("{tests}{code}");
    assert_untidy(
        unwraps,
        "src/hook/gate.rs",
        &both,
        &["src/hook/gate.rs:3: `unwrap`", "src/hook/gate.rs:4: `expect`"],
    );
    assert_untidy(unwraps, "src/hook/tests.rs", code, &[]);
}
