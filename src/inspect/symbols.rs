//! From return addresses to names, files and lines.
//!
//! Reading debug information is by far the dearest thing that happens after a fault, so only addresses that somebody asks
//! for are read, and each of them once. It must happen in a process with the same load addresses.

use std::collections::HashMap;
use std::ffi::c_void;
use std::path::{Path, PathBuf};

use crate::model::names;
use crate::model::place::{self, Origin};
use crate::model::stack::{Frame, RawStack, Stack};

use super::{trim, workspace};

/// Resolves stacks, and remembers every address.
#[derive(Debug)]
pub(crate) struct Resolver {
    root: PathBuf,
    cache: HashMap<usize, Vec<Frame>>,
}

impl Resolver {
    /// A resolver for the workspace that holds the package in this folder.
    pub(crate) fn new(manifest_dir: &str) -> Resolver {
        Resolver { root: workspace::root_of(Path::new(manifest_dir)), cache: HashMap::new() }
    }

    /// The root of the workspace: files below it may be shown relative to it.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The frames of a stack, innermost first, inlined ones told apart, without the hook's inside and the harness' outside.
    pub(crate) fn resolve(&mut self, stack: &RawStack) -> Stack {
        let mut frames = Vec::with_capacity(stack.ips().len());
        for ip in stack.ips() {
            let root = &self.root;
            frames.extend_from_slice(self.cache.entry(*ip).or_insert_with(|| frames_at(root, *ip)));
        }
        trim::trim(&mut frames);
        frames
    }

    /// Tells what an address resolves to.
    #[cfg(test)]
    pub(crate) fn seed(&mut self, ip: usize, frames: Vec<Frame>) {
        self.cache.insert(ip, frames);
    }
}

/// The frames at one return address; several if functions were inlined there. The instruction looked at is the one before.
fn frames_at(root: &Path, ip: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    if ip != 0 {
        backtrace::resolve(ip as *mut c_void, |symbol| {
            let function = symbol.name().map(|name| format!("{name:#}")).unwrap_or_default();
            let file = symbol.filename().map(|file| file.to_string_lossy().into_owned());
            let function = names::without_hash(&function).to_owned();
            let mut frame = Frame { function, file, line: symbol.lineno(), column: symbol.colno(), own: false };
            frame.own = is_own(root, &frame);
            frames.push(frame);
        });
    }
    if frames.is_empty() {
        frames.push(Frame { function: String::new(), file: None, line: None, column: None, own: false });
    }
    frames
}

fn is_own(root: &Path, frame: &Frame) -> bool {
    let file = frame.file.as_deref();
    place::origin(frame) == Origin::User && file.is_some_and(|file| workspace::is_own(root, Path::new(file)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::{bare, frame, raw, user};

    #[inline(never)]
    fn here() -> RawStack {
        let mut stack = RawStack::EMPTY;
        backtrace::trace(|frame| stack.push(frame.ip() as usize));
        std::hint::black_box(stack)
    }

    #[test]
    fn names_this_very_place() {
        let mut resolver = Resolver::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(resolver.root(), Path::new(env!("CARGO_MANIFEST_DIR")));
        let line = line!() + 1;
        let stack = here();
        let frames: Vec<Frame> = stack.ips().iter().flat_map(|ip| frames_at(&resolver.root, *ip)).collect();
        let found = frames.iter().find(|f| f.function.ends_with("names_this_very_place") && f.line == Some(line));
        let found = found.expect("the calling frame");
        assert!(found.file.as_deref().is_some_and(|f| f.ends_with("/src/inspect/symbols.rs")), "{found:?}");
        assert!(!found.own, "our own sources are ours, not the user's");
        assert!(frames.iter().any(|f| names::own_name(&f.function) == "__rust_begin_short_backtrace"));
        assert!(frames.iter().all(|f| f.function == names::without_hash(&f.function)));
        // Of this stack nothing is the user's, and libtest's own frames are the standard library's.
        let resolved = resolver.resolve(&stack);
        assert!(!resolved.iter().any(|f| f.function.ends_with("names_this_very_place")), "{resolved:?}");
        let addresses = resolver.cache.len();
        assert_eq!(resolver.resolve(&stack), resolved);
        assert_eq!(resolver.cache.len(), addresses);
    }

    #[test]
    fn what_cannot_be_named_is_a_frame_without_a_name() {
        let mut resolver = Resolver::new("/no/such/folder");
        assert_eq!(frames_at(&resolver.root, 0), vec![bare("")]);
        assert_eq!(frames_at(&resolver.root, 1), vec![bare("")]);
        assert_eq!(resolver.resolve(&RawStack::EMPTY), vec![]);
    }

    #[test]
    fn inlined_frames_are_told_apart_and_the_stack_is_trimmed() {
        let mut resolver = Resolver::new("/ws");
        resolver
            .seed(1, vec![frame("alloc", "/rustc/0/library/alloc/src/alloc.rs", 1), user("add", "/ws/src/a.rs", 2)]);
        resolver.seed(2, vec![user("words::body", "/ws/src/a.rs", 3)]);
        resolver.seed(
            3,
            vec![frame("core::ops::function::FnOnce::call_once", "/rustc/0/library/core/src/ops/function.rs", 4)],
        );
        let names: Vec<String> = resolver.resolve(&raw(&[1, 2, 3])).into_iter().map(|f| f.function).collect();
        assert_eq!(names, ["alloc", "add", "words::body"]);
    }
}
