//! What a body may return, and which of its errors are expected.

use std::convert::Infallible;
use std::fmt;
use std::fmt::Debug;
use std::marker::PhantomData;

/// What a body may return: `()`, or a `Result` whose error can be shown.
///
/// Sealed, and told apart by type and not by spelling, so that aliases such as `anyhow::Result<()>` are what they stand for.
#[diagnostic::on_unimplemented(
    message = "an #[alloc_test] body returns `()` or `Result<T, E>` with `E: Debug`, not `{Self}`",
    label = "this body returns `{Self}`"
)]
pub trait TestReturn: sealed::Sealed {
    /// The error; uninhabited where there is none.
    type Error: Debug;

    /// Whether a failure can be reported at all.
    #[doc(hidden)]
    const IS_RESULT: bool;

    /// The error that was returned, if one was.
    #[doc(hidden)]
    fn error(&self) -> Option<&Self::Error>;
}

impl TestReturn for () {
    type Error = Infallible;

    const IS_RESULT: bool = false;

    fn error(&self) -> Option<&Infallible> {
        None
    }
}

impl<T, E: Debug> TestReturn for Result<T, E> {
    type Error = E;

    const IS_RESULT: bool = true;

    fn error(&self) -> Option<&E> {
        self.as_ref().err()
    }
}

/// Which errors an injected failure may come back as: [`AnyError`], or what [`Sweep::error_if`](super::Sweep::error_if) says.
/// Sealed.
pub trait Matcher<E>: sealed::SealedMatcher {
    /// Whether the error is an expected one.
    #[doc(hidden)]
    fn matches(&self, error: &E) -> bool;
}

/// Every error is expected.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnyError;

impl<E> Matcher<E> for AnyError {
    fn matches(&self, _error: &E) -> bool {
        true
    }
}

/// The errors of type `E` are expected for which a function says so.
pub struct ErrorIf<E, F> {
    function: F,
    error: PhantomData<fn(&E)>,
}

impl<E, F: Fn(&E) -> bool> ErrorIf<E, F> {
    pub(super) fn new(function: F) -> ErrorIf<E, F> {
        ErrorIf { function, error: PhantomData }
    }
}

impl<E, F: Fn(&E) -> bool> Matcher<E> for ErrorIf<E, F> {
    fn matches(&self, error: &E) -> bool {
        (self.function)(error)
    }
}

impl<E, F> Debug for ErrorIf<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorIf({})", std::any::type_name::<E>())
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<T, E> Sealed for Result<T, E> {}

    pub trait SealedMatcher {}
    impl SealedMatcher for super::AnyError {}
    impl<E, F> SealedMatcher for super::ErrorIf<E, F> {}
}
