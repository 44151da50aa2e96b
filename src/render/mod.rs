//! A report in, a `String` out. Nothing here prints.

pub(crate) mod alone;
pub(crate) mod json;
pub(crate) mod settings;
pub(crate) mod terminal;
pub(crate) mod wording;

mod excerpt;
mod frames;
mod marks;
mod reachable;
pub(crate) mod stacks;
mod table;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod pictures;
#[cfg(test)]
mod schema;

pub(crate) use terminal::terminal_text;
