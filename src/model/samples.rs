//! Frames and stacks for tests.

use super::stack::{Frame, RawStack};

/// A frame outside the workspace.
pub(crate) fn frame(function: &str, file: &str, line: u32) -> Frame {
    Frame { function: function.to_owned(), file: Some(file.to_owned()), line: Some(line), column: None, own: false }
}

/// A frame inside the workspace.
pub(crate) fn user(function: &str, file: &str, line: u32) -> Frame {
    Frame { own: true, ..frame(function, file, line) }
}

/// A frame of which only the symbol is known.
pub(crate) fn bare(function: &str) -> Frame {
    Frame { function: function.to_owned(), file: None, line: None, column: None, own: false }
}

/// A stack of these addresses, innermost first.
pub(crate) fn raw(ips: &[usize]) -> RawStack {
    let mut stack = RawStack::EMPTY;
    for ip in ips {
        stack.push(*ip);
    }
    stack
}
