//! Source excerpts: places with labels in, snippets out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use annotate_snippets::{Annotation, AnnotationKind, Snippet};

use crate::model::names;
use crate::model::stack::Frame;

use super::frames;
use super::settings::Settings;
use super::wording;

/// A place with something to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// What is said.
    pub(crate) label: String,
    /// The place is what the finding is about, not just told along.
    pub(crate) primary: bool,
    /// The function, if its name is known.
    pub(crate) function: String,
    /// The file, as the debug information names it.
    pub(crate) file: Option<String>,
    /// The line, from 1.
    pub(crate) line: Option<u32>,
    /// The column, from 1.
    pub(crate) column: Option<u32>,
}

impl Mark {
    /// A mark at the frame of a stack that a reader is shown; `None` for an empty stack.
    pub(crate) fn at(stack: &[Frame], label: String, primary: bool) -> Option<Mark> {
        let frame = frames::shown(stack)?;
        Some(Mark {
            label,
            primary,
            function: names::without_hash(&frame.function).to_owned(),
            file: frame.file.clone(),
            line: frame.line,
            column: frame.column,
        })
    }
}

/// What became of the marks of one finding.
#[derive(Debug, Default)]
pub(crate) struct Excerpts {
    /// One for each file, in the order of the marks.
    pub(crate) snippets: Vec<Snippet<'static, Annotation<'static>>>,
    /// In words, what has no source line to be shown at.
    pub(crate) in_words: Vec<String>,
    /// Some mark had no line at all.
    pub(crate) lines_missing: bool,
}

/// The source files that one report has read.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    settings: &'a Settings,
    read: RefCell<HashMap<String, Option<Rc<str>>>>,
}

impl<'a> Sources<'a> {
    /// None read yet.
    pub(crate) fn new(settings: &'a Settings) -> Sources<'a> {
        Sources { settings, read: RefCell::default() }
    }

    /// Turns marks into excerpts; what cannot be shown so is told in words.
    pub(crate) fn excerpts(&self, marks: &[Mark]) -> Excerpts {
        let mut result = Excerpts::default();
        let mut files: Vec<(String, Rc<str>, Vec<&Mark>)> = Vec::new();
        for (at, mark) in marks.iter().enumerate() {
            if marks[..at].contains(mark) {
                continue;
            }
            let shown = mark.file.as_deref().zip(mark.line).and_then(|(file, line)| {
                let text = self.text(file)?;
                nth_line(&text, line).filter(|range| !text[range.clone()].trim().is_empty())?;
                Some((self.settings.path(file), text))
            });
            match shown {
                Some((path, text)) => match files.iter_mut().find(|entry| entry.0 == path) {
                    Some(entry) => entry.2.push(mark),
                    None => files.push((path, text, vec![mark])),
                },
                None => {
                    result.lines_missing |= mark.line.is_none();
                    let place = mark.file.as_deref().map(|file| self.settings.place(file, mark.line, mark.column));
                    result.in_words.push(wording::without_excerpt(&mark.label, &mark.function, place.as_deref()));
                }
            }
        }
        result.snippets = files.into_iter().map(|(path, text, marks)| snippet(path, &text, &marks)).collect();
        result
    }

    /// The name of the macro that stands where this frame is: `vec` for `vec![1, 2]`.
    pub(crate) fn macro_at(&self, frame: &Frame) -> Option<String> {
        let text = self.text(frame.file.as_deref()?)?;
        let line = &text[nth_line(&text, frame.line?)?];
        let rest = line.get(usize::try_from(frame.column?.checked_sub(1)?).ok()?..)?;
        let (name, _) = rest.split_once('!')?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        is_name.then(|| name.to_owned())
    }

    fn text(&self, file: &str) -> Option<Rc<str>> {
        if let Some(known) = self.read.borrow().get(file) {
            return known.clone();
        }
        let text = (self.settings.source)(file).map(Rc::from);
        self.read.borrow_mut().insert(file.to_owned(), text.clone());
        text
    }
}

/// The snippet of one file, cut to the lines from the first mark to the last.
fn snippet(path: String, text: &str, marks: &[&Mark]) -> Snippet<'static, Annotation<'static>> {
    let lines: Vec<(&Mark, u32, Range<usize>)> =
        marks.iter().filter_map(|mark| mark.line.and_then(|line| Some((*mark, line, nth_line(text, line)?)))).collect();
    let first = lines.iter().map(|(_, line, _)| *line).min().unwrap_or(1);
    let start = lines.iter().map(|(_, _, range)| range.start).min().unwrap_or(0);
    let end = lines.iter().map(|(_, _, range)| range.end).max().unwrap_or(0);
    let annotations = lines.iter().map(|(mark, _, range)| {
        let span = span_in(&text[range.clone()], mark.column);
        let offset = range.start - start;
        let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        kind.span(span.start + offset..span.end + offset).label(mark.label.clone())
    });
    Snippet::source(text[start..end].to_owned())
        .path(path)
        .line_start(first as usize)
        .annotations(annotations.collect::<Vec<_>>())
}

/// The bytes of a line, counted from 1, without its end.
fn nth_line(text: &str, line: u32) -> Option<Range<usize>> {
    let before = usize::try_from(line.checked_sub(1)?).ok()?;
    let mut start = 0;
    for (at, part) in text.split_inclusive('\n').enumerate() {
        if at == before {
            return Some(start..start + part.trim_end_matches(['\n', '\r']).len());
        }
        start += part.len();
    }
    None
}

/// What is underlined: from the column on, one call with its arguments; without a column, the whole line.
fn span_in(line: &str, column: Option<u32>) -> Range<usize> {
    let whole = line.len() - line.trim_start().len()..line.trim_end().len();
    let Some(start) = column.and_then(|column| usize::try_from(column.checked_sub(1)?).ok()) else {
        return whole;
    };
    let Some(rest) =
        line.get(start..whole.end).filter(|rest| !rest.is_empty() && !rest.starts_with(char::is_whitespace))
    else {
        return whole;
    };
    let end = call_end(rest);
    start..start + if end == 0 { rest.trim_end_matches([';', ',']).len().max(1) } else { end }
}

/// Where the call ends that a line begins with: its path, and its arguments if they close on this line.
fn call_end(rest: &str) -> usize {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut end = rest.find(|c| !is_path(c)).unwrap_or(rest.len());
    if end == 0 {
        return 0;
    }
    if rest[..end].ends_with("::") && rest[end..].starts_with('<') {
        end += balanced(&rest[end..], '<', '>').unwrap_or(0);
        end += rest[end..].find(|c| !is_path(c)).unwrap_or(rest.len() - end);
    }
    if rest[end..].starts_with('!') {
        end += 1;
    }
    let closed = match rest[end..].chars().next() {
        Some('(') => balanced(&rest[end..], '(', ')'),
        Some('[') => balanced(&rest[end..], '[', ']'),
        _ => None,
    };
    end + closed.unwrap_or(0)
}

/// The length of a text in brackets, if the bracket closes.
fn balanced(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some(at + c.len_utf8());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{nth_line, span_in};

    #[test]
    fn underlines_one_call() {
        for (line, column, underlined) in [
            ("    v.try_reserve(f(100))?;", Some(7), "try_reserve(f(100))"),
            ("    let b = Box::<[u8]>::new(x);", Some(13), "Box::<[u8]>::new(x)"),
            ("    let v = vec![1, 2];", Some(13), "vec![1, 2]"),
            ("    build(a,", Some(5), "build"),
            ("    &x;", Some(5), "&x"),
            ("    let é = f();", Some(14), "f()"),
            ("    let v = x;", None, "let v = x;"),
            ("    let v = x;", Some(99), "let v = x;"),
            ("é", Some(2), "é"),
        ] {
            assert_eq!(&line[span_in(line, column)], underlined, "{line} at {column:?}");
        }
    }

    #[test]
    fn finds_lines_of_every_ending() {
        assert_eq!(nth_line("a\r\nbc\n", 2), Some(3..5));
        assert_eq!(nth_line("a\nb", 2), Some(2..3));
        assert_eq!(nth_line("a\nb", 3), None);
        assert_eq!(nth_line("a", 0), None);
    }
}
