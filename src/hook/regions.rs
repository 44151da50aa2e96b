//! Regions: what a body says of its own requests.

use super::gate::Depth;

/// Runs `f`, whose requests are never failed and get no number; its blocks are leak-checked as any others.
///
/// For set-up that is not under test, and for calls that have no fallible form. Regions hold for the calling thread, until `f`
/// has returned or unwound; they nest, and `exempt` wins over [`benign`] wherever it stands. Outside a sweep it only calls `f`.
///
/// # Examples
/// ```
/// let name = oomsweep::exempt(|| String::from("config.toml"));
/// assert_eq!(name, "config.toml");
/// ```
pub fn exempt<R>(f: impl FnOnce() -> R) -> R {
    let _region = exempt_guard();
    f()
}

/// Runs `f`, whose failed requests may be swallowed: a fallback stands behind them.
///
/// They are failed as all others are; only `swallowed` does not count them. For the calling thread, as [`exempt`].
///
/// # Examples
/// ```
/// let mut cache: Vec<u8> = Vec::new();
/// // Without memory for the cache the program goes on without it.
/// let cached = oomsweep::benign(|| cache.try_reserve(64).is_ok());
/// assert!(cached);
/// ```
pub fn benign<R>(f: impl FnOnce() -> R) -> R {
    let _region = benign_guard();
    f()
}

/// Runs `f`, whose blocks are no leaks, however long they stay: memory that is meant to live for ever.
///
/// Nor is anything that only they lead to. They are checked for memory errors as all others, and keep the mark when they are
/// resized. For the calling thread, as [`exempt`]; [`keep`](crate::keep) is for a single block that is there already.
///
/// # Examples
/// ```
/// let forever: &'static str = oomsweep::untracked(|| Box::leak(Box::from("interned")));
/// assert_eq!(forever, "interned");
/// ```
pub fn untracked<R>(f: impl FnOnce() -> R) -> R {
    let _region = untracked_guard();
    f()
}

/// An open region; it ends when this is dropped, which must be on the thread that opened it.
#[must_use = "the region ends when the guard is dropped"]
pub struct Region {
    _depth: Depth,
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Region").finish_non_exhaustive()
    }
}

/// [`exempt`] where a closure does not fit.
///
/// # Examples
/// ```
/// let region = oomsweep::exempt_guard();
/// let path = String::from("set-up");
/// drop(region);
/// # drop(path);
/// ```
pub fn exempt_guard() -> Region {
    Region { _depth: Depth::enter(|local| &local.exempt) }
}

/// [`benign`] where a closure does not fit.
pub fn benign_guard() -> Region {
    Region { _depth: Depth::enter(|local| &local.benign) }
}

/// [`untracked`] where a closure does not fit.
pub fn untracked_guard() -> Region {
    Region { _depth: Depth::enter(|local| &local.untracked) }
}
