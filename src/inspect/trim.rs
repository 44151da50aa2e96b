//! What of a stack explains nothing: the hook inside, the harness outside.

use crate::model::names;
use crate::model::place::{Origin, is_shim, origin, slashed};
use crate::model::stack::Frame;

/// Cuts off what explains nothing: inside, the hook, the capture of the stack and libc's way to a signal, outside, everything beyond the last frame
/// of a user (`call_once`, `catch_unwind`, our closures, the thread's start in libc). What lies between stays.
pub(crate) fn trim(stack: &mut Vec<Frame>) {
    let is_inside = |frame: &Frame| is_capture(frame) || is_way_to_signal(frame);
    // The hook itself calls the standard library, as for its thread-locals.
    let deepest = stack.iter().take_while(|frame| is_inside(frame) || origin(frame) == Origin::Std);
    let inner =
        deepest.enumerate().filter(|(_, frame)| is_inside(frame)).last().map_or(0, |(at, _)| at.saturating_add(1));
    let inner = through_the_shim(stack).unwrap_or(0).max(inner);
    stack.drain(..inner.min(stack.len()));
    // A stack that was captured whole leads through the harness to the test that started it.
    let site = stack.iter().position(|frame| origin(frame) == Origin::User).unwrap_or(stack.len());
    if let Some(end) = stack.iter().skip(site).position(is_harness) {
        stack.truncate(site.saturating_add(end));
    }
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

/// What called the body; unlike `benign` and its kin, which stand between frames of the user.
fn is_harness(frame: &Frame) -> bool {
    const FOLDERS: [&str; 4] = ["/src/builder/", "/src/harness/", "/src/sweep/", "/src/session/run.rs"];
    const PATHS: [&str; 4] = ["oomsweep::builder", "oomsweep::harness", "oomsweep::sweep", "oomsweep::session::run"];
    if origin(frame) != Origin::Ours {
        return false;
    }
    match frame.file.as_deref() {
        Some(file) => FOLDERS.iter().any(|folder| slashed(file).contains(folder)),
        None => PATHS.iter().any(|path| names::lies_below(&names::owner_path(&frame.function), path)),
    }
}

/// Where libc raises a signal or calls its handler, or a frame of which nothing is known.
fn is_way_to_signal(frame: &Frame) -> bool {
    const WAYS: [&str; 9] = [
        "abort",
        "raise",
        "gsignal",
        "pthread_kill",
        "__pthread_kill",
        "__pthread_kill_implementation",
        "__pthread_kill_internal",
        "__restore_rt",
        "_sigtramp",
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
    let passes = |f: &Frame| is_capture(f) || origin(f) == Origin::Std || method(&names::own_name(&f.function));
    inside.iter().all(passes).then_some(shim.saturating_add(1))
}

/// Where libc starts a thread or the program, or a frame of which nothing is known.
fn is_start_of_thread(frame: &Frame) -> bool {
    const STARTS: [&str; 11] = [
        "start_thread",
        "clone",
        "clone3",
        "__clone",
        "__clone3",
        "__clone_internal",
        "__libc_start_main",
        "__libc_start_main_impl",
        "__libc_start_call_main",
        "_pthread_start",
        "thread_start",
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
    use crate::model::samples::{bare, frame, user};

    const RUSTC: &str = "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/alloc/src/vec/mod.rs";

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
    fn what_the_hook_calls_is_cut_off_with_it() {
        let local = || frame("std::thread::local::LocalKey<T>::with", "/rustc/0/library/std/src/thread/local.rs", 477);
        let hook = || frame("allocate", concat!(env!("CARGO_MANIFEST_DIR"), "/src/hook/mod.rs"), 193);
        let reserve = || frame("alloc::vec::Vec<T>::reserve", RUSTC, 1);
        let shim = || frame("__rustc::__rust_alloc", "/ws/src/lib.rs", 1);
        let add = || user("words::index::add", "/ws/src/index.rs", 3);
        let kept = ["alloc::vec::Vec<T>::reserve", "words::index::add"];
        assert_eq!(trimmed(vec![local(), hook(), shim(), reserve(), add()]), kept);
        assert_eq!(trimmed(vec![local(), hook(), reserve(), add()]), kept);
        assert_eq!(trimmed(vec![reserve(), add()]), kept);
    }

    #[test]
    fn a_whole_stack_ends_where_the_harness_calls_the_body() {
        let ours = |file: &str| frame("f", &format!("{}{file}", env!("CARGO_MANIFEST_DIR")), 7);
        let body = || user("words::body", "/ws/src/index.rs", 3);
        let benign = || ours("/src/hook/regions.rs");
        let outer = || user("words::body::{{closure}}", "/ws/src/index.rs", 2);
        let whole =
            [body(), benign(), body(), bare("__rust_try"), ours("/src/builder/mod.rs"), bare("__rust_try"), outer()];
        assert_eq!(trimmed(whole.to_vec()), ["words::body", "f", "words::body"]);
        let nameless =
            [bare("words::body"), bare("oomsweep::builder::Sweep<M>::check::{{closure}}"), bare("words::test")];
        assert_eq!(trimmed(nameless.to_vec()), ["words::body"]);
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
        let start = || {
            vec![frame("std::sys::thread::start", "/rustc/0/library/std/src/sys/thread.rs", 1), bare("start_thread")]
        };
        let libc = || vec![frame("clone3", "./misc/clone3.S", 81), bare("")];
        let worker = user("words::worker::{{closure}}", "/ws/src/worker.rs", 3);
        assert_eq!(trimmed([vec![worker], start(), libc()].concat()), ["words::worker::{{closure}}"]);
        assert_eq!(trimmed([start(), libc()].concat()), ["std::sys::thread::start"]);
        assert!(trimmed(vec![bare(""), bare("")]).is_empty());
    }
}
