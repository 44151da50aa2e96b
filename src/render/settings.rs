//! How a report is to look, and where source lines come from.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::place;

use super::frames;

/// Gives the text of a source file, named as the debug information names it.
pub(crate) type Reader = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How a report is to look.
pub(crate) struct Settings {
    /// ANSI colours.
    pub(crate) color: bool,
    /// Columns of the terminal; long source lines are cut to it.
    pub(crate) width: usize,
    /// For snapshots: what differs from run to run or from machine to machine becomes a placeholder.
    pub(crate) anonymize: bool,
    /// Folders that files are named from: a path below one of them is shown without it.
    pub(crate) roots: Vec<PathBuf>,
    /// Where source lines come from.
    pub(crate) source: Reader,
}

impl Settings {
    /// The settings for a person: sources from disk, relative to the workspace.
    pub(crate) fn new(color: bool) -> Settings {
        let roots = workspace_roots();
        let search = roots.clone();
        Settings {
            color,
            width: 140,
            anonymize: false,
            roots,
            source: Box::new(move |path| read_source(path, &search)),
        }
    }

    /// A path as it is shown.
    pub(crate) fn path(&self, file: &str) -> String {
        let file = file.replace('\\', "/");
        if let Some(library) = frames::shorter_path(&file) {
            return library.to_owned();
        }
        let below = self.roots.iter().find_map(|root| Path::new(&file).strip_prefix(root).ok()?.to_str());
        if let Some(below) = below.filter(|below| !below.is_empty()) {
            return below.to_owned();
        }
        match file.rsplit_once('/') {
            Some((_, name)) if self.anonymize && Path::new(&file).is_absolute() => format!("[dir]/{name}"),
            _ => file,
        }
    }

    /// `file:line:column`, as far as it is known.
    pub(crate) fn place(&self, file: &str, line: Option<u32>, column: Option<u32>) -> String {
        let mut text = self.path(file);
        let hidden = self.anonymize && place::is_foreign_file(&place::slashed(file));
        match line {
            Some(_) if hidden => text.push_str(":LL"),
            Some(line) => {
                text.push_str(&format!(":{line}"));
                if let Some(column) = column {
                    text.push_str(&format!(":{column}"));
                }
            }
            None => {}
        }
        text
    }

    /// The id of a finding as it is shown.
    pub(crate) fn id<'a>(&self, id: &'a str) -> &'a str {
        if self.anonymize { "[id]" } else { id }
    }

    /// The line to type as it is shown.
    pub(crate) fn replay(&self, line: &str) -> String {
        match (self.anonymize, line.split_once('#')) {
            (true, Some((before, after))) => {
                let rest = after.find(|c: char| !c.is_ascii_hexdigit() && c != '.').map_or("", |end| &after[end..]);
                format!("{before}#[key]{rest}")
            }
            _ => line.to_owned(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("color", &self.color)
            .field("width", &self.width)
            .field("anonymize", &self.anonymize)
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

/// The folders above the package that look like its workspace, innermost last.
fn workspace_roots() -> Vec<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or_else(|| std::env::current_dir().ok());
    let Some(package) = package else {
        return Vec::new();
    };
    let mut roots: Vec<PathBuf> =
        package.ancestors().filter(|dir| dir.join("Cargo.toml").is_file()).map(PathBuf::from).collect();
    roots.reverse();
    roots
}

fn read_source(path: &str, roots: &[PathBuf]) -> Option<String> {
    let found = std::fs::read(path).ok().or_else(|| {
        let relative = Path::new(path).is_relative();
        roots.iter().filter(|_| relative).find_map(|root| std::fs::read(root.join(path)).ok())
    })?;
    String::from_utf8(found).ok()
}
