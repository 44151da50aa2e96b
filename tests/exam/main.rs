//! One exam that every allocator sits, alone and three deep.
//!
//! | file | |
//! |---|---|
//! | `book` | what is checked at every call: the obvious second implementation |
//! | `reach` | what a candidate promises, and how to get a fresh one |
//! | `questions` | what every candidate is asked |
//! | `model` | random programs against the book |
//! | `tight` | candidates that soon have nothing left |
//! | `threads` | candidates that may be shared or sent |
//! | `ledger` | a backing that finds out who gives back what it was never given |
//! | `promises` | who is `Send` and `Sync`, and who is not |
//! | `swept` | every allocator with a backing that fails, at each of its requests |
//! | `impostors` | allocators that must not pass |
//! | `handle` | a body's own allocator, in such a body |
//! | `zig` | what Zig tests of its allocators, and which test here does |
//! | `candidates`, `compositions` | who sits it |

mod book;
mod ledger;
mod model;
mod questions;
mod reach;
mod sits;
mod swept;
mod threads;
mod tight;

mod candidates;
mod compositions;
mod handle;
mod impostors;
mod promises;
mod zig;
