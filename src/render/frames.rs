//! Under which names a reader is shown frames, files and calls.

use crate::model::names;
use crate::model::place;
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

/// The call into the standard library that the site makes, such as `Vec::push`.
pub(crate) fn library_call(stack: &[Frame]) -> Option<String> {
    place::library_frame(stack).map(call_name)
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
    fn takes_paths_of_others_apart() {
        assert_eq!(shorter_path("/rustc/0123/library/alloc/src/vec/mod.rs"), Some("library/alloc/src/vec/mod.rs"));
        assert_eq!(shorter_path("/h/.cargo/registry/src/index-0/a-1.0.0/src/x.rs"), Some("a-1.0.0/src/x.rs"));
        assert_eq!(shorter_path("src/x.rs"), None);
    }
}
