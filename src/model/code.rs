//! The closed set of verdicts, and the codes of findings.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every one, in the order of the documentation.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The stable word for it.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

codes! {
    /// What is wrong: the code of a finding. The words are stable; new ones may come.
    #[non_exhaustive]
    Code {
        /// A block of the run is still there when the run is over, and nothing holds it.
        Leak = "leak",
        /// A block was freed twice.
        DoubleFree = "double-free",
        /// A pointer was freed that the allocator never gave out.
        InvalidFree = "invalid-free",
        /// A block was freed or resized with another layout than it was born with.
        WrongLayout = "wrong-layout",
        /// A block of one allocator was given to another.
        MixedAllocators = "mixed-allocators",
        /// Bytes behind a block were written.
        Overflow = "overflow",
        /// Bytes before a block were written.
        Underflow = "underflow",
        /// A block was used after it had been freed.
        UseAfterFree = "use-after-free",
        /// An allocation failed, and the body still returned `Ok`.
        Swallowed = "swallowed",
        /// The body returned another error than the one it promised.
        WrongError = "wrong-error",
        /// The body panicked.
        Panic = "panic",
        /// The process ended because the request was made by an infallible API.
        Abort = "abort",
        /// The process died by a signal.
        Crash = "crash",
        /// The body ended the process.
        Exit = "exit",
        /// The run did not end in time.
        Hang = "hang",
        /// A contract was broken: changed on error, a false invariant, a retry that failed.
        Contract = "contract",
        /// A descriptor is open at the end of the run that was not open at its start.
        FdLeak = "fd-leak",
        /// A thread still runs after the grace time, and holds memory.
        ThreadLeak = "thread-leak",
        /// The fault was armed, and the run never came to it.
        NotReached = "not-reached",
        /// The body makes no allocation that could fail.
        NoPoints = "no-points",
        /// The testing allocator is not the global allocator.
        NotInstalled = "not-installed",
        /// Some of the planned trials were not made.
        Incomplete = "incomplete",
        /// The plain run failed.
        Baseline = "baseline",
    }
}

codes! {
    /// What one trial came to: two good endings, one that a policy skips, or the code of its first finding.
    #[non_exhaustive]
    Verdict {
        /// The expected `Err`, and nothing left behind.
        Error = "error",
        /// A success in spite of the fault, where that is allowed.
        Tolerated = "tolerated",
        /// The process ended in the allocation-error handler, and the policy is to skip that.
        Skipped = "skipped",
        /// See [`Code::Leak`].
        Leak = "leak",
        /// See [`Code::DoubleFree`].
        DoubleFree = "double-free",
        /// See [`Code::InvalidFree`].
        InvalidFree = "invalid-free",
        /// See [`Code::WrongLayout`].
        WrongLayout = "wrong-layout",
        /// See [`Code::MixedAllocators`].
        MixedAllocators = "mixed-allocators",
        /// See [`Code::Overflow`].
        Overflow = "overflow",
        /// See [`Code::Underflow`].
        Underflow = "underflow",
        /// See [`Code::UseAfterFree`].
        UseAfterFree = "use-after-free",
        /// See [`Code::Swallowed`].
        Swallowed = "swallowed",
        /// See [`Code::WrongError`].
        WrongError = "wrong-error",
        /// See [`Code::Panic`].
        Panic = "panic",
        /// See [`Code::Abort`].
        Abort = "abort",
        /// See [`Code::Crash`].
        Crash = "crash",
        /// See [`Code::Exit`].
        Exit = "exit",
        /// See [`Code::Hang`].
        Hang = "hang",
        /// See [`Code::Contract`].
        Contract = "contract",
        /// See [`Code::FdLeak`].
        FdLeak = "fd-leak",
        /// See [`Code::ThreadLeak`].
        ThreadLeak = "thread-leak",
        /// See [`Code::NotReached`].
        NotReached = "not-reached",
    }
}

impl Code {
    /// A memory error: undefined behaviour, which nobody can accept for now.
    pub fn is_memory_error(self) -> bool {
        matches!(
            self,
            Code::DoubleFree
                | Code::InvalidFree
                | Code::WrongLayout
                | Code::MixedAllocators
                | Code::Overflow
                | Code::Underflow
                | Code::UseAfterFree
        )
    }
}

impl Verdict {
    /// The code of the finding that this verdict is; `None` for the good ones and for `skipped`.
    pub fn finding(self) -> Option<Code> {
        match self {
            Verdict::Error | Verdict::Tolerated | Verdict::Skipped => None,
            Verdict::Leak => Some(Code::Leak),
            Verdict::DoubleFree => Some(Code::DoubleFree),
            Verdict::InvalidFree => Some(Code::InvalidFree),
            Verdict::WrongLayout => Some(Code::WrongLayout),
            Verdict::MixedAllocators => Some(Code::MixedAllocators),
            Verdict::Overflow => Some(Code::Overflow),
            Verdict::Underflow => Some(Code::Underflow),
            Verdict::UseAfterFree => Some(Code::UseAfterFree),
            Verdict::Swallowed => Some(Code::Swallowed),
            Verdict::WrongError => Some(Code::WrongError),
            Verdict::Panic => Some(Code::Panic),
            Verdict::Abort => Some(Code::Abort),
            Verdict::Crash => Some(Code::Crash),
            Verdict::Exit => Some(Code::Exit),
            Verdict::Hang => Some(Code::Hang),
            Verdict::Contract => Some(Code::Contract),
            Verdict::FdLeak => Some(Code::FdLeak),
            Verdict::ThreadLeak => Some(Code::ThreadLeak),
            Verdict::NotReached => Some(Code::NotReached),
        }
    }

    /// The run may go on to the next trial in the same process: nothing was found, and nobody died.
    pub fn is_good(self) -> bool {
        matches!(self, Verdict::Error | Verdict::Tolerated)
    }
}
