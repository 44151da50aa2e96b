//! A few words for each thread, which never allocate and outlive every destructor.

use std::cell::Cell;

use super::blocks::shard::Shard;

/// What the hook knows of a thread.
#[repr(C)]
pub(crate) struct Local {
    /// The thread is inside the hook.
    pub(crate) inside: Cell<bool>,
    /// The hook was entered since this was last cleared: the probe's answer.
    pub(crate) seen: Cell<bool>,
    /// The complement of the address of the block that was made or moved last while nothing was recorded: an address here would
    /// be taken for somebody's who holds the block that stands there later.
    pub(crate) latest: Cell<usize>,
    /// The thread calls the body of the open session.
    pub(crate) own: Cell<bool>,
    /// The body is running (on its own thread).
    pub(crate) body: Cell<bool>,
    /// How deep in the harness's own work.
    pub(crate) harness: Cell<u32>,
    /// How deep in `exempt`.
    pub(crate) exempt: Cell<u32>,
    /// How deep in `benign`.
    pub(crate) benign: Cell<u32>,
    /// How deep in `untracked`.
    pub(crate) untracked: Cell<u32>,
    /// The thread's number among those that made blocks; 0 for a body's own thread, or not numbered yet.
    pub(crate) number: Cell<u32>,
    /// The session for which `mine` was found out.
    pub(crate) asked: Cell<u32>,
    /// The thread was started by the body of that session, or by one that was.
    pub(crate) mine: Cell<bool>,
    /// Where the thread's free slots are kept; null: not known yet.
    pub(crate) shard: Cell<*mut Shard>,
}
