//! Stacks that are worked out once, however many trials they occur in.

use std::collections::HashMap;
use std::rc::Rc;

use crate::model::names;
use crate::model::place;
use crate::model::stack::{Frame, RawStack, Stack};

use super::key;
use super::symbols::Resolver;

/// The place of a site: what findings are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Site {
    /// The function: its own name if the file is known (inlined functions have no other), else its path without generics.
    function: String,
    file: Option<String>,
    line: Option<u32>,
    /// `NAME@FILE`, which outlives edits.
    text: String,
}

impl Site {
    /// The place of this frame.
    pub(crate) fn of_frame(frame: &Frame) -> Site {
        let function = match frame.file {
            Some(_) => names::own_name(&frame.function),
            None => names::owner_path(&frame.function),
        };
        Site { function, file: frame.file.clone(), line: frame.line, text: key::name_at_file(frame) }
    }

    /// A place of which only file and line are known.
    pub(crate) fn of_line(file: &str, line: Option<u32>) -> Site {
        Site { function: String::new(), file: Some(file.to_owned()), line, text: format!("@{}", key::file_name(file)) }
    }

    /// `NAME@FILE`.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// A stack with all that is asked about it.
#[derive(Debug)]
pub(crate) struct Known {
    /// The same for stacks with the same frames, whatever their addresses are.
    pub(crate) number: usize,
    /// The frames.
    pub(crate) frames: Stack,
    /// Its site.
    pub(crate) site: Option<Site>,
    /// Its key.
    pub(crate) key: u64,
    /// Inside a destructor.
    pub(crate) in_drop: bool,
}

/// All stacks seen so far.
#[derive(Debug)]
pub(crate) struct Stacks<'r> {
    resolver: &'r mut Resolver,
    by_addresses: HashMap<Vec<usize>, Rc<Known>>,
    by_frames: HashMap<Stack, Rc<Known>>,
}

impl<'r> Stacks<'r> {
    /// None yet.
    pub(crate) fn new(resolver: &'r mut Resolver) -> Stacks<'r> {
        Stacks { resolver, by_addresses: HashMap::new(), by_frames: HashMap::new() }
    }

    /// What is known of this stack.
    pub(crate) fn know(&mut self, raw: &RawStack) -> Rc<Known> {
        if let Some(known) = self.by_addresses.get(raw.ips()) {
            return Rc::clone(known);
        }
        let frames = self.resolver.resolve(raw);
        let number = self.by_frames.len();
        let known = self.by_frames.entry(frames).or_insert_with_key(|frames| {
            Rc::new(Known {
                number,
                frames: frames.clone(),
                site: place::site(frames).map(Site::of_frame),
                key: key::of(frames),
                in_drop: place::in_drop(frames),
            })
        });
        self.by_addresses.insert(raw.ips().to_vec(), Rc::clone(known));
        Rc::clone(known)
    }

    /// The site of this stack.
    pub(crate) fn site(&mut self, raw: &RawStack) -> Option<Site> {
        self.know(raw).site.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::{bare, frame, raw, user};

    #[test]
    fn other_addresses_same_frames() {
        let mut resolver = Resolver::new("/ws");
        for ip in [1, 2] {
            resolver.seed(ip, vec![user("words::add", "/ws/src/a.rs", 3)]);
        }
        resolver.seed(3, vec![user("words::add", "/ws/src/a.rs", 4)]);
        let mut stacks = Stacks::new(&mut resolver);
        let numbers: Vec<usize> = [1, 2, 3, 1].iter().map(|ip| stacks.know(&raw(&[*ip])).number).collect();
        assert_eq!(numbers, [0, 0, 1, 0]);
    }

    #[test]
    fn one_place_by_two_names() {
        let inlined = Site::of_frame(&frame("tv<u8>", "/ws/src/a.rs", 3));
        let called = Site::of_frame(&frame("words::Wrap<T>::tv", "/ws/src/a.rs", 3));
        assert_eq!(inlined, called);
        assert_eq!(inlined.text(), "tv@a.rs");
        assert_ne!(Site::of_frame(&bare("words::a::f")), Site::of_frame(&bare("words::b::f")));
        assert_eq!(Site::of_line("/ws/src/a.rs", Some(3)).text(), "@a.rs");
    }
}
