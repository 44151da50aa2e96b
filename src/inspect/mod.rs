//! After the fault: symbols, and folding by root cause.
