//! Programs that ask for memory: what they are made of, and how random ones are put together.

use proptest::collection::vec;
use proptest::prelude::*;

/// How many blocks a program can hold at once.
pub(crate) const SLOTS: usize = 4;

/// One step.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A new block in this slot; the one that was there is freed first.
    Alloc {
        /// Where it is put.
        slot: usize,
        /// In bytes.
        size: usize,
        /// In bytes.
        align: usize,
        /// Which of three functions asks for it.
        site: usize,
        /// What is done about a refusal.
        fails: OnFail,
    },
    /// The block in this slot gets another size; without one nothing is done.
    Resize {
        /// Where it is.
        slot: usize,
        /// In bytes.
        size: usize,
        /// What is done about a refusal.
        fails: OnFail,
    },
    /// The block in this slot is freed, if there is one.
    Free {
        /// Where it is.
        slot: usize,
    },
    /// A block that the first run in a process makes, and a static keeps.
    First,
    /// Steps inside a region.
    In(Region, Vec<Op>),
    /// Steps one call further down.
    Call(Vec<Op>),
    /// The same steps several times.
    Loop(u32, Vec<Op>),
}

/// A region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    Exempt,
    Benign,
    Untracked,
}

/// What a program does when a request of its own is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFail {
    /// Frees everything and returns the error.
    Clean,
    /// Returns the error, and frees nothing.
    Leak,
    /// Goes on.
    Swallow,
    /// Goes on, and frees nothing at its end.
    SwallowAndLeak,
    /// Panics; unwinding frees everything.
    Panic,
    /// Panics, and frees nothing.
    PanicAndLeak,
    /// Calls the allocation-error handler.
    Abort,
    /// Frees everything and returns another error.
    WrongError,
    /// The first time in a process: as `Leak`; later: as `Clean`.
    LeakOnce,
    /// The first time in a process: goes on; later: as `Clean`.
    SwallowOnce,
    /// Leaves the first block to a static, frees the others and returns the error.
    Keep,
    /// Opens a file, forgets it, frees everything and returns the error.
    Descriptor,
    /// Ends the process.
    Exit,
    /// Writes to no memory.
    Crash,
}

/// What a sweep of a program is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// The body's type is a `Result`.
    pub(crate) is_result: bool,
    pub(crate) swallowed_allow: bool,
    pub(crate) panics_allow: bool,
    pub(crate) infallible_skip: bool,
    pub(crate) shrink_skip: bool,
    /// The width of the windows.
    pub(crate) window: u64,
}

/// Any program.
pub(crate) fn programs() -> impl Strategy<Value = Vec<Op>> {
    // Nearly all that a program does about a refusal ends it, so programs of one temper find more.
    let temper = prop_oneof![
        Just(vec![OnFail::Clean]),
        Just(vec![OnFail::Leak, OnFail::Clean]),
        Just(vec![OnFail::Swallow, OnFail::Clean, OnFail::Abort]),
        Just(vec![OnFail::SwallowOnce, OnFail::LeakOnce, OnFail::Clean, OnFail::Keep]),
        Just(vec![OnFail::Panic, OnFail::PanicAndLeak, OnFail::Swallow, OnFail::SwallowAndLeak]),
        Just(vec![OnFail::Descriptor, OnFail::WrongError, OnFail::Swallow, OnFail::Keep]),
        Just(vec![OnFail::Abort]),
        Just(ALL.to_vec()),
    ];
    temper.prop_flat_map(|fails| vec(op(proptest::sample::select(fails).boxed()), 1..7))
}

const ALL: [OnFail; 14] = [
    OnFail::Clean,
    OnFail::Leak,
    OnFail::Swallow,
    OnFail::SwallowAndLeak,
    OnFail::Panic,
    OnFail::PanicAndLeak,
    OnFail::Abort,
    OnFail::WrongError,
    OnFail::LeakOnce,
    OnFail::SwallowOnce,
    OnFail::Keep,
    OnFail::Descriptor,
    OnFail::Exit,
    OnFail::Crash,
];

fn op(fails: BoxedStrategy<OnFail>) -> impl Strategy<Value = Op> {
    let size = || prop_oneof![4 => 1_usize..200, 1 => 200_usize..5000];
    let align = proptest::sample::select(vec![1, 2, 8, 16, 64, 4096]);
    let single = prop_oneof![
        6 => (0..SLOTS, size(), align, 0_usize..3, fails.clone())
            .prop_map(|(slot, size, align, site, fails)| Op::Alloc { slot, size, align, site, fails }),
        3 => (0..SLOTS, size(), fails).prop_map(|(slot, size, fails)| Op::Resize { slot, size, fails }),
        1 => (0..SLOTS).prop_map(|slot| Op::Free { slot }),
        1 => Just(Op::First),
    ];
    single.prop_recursive(2, 8, 3, |inner| {
        let region = proptest::sample::select(vec![Region::Exempt, Region::Benign, Region::Untracked]);
        prop_oneof![
            2 => (region, vec(inner.clone(), 1..3)).prop_map(|(region, ops)| Op::In(region, ops)),
            1 => vec(inner.clone(), 1..3).prop_map(Op::Call),
            1 => (1_u32..4, vec(inner, 1..3)).prop_map(|(times, ops)| Op::Loop(times, ops)),
        ]
    })
}

/// Any rules; the defaults are the most likely.
pub(crate) fn rules() -> impl Strategy<Value = Rules> {
    let rarely = || proptest::bool::weighted(0.2);
    (rarely(), rarely(), rarely(), rarely(), rarely(), 1_u64..5).prop_map(
        |(unit, swallowed_allow, panics_allow, infallible_skip, shrink_skip, window)| Rules {
            is_result: !unit,
            swallowed_allow,
            panics_allow,
            infallible_skip,
            shrink_skip,
            window,
        },
    )
}

/// Whether a trial of the program may depend on an earlier trial in the same process: by a static, or by what the message of a
/// panic leaves in the buffer in which a test harness captures it, a block that lives on with old words in its unused end.
pub(crate) fn remembers(ops: &[Op]) -> bool {
    ops.iter().any(|op| match op {
        Op::Alloc { fails, .. } | Op::Resize { fails, .. } => {
            use OnFail::{LeakOnce, Panic, PanicAndLeak, SwallowOnce};
            matches!(fails, LeakOnce | SwallowOnce | Panic | PanicAndLeak)
        }
        Op::Free { .. } | Op::First => false,
        Op::In(_, ops) | Op::Call(ops) | Op::Loop(_, ops) => remembers(ops),
    })
}
