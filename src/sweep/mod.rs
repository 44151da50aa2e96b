//! Which fault next, what it came to, and who tries it.
pub(crate) mod verdict;
