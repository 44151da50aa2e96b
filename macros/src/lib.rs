//! The attribute macros of `oomsweep`; use them through that crate.
//!
//! A function goes through five verbs: it is parsed (`ast`, `args`), its attributes are read (`ast`, `source`), it is checked
//! (`valid`) and expanded (`expand`, `rstest`), or else handed back beside the error (`fallback`).

mod args;
mod ast;
mod expand;
mod fallback;
mod handles;
mod rstest;
mod source;
mod valid;

use proc_macro::TokenStream;
use proc_macro2::Span;

use crate::args::{Args, merge};
use crate::ast::{Function, Role, role};

/// Makes a function a test that is run once for every allocation it makes, with that allocation failing.
///
/// ```ignore
/// use std::collections::TryReserveError;
/// use oomsweep::alloc_test;
///
/// #[alloc_test]
/// fn builds_an_index() -> Result<(), TryReserveError> {
///     let mut index = Index::new();
///     index.insert("word", 7)?;
///     Ok(())
/// }
/// ```
///
/// First the body runs as it is: it must succeed, and leave no memory behind. Then each of its allocations is made to fail, and
/// each time the body must return an error, leave no memory behind, and break nothing. One test in the list of tests, one report.
///
/// The function takes no arguments, or [allocators](#allocators-as-arguments), and returns `()` or a `Result<T, E>` with `E: Debug`. From
/// `()` nobody can tell whether a failure was noticed, so return a `Result` where you can.
///
/// # Options
///
/// They stand in parentheses, in any order, each at most once: `#[alloc_test(faults(once), timeout = "2s")]`. The default comes
/// first. An option with a star has a variable, `OOMSWEEP_` and its name in capitals, such as `OOMSWEEP_TIMEOUT`. For *how* a
/// test runs the variable wins, for *what is accepted* the attribute wins.
///
/// ## Which faults
///
/// - **`faults(once, persistent)`**: the patterns that are swept.
///   - `once`: each allocation fails alone.
///   - `persistent`: each allocation fails together with all that follow it.
///   - `window(k)`: each run of `k` allocations fails. Up to four widths.
///   - `budget`: an allocation fails if it would lift the live bytes above a budget, for every budget worth trying.
///   - `size(min)`: a filter on the others, or on the default: only requests of at least `min` bytes.
/// - **`leaks_only`**: none. The plain run alone is checked, for leaks and memory errors.
/// - **`threads = "own"`**, `"all"`: whose requests fail: those of the thread that runs the body, or also those of the threads that
///   it starts. With `"all"` requests are numbered in the order in which they arrive, which may differ from run to run: a fault
///   that a trial does not come to is no finding then, and the report says how many there were.
/// - **`shrink = "fail"`**, `"skip"`: whether requests that make a block smaller fail as well. The contract of `realloc` allows
///   it.
/// - **`global = "checked"`**, `"swept"`: whether requests to the global allocator fail as well, of a function that has allocators as
///   arguments. They are checked for leaks and memory errors either way.
/// - **`fixtures = "exempt"`**, `"swept"`: whether what rstest builds before the call fails as well. It is leak-checked either
///   way.
///
/// ## What is accepted
///
/// - **`error = PATTERN`**: what a failure must come back as, a pattern for the error: `error = ReadError::OutOfMemory`,
///   `error = Full | TooBig { .. }`. Any error if it is not given. A bare name must be a constant or a unit variant that is in
///   scope, and not a misspelt one: as a binding it would fit everything.
/// - **`error_if = FUNCTION`**: the same as a function from `&E` to `bool`.
/// - **`swallowed = "deny"`**\*, `"allow"`: an allocation failed, the body returns a `Result`, and it returned `Ok` all the same.
/// - **`benign("crate::path", …)`**: where failures may be swallowed. A request with a function on its stack whose path begins so
///   is a fallback of that library.
/// - **`intended("crate::path", …)`**: functions that leak on purpose, with `Box::leak` or `mem::forget`. A block that was made with
///   such a function on the stack is no leak.
/// - **`infallible = "deny"`**\*, `"skip"`: the process aborts, because an infallible API such as `Vec::push` made the request.
/// - **`panics = "deny"`**\*, `"allow"`: a panic after a failure counts as the error. What it leaks or breaks is found either way.
/// - **`known("id", …)`**: findings that are accepted for now, by the ids that the report shows. One that no longer occurs fails
///   the test. Not for memory errors.
/// - **`no_points = "deny"`**, `"allow"`: a body that never allocates.
/// - **`incomplete = "deny"`**\*, `"allow"`: a sweep that `max_time` or `max_points` has cut short.
///
/// ## How it runs
///
/// - **`guard = "zones"`**\*, `"pages"`: what stands around each block: red zones, which show a write over the end when the block is
///   freed; or pages without access, which stop reads and writes where they happen, and take a page or more for each block.
/// - **`realloc = "any"`**, `"moves"`: with `"moves"` every `realloc` moves its block, so that code shows which relies on growing
///   in place.
/// - **`reachable = "hide"`**\*, `"show"`: with `"show"` the report lists the blocks that the plain run has left in statics,
///   thread-locals and older blocks. They are no leaks.
/// - **`engine = "auto"`**\*, `"replay"`, `"snapshot"`, `"in-process"`: how points are tried. `"replay"` runs the body anew for each, in
///   forked processes; `"snapshot"` runs it once, with a copy of the process where each fault begins; `"auto"` does what is cheaper,
///   point by point, by what it measures. `"in-process"` does all in the test's own process, where an abort, a crash or a hang ends the
///   sweep; so does `"auto"` where the machine has no processes to fork.
/// - **`timeout = "2s"`**\*: the limit for one run, as `ms`, `s`, `m` or `h`. If it is not given, 20 times the slowest plain run,
///   at least a second. What counts is the time that the run had: while it ran, and while it waited for a lock, a message or a
///   sleep to end. While a thread of it was ready to run and other programs had the cores, no time counts. A run over the limit is
///   made again alone, with four times the limit; if it is over that too, it is a `hang`.
/// - **`max_time = "1m"`**\*, **`max_points = 1000`**\*: limits for the sweep; of points, of each allocator if there are several.
///   There are none if they are not given.
/// - **`seed = 42`**\*: picks the points under `max_points`.
/// - **`points = "all"`**\*, `"stacks"`, `"stacks:3"`: which points fail. With `"stacks"` of all that have the same call stack the first
///   alone; with `"stacks:3"` the first, the last and one in the middle; with a larger number more, evenly spread. The call stack is the
///   return addresses from the request as far as the call of the body, the innermost 96 of them. What only other points would show is not
///   found; the report says how many stacks there are and how many points they stand for. With several allocators each is taken by itself.
/// - **`shard = "1/4"`**\*: only this part of the trials, for several machines.
/// - **`jobs = 4`**\*: how many copies of a run the snapshot engine may have running at once, each in a process of its own, from 1. With 1
///   the run waits for each copy. If it is not given, as many as the machine has room for, shared with the other tests that run at the
///   time; one under nextest.
///
/// # Allocators as arguments
///
/// ```ignore
/// #[alloc_test]
/// fn keeps_a_line(cache: TestAlloc, scratch: impl Allocator + Copy) -> Result<(), TryReserveError> {
///     let mut line = Vec::new_in(scratch);
///     line.try_reserve(80)?;
///     Cache::new_in(cache).keep(&line)
/// }
/// ```
///
/// Each argument is an allocator with a heap of its own, which lives as long as one run. The requests to it are what fails, in place of
/// those to the global allocator.
///
/// - **What may stand there**: `TestAlloc` of this crate; `impl Allocator`, with `Copy` and whatever else a `TestAlloc` is; a parameter of the
///   function's own, `fn f<A: Allocator + Copy>(alloc: A)`; and `&` of these, or of `dyn Allocator`. `Allocator` is the trait that your own
///   `use` names: that of `oomsweep::heap`, of the standard library, or of a version of allocator-api2, the last two behind a feature.
/// - **Faults**: each allocator's requests are numbered by themselves, and swept one allocator after the other, in the order of the arguments,
///   while the others never fail. `once@cache:7` fails request 7 of `cache` alone, `persistent@cache:7` that one and all later ones of
///   `cache`. Where there is one allocator, its name is left out: `once@7`. `OOMSWEEP_REPLAY` takes the same.
/// - **The global allocator** is checked and does not fail, unless `global = "swept"` says so. Then it comes last, by the name `global`.
/// - **What is found** is told with the argument's name. A block that goes to another allocator than its own is `mixed-allocators`.
/// - **With rstest** `#[alloc_test]` stands above `#[rstest]`. The arguments that are allocators are taken out before rstest sees the
///   function, and must say so by their types: `TestAlloc`, or a trait of the name `Allocator`. All others are rstest's.
///
/// # Other attributes
///
/// Doc comments, `#[cfg]`, `#[ignore]` and lint attributes keep their meaning. `#[should_panic]` describes the plain run: it must
/// panic so, and a finding fails the test even so.
///
/// A `#[test]` beside it is harmless, above or below. It is superfluous: `#[alloc_test]` registers the test if no attribute
/// whose name ends in `test` does.
///
/// With rstest each case is a test and a sweep of its own. `#[alloc_test]` stands above `#[rstest]`, or below it *and below the
/// last `#[case]`*, for rstest hands what is above a case to that case alone. What rstest builds before the call, fixtures and
/// values, does not fail, unless `fixtures = "swept"` says so. rstest's `#[timeout]` becomes the option of that name.
///
/// ```text
/// #[alloc_test]
/// #[rstest]
/// #[case::empty("")]
/// #[case::words("a b c")]
/// fn splits(#[case] text: &str, dictionary: Dictionary, alloc: TestAlloc) -> Result<(), Error> { … }
/// ```
#[proc_macro_attribute]
pub fn alloc_test(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(&options.into(), &item.into()).into()
}

/// Parse, check, expand, or fall back.
fn attribute(options: &proc_macro2::TokenStream, item: &proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let Ok(function) = syn::parse2::<Function>(item.clone()) else {
        return fallback::item(&not_a_function(item), item);
    };
    let mut errors = None;
    let args = Args::parse(options.clone()).and_then(|args| valid::options(&args).map(|()| args));
    let args = args.unwrap_or_else(|error| {
        merge(&mut errors, error);
        Args::default()
    });
    if function.attrs.iter().any(|attr| matches!(role(attr), Role::Rstest)) {
        return match errors {
            None => expand::below_rstest(function, options),
            Some(error) => fallback::function(&error, &function),
        };
    }
    let around = source::surroundings(&function, Span::call_site());
    if let Err(error) = valid::function(&function, &args, around) {
        merge(&mut errors, error);
    }
    match errors {
        None => expand::test(&function, &args, around),
        Some(error) => fallback::function(&error, &function),
    }
}

/// The error for what is no function with a body.
fn not_a_function(item: &proc_macro2::TokenStream) -> syn::Error {
    let text = "`#[alloc_test]` goes on a function with a body";
    match item.clone().into_iter().next() {
        Some(first) => syn::Error::new(first.span(), text),
        None => syn::Error::new(Span::call_site(), text),
    }
}
