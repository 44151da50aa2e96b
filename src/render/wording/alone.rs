//! What an allocator says that belongs to no test.

use super::words::{blocks, plural};

/// Above a list of leaks: how many blocks and bytes an allocator was left with, and how many memory errors it has on record.
pub(crate) fn left_behind(name: &str, count: u64, bytes: u64, errors: usize) -> String {
    let were = if count == 1 { "was" } else { "were" };
    match (count, errors) {
        (0, _) => memory_errors(name, errors),
        (_, 0) => format!("`{name}`: {} {were} never freed", blocks(count, bytes)),
        (_, _) => {
            format!(
                "`{name}`: {} {were} never freed, and {}",
                blocks(count, bytes),
                plural(errors as u64, "memory error")
            )
        }
    }
}

/// Above a list of memory errors.
pub(crate) fn memory_errors(name: &str, errors: usize) -> String {
    format!("`{name}`: {}", plural(errors as u64, "memory error"))
}

/// Below a list of memory errors, for those that are not in it.
pub(crate) fn and_more(errors: usize) -> String {
    format!("note: and {}, of which nothing was kept", plural(errors as u64, "more memory error"))
}

/// For a finding that came more than once.
pub(crate) fn times(count: u64) -> String {
    format!("the same {count} times")
}

/// Above a call that the allocator was not made for.
pub(crate) fn misused(name: &str) -> String {
    format!("`{name}`: a call that it was not made for")
}

/// The headline for an allocator that only one thread may call.
pub(crate) fn called_by_two(name: &str, first: &str, second: &str) -> String {
    format!(
        "`{name}` was made with `thread_safe(false)`, and is called by two threads: first by {first}, now by {second}"
    )
}

/// Where the first of the two did.
pub(crate) fn first_call(first: &str, place: &str) -> String {
    format!("the first call, by {first}, was made at {place}")
}
