//! The operating system, one job a function.
