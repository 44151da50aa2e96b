//! Whose frame is it, and which frame of a stack matters: the site, the user's own frame, a destructor, a benign function.

use std::borrow::Cow;

use super::names;
use super::stack::Frame;

/// Whom a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// The standard library, what it is built from, and what the compiler makes for it: the allocator's shims, `__rust_try`.
    Std,
    /// This crate.
    Ours,
    /// Anybody else: the user, and the user's dependencies.
    User,
}

/// The sources of this crate. Tests and examples of the package are not among them: they are users.
const OUR_SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");
/// The same with the folder in front cut off, for builds that remap paths.
const OUR_PACKAGE: &str = concat!("oomsweep-", env!("CARGO_PKG_VERSION"), "/src/");

/// Whom the frame belongs to: told by the file, and only without one by the function's path. A short function name says
/// nothing (an inlined frame may have no longer one), but for the allocator's shims, whose file is the user's: the one with
/// the line `#[global_allocator]`; and but for a relative file outside the workspace (of a build that remaps paths), which may
/// be a `src/lib.rs` of anybody's.
pub(crate) fn origin(frame: &Frame) -> Origin {
    if is_shim(frame) || frame.function == "__rust_try" || frame.function.starts_with("__rustc::") {
        return Origin::Std;
    }
    let by_path = || origin_of_path(&names::owner_path(&frame.function));
    let Some(file) = frame.file.as_deref() else { return by_path() };
    let file = slashed(file);
    if is_std_file(&file) {
        Origin::Std
    } else if is_our_file(&file) || !frame.own && file.starts_with("src/") && by_path() == Origin::Ours {
        Origin::Ours
    } else {
        Origin::User
    }
}

/// The path with `/` between its parts, as every question about it expects.
pub(crate) fn slashed(file: &str) -> Cow<'_, str> {
    if file.contains('\\') { Cow::Owned(file.replace('\\', "/")) } else { Cow::Borrowed(file) }
}

/// The file is the standard library's, or of what that is built from.
pub(crate) fn is_std_file(file: &str) -> bool {
    file.starts_with("/rustc/") || file.starts_with("/rust/deps/") || file.contains("/rustlib/src/")
}

/// The file is somebody else's: the standard library's, or one that Cargo fetched.
pub(crate) fn is_foreign_file(file: &str) -> bool {
    is_std_file(file) || file.contains("/registry/src/") || file.contains("/git/checkouts/")
}

fn is_our_file(file: &str) -> bool {
    let in_package = file.find(OUR_PACKAGE).is_some_and(|at| at == 0 || file[..at].ends_with('/'));
    in_package || file.starts_with(&*slashed(OUR_SOURCES))
}

fn origin_of_path(path: &str) -> Origin {
    match names::crate_of(path) {
        Some("core" | "alloc" | "std" | "test") => Origin::Std,
        Some("oomsweep") => Origin::Ours,
        _ => Origin::User,
    }
}

/// `__rust_alloc` and its kin: the door between `std::alloc` and the global allocator.
pub(crate) fn is_shim(frame: &Frame) -> bool {
    let name = frame.function.strip_prefix("__rustc::").unwrap_or(&frame.function);
    ["__rust_alloc", "__rust_dealloc", "__rust_realloc"].iter().any(|shim| name.starts_with(shim))
}

/// The first frame that is neither the standard library's nor ours: who made the request.
pub(crate) fn site(stack: &[Frame]) -> Option<&Frame> {
    stack.iter().find(|frame| origin(frame) == Origin::User)
}

/// The first frame whose file lies in the workspace: what a person wants to see.
pub(crate) fn own_frame(stack: &[Frame]) -> Option<&Frame> {
    stack.iter().find(|frame| frame.own)
}

/// Some frame's function lies at or below one of these paths (`indexmap::`, `words::cache`). Inlined functions have full
/// paths only in builds with full debug information.
pub(crate) fn has_frame_prefix(stack: &[Frame], prefixes: &[String]) -> bool {
    !prefixes.is_empty()
        && stack.iter().any(|frame| {
            let path = names::owner_path(&frame.function);
            prefixes.iter().any(|prefix| names::lies_below(&path, prefix))
        })
}

/// The request was made while something was dropped: from the site outwards there is a destructor.
pub(crate) fn in_drop(stack: &[Frame]) -> bool {
    stack.iter().skip_while(|frame| origin(frame) != Origin::User).any(is_destructor)
}

fn is_destructor(frame: &Frame) -> bool {
    let name = &frame.function;
    name.contains("ops::drop::Drop>::drop")
        || (name.contains("drop_") && matches!(names::own_name(name).as_str(), "drop_in_place" | "drop_glue"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::samples::{bare, frame, user};

    const RUSTC: &str = "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/alloc/src/vec/mod.rs";

    #[rstest]
    #[case("try_reserve_exact<u8, alloc::alloc::Global>", RUSTC, Origin::Std)]
    #[case("words::f", "/root/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/x.rs", Origin::Std)]
    #[case("insert<usize, u8>", "/rust/deps/hashbrown-0.16.1/src/map.rs", Origin::Std)]
    #[case("insert<usize, u8>", "/rust/deps\\hashbrown-0.16.1\\src\\map.rs", Origin::Std)]
    #[case("insert<usize, u8>", "/home/me/rust/deps/hashbrown/src/map.rs", Origin::User)]
    #[case("alloc::vec::Vec<T>::push", "/ws/src/lib.rs", Origin::User)]
    #[case("__rustc::__rust_alloc", "/ws/src/lib.rs", Origin::Std)]
    #[case("__rust_alloc_zeroed", "/ws/src/lib.rs", Origin::Std)]
    #[case("oomsweep::hook::alloc", concat!(env!("CARGO_MANIFEST_DIR"), "/src/hook/mod.rs"), Origin::Ours)]
    #[case("alloc", concat!(env!("CARGO_MANIFEST_DIR"), "/src/hook/mod.rs"), Origin::Ours)]
    #[case("corpus::leak", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus.rs"), Origin::User)]
    #[case("first::main", concat!(env!("CARGO_MANIFEST_DIR"), "/examples/src/first.rs"), Origin::User)]
    #[case("session", concat!("/remapped/oomsweep-", env!("CARGO_PKG_VERSION"), "/src/session.rs"), Origin::Ours)]
    #[case("session", concat!("oomsweep-", env!("CARGO_PKG_VERSION"), "/src/session.rs"), Origin::Ours)]
    #[case("session", concat!("/ws/my-oomsweep-", env!("CARGO_PKG_VERSION"), "/src/session.rs"), Origin::User)]
    #[case("oomsweep::f", "/ws/src/lib.rs", Origin::User)]
    #[case("oomsweep::hook::alloc", "src/hook/mod.rs", Origin::Ours)]
    #[case("words::hook::alloc", "src/hook/mod.rs", Origin::User)]
    #[case("alloc", "src/hook/mod.rs", Origin::User)]
    #[case("core::f", "src/core.rs", Origin::User)]
    #[case("corpus::leak", "tests/corpus.rs", Origin::User)]
    #[case("words::push", "/rustc/0123/library/alloc/src/vec/mod.rs", Origin::Std)]
    fn told_by_the_file(#[case] function: &str, #[case] file: &str, #[case] expected: Origin) {
        assert_eq!(origin(&frame(function, file, 1)), expected);
    }

    #[rstest]
    #[case("core::fmt::write", Origin::Std)]
    #[case("<alloc::raw_vec::RawVecInner>::finish_grow", Origin::Std)]
    #[case("<alloc::raw_vec::RawVecInner<_>>::reserve::do_reserve_and_handle::<alloc::alloc::Global>", Origin::Std)]
    #[case("<alloc::string::String as core::fmt::Write>::write_str", Origin::Std)]
    #[case("<&mut alloc::string::String as core::fmt::Write::write_fmt::SpecWriteFmt>::spec_write_fmt", Origin::Std)]
    #[case("<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem", Origin::Std)]
    #[case("<T as alloc::string::ToString>::to_string", Origin::Std)]
    #[case("alloc::slice::<impl [T]>::to_vec", Origin::Std)]
    #[case("<str>::to_owned", Origin::Std)]
    #[case("std::sys::backtrace::__rust_begin_short_backtrace::h0123456789abcdef", Origin::Std)]
    #[case("__rustc::__rust_alloc", Origin::Std)]
    #[case("__rustc::rust_begin_unwind", Origin::Std)]
    #[case("__rust_try", Origin::Std)]
    #[case("test::run_test::{closure#0}", Origin::Std)]
    #[case("tests::run_test", Origin::User)]
    #[case("hashbrown::map::HashMap<K,V,S,A>::insert", Origin::User)]
    #[case("allocated::f", Origin::User)]
    #[case("<words::index::Wrap<u8> as core::fmt::Display>::fmt", Origin::User)]
    #[case("<T as words::Build>::build", Origin::User)]
    #[case("words::index::body", Origin::User)]
    #[case("sqlite3_malloc", Origin::User)]
    #[case("oomsweep::session::run", Origin::Ours)]
    #[case("<oomsweep::TestingAllocator<A> as core::alloc::global::GlobalAlloc>::alloc", Origin::Ours)]
    #[case("oomsweeping::f", Origin::User)]
    fn told_by_the_name_without_a_file(#[case] function: &str, #[case] expected: Origin) {
        assert_eq!(origin(&bare(function)), expected);
    }

    #[test]
    fn an_own_file_is_the_user_s_whatever_its_crate_is_called() {
        assert_eq!(origin(&user("oomsweep::index::add", "src/index.rs", 3)), Origin::User);
        assert_eq!(origin(&user("__rustc::__rust_alloc", "src/lib.rs", 3)), Origin::Std);
    }

    #[test]
    fn site_and_own_frame() {
        let stack = vec![
            frame("alloc::vec::Vec<T>::reserve", RUSTC, 1),
            frame(
                "indexmap::IndexMap<K,V>::insert",
                "/root/.cargo/registry/src/i-0123456789abcdef/indexmap/src/map.rs",
                2,
            ),
            user("words::index::add", "/ws/src/index.rs", 3),
        ];
        assert_eq!(site(&stack).map(|f| f.line), Some(Some(2)));
        assert_eq!(own_frame(&stack).map(|f| f.line), Some(Some(3)));
        assert_eq!(site(&[]), None);
        assert_eq!(own_frame(&stack[..2]), None);
    }

    #[rstest]
    #[case("indexmap::map::IndexMap<K,V>::insert", "indexmap::", true)]
    #[case("<indexmap::map::IndexMap<K,V> as core::iter::Extend<(K,V)>>::extend", "indexmap::", true)]
    #[case("<indexmap::map::IndexMap<u8, u8>>::insert::<u8>", "indexmap::map", true)]
    #[case("<words::Key as indexmap::Equivalent<words::Key>>::equivalent", "indexmap::", false)]
    #[case("words::cache::get::{{closure}}", "words::cache", true)]
    #[case("words::cached::get", "words::cache", false)]
    #[case("words::get::<indexmap::IndexMap<u8, u8>>", "indexmap::", false)]
    fn benign_functions(#[case] function: &str, #[case] prefix: &str, #[case] expected: bool) {
        let stack = vec![frame("alloc::alloc::alloc", RUSTC, 1), user(function, "/ws/src/index.rs", 3)];
        assert_eq!(has_frame_prefix(&stack, &["other::".to_owned(), prefix.to_owned()]), expected);
        assert!(!has_frame_prefix(&stack, &[]));
    }

    #[test]
    fn requests_of_destructors() {
        let glue =
            || frame("core::ptr::drop_in_place<words::index::Guard>", "/rustc/0/library/core/src/ptr/mod.rs", 805);
        let reserve = || frame("try_reserve_exact<u8>", RUSTC, 1);
        let body = || user("words::index::body", "/ws/src/index.rs", 26);
        let full = user("<words::index::Guard as core::ops::drop::Drop>::drop", "/ws/src/index.rs", 5);
        assert!(in_drop(&[reserve(), full.clone(), glue(), body()]));
        assert!(in_drop(&[reserve(), full, body()]));
        assert!(in_drop(&[reserve(), user("drop", "/ws/src/index.rs", 5), glue(), body()]));
        assert!(in_drop(&[bare("<words::Guard<T> as core::ops::drop::Drop>::drop"), bare("words::body")]));
        // A function that is called `drop`, and a destructor of the standard library inside the user's request.
        assert!(!in_drop(&[reserve(), user("words::index::drop", "/ws/src/index.rs", 5), body()]));
        assert!(!in_drop(&[reserve(), glue(), body()]));
        assert!(!in_drop(&[]));
    }
}
