//! What a debug allocator is to do.

#[cfg(doc)]
use super::DebugAllocator;
use crate::model::stack::MAX_FRAMES;

/// What a [`DebugAllocator`] is to do. Each setter takes the options and gives them back.
///
/// ```
/// use oomsweep::heap::{DebugAllocator, DebugOptions};
///
/// let heap = DebugAllocator::with(std::alloc::System, DebugOptions::new().memory_limit(1 << 20).stack_frames(8));
/// # assert_eq!(heap.live_blocks(), 0);
/// # heap.deinit().unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DebugOptions {
    pub(super) name: &'static str,
    pub(super) safety: bool,
    pub(super) memory_limit: Option<usize>,
    pub(super) stack_frames: usize,
    pub(super) never_reuse: bool,
    pub(super) retain_metadata: bool,
    pub(super) verbose_log: bool,
    pub(super) canary: usize,
    pub(super) quarantine: usize,
    pub(super) thread_safe: bool,
}

impl DebugOptions {
    /// Everything is checked, and nothing is said while all is well; the default of each option is told with it.
    #[must_use]
    pub const fn new() -> DebugOptions {
        DebugOptions {
            name: "DebugAllocator",
            safety: true,
            memory_limit: None,
            stack_frames: 24,
            never_reuse: false,
            retain_metadata: false,
            verbose_log: false,
            canary: 16,
            quarantine: 1024,
            thread_safe: true,
        }
    }

    /// What reports call the allocator: `DebugAllocator` unless told.
    ///
    /// ```
    /// use oomsweep::heap::{Allocator, DebugAllocator, DebugOptions};
    /// use std::alloc::{Layout, System};
    ///
    /// let heap = DebugAllocator::with(System, DebugOptions::new().name("the parser's heap"));
    /// heap.allocate(Layout::new::<u64>()).unwrap();
    /// assert!(heap.deinit().unwrap_err().to_string().contains("the parser's heap"));
    /// ```
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> DebugOptions {
        self.name = name;
        self
    }

    /// Whether anything is checked. `true` unless told.
    ///
    /// Without, calls are passed on as they come, and only counted: nothing stands round the blocks, no call is compared with
    /// anything, leaks are not looked for, and of the other options only `memory_limit`, `verbose_log` and `thread_safe` mean anything.
    ///
    /// ```
    /// use oomsweep::heap::{Allocator, DebugAllocator, DebugOptions};
    /// use std::alloc::{Layout, System};
    ///
    /// let heap = DebugAllocator::with(System, DebugOptions::new().safety(false));
    /// heap.allocate(Layout::new::<u64>()).unwrap();
    /// assert_eq!((heap.live_blocks(), heap.live_bytes()), (1, 8));
    /// assert!(heap.deinit().is_ok(), "nobody looked");
    /// ```
    #[must_use]
    pub const fn safety(mut self, safety: bool) -> DebugOptions {
        self.safety = safety;
        self
    }

    /// How many bytes may be live at once, as their users asked for them: a request that would go beyond comes back empty-handed.
    /// No limit unless told. What the allocator itself needs, and what is in quarantine, does not count.
    ///
    /// ```
    /// use oomsweep::heap::{AllocError, Allocator, DebugAllocator, DebugOptions};
    /// use std::alloc::{Layout, System};
    ///
    /// let heap = DebugAllocator::with(System, DebugOptions::new().memory_limit(100));
    /// assert_eq!(heap.allocate(Layout::new::<[u8; 101]>()), Err(AllocError));
    /// # heap.deinit().unwrap();
    /// ```
    #[must_use]
    pub const fn memory_limit(mut self, bytes: usize) -> DebugOptions {
        self.memory_limit = Some(bytes);
        self
    }

    /// How many frames are kept of the stack of each birth and each free, counted from who called the allocator; at most 96, and 0
    /// keeps none. 24 unless told: a collection takes up to ten of them in a build without optimisation. Each costs 16 bytes a
    /// block, and some hundred nanoseconds a call. The stack of a bad call is always whole.
    #[must_use]
    pub const fn stack_frames(mut self, frames: usize) -> DebugOptions {
        self.stack_frames = if frames > MAX_FRAMES { MAX_FRAMES } else { frames };
        self
    }

    /// Whether freed memory is kept until the end, so that any use of it is seen, however late. `false` unless told: then the
    /// [`quarantine`](DebugOptions::quarantine) says how long.
    #[must_use]
    pub const fn never_reuse(mut self, never: bool) -> DebugOptions {
        self.never_reuse = never;
        self
    }

    /// Whether what is known of freed blocks is kept, also when their memory has gone back: a second free is then named as one,
    /// with all its stacks, however late it comes (unless another block stands there by then). `false` unless told: a free that
    /// comes after the quarantine is an invalid free.
    #[must_use]
    pub const fn retain_metadata(mut self, retain: bool) -> DebugOptions {
        self.retain_metadata = retain;
        self
    }

    /// Whether every call is said. `false` unless told.
    ///
    /// Behind the features `log` and `tracing` it is said there, at the level `debug` with the target `oomsweep::debug`, if the
    /// program has set a logger or a subscriber; otherwise on standard error.
    #[must_use]
    pub const fn verbose_log(mut self, verbose: bool) -> DebugOptions {
        self.verbose_log = verbose;
        self
    }

    /// How many bytes are guarded before and behind each block, at least: what is written there is seen when the block is freed or
    /// resized, by [`check`](DebugAllocator::check) and at the end. 16 unless told; 0 guards none. Before a block of a larger
    /// alignment there are as many as that alignment asks for. They hold `0xFA` before a block and `0xFB` behind it.
    #[must_use]
    pub const fn canary(mut self, bytes: usize) -> DebugOptions {
        self.canary = bytes;
        self
    }

    /// How many freed blocks are held back, and looked at for late writes, before their memory is given back: the oldest goes
    /// when one more comes, or when they hold more than 16 MiB together. 1024 unless told; 0 holds none.
    ///
    /// Over a small backing allocator they may be what it lacks: no request waits for them, nor gives them back early.
    #[must_use]
    pub const fn quarantine(mut self, blocks: usize) -> DebugOptions {
        self.quarantine = blocks;
        self
    }

    /// Whether any thread may call. `true` unless told; otherwise the first thread that does may, and a call of another one is an
    /// error that names both. Either way such calls do no harm.
    #[must_use]
    pub const fn thread_safe(mut self, safe: bool) -> DebugOptions {
        self.thread_safe = safe;
        self
    }
}

impl Default for DebugOptions {
    fn default() -> DebugOptions {
        DebugOptions::new()
    }
}
