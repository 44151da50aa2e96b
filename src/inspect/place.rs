//! Whose frame is it, and which frame of a stack matters: the site, the user's own frame, a destructor, a benign function.

use crate::model::stack::Frame;

use super::names;

/// Whom a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// The standard library, what it is built from, and the shims that the compiler puts in front of the allocator.
    Std,
    /// This crate.
    Ours,
    /// Anybody else: the user, and the user's dependencies.
    User,
}

/// The sources of this crate. Tests and examples of the package are not among them: they are users.
const OUR_SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");
/// The same with the folder in front cut off, for builds that remap paths.
const OUR_PACKAGE: &str = concat!("/oomsweep-", env!("CARGO_PKG_VERSION"), "/src/");

/// Whom the frame belongs to: told by the file, and only without one by the function's path. A short function name says
/// nothing (an inlined frame may have no longer one), but for the allocator's shims, whose file is the user's: the one with
/// the line `#[global_allocator]`.
pub(crate) fn origin(frame: &Frame) -> Origin {
    if is_shim(frame) || frame.function.starts_with("__rustc::") {
        return Origin::Std;
    }
    match frame.file.as_deref() {
        Some(file) => origin_of_file(file),
        None => origin_of_path(&names::owner_path(&frame.function)),
    }
}

fn origin_of_file(file: &str) -> Origin {
    if file.contains('\\') {
        let ours = OUR_SOURCES.replace('\\', "/");
        return origin_of_slashed(&file.replace('\\', "/"), &ours);
    }
    origin_of_slashed(file, OUR_SOURCES)
}

fn origin_of_slashed(file: &str, ours: &str) -> Origin {
    if file.starts_with("/rustc/") || file.starts_with("/rust/deps/") || file.contains("/rustlib/src/") {
        Origin::Std
    } else if file.starts_with(ours) || file.contains(OUR_PACKAGE) {
        Origin::Ours
    } else {
        Origin::User
    }
}

fn origin_of_path(path: &str) -> Origin {
    match names::crate_of(path) {
        Some("core" | "alloc" | "std") => Origin::Std,
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

/// Cuts off what explains nothing: inside, the hook, the capture of the stack and libc's way to a signal, outside, everything beyond the last frame
/// of a user (`call_once`, `catch_unwind`, our closures, the thread's start in libc). What lies between stays.
pub(crate) fn trim(stack: &mut Vec<Frame>) {
    let inner = stack.iter().take_while(|frame| is_capture(frame) || is_way_to_signal(frame)).count();
    let inner = through_the_shim(stack).unwrap_or(0).max(inner);
    stack.drain(..inner.min(stack.len()));
    let is_user = |frame: &Frame| origin(frame) == Origin::User && !is_start_of_thread(frame);
    let beyond = if stack.iter().any(is_user) {
        stack.iter().rev().take_while(|frame| !is_user(frame)).count()
    } else {
        let nobody = |frame: &&Frame| origin(frame) == Origin::Ours || is_start_of_thread(frame);
        stack.iter().rev().take_while(nobody).count()
    };
    stack.truncate(stack.len().saturating_sub(beyond));
}

/// The hook's own frames, and those of the library that walks the stack for it.
fn is_capture(frame: &Frame) -> bool {
    is_shim(frame)
        || origin(frame) == Origin::Ours
        || frame.function.starts_with("backtrace::")
        || frame.file.as_deref().is_some_and(|file| file.contains("/backtrace-0."))
}

/// Where libc raises a signal or calls its handler, or a frame of which nothing is known.
fn is_way_to_signal(frame: &Frame) -> bool {
    const WAYS: [&str; 9] = [
        "abort", "raise", "gsignal", "pthread_kill", "__pthread_kill", "__pthread_kill_implementation",
        "__pthread_kill_internal", "__restore_rt", "_sigtramp",
    ];
    let name = libc_name(frame);
    !frame.own && (WAYS.contains(&name) || name.is_empty() && frame.file.is_none())
}

/// The name of a C function without its version and without glibc's mark of an internal alias.
fn libc_name(frame: &Frame) -> &str {
    let name = frame.function.split('@').next().unwrap_or("");
    name.strip_prefix("__GI_").unwrap_or(name)
}

/// How many frames lie inside the allocator call, where nothing but methods of allocators does: a user's own allocator round
/// ours would else be the site of every request.
fn through_the_shim(stack: &[Frame]) -> Option<usize> {
    let shim = stack.iter().position(is_shim)?;
    let method = |name: &str| matches!(name, "alloc" | "alloc_zeroed" | "realloc" | "dealloc");
    let inside = stack.get(..shim)?;
    inside.iter().all(|f| is_capture(f) || method(&names::own_name(&f.function))).then_some(shim.saturating_add(1))
}

/// Where libc starts a thread or the program, or a frame of which nothing is known.
fn is_start_of_thread(frame: &Frame) -> bool {
    const STARTS: [&str; 11] = [
        "start_thread", "clone", "clone3", "__clone", "__clone3", "__clone_internal", "__libc_start_main",
        "__libc_start_main_impl", "__libc_start_call_main", "_pthread_start", "thread_start",
    ];
    let name = libc_name(frame);
    match frame.file {
        None => name.is_empty() || matches!(name, "_start" | "main") || STARTS.contains(&name),
        Some(_) => STARTS.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::inspect::samples::{bare, frame, user};

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
    #[case("oomsweep::f", "/ws/src/lib.rs", Origin::User)]
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
    fn site_and_own_frame() {
        let stack = vec![
            frame("alloc::vec::Vec<T>::reserve", RUSTC, 1),
            frame("indexmap::IndexMap<K,V>::insert", "/root/.cargo/registry/src/i-0123456789abcdef/indexmap/src/map.rs", 2),
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
        let glue = || frame("core::ptr::drop_in_place<words::index::Guard>", "/rustc/0/library/core/src/ptr/mod.rs", 805);
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

    fn trimmed(mut stack: Vec<Frame>) -> Vec<String> {
        trim(&mut stack);
        stack.into_iter().map(|frame| frame.function).collect()
    }

    #[test]
    fn the_hook_and_the_harness_are_cut_off() {
        let ours = |name: &str| frame(name, concat!(env!("CARGO_MANIFEST_DIR"), "/src/session.rs"), 7);
        let stack = vec![
            frame("trace_unsynchronized", "/r/backtrace-0.3.77/src/backtrace/mod.rs", 66),
            ours("oomsweep::hook::capture"),
            ours("<oomsweep::TestingAllocator<A> as core::alloc::global::GlobalAlloc>::alloc"),
            frame("__rustc::__rust_alloc", "/ws/src/lib.rs", 3),
            frame("alloc::vec::Vec<T>::reserve", RUSTC, 1),
            user("words::index::add", "/ws/src/index.rs", 3),
            ours("oomsweep::benign"),
            user("words::index::body", "/ws/src/index.rs", 9),
            ours("oomsweep::session::call"),
            frame("core::ops::function::FnOnce::call_once", "/rustc/0/library/core/src/ops/function.rs", 250),
            ours("oomsweep::harness::run"),
        ];
        let kept = ["alloc::vec::Vec<T>::reserve", "words::index::add", "oomsweep::benign", "words::index::body"];
        assert_eq!(trimmed(stack), kept);
    }

    #[test]
    fn a_user_s_allocator_round_ours_is_no_site() {
        let stack = vec![
            bare("oomsweep::hook::alloc"),
            user("<words::Counting as core::alloc::global::GlobalAlloc>::alloc", "/ws/src/lib.rs", 3),
            frame("core::alloc::global::GlobalAlloc::alloc_zeroed", "/rustc/0/library/core/src/alloc/global.rs", 219),
            frame("__rustc::__rust_alloc_zeroed", "/ws/src/lib.rs", 1),
            user("words::index::add", "/ws/src/index.rs", 3),
        ];
        assert_eq!(trimmed(stack), ["words::index::add"]);
    }

    #[test]
    fn a_shim_further_out_hides_nothing() {
        let stack = vec![
            user("words::Pool::refill", "/ws/src/pool.rs", 3),
            user("<words::Pool as core::alloc::global::GlobalAlloc>::alloc", "/ws/src/pool.rs", 9),
            frame("__rustc::__rust_alloc", "/ws/src/lib.rs", 1),
            user("words::index::add", "/ws/src/index.rs", 3),
        ];
        assert_eq!(trimmed(stack).len(), 4);
    }

    #[rstest]
    #[case(&["__pthread_kill_implementation", "__GI_raise", "__GI_abort"])]
    #[case(&["", "pthread_kill@@GLIBC_2.34", "gsignal", "abort"])]
    fn the_way_to_a_signal_is_cut_off(#[case] libc: &[&str]) {
        let handler = frame("oomsweep::hook::on_signal", concat!(env!("CARGO_MANIFEST_DIR"), "/src/hook/mod.rs"), 7);
        let mut stack = vec![frame("backtrace::trace", "/r/backtrace-0.3.77/src/backtrace/mod.rs", 66), handler];
        stack.extend(libc.iter().map(|name| bare(name)));
        stack.push(user("words::check", "/ws/src/check.rs", 3));
        assert_eq!(trimmed(stack), ["words::check"]);
        let own = user("abort", "/ws/src/check.c", 3);
        assert_eq!(trimmed(vec![own]), ["abort"]);
    }

    #[test]
    fn the_start_of_a_thread_is_cut_off() {
        let start = || vec![frame("std::sys::thread::start", "/rustc/0/library/std/src/sys/thread.rs", 1), bare("start_thread")];
        let libc = || vec![frame("clone3", "./misc/clone3.S", 81), bare("")];
        let worker = user("words::worker::{{closure}}", "/ws/src/worker.rs", 3);
        assert_eq!(trimmed([vec![worker], start(), libc()].concat()), ["words::worker::{{closure}}"]);
        assert_eq!(trimmed([start(), libc()].concat()), ["std::sys::thread::start"]);
        assert!(trimmed(vec![bare(""), bare("")]).is_empty());
    }
}
