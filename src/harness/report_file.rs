//! The report file, whole or not at all; and whether the terminal wants colours.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Site;
use crate::config::Environment;
use crate::model::report::Report;
use crate::render::json;

/// Writes the report file, if a folder was named.
///
/// # Errors
/// With a sentence that says what could not be done, and what to do about it.
pub(super) fn write(report: &Report, site: &Site, environment: &Environment) -> Result<(), String> {
    let Some(folder) = &environment.report_dir else { return Ok(()) };
    let name = json::file_name(&site.package, &site.target, site.test());
    let path = folder.join(&name);
    let told = |what: &str, error: &dyn std::fmt::Display| {
        format!(
            "the report file {} could not be written: {what}: {error}; make the folder that OOMSWEEP_REPORT_DIR names, \
             writable and with room, or unset the variable",
            path.display()
        )
    };
    let text = json::to_string(report).map_err(|error| told("the report can't be put into JSON", &error))?;
    // One draft for each writer: two threads may sweep under one name.
    static DRAFTS: AtomicU64 = AtomicU64::new(0);
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = folder.join(format!(".{name}.{}.{number}.draft", std::process::id()));
    let written = draft_then_rename(&draft, &path, text.as_bytes());
    written.map_err(|error| {
        let _ = fs::remove_file(&draft);
        told("the system says", &error)
    })
}

fn draft_then_rename(draft: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::File::create(draft)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    drop(file);
    fs::rename(draft, path)
}

/// Whether reports are coloured: `CLICOLOR_FORCE` (not `0`), else not `NO_COLOR`, else a terminal.
pub(super) fn colors() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("CLICOLOR_FORCE") && std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    !set("NO_COLOR") && std::io::stderr().is_terminal()
}
