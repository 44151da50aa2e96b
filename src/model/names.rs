//! What a demangled name says: the function's own name, and the path of what it belongs to.
//!
//! Both manglings are read, and the short names of inlined functions too: `words::Map<K,V>::insert`,
//! `<words::Map<u8>>::insert::<u8>`, `<T as words::Build>::build`, `insert<u8>`, `{{closure}}`, `{closure#0}`.

/// What stands for every closure, whether plain or the body of an `async` block or function.
pub(crate) const CLOSURE: &str = "{closure}";

/// The name without a trailing `::h` and 16 hex digits.
pub(crate) fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((front, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => front,
        _ => name,
    }
}

/// The name without any balanced `<…>`. The `>` of an arrow closes nothing.
pub(crate) fn without_generics(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut open = Vec::new();
    let mut rest = name.chars().peekable();
    let mut last = '\0';
    while let Some(c) = rest.next() {
        let quoted = last == '\'' && rest.peek() == Some(&'\'');
        match c {
            '<' if !quoted => {
                open.push(out.len());
                out.push(c);
            }
            '>' if !quoted && last != '-' => match open.pop() {
                Some(start) => out.truncate(start),
                None => out.push(c),
            },
            _ => out.push(c),
        }
        last = c;
    }
    out
}

/// The function's own name: no hash, no generics, the last segment of its path; any closure is `{closure}`.
///
/// This is the same in debug and in release, whether the debug information gives full names or short ones.
pub(crate) fn own_name(name: &str) -> String {
    let plain = without_generics(without_hash(name));
    let last = plain.rsplit("::").map(str::trim).find(|segment| !segment.is_empty()).unwrap_or("");
    let inner = last.trim_start_matches('{');
    let closure = ["closure", "async_", "gen_", "coroutine"].iter().any(|word| inner.starts_with(word));
    if closure && inner.len() < last.len() { CLOSURE.to_owned() } else { last.to_owned() }
}

/// The path of the function without generics; of a method `<Type as Trait>::m` the path through the type, or through the
/// trait if the type has no path of its own (`T`, `u8`). What a primitive type brings along belongs to `core`.
pub(crate) fn owner_path(name: &str) -> String {
    let name = without_hash(name);
    let Some((inner, rest)) = qualified(name) else {
        return segments(&without_generics(name));
    };
    let (of_type, of_trait) = split_as(inner);
    let of_type = bare_type(of_type);
    let owner = if of_type.starts_with('<') {
        owner_path(of_type)
    } else if has_path(of_type) {
        without_generics(of_type)
    } else if let Some(of_trait) = of_trait {
        owner_path(of_trait)
    } else {
        format!("core::{}", without_generics(of_type))
    };
    segments(&format!("{owner}::{}", without_generics(rest)))
}

/// The first segment of a path, if the path has more than one.
pub(crate) fn crate_of(path: &str) -> Option<&str> {
    path.split_once("::").map(|(first, _)| first)
}

/// The path lies at or below the prefix: `words::cache` holds `words::cache::get`, not `words::cached`.
pub(crate) fn lies_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim().trim_start_matches("::").trim_end_matches("::");
    if prefix.is_empty() {
        return false;
    }
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The path without empty segments, which removed generics leave behind.
fn segments(path: &str) -> String {
    let kept: Vec<&str> = path.split("::").filter(|segment| !segment.is_empty()).collect();
    kept.join("::")
}

/// `<inner>rest`, cut at the bracket that closes the first one.
fn qualified(name: &str) -> Option<(&str, &str)> {
    let inside = name.strip_prefix('<')?;
    let mut depth = 1_usize;
    let mut last = '\0';
    for (at, c) in inside.char_indices() {
        match c {
            '<' => depth = depth.saturating_add(1),
            '>' if last != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some((inside.get(..at)?, inside.get(at.saturating_add(1)..)?));
        }
        last = c;
    }
    None
}

/// `Type as Trait`, cut at the ` as ` that stands in no bracket.
fn split_as(inner: &str) -> (&str, Option<&str>) {
    let mut depth = 0_usize;
    let mut last = '\0';
    for (at, c) in inner.char_indices() {
        match c {
            '<' | '(' | '[' => depth = depth.saturating_add(1),
            '>' if last == '-' => {}
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 => {
                let (front, behind) = inner.split_at(at);
                if let Some(of_trait) = behind.strip_prefix(" as ") {
                    return (front, Some(of_trait));
                }
            }
            _ => {}
        }
        last = c;
    }
    (inner, None)
}

/// The type behind references, pointers and `dyn`.
fn bare_type(mut text: &str) -> &str {
    loop {
        let before = text;
        for sign in ["&", "*const ", "*mut ", "mut ", "dyn ", " "] {
            text = text.strip_prefix(sign).unwrap_or(text);
        }
        if let Some(lifetime) = text.strip_prefix('\'') {
            text = lifetime.split_once(' ').map_or("", |(_, rest)| rest);
        }
        if text == before {
            return text;
        }
    }
}

/// The type is named by a path with a crate in front.
fn has_path(of_type: &str) -> bool {
    let named = of_type.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    let head = of_type.split(['<', '(', ' ']).next().unwrap_or("");
    named && head.contains("::")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("words::index::body", "body")]
    #[case("words::index::body::h0123456789abcdef", "body")]
    #[case("words::index::body::hash", "hash")]
    #[case("words::index::body::{{closure}}", "{closure}")]
    #[case("words::index::body::{{closure}}::h0123456789abcdef", "{closure}")]
    #[case("words::index::body::{closure#1}", "{closure}")]
    #[case("{closure#0}<usize, words::index::body::{closure_env#1}>", "{closure}")]
    #[case("{async_fn#0}", "{closure}")]
    #[case("{async_block#2}", "{closure}")]
    #[case("words::fetch::{{closure}}::inner", "inner")]
    #[case("block<words::index::body::{async_block_env#2}>", "block")]
    #[case("words::index::Wrap<T>::tv", "tv")]
    #[case("tv<u8>", "tv")]
    #[case("<core::option::Option<T> as words::index::Build>::build", "build")]
    #[case("build<u8>", "build")]
    #[case("<words::index::Wrap<u8> as core::fmt::Display>::fmt", "fmt")]
    #[case("words::<impl words::Build for core::option::Option<T>>::build", "build")]
    #[case("words::{impl#3}::build", "build")]
    #[case("<fn(u8) -> words::Map<u8> as words::Call<fn() -> u8>>::call", "call")]
    #[case("<<words::A as words::B>::C as words::D<[u8; 3]>>::go::<u8>", "go")]
    #[case("<words::Sep<'>'>>::join", "join")]
    #[case(
        "<alloc::raw_vec::RawVecInner<_>>::reserve::do_reserve_and_handle::<alloc::alloc::Global>",
        "do_reserve_and_handle"
    )]
    #[case("core::ptr::drop_in_place<words::index::Guard>", "drop_in_place")]
    #[case("core::ops::function::FnOnce::call_once{{vtable.shim}}", "call_once{{vtable.shim}}")]
    #[case("closure", "closure")]
    #[case("sqlite3_malloc", "sqlite3_malloc")]
    #[case("operator<", "operator<")]
    #[case("<T>", "")]
    #[case("", "")]
    fn the_function_s_own_name(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(own_name(name), expected);
    }

    #[rstest]
    #[case("words::cache::get::<u8>", "words::cache::get")]
    #[case("indexmap::map::IndexMap<K,V>::insert", "indexmap::map::IndexMap::insert")]
    #[case("<indexmap::map::IndexMap<K,V> as core::iter::Extend<(K,V)>>::extend", "indexmap::map::IndexMap::extend")]
    #[case("<indexmap::map::IndexMap<u8, u8>>::insert", "indexmap::map::IndexMap::insert")]
    #[case(
        "<&'a mut indexmap::map::IndexMap<K,V> as core::iter::IntoIterator>::into_iter",
        "indexmap::map::IndexMap::into_iter"
    )]
    #[case("<T as words::Build>::build", "words::Build::build")]
    #[case(
        "<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem",
        "alloc::vec::spec_from_elem::SpecFromElem::from_elem"
    )]
    #[case(
        "<T as alloc::slice::<impl [T]>::to_vec_in::ConvertVec>::to_vec",
        "alloc::slice::to_vec_in::ConvertVec::to_vec"
    )]
    #[case("<[u8] as words::Build>::build", "words::Build::build")]
    #[case("<(words::A, u8) as words::Build>::build", "words::Build::build")]
    #[case("<<words::A as words::B>::C as core::fmt::Debug>::fmt", "words::A::C::fmt")]
    #[case("<dyn words::Shape as core::fmt::Debug>::fmt", "words::Shape::fmt")]
    #[case("<fn(u8) -> u8 as words::Call>::call", "words::Call::call")]
    #[case("<str>::len", "core::str::len")]
    #[case("alloc::slice::<impl [T]>::to_vec", "alloc::slice::to_vec")]
    #[case("main", "main")]
    #[case("<broken", "<broken")]
    fn whom_it_belongs_to(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(owner_path(name), expected);
    }

    #[rstest]
    #[case("words::cache", true)]
    #[case("words::cache::get", true)]
    #[case("words::cached::get", false)]
    #[case("words", false)]
    #[case("mywords::cache", false)]
    fn prefixes_end_at_a_segment(#[case] path: &str, #[case] expected: bool) {
        assert_eq!(lies_below(path, "words::cache"), expected);
        assert_eq!(lies_below(path, "words::cache::"), expected);
    }

    #[test]
    fn an_empty_prefix_holds_nothing() {
        assert!(!lies_below("words::cache", ""));
        assert!(!lies_below("words::cache", "::"));
    }

    fn generics() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![Just("u8"), Just("words::A"), Just("&'a str"), Just("fn(u8) -> u8"), Just("[T; 3]")];
        leaf.prop_map(str::to_owned).prop_recursive(4, 24, 3, |inner| {
            proptest::collection::vec(inner, 1..4).prop_map(|list| format!("m::T<{}>", list.join(", ")))
        })
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,60}") {
            let _ = own_name(&text);
            let _ = owner_path(&text);
            let _ = without_hash(&text);
        }

        #[test]
        fn brackets_in_any_order_are_read(text in "[<>a:'( \\[\\])as{}#-]{0,40}") {
            let _ = own_name(&text);
            let _ = owner_path(&text);
        }

        #[test]
        fn generics_change_no_name(a in generics(), b in generics()) {
            prop_assert_eq!(own_name(&format!("words::go<{a}>")), "go");
            prop_assert_eq!(own_name(&format!("words::go::<{a}>")), "go");
            prop_assert_eq!(own_name(&format!("<{a} as {b}>::go")), "go");
            prop_assert_eq!(own_name(&format!("words::<impl {b} for {a}>::go::<{b}>")), "go");
            prop_assert_eq!(own_name(&format!("<{a} as {b}>::go::{{closure#0}}")), CLOSURE);
        }
    }
}
