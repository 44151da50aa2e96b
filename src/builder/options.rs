//! One method for every option, in the order of the documentation.

use std::time::Duration;

use super::returns::ErrorIf;
use super::{Faults, Infallible, Rule, Shrink, Sweep};
use crate::config::checked_shard;
use crate::model::options::EngineChoice;

impl<M> Sweep<M> {
    /// Which patterns are swept, and on which points. Default: `Faults::ONCE | Faults::PERSISTENT`.
    ///
    /// ```
    /// use oomsweep::{Faults, Sweep};
    ///
    /// let report = Sweep::new("big_blocks").faults(Faults::ONCE | Faults::size(4096)).run(|| drop(vec![0; 5000]));
    /// ```
    pub fn faults(mut self, faults: Faults) -> Self {
        self.requested.faults = Some(faults);
        self
    }

    /// No faults: only the plain run is checked, for leaks and memory errors. `OOMSWEEP=sweep` does not change that.
    pub fn leaks_only(mut self) -> Self {
        self.requested.leaks_only = true;
        self
    }

    /// Whether a body that returns a `Result` may return `Ok` although a request of its own was refused, outside every
    /// `benign` place. Default: [`Rule::Deny`], or what `OOMSWEEP_SWALLOWED` says.
    pub fn swallowed(mut self, rule: Rule) -> Self {
        self.requested.swallowed = Some(rule);
        self
    }

    /// What it is if the process ends because an infallible API, such as `Vec::push`, was refused. Default:
    /// [`Infallible::Deny`], or what `OOMSWEEP_INFALLIBLE` says.
    ///
    /// ```
    /// use oomsweep::{Infallible, Sweep};
    ///
    /// let report = Sweep::new("joins").infallible(Infallible::Skip).run(|| drop(["a", "b"].concat()));
    /// ```
    pub fn infallible(mut self, what: Infallible) -> Self {
        self.requested.infallible = Some(what);
        self
    }

    /// Whether a panic after a fault counts as the error; what it leaks or corrupts is found all the same. Default:
    /// [`Rule::Deny`], or what `OOMSWEEP_PANICS` says.
    pub fn panics(mut self, rule: Rule) -> Self {
        self.requested.panics = Some(rule);
        self
    }

    /// Adds places whose failures may be swallowed: a request with a frame whose function's path begins so, such as
    /// `indexmap::`, is a library's own fallback. An empty path is refused when the body is run.
    ///
    /// ```
    /// use oomsweep::Sweep;
    ///
    /// let report = Sweep::new("index").benign(["indexmap::", "hashbrown::"]).run(|| Vec::<u8>::new().try_reserve(1));
    /// ```
    pub fn benign(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.requested.benign.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Adds functions that leak on purpose, with `Box::leak` or `mem::forget`: a block that was made with a frame whose function's
    /// path begins so is no leak. It is still checked for memory errors. An empty path is refused when the body is run.
    ///
    /// ```
    /// use oomsweep::Sweep;
    ///
    /// fn interned(text: &str) -> &'static str {
    ///     String::leak(text.to_owned())
    /// }
    ///
    /// let report = Sweep::new("interns").leaks_only().intended(["words::interned"]).run(|| drop(interned("word")));
    /// ```
    pub fn intended(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.requested.intended.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Adds findings that are accepted for now, by their ids (16 hex digits, as the report shows them). One that no longer
    /// occurs fails the test. Memory errors cannot be accepted.
    pub fn known(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.requested.known.extend(ids.into_iter().map(Into::into));
        self
    }

    /// Whether a body may make no request that could fail. Default: [`Rule::Deny`].
    pub fn no_points(mut self, rule: Rule) -> Self {
        self.requested.no_points = Some(rule);
        self
    }

    /// Whether a sweep may be cut by [`max_time`](Sweep::max_time) or [`max_points`](Sweep::max_points). Default:
    /// [`Rule::Deny`], or what `OOMSWEEP_INCOMPLETE` says.
    pub fn incomplete(mut self, rule: Rule) -> Self {
        self.requested.incomplete = Some(rule);
        self
    }

    /// The requests of all threads fail, not only those of the thread that runs the body. They are numbered in the order in which
    /// they arrive, which may differ from run to run. So a fault that a trial does not come to is no finding; the report's
    /// coverage counts it as `moved`.
    pub fn threads_all(mut self) -> Self {
        self.requested.threads_all = true;
        self
    }

    /// Of a body with allocators of its own (see [`run_alloc`](Sweep::run_alloc)), the requests to the global allocator fail as well,
    /// after those of the others, as the space `global`. Default: they are checked, and never fail.
    pub fn global_swept(mut self) -> Self {
        self.requested.global_swept = true;
        self
    }

    /// The names of the allocators that the body is called with.
    #[doc(hidden)]
    pub fn allocators(mut self, names: &[&str]) -> Self {
        self.requested.allocators = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// Whether requests that make a block smaller are failed. Default: [`Shrink::Fail`].
    pub fn shrink(mut self, shrink: Shrink) -> Self {
        self.requested.shrink = Some(shrink);
        self
    }

    /// The plain run must panic, with a message that contains the text, if one is given. In a trial that panic is tolerated,
    /// and so is returning.
    pub fn should_panic(mut self, expected: Option<&str>) -> Self {
        self.requested.should_panic = Some(expected.map(str::to_owned));
        self
    }

    /// Pages without access stand around every block, in place of red zones: a read or a write beside the block stops the run
    /// where it happens. Each block takes a page or more. `OOMSWEEP_GUARD` wins.
    pub fn guard_pages(mut self) -> Self {
        self.requested.guard_pages = true;
        self
    }

    /// Every `realloc` moves its block, also where it could stay in place, so that code shows which relies on that.
    pub fn realloc_moves(mut self) -> Self {
        self.requested.realloc_moves = true;
        self
    }

    /// The report lists the blocks that the plain run has left in statics, thread-locals and older blocks. They are no leaks, and
    /// no finding. `OOMSWEEP_REACHABLE` wins.
    pub fn show_reachable(mut self) -> Self {
        self.requested.show_reachable = true;
        self
    }

    /// How points are tried. Default: [`EngineChoice::Auto`]; `OOMSWEEP_ENGINE` wins.
    pub fn engine(mut self, engine: EngineChoice) -> Self {
        self.requested.engine = Some(engine);
        self
    }

    /// The limit for one run, above zero; a run over it is a finding, `hang`. Default: 20 times the slowest plain run, at least
    /// one second; `OOMSWEEP_TIMEOUT` wins.
    ///
    /// What counts is the time that the run had: while it ran, and while it waited for a lock, a message or a sleep to end. While a
    /// thread of it was ready to run and other programs had the cores, no time counts, so a busy machine makes no hang. Where the
    /// system does not tell who is ready (there is no `/proc`), only time counts in which the run had a core, or made no progress at all.
    /// A run over the limit is made again alone, with four times the limit; if it is over that too, it is a `hang`.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.requested.timeout = Some(limit);
        self
    }

    /// The limit for the whole sweep, above zero; what it cuts off is a finding, `incomplete`, unless
    /// [`incomplete`](Sweep::incomplete) allows it. Default: none; `OOMSWEEP_MAX_TIME` wins.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use oomsweep::{Rule, Sweep};
    ///
    /// let report = Sweep::new("long")
    ///     .max_time(Duration::from_secs(10))
    ///     .incomplete(Rule::Allow)
    ///     .run(|| Vec::<u8>::new().try_reserve(1));
    /// ```
    pub fn max_time(mut self, limit: Duration) -> Self {
        self.requested.max_time = Some(limit);
        self
    }

    /// Of the points with the same call stack only this many are made to fail, from 1: with 1 the first, with 2 the first and the last,
    /// with more also what lies evenly between them. Default: all of them; `OOMSWEEP_POINTS` wins. 0 is refused when the body is run.
    ///
    /// A call stack is the return addresses from the request as far as the call of the body: the innermost 96, so that stacks which
    /// part only further out count as one. One more plain run is made for them.
    ///
    /// ```
    /// use oomsweep::Sweep;
    ///
    /// let report = Sweep::new("a_long_loop").points_per_stack(1).run(|| {
    ///     for _ in 0..100 {
    ///         Vec::<u8>::new().try_reserve(10)?;
    ///     }
    ///     Ok::<(), std::collections::TryReserveError>(())
    /// });
    /// let stacks = report.stacks.expect("they were asked for");
    /// assert_eq!((stacks.points, stacks.each), (100, 1));
    /// ```
    pub fn points_per_stack(mut self, points: u64) -> Self {
        self.requested.per_stack = Some(points);
        self
    }

    /// How many points are tried at most, from 1; of a body with several allocators, of each. Default: all; `OOMSWEEP_MAX_POINTS` wins.
    pub fn max_points(mut self, points: u64) -> Self {
        self.requested.max_points = Some(points);
        self
    }

    /// Seeds the choice of points under [`max_points`](Sweep::max_points); below 2^53, the largest number that the report file
    /// can hold. Default: always the same; `OOMSWEEP_SEED` wins.
    pub fn seed(mut self, seed: u64) -> Self {
        self.requested.seed = Some(seed);
        self
    }

    /// What the body captures keeps nothing from run to run, as a function's does not: a block that only the first failure of a
    /// process leaves behind is not looked for outside the statics, the thread-locals and the older blocks.
    #[doc(hidden)]
    pub fn captures_nothing(mut self) -> Self {
        self.requested.captures_nothing = true;
        self
    }

    /// Makes only part `k` of `n` of the trials; the parts 1 to `n` together are the whole. Default: the whole;
    /// `OOMSWEEP_SHARD` wins.
    ///
    /// # Panics
    ///
    /// Unless `k` is a number from 1 to `n`.
    #[track_caller]
    pub fn shard(mut self, k: u64, n: u64) -> Self {
        let Some(shard) = checked_shard(k, n) else {
            panic!("shard({k}, {n}): there is no part {k} of {n}, parts are numbered from 1 to their number");
        };
        self.requested.shard = Some(shard);
        self
    }

    /// How many copies of a run the snapshot engine may have running at once, each in a process of its own, from 1. With 1 the run
    /// waits for each copy. Default: as many as the machine has room for, shared with the other tests that run at the time, and one
    /// under nextest; `OOMSWEEP_JOBS` wins. 0 is refused when the body is run.
    ///
    /// ```
    /// use oomsweep::Sweep;
    ///
    /// let report = Sweep::new("one_by_one").jobs(1).run(|| Vec::<u8>::new().try_reserve(1));
    /// ```
    pub fn jobs(mut self, jobs: u32) -> Self {
        self.requested.jobs = Some(jobs);
        self
    }

    /// What an injected failure must come back as: an error for which `expected` returns true. Any other `Err` is a finding,
    /// `wrong-error`. Default: any `Err` will do. A function that panics has not returned true.
    ///
    /// ```
    /// use oomsweep::Sweep;
    ///
    /// #[derive(Debug)]
    /// enum ReadError {
    ///     Syntax,
    ///     OutOfMemory,
    /// }
    ///
    /// fn read() -> Result<(), ReadError> {
    ///     Vec::<u8>::new().try_reserve(100).map_err(|_| ReadError::OutOfMemory)
    /// }
    ///
    /// Sweep::new("reads")
    ///     .error_if(|error: &ReadError| matches!(error, ReadError::OutOfMemory))
    ///     .run(read)
    ///     .assert_clean();
    /// ```
    pub fn error_if<E, F>(self, expected: F) -> Sweep<ErrorIf<E, F>>
    where
        F: Fn(&E) -> bool,
    {
        Sweep { site: self.site, requested: self.requested, matcher: ErrorIf::new(expected) }
    }
}
