//! The debug allocator, as a program uses it: every bug that it finds, and what it leaves alone.

#![allow(clippy::print_stdout, reason = "a test that looks at a text in full prints it")]

mod alone;
mod backing;
mod collections;
mod ends;
mod exhaustion;
mod found;
mod options;
mod resizing;
mod said;
mod seeds;
#[cfg(feature = "global")]
mod swept;
mod threads;
