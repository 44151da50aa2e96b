//! Under which names a reader is shown frames, files and calls.

use crate::model::names;
use crate::model::place::{self, Origin};
use crate::model::stack::Frame;

/// The frame that a reader is shown: the first of the user's own code, or the next best.
pub(crate) fn shown(stack: &[Frame]) -> Option<&Frame> {
    place::own_frame(stack).or_else(|| place::site(stack)).or(stack.first())
}

/// The site, if it is another frame than the one that is shown.
pub(crate) fn other_site(stack: &[Frame]) -> Option<&Frame> {
    let site = place::site(stack)?;
    shown(stack).filter(|shown| *shown != site)?;
    Some(site)
}

/// The user's own frames that lead to the one that is shown, from the inside out, a line of source once.
pub(crate) fn callers(stack: &[Frame]) -> Vec<&Frame> {
    let mut callers: Vec<&Frame> = stack.iter().filter(|frame| frame.own).collect();
    callers.dedup_by(|outer, inner| outer.file == inner.file && outer.line == inner.line);
    callers.into_iter().skip(1).collect()
}

/// Whether a stack tells more than the excerpt at the frame that is shown.
pub(crate) fn says_more(stack: &[Frame]) -> bool {
    stack.iter().filter(|frame| place::origin(frame) != Origin::Std).count() > 1
}

/// The call into a library that the shown frame makes, such as `Vec::push`. What a macro expands to is named by the macro, if
/// `macro_at` finds one where the frame is.
pub(crate) fn library_call(stack: &[Frame], macro_at: impl Fn(&Frame) -> Option<String>) -> Option<String> {
    let caller = place::own_frame(stack).or_else(|| place::site(stack));
    let inside = stack.iter().take_while(|frame| Some(*frame) != caller);
    let called = inside.filter(|frame| !place::is_shim(frame) && place::origin(frame) != Origin::Ours).last()?;
    Some(match caller.and_then(macro_at).as_deref() {
        Some("vec") => "vec![…]".to_owned(),
        Some("format") => "format!".to_owned(),
        _ => call_name(called),
    })
}

/// A path of somebody else's code without the folders that say nothing.
pub(crate) fn shorter_path(file: &str) -> Option<&str> {
    if let Some(dependency) = file.strip_prefix("/rust/deps/") {
        return Some(dependency);
    }
    if place::is_std_file(file) {
        return file.find("/library/").and_then(|at| file.get(at + 1..));
    }
    let (_, below) = file.split_once("/registry/src/").or_else(|| file.split_once("/git/checkouts/"))?;
    below.split_once('/').map(|(_, path)| path)
}

/// A short name for a call into the standard library: the type or module, and the function.
fn call_name(frame: &Frame) -> String {
    let path = names::owner_path(&frame.function);
    let mut parts: Vec<&str> = path.split("::").filter(|part| !part.starts_with('{')).collect();
    if let ([only], Some(file)) = (parts.as_slice(), &frame.file) {
        let only = *only;
        parts = module_of(file).into_iter().chain([only]).collect();
    }
    match parts.as_slice() {
        [.., "fmt", "format"] => "format!".to_owned(),
        [.., "vec", "from_elem"] => "vec![_; n]".to_owned(),
        [.., "slice", "into_vec" | "box_assume_init_into_vec_unsafe"] => "vec![…]".to_owned(),
        [.., "alloc" | "boxed", "exchange_malloc" | "box_new" | "box_new_uninit"] => "Box::new".to_owned(),
        [.., of, method] => format!("{of}::{method}"),
        _ => path,
    }
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
    use crate::model::samples;

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
    fn names_the_call_of_the_shown_frame() {
        let std = |function: &str| samples::frame(function, "/rustc/0123/library/alloc/src/vec/mod.rs", 1);
        let shim = || samples::frame("__rustc::__rust_alloc", "/ws/src/lib.rs", 3);
        let map = |function: &str| samples::frame(function, "/h/.cargo/registry/src/i-0/indexmap-2.0.0/src/map.rs", 3);
        let add = || samples::user("words::add", "/ws/src/index.rs", 3);
        let outer = || samples::user("words::body", "/ws/src/index.rs", 9);
        let call = |stack: &[Frame], found: Option<&str>| library_call(stack, |_| found.map(str::to_owned));
        let push = [std("alloc::alloc::alloc"), std("alloc::vec::Vec<T>::push"), add(), std("f"), outer()];
        assert_eq!(call(&push, None).as_deref(), Some("Vec::push"));
        assert_eq!(call(&push, Some("vec")).as_deref(), Some("vec![…]"));
        assert_eq!(call(&push, Some("my_macro")).as_deref(), Some("Vec::push"));
        let insert = [std("alloc::vec::Vec<T>::push"), map("grow"), map("indexmap::IndexMap<K,V>::insert"), add()];
        assert_eq!(call(&insert, None).as_deref(), Some("IndexMap::insert"));
        assert_eq!(call(&insert[..3], None).as_deref(), Some("Vec::push"));
        assert_eq!(call(&[shim(), add()], None), None);
        assert_eq!(callers(&push).len(), 1);
        assert!(says_more(&push) && !says_more(&push[..3]));
    }

    #[test]
    fn takes_paths_of_others_apart() {
        assert_eq!(shorter_path("/rustc/0123/library/alloc/src/vec/mod.rs"), Some("library/alloc/src/vec/mod.rs"));
        assert_eq!(shorter_path("/h/.cargo/registry/src/index-0/a-1.0.0/src/x.rs"), Some("a-1.0.0/src/x.rs"));
        assert_eq!(shorter_path("src/x.rs"), None);
    }
}
