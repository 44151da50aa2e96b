//! A report in, a `String` out.
