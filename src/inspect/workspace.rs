//! Where the user's own sources are: the root of the workspace, and which files below it count.

use std::path::{Component, Path, PathBuf};

/// The root of the workspace that holds this package, as Cargo finds it: the folder that the manifest names as its workspace,
/// else the nearest one, from the package outwards, whose manifest has a `[workspace]` table that does not exclude the package.
/// A package without a workspace (or whose sources are not here) is its own.
pub(crate) fn root_of(manifest_dir: &Path) -> PathBuf {
    let first = read_manifest(manifest_dir);
    if let Some(named) = first.as_ref().and_then(|m| m.named_root.as_ref()) {
        return normal(&manifest_dir.join(named));
    }
    for dir in manifest_dir.ancestors() {
        if let Some(manifest) = read_manifest(dir) {
            let excluded =
                dir != manifest_dir && manifest.exclude.iter().any(|e| manifest_dir.starts_with(normal(&dir.join(e))));
            if manifest.is_workspace && !excluded {
                return dir.to_owned();
            }
        }
    }
    manifest_dir.to_owned()
}

/// The file is the user's own: it lies in the workspace, and was not brought there by Cargo (a target folder, a registry,
/// a git checkout) or copied into a `vendor` folder.
pub(crate) fn is_own(root: &Path, file: &Path) -> bool {
    let absolute = normal(&root.join(file));
    let Ok(inside) = absolute.strip_prefix(root) else { return false };
    if file.is_relative() && !absolute.is_file() {
        return false;
    }
    let parts: Vec<&str> = inside.components().filter_map(|c| c.as_os_str().to_str()).collect();
    !brought_by_cargo(&parts) && !below_foreign_folder(&parts)
}

/// A `target` or `vendor` folder counts only above the first folder of sources: `src/target/x86.rs` is the user's.
fn below_foreign_folder(parts: &[&str]) -> bool {
    let folders = parts.split_last().map_or(&[][..], |(_, folders)| folders);
    let above = folders.iter().take_while(|part| !matches!(**part, "src" | "tests" | "examples" | "benches"));
    above.into_iter().any(|part| matches!(*part, "target" | "vendor"))
}

/// `registry/src/NAME-HASH/…`, `git/checkouts/…`, and what a build script wrote: `build/NAME-HASH/out/…`.
fn brought_by_cargo(parts: &[&str]) -> bool {
    parts.windows(3).any(|window| match window {
        ["registry", "src", index] => ends_in_hash(index),
        ["git", "checkouts", _] => true,
        ["build", package, "out"] => ends_in_hash(package),
        _ => false,
    })
}

fn ends_in_hash(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, hash)| hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The path with `.` and `..` worked out by their text.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    out.push(part);
                }
            }
            _ => out.push(part),
        }
    }
    out
}

/// What is read of a manifest.
#[derive(Debug, Default, PartialEq, Eq)]
struct Manifest {
    is_workspace: bool,
    exclude: Vec<String>,
    named_root: Option<String>,
}

fn read_manifest(dir: &Path) -> Option<Manifest> {
    std::fs::read_to_string(dir.join("Cargo.toml")).ok().map(|text| parse_manifest(&text))
}

/// Reads just the lines that matter here; a TOML parser would be a dependency for three facts.
fn parse_manifest(text: &str) -> Manifest {
    let mut manifest = Manifest::default();
    let mut table = String::new();
    let mut in_exclude = false;
    for line in text.lines().map(|line| without_comment(line).trim()) {
        if in_exclude {
            manifest.exclude.extend(strings(line).map(str::to_owned));
            in_exclude = !line.contains(']');
        } else if let Some(header) = line.strip_prefix('[') {
            table = header.trim_matches(['[', ']', ' ']).chars().filter(|c| !c.is_whitespace()).collect();
            manifest.is_workspace |= table == "workspace" || table.starts_with("workspace.");
        } else if let Some((key, value)) = line.split_once('=') {
            match (table.as_str(), key.trim()) {
                ("", "workspace") => manifest.is_workspace = true,
                ("", key) if key.starts_with("workspace.") => manifest.is_workspace = true,
                ("package", "workspace") => manifest.named_root = strings(value).next().map(str::to_owned),
                ("workspace", "exclude") => {
                    manifest.exclude.extend(strings(value).map(str::to_owned));
                    in_exclude = !value.contains(']');
                }
                _ => {}
            }
        }
    }
    manifest
}

/// The line up to a `#` that stands in no string.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return line.get(..at).unwrap_or(line),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    line
}

/// The quoted strings of a value, in order.
fn strings(value: &str) -> impl Iterator<Item = &str> {
    value.split(['"', '\'']).skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/ws/src/lib.rs", true)]
    #[case("/ws/crates/words/src/lib.rs", true)]
    #[case("/ws/crates/words/tests/../common/mod.rs", true)]
    #[case("/ws/../elsewhere/src/lib.rs", false)]
    #[case("/ws2/src/lib.rs", false)]
    #[case("/w/src/lib.rs", false)]
    #[case("/ws/target/debug/build/words-0123456789abcdef/out/gen.rs", false)]
    #[case("/ws/crates/words/target/package/words-0.1.0/src/lib.rs", false)]
    #[case("/ws/out/debug/build/words-0123456789abcdef/out/gen.rs", false)]
    #[case("/ws/src/target/x86.rs", true)]
    #[case("/ws/tests/target/mod.rs", true)]
    #[case("/ws/target.rs", true)]
    #[case("/ws/vendor/indexmap/src/map.rs", false)]
    #[case("/ws/src/vendor/mod.rs", true)]
    #[case("/ws/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/indexmap-2.0.0/src/map.rs", false)]
    #[case("/ws/crates/registry/src/lib.rs", true)]
    #[case("/ws/.cargo/git/checkouts/indexmap-0123456789abcdef/abcdef0/src/map.rs", false)]
    #[case("src/not-there.rs", false)]
    fn own_files(#[case] file: &str, #[case] expected: bool) {
        assert_eq!(is_own(Path::new("/ws"), Path::new(file)), expected);
    }

    #[test]
    fn a_relative_file_is_own_if_it_is_there() {
        assert!(is_own(Path::new(env!("CARGO_MANIFEST_DIR")), Path::new("src/inspect/workspace.rs")));
    }

    fn write(dir: &Path, text: &str) {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("Cargo.toml"), text).unwrap();
    }

    #[test]
    fn the_nearest_workspace_that_does_not_exclude_the_package() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path();
        write(top, "[workspace]\nmembers = [\"a\"] # [package]\nexclude = [\n  \"fuzz\", # not built\n  'b/c',\n]\n");
        write(&top.join("a"), "[package]\nname = \"a\"\n");
        write(&top.join("fuzz"), "[package]\nname = \"fuzz\"\n");
        write(&top.join("fuzz/inner"), "[package]\nname = \"inner\"\nworkspace = \"..\"\n");
        write(&top.join("b/c"), "[workspace.package]\nversion = \"1.0.0\"\n[package]\nname = \"c\"\n");
        assert_eq!(root_of(&top.join("a")), top);
        assert_eq!(root_of(top), top);
        assert_eq!(root_of(&top.join("fuzz")), top.join("fuzz"));
        assert_eq!(root_of(&top.join("fuzz/inner")), top.join("fuzz"));
        assert_eq!(root_of(&top.join("b/c")), top.join("b/c"));
        assert_eq!(root_of(&top.join("nowhere")), top);
        assert_eq!(root_of(Path::new("/no/such/folder")), Path::new("/no/such/folder"));
    }

    #[rstest]
    #[case("[ workspace ] # root\n", true)]
    #[case("workspace.members = []\n", true)]
    #[case("workspace = { members = [] }\n", true)]
    #[case("# [workspace]\n[package]\nname = \"a\"\n", false)]
    #[case("[package]\nversion.workspace = true\n[lints]\nworkspace = true\n", false)]
    #[case("[workspaces]\n", false)]
    fn a_manifest_with_a_workspace(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(parse_manifest(text).is_workspace, expected);
    }
}
