//! Signals that ask a program to end are left to end it.

/// The name of the signal that has arrived: nobody listens.
pub(crate) fn name() -> Option<&'static str> {
    None
}
