//! Rust source as a flat list of tokens, for the tests that read the code: no comments, no contents of literals, and each token
//! with its line. It knows just enough of the language to never mistake a comment or a string for code.

use std::path::{Path, PathBuf};

/// One word, lifetime, literal or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// A whole identifier; `::` as one token; any other sign by itself; `""` for every literal that is quoted.
    pub(crate) text: String,
    /// The line on which it begins, from 1.
    pub(crate) line: usize,
}

/// A file of the repository.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path from the repository's root, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// All `.rs` files below these folders of the repository, in order of their paths.
pub(crate) fn rust_files(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    assert!(!paths.is_empty(), "no Rust file below {folders:?}: has a folder moved?");
    let read = |path: PathBuf| Source {
        path: path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/"),
        text: std::fs::read_to_string(&path).expect("a source file is readable UTF-8"),
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return; // not every folder of the list exists at all times
    };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            paths.push(path);
        }
    }
}

/// The tokens of a source.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source, line: 1, found: Vec::new() };
    while let Some(next) = lexer.rest.chars().next() {
        lexer.step(next);
    }
    lexer.found
}

struct Lexer<'s> {
    rest: &'s str,
    line: usize,
    found: Vec<Token>,
}

impl Lexer<'_> {
    fn step(&mut self, next: char) {
        let rest = self.rest;
        if next.is_whitespace() {
            self.skip(next.len_utf8());
        } else if rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.skip(block_comment(rest));
        } else if let Some(length) = raw_string(rest) {
            self.take(length, "\"\"");
        } else if rest.starts_with("r#") {
            self.skip(2); // a raw identifier: its name follows
        } else if next == '"' || ["b\"", "c\""].iter().any(|start| rest.starts_with(start)) {
            let open = rest.find('"').expect("just seen") + 1;
            self.take(open + quoted(&rest[open..], '"'), "\"\"");
        } else if next == '\'' || rest.starts_with("b'") {
            self.quote_sign();
        } else if is_word(next) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            self.take(length, &rest[..length]);
        } else if rest.starts_with("::") {
            self.take(2, "::");
        } else {
            let length = next.len_utf8();
            self.take(length, &rest[..length]);
        }
    }

    /// A lifetime or a character.
    fn quote_sign(&mut self) {
        let open = self.rest.find('\'').expect("just seen") + 1;
        let inner = &self.rest[open..];
        let mut chars = inner.chars();
        let is_char = match chars.next() {
            Some('\\') => true,
            Some(_) => chars.next() == Some('\''),
            None => false,
        };
        if is_char {
            self.take(open + quoted(inner, '\''), "\"\"");
        } else {
            let length = inner.find(|c| !is_word(c)).unwrap_or(inner.len());
            self.take(open + length, "'");
        }
    }

    fn take(&mut self, length: usize, text: &str) {
        let text = text.to_owned();
        let line = self.line;
        self.found.push(Token { text, line });
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest[..length].matches('\n').count();
        self.rest = &self.rest[length..];
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the block comment that begins here; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at.min(text.len())
}

/// The length of what is quoted up to and with its end, the opening quote being behind us.
fn quoted(text: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == end {
            return at + c.len_utf8();
        }
    }
    text.len()
}

/// The length of the raw string that begins here, if one does.
fn raw_string(text: &str) -> Option<usize> {
    let start = ["r", "br", "cr"].into_iter().find_map(|start| text.strip_prefix(start))?;
    let hashes = start.find(|c| c != '#')?;
    let inner = start[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inner.find(&end).map_or(inner.len(), |at| at + end.len());
    Some(text.len() - inner.len() + length)
}

/// The index of the sign that closes the one at `open` (`{`, `(` or `[`), or of the last token.
pub(crate) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len().saturating_sub(1)
}

/// Whether a file of `src` holds unit tests only.
pub(crate) fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The tokens without the modules that are compiled for tests only.
pub(crate) fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let starts = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_test = starts
            .iter()
            .enumerate()
            .all(|(ahead, text)| tokens.get(at + ahead).is_some_and(|token| token.text == *text));
        let open = at + starts.len() + 1;
        if is_test && tokens.get(open).is_some_and(|token| token.text == "{") {
            at = closing(&tokens, open) + 1;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}
