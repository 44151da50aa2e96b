//! Which frame of a stack is shown, and under which name.

use crate::model::stack::Frame;

/// The frame belongs to the standard library: by its file, or without one by its crate.
pub(crate) fn is_std(frame: &Frame) -> bool {
    match &frame.file {
        Some(file) => is_std_path(file),
        None => matches!(crate_of(&frame.function), "core" | "alloc" | "std"),
    }
}

/// The frame belongs to this crate.
fn is_ours(frame: &Frame) -> bool {
    !frame.own && crate_of(&frame.function) == "oomsweep"
}

/// The first frame that is neither std's nor ours.
pub(crate) fn site(stack: &[Frame]) -> Option<&Frame> {
    stack.iter().find(|frame| !is_std(frame) && !is_ours(frame))
}

/// The frame that a reader is shown: the first of the user's own code, or the next best.
pub(crate) fn shown(stack: &[Frame]) -> Option<&Frame> {
    stack.iter().find(|frame| frame.own).or_else(|| site(stack)).or(stack.first())
}

/// The site, if it is another frame than the one that is shown.
pub(crate) fn other_site(stack: &[Frame]) -> Option<&Frame> {
    let site = site(stack)?;
    shown(stack).filter(|shown| *shown != site)?;
    Some(site)
}

/// The call into the standard library that the site makes, such as `Vec::push`.
pub(crate) fn library_call(stack: &[Frame]) -> Option<String> {
    let site = stack.iter().position(|frame| !is_std(frame) && !is_ours(frame)).unwrap_or(stack.len());
    stack.get(..site)?.iter().rev().find(|frame| is_std(frame)).map(call_name)
}

fn is_std_path(file: &str) -> bool {
    let file = file.replace('\\', "/");
    file.starts_with("/rustc/") || file.starts_with("/rust/deps/") || file.contains("/rustlib/src/")
}

/// The path is somebody else's code: the standard library's, or a dependency's.
pub(crate) fn is_foreign_path(file: &str) -> bool {
    is_std_path(file) || file.contains("/registry/src/") || file.contains("/git/checkouts/")
}

/// A path of somebody else's code without the folders that say nothing.
pub(crate) fn shorter_path(file: &str) -> Option<&str> {
    if let Some(dependency) = file.strip_prefix("/rust/deps/") {
        return Some(dependency);
    }
    if is_std_path(file) {
        return file.find("/library/").and_then(|at| file.get(at + 1..));
    }
    let (_, below) = file.split_once("/registry/src/").or_else(|| file.split_once("/git/checkouts/"))?;
    below.split_once('/').map(|(_, path)| path)
}

/// The function's name without the compiler's hash.
pub(crate) fn function(frame: &Frame) -> &str {
    match frame.function.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => name,
        _ => &frame.function,
    }
}

/// The crate that a demangled name belongs to.
fn crate_of(function: &str) -> &str {
    let mut name = function.trim_start_matches(['<', '&', '*', '(', '[', ' ']);
    for word in ["mut ", "const ", "dyn ", "impl "] {
        name = name.strip_prefix(word).unwrap_or(name);
    }
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    let (first, rest) = name.split_at(end);
    if rest.starts_with("::") {
        return first;
    }
    match rest.split_once(" as ") {
        Some((_, of_trait)) => crate_of(of_trait),
        None => first,
    }
}

/// A short name for a call into the standard library: the type or module, and the function.
fn call_name(frame: &Frame) -> String {
    let name = function(frame);
    let name = match name.strip_prefix('<').and_then(split_self_type) {
        Some((of, method)) => format!("{of}{method}"),
        None => name.to_owned(),
    };
    let plain = without_generics(&name);
    let mut parts: Vec<&str> = plain.split("::").filter(|part| !part.is_empty() && !part.starts_with('{')).collect();
    if let ([only], Some(file)) = (parts.as_slice(), &frame.file) {
        let only = *only;
        parts = module_of(file).into_iter().chain([only]).collect();
    }
    match parts.as_slice() {
        [.., "vec", "from_elem"] => "vec![_; n]".to_owned(),
        [.., "slice", "into_vec" | "box_assume_init_into_vec_unsafe"] => "vec![…]".to_owned(),
        [.., "alloc" | "boxed", "exchange_malloc" | "box_new" | "box_new_uninit"] => "Box::new".to_owned(),
        [.., of, method] => format!("{of}::{method}"),
        _ => plain,
    }
}

/// Splits what follows the `<` of `<Type as Trait>::method` into the type and `::method`.
fn split_self_type(rest: &str) -> Option<(&str, &str)> {
    let mut depth = 1_usize;
    let mut end = None;
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            end = Some(at);
            break;
        }
        before = c;
    }
    let (inner, after) = rest.split_at(end?);
    let of = inner.split_once(" as ").map_or(inner, |(of, _)| of);
    Some((of, after.strip_prefix('>')?))
}

fn without_generics(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let (mut depth, mut before) = (0_usize, ' ');
    for c in name.chars() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
        before = c;
    }
    plain
}

/// The module of a file of the standard library: `vec` for `…/alloc/src/vec/mod.rs`.
fn module_of(file: &str) -> Option<&str> {
    let mut parts = file.rsplit(['/', '\\']);
    match parts.next()?.strip_suffix(".rs")? {
        "mod" | "lib" => parts.next(),
        module => Some(module),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, file: Option<&str>) -> Frame {
        Frame { function: function.to_owned(), file: file.map(str::to_owned), line: None, column: None, own: false }
    }

    #[test]
    fn names_library_calls_shortly() {
        let file = Some("/rustc/0123/library/alloc/src/vec/mod.rs");
        for (long, short) in [
            ("alloc::vec::Vec<T,A>::push", "Vec::push"),
            ("<alloc::string::String as core::clone::Clone>::clone", "String::clone"),
            ("<alloc::vec::Vec<T> as alloc::vec::spec_extend::SpecExtend<T, I>>::spec_extend", "Vec::spec_extend"),
            ("alloc::vec::from_elem", "vec![_; n]"),
            ("alloc::slice::<impl [T]>::to_vec", "slice::to_vec"),
            ("push<u8, alloc::alloc::Global>", "vec::push"),
            ("alloc::boxed::Box<T>::new::h0123456789abcdef", "Box::new"),
            ("alloc::alloc::exchange_malloc", "Box::new"),
        ] {
            assert_eq!(call_name(&frame(long, file)), short, "{long}");
        }
    }

    #[test]
    fn tells_std_by_file_and_else_by_name() {
        assert!(is_std(&frame("words::push", Some("/rustc/0123/library/alloc/src/vec/mod.rs"))));
        assert!(is_std(&frame("hashbrown::raw::f", Some("/rust/deps/hashbrown-0.15.2/src/raw.rs"))));
        assert!(is_std(&frame("<alloc::vec::Vec<T> as core::ops::Drop>::drop", None)));
        assert!(is_std(&frame("<T as core::convert::Into<U>>::into", None)));
        assert!(!is_std(&frame("<words::Index as core::fmt::Debug>::fmt", None)));
        assert!(!is_std(&frame("core::f", Some("src/core.rs"))));
    }

    #[test]
    fn takes_paths_of_others_apart() {
        assert_eq!(shorter_path("/rustc/0123/library/alloc/src/vec/mod.rs"), Some("library/alloc/src/vec/mod.rs"));
        assert_eq!(shorter_path("/h/.cargo/registry/src/index-0/a-1.0.0/src/x.rs"), Some("a-1.0.0/src/x.rs"));
        assert_eq!(shorter_path("src/x.rs"), None);
    }
}
