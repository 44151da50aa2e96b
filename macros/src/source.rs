//! What stands around the attribute in the source file.
//!
//! The compiler expands attributes from the top down and shows each only what is below it. A `#[test]` above ours has
//! registered the function by then and is gone, so that a second one would register it twice, without a warning. Hence this
//! look at the file itself. Where there is no file (an editor's server, a macro's output) nothing is assumed.

use std::fs;

use proc_macro2::Span;

use crate::ast::{Function, Role, role};

/// What was found.
#[derive(Default, Clone, Copy)]
pub(crate) struct Surroundings {
    /// An attribute that registers tests stands above ours.
    pub(crate) test_above: bool,
    /// Ours stands between `#[rstest]` and the first of several `#[case]`s.
    pub(crate) only_first_case: bool,
}

/// Looks at the attributes above our own, and at those above the function's name: in a macro's output (`proptest!`) only the
/// latter lie in the user's file, under a `macro_rules!` of the user's only the former are a list.
pub(crate) fn surroundings(function: &Function, attribute: Span) -> Surroundings {
    let listed =
        text_before(function.sig.ident.span()).map_or_else(Vec::new, |text| attributes_above(above_name(&text)));
    let above = text_before(attribute).map_or_else(Vec::new, |text| attributes_above(&text));
    let visible = function.attrs.iter().filter(|attr| matches!(role(attr), Role::Test)).count();
    judged(&listed, &above, visible)
}

/// What the attributes `listed` at the function's name and those `above` ours tell, if so many of ours still are `visible` as
/// ones that register tests. Both lists go from the last upwards.
fn judged(listed: &[String], above: &[String], visible: usize) -> Surroundings {
    let count = |list: &[String], name: &str| list.iter().filter(|other| *other == name).count();
    let is_upmost =
        above.iter().find(|name| ["rstest", "case"].contains(&name.as_str())).is_some_and(|name| name == "rstest");
    Surroundings {
        test_above: count(above, "test") > 0 || count(listed, "test") > visible,
        only_first_case: is_upmost && count(listed, "case") > 1,
    }
}

/// The text of the span's file up to the span.
fn text_before(span: Span) -> Option<String> {
    let span = span.unwrap();
    let text = fs::read_to_string(span.local_file()?).ok()?;
    let (line, column) = (span.line(), span.column());
    let mut before = String::new();
    for (number, content) in text.split_inclusive('\n').enumerate().take(line) {
        if number + 1 == line {
            before.extend(content.chars().take(column.checked_sub(1)?));
            return Some(before);
        }
        before.push_str(content);
    }
    None
}

/// Takes `pub(crate) fn` and its like off the end.
fn above_name(text: &str) -> &str {
    let mut text = text.trim_end();
    while let Some(last) = text.rsplit(char::is_whitespace).next() {
        if !["fn", "pub", "async", "unsafe", "const"].contains(&last) && !last.starts_with("pub(") {
            break;
        }
        text = text.strip_suffix(last).unwrap_or_default().trim_end();
        if text.is_empty() {
            break;
        }
    }
    text
}

/// The last segments of the attributes at the end of a text, from the last upwards.
fn attributes_above(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut text = without_comments(text);
    while let Some((rest, attribute)) = last_attribute(text) {
        let path = attribute.split(['(', '=', '[', '{']).next().unwrap_or_default();
        let name = path.rsplit("::").next().unwrap_or_default();
        names.push(name.trim().to_owned());
        text = without_comments(rest);
    }
    names
}

/// Takes white space and comments, doc comments too, off the end.
fn without_comments(text: &str) -> &str {
    let mut text = text.trim_end();
    loop {
        let start = text.rfind('\n').map_or(0, |at| at + 1);
        let last = &text[start..];
        let shorter = if text.ends_with("*/") {
            text.rfind("/*").map(|at| &text[..at])
        } else if last.trim_start().starts_with("//") {
            Some(&text[..start])
        } else if last.trim_start().starts_with("#[") && !last.ends_with(']') {
            last.rfind("//").map(|at| &text[..start + at])
        } else {
            None
        };
        match shorter {
            Some(shorter) => text = shorter.trim_end(),
            None => return text,
        }
    }
}

/// Splits `…#[attribute]` into what is before and what is in the brackets.
fn last_attribute(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_suffix(']')?;
    let mut depth = 0_usize;
    let mut in_string = false;
    for (at, byte) in inner.bytes().enumerate().rev() {
        match byte {
            b'"' if !inner[..at].ends_with('\\') => in_string = !in_string,
            _ if in_string => {}
            b']' => depth += 1,
            b'[' if depth > 0 => depth -= 1,
            b'[' => return inner[..at].trim_end().strip_suffix('#').map(|rest| (rest, &inner[at + 1..])),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Surroundings, above_name, attributes_above, judged};

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn found(listed: &[&str], above: &[&str], visible: usize) -> (bool, bool) {
        let Surroundings { test_above, only_first_case } = judged(&list(listed), &list(above), visible);
        (test_above, only_first_case)
    }

    #[test]
    fn a_test_above_is_one_that_is_listed_and_no_longer_visible() {
        assert_eq!(found(&["alloc_test", "test"], &["test"], 0), (true, false));
        assert_eq!(found(&["alloc_test", "test"], &[], 0), (true, false));
        assert_eq!(found(&["test", "alloc_test"], &[], 1), (false, false));
        assert_eq!(found(&["alloc_test", "rstest"], &["rstest"], 1), (false, false));
    }

    #[test]
    fn only_the_first_of_several_cases_is_below_rstest_itself() {
        assert_eq!(found(&["case", "case", "alloc_test", "rstest"], &["rstest"], 1), (false, true));
        assert_eq!(found(&["case", "case", "alloc_test", "allow", "rstest"], &["allow", "rstest"], 1), (false, true));
        assert_eq!(found(&["case", "alloc_test", "rstest"], &["rstest"], 1), (false, false));
        assert_eq!(found(&["case", "alloc_test", "case", "rstest"], &["case", "rstest"], 1), (false, false));
        assert_eq!(found(&["case", "case", "rstest", "alloc_test"], &[], 1), (false, false));
    }

    #[test]
    fn attributes_are_read_from_the_last_upwards() {
        let text = "fn other() { a[0] }\n#[test] // plain\n/// docs #[no]\n#[should_panic(expected = \"a ] b\")]\n  /* x */ #[::oomsweep::alloc_test(benign(\"x\"))]\npub(crate) fn ";
        assert_eq!(attributes_above(above_name(text)), ["alloc_test", "should_panic", "test"]);
    }

    #[test]
    fn comments_hold_no_attributes() {
        assert_eq!(attributes_above("// #[test]\n"), Vec::<String>::new());
        assert_eq!(attributes_above("/* #[test] */\n// #[test]\n#[inline]"), ["inline"]);
        assert_eq!(attributes_above("mod m { use x; "), Vec::<String>::new());
        assert_eq!(attributes_above("#![allow(x)]"), Vec::<String>::new());
    }
}
