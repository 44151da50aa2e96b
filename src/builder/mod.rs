//! The sweep as a value: what the attribute expands to, and what custom harnesses write by hand.

mod driver;
mod options;
mod returns;

pub use returns::{AnyError, ErrorIf, Matcher, TestReturn};

use crate::config::{Faults, Infallible, Requested, Rule, Shrink};
use crate::harness::{self, Site};
use crate::heap::TestAlloc;
use crate::model::report::Report;
use driver::Driver;

/// One test and its options: set them one after the other, then [`run`](Sweep::run) a body.
///
/// A run of a sweep is one call of the body. First the body runs plainly until two runs in a row ask for the same memory; such a
/// run must pass, and leave nothing behind. Then it is called once for every fault, with that fault armed, and each call must
/// end in an error (or be tolerated) and leave nothing behind either. So the body is called many times, perhaps in forks of the
/// process, and must find whatever it captured as it was; use [`run_with`](Sweep::run_with) for state that it changes.
///
/// The options stand on the builder as on the attribute. The `OOMSWEEP…` variables are read when the body is run: for how to run
/// (engine, guard, limits, seed, shard) the variable wins, for what is accepted the builder wins and the variable is the default.
///
/// ```
/// use std::collections::TryReserveError;
///
/// use oomsweep::{Faults, Sweep};
///
/// fn doubled(numbers: &[u32]) -> Result<Vec<u32>, TryReserveError> {
///     let mut all = Vec::new();
///     all.try_reserve_exact(numbers.len())?;
///     all.extend(numbers.iter().map(|n| n * 2));
///     Ok(all)
/// }
///
/// let report = Sweep::new("doubles_numbers")
///     .faults(Faults::ONCE | Faults::PERSISTENT)
///     .run(|| doubled(&[1, 2, 3]));
/// report.assert_clean();
/// ```
#[derive(Debug)]
#[must_use = "a sweep does nothing before its body is run"]
pub struct Sweep<M = AnyError> {
    site: Site,
    requested: Requested,
    matcher: M,
}

impl Sweep {
    /// A sweep with the default options. `name` is the test's path in the report and in the name of its file; the caller's file
    /// and line are where it stands. Package and folder are those that Cargo names in `CARGO_PKG_NAME` and
    /// `CARGO_MANIFEST_DIR` while it runs the program (otherwise `unknown` and the current folder), the target is the
    /// executable's name.
    ///
    /// ```
    /// let report = oomsweep::Sweep::new("parser::reads_a_line").run(|| drop(Box::new(1)));
    /// println!("{} of {} trials", report.coverage.tried, report.coverage.planned);
    /// ```
    #[track_caller]
    pub fn new(name: impl Into<String>) -> Sweep {
        let caller = std::panic::Location::caller();
        Sweep::at(Site {
            path: name.into(),
            package: std::env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "unknown".to_owned()),
            target: executable_name(),
            manifest_dir: manifest_dir(),
            file: caller.file().to_owned(),
            line: caller.line(),
            command: None,
        })
    }

    /// A sweep of the test that stands at `site`.
    pub(crate) fn at(site: Site) -> Sweep {
        Sweep { site, requested: Requested::default(), matcher: AnyError }
    }
}

impl<M> Sweep<M> {
    /// Sweeps a body, and returns what came of it. Nothing is printed, and no finding makes it panic: look at the report, or
    /// call [`Report::assert_clean`].
    ///
    /// The body returns `()` or a `Result`. Only a `Result` can tell that a failure was noticed, so return one where you can.
    ///
    /// # Panics
    ///
    /// If a variable or an option can't be understood; the message says which, and what it takes.
    ///
    /// ```
    /// use oomsweep::Sweep;
    ///
    /// let report = Sweep::new("reserves").run(|| Vec::<u8>::new().try_reserve(100));
    /// assert!(report.is_clean(), "{} findings", report.findings().len());
    /// ```
    #[must_use = "the findings are in the report, and nowhere else"]
    pub fn run<R>(self, mut body: impl FnMut() -> R) -> Report
    where
        R: TestReturn,
        M: Matcher<R::Error>,
    {
        let mut driver = Driver::new(|| (), move |_: &mut Option<()>| body(), self.matcher);
        harness::sweep(&self.site, self.requested, &mut driver)
    }

    /// As [`run`](Sweep::run), for a body with state: `setup` is called before every run of the body, and what it returns is
    /// dropped behind it. The requests of `setup` are never failed; what it allocates is leak-checked.
    ///
    /// # Panics
    ///
    /// As [`run`](Sweep::run).
    ///
    /// ```
    /// use oomsweep::Sweep;
    ///
    /// Sweep::new("grows_a_full_queue")
    ///     .run_with(|| vec![1, 2, 3], |queue| queue.try_reserve(100))
    ///     .assert_clean();
    /// ```
    #[must_use = "the findings are in the report, and nowhere else"]
    pub fn run_with<S, R>(self, setup: impl FnMut() -> S, mut body: impl FnMut(&mut S) -> R) -> Report
    where
        R: TestReturn,
        M: Matcher<R::Error>,
    {
        let call = move |state: &mut Option<S>| match state {
            Some(state) => body(state),
            None => unreachable!("{NO_STATE}"),
        };
        let mut driver = Driver::new(setup, call, self.matcher);
        harness::sweep(&self.site, self.requested, &mut driver)
    }

    /// As [`run`](Sweep::run), for a body that is given its allocators: one for each name. Their requests are the points, each
    /// allocator's numbered by itself (`once@cache:7`, if there are several), and swept one allocator after the other, in this order,
    /// while the others never fail. The requests of the global allocator are checked, and fail only if
    /// [`global_swept`](Sweep::global_swept) says so.
    ///
    /// # Panics
    ///
    /// As [`run`](Sweep::run); and if two names are the same, or one is no name (letters, digits and `_`) or is `global`.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// use oomsweep::heap::Allocator;
    /// use oomsweep::Sweep;
    ///
    /// let report = Sweep::new("a_block_each").run_alloc(["cache", "index"], |[cache, index]| {
    ///     for alloc in [cache, index] {
    ///         let block = alloc.allocate(Layout::new::<u32>())?;
    ///         // SAFETY: allocated just now, with this layout.
    ///         unsafe { alloc.deallocate(block.cast(), Layout::new::<u32>()) };
    ///     }
    ///     Ok::<(), oomsweep::heap::AllocError>(())
    /// });
    /// report.assert_clean();
    /// assert_eq!(report.coverage.planned, 4);
    /// ```
    #[must_use = "the findings are in the report, and nowhere else"]
    pub fn run_alloc<const N: usize, R>(self, names: [&str; N], mut body: impl FnMut([TestAlloc; N]) -> R) -> Report
    where
        R: TestReturn,
        M: Matcher<R::Error>,
    {
        self.allocators(&names).run(move || body(std::array::from_fn(|place| TestAlloc::of_this_run(number(place)))))
    }

    /// What the attribute does: sweeps a body, prints, and panics once if there is a finding.
    #[doc(hidden)]
    #[track_caller]
    pub fn check<R>(self, mut body: impl FnMut() -> R)
    where
        R: TestReturn,
        M: Matcher<R::Error>,
    {
        let mut driver = Driver::new(|| (), move |_: &mut Option<()>| body(), self.matcher);
        harness::check(&self.site, self.requested, &mut driver);
    }

    /// What the attribute does with a function that has arguments: `setup` makes them before every run, never failed and
    /// leak-checked, and the body owns them.
    #[doc(hidden)]
    #[track_caller]
    pub fn check_args<A, R>(self, setup: impl FnMut() -> A, mut body: impl FnMut(A) -> R)
    where
        R: TestReturn,
        M: Matcher<R::Error>,
    {
        let call = move |arguments: &mut Option<A>| match arguments.take() {
            Some(arguments) => body(arguments),
            None => unreachable!("{NO_STATE}"),
        };
        let mut driver = Driver::new(setup, call, self.matcher);
        harness::check(&self.site, self.requested, &mut driver);
    }
}

/// The number of the allocator with this place among a body's own.
fn number(place: usize) -> u8 {
    u8::try_from(place.saturating_add(1)).unwrap_or(u8::MAX)
}

const NO_STATE: &str = "the driver calls a body with the state that setup has just made";

fn manifest_dir() -> String {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(Into::into).or_else(|| std::env::current_dir().ok());
    folder.unwrap_or_default().to_string_lossy().into_owned()
}

fn executable_name() -> String {
    let executable = std::env::current_exe().unwrap_or_default();
    let file_name = executable.file_name().unwrap_or_default().to_string_lossy();
    target_of(&file_name).to_owned()
}

/// The target that Cargo built as this file: `words` for `words-0123456789abcdef`.
fn target_of(file_name: &str) -> &str {
    let stem = file_name.strip_suffix(std::env::consts::EXE_SUFFIX).unwrap_or(file_name);
    match stem.rsplit_once('-') {
        Some((target, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => target,
        _ => stem,
    }
}

#[cfg(test)]
mod tests;
