//! Whole stacks, for the few findings that need them.

use crate::model::names;
use crate::model::place::{self, Origin};
use crate::model::stack::Frame;

use super::settings::Settings;
use super::wording;

/// A stack, a line each frame, indented; frames of std are only counted.
pub(crate) fn lines(stack: &[Frame], indent: &str, settings: &Settings) -> String {
    let mut text = String::new();
    let mut hidden = 0;
    for frame in stack {
        if place::origin(frame) == Origin::Std {
            hidden += 1;
            continue;
        }
        elide(&mut text, indent, &mut hidden);
        let function = names::without_hash(&frame.function);
        text.push_str(indent);
        text.push_str(if function.is_empty() { "?" } else { function });
        if let Some(file) = &frame.file {
            text.push_str(&format!(" at {}", settings.place(file, frame.line, frame.column)));
        }
        text.push('\n');
    }
    elide(&mut text, indent, &mut hidden);
    text
}

fn elide(text: &mut String, indent: &str, hidden: &mut usize) {
    if *hidden > 0 {
        text.push_str(&format!("{indent}{}\n", wording::frames_of_std(*hidden)));
        *hidden = 0;
    }
}
