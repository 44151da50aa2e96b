//! The report file: the report's own form, as JSON, with a line for each frame, trial and number of facts.

use crate::model::hash::fnv1a64;
use crate::model::report::Report;

/// How long a line may be into which a small object is drawn together.
const LINE: usize = 400;
/// How long the name of a report file may be, in bytes.
const NAME: usize = 200;

/// The content of the report file, ended by one newline.
pub(crate) fn to_string(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = drawn_together(&serde_json::to_string_pretty(report)?);
    text.push('\n');
    Ok(text)
}

/// The report that a report file holds; members that this version does not know are ignored.
#[cfg_attr(
    not(all(target_os = "linux", not(oomsweep_portable))),
    allow(dead_code, reason = "only a worker's report is read")
)]
pub(crate) fn from_str(text: &str) -> Result<Report, serde_json::Error> {
    serde_json::from_str(text)
}

/// The name of the report file of a test: `PACKAGE.TARGET.PATH.json`.
pub(crate) fn file_name(package: &str, target: &str, path: &str) -> String {
    const END: &str = ".json";
    let full = format!("{package}.{target}.{path}");
    let mut name: String = full.replace("::", ".").chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if name.len() + END.len() > NAME {
        let hash = format!("{:016x}", fnv1a64(full.as_bytes()));
        name.truncate(NAME - END.len() - 9);
        name.push('-');
        name.push_str(&hash[..8]);
    }
    name + END
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

/// Puts every object and array that holds no other on one line, if it fits. In pretty JSON each scalar has a line of its own,
/// and no string holds a newline, so looking at the ends of lines is enough.
fn drawn_together(pretty: &str) -> String {
    let lines: Vec<&str> = pretty.lines().collect();
    let mut text = String::with_capacity(pretty.len());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if at > 0 {
            text.push('\n');
        }
        text.push_str(line);
        at += 1;
        if !opens(line) {
            continue;
        }
        let inner = lines[at..].iter().take_while(|line| !opens(line) && !closes(line)).count();
        let Some(end) = lines.get(at + inner).filter(|line| closes(line)) else {
            continue;
        };
        let items: Vec<&str> = lines[at..at + inner].iter().map(|line| line.trim_start()).collect();
        let (items, end, pad) = (items.join(" "), end.trim_start(), if line.ends_with('{') { " " } else { "" });
        if line.len() + items.len() + end.len() + 2 * pad.len() <= LINE {
            text.push_str(&format!("{pad}{items}{pad}{end}"));
            at += inner + 1;
        }
    }
    text
}

fn opens(line: &str) -> bool {
    line.ends_with(['{', '['])
}

fn closes(line: &str) -> bool {
    line.trim_start().starts_with(['}', ']'])
}

#[cfg(test)]
mod tests {
    use super::{drawn_together, file_name};

    #[test]
    fn names_files_by_test() {
        assert_eq!(file_name("words", "words", "index::builds"), "words.words.index.builds.json");
        assert_eq!(file_name("my-crate", "it", "case_1::größe 2/3"), "my-crate.it.case_1.gr__e_2_3.json");
    }

    #[test]
    fn cuts_long_names_and_keeps_them_apart() {
        let (one, two) = ("a::".repeat(120) + "x", "a::".repeat(120) + "y");
        let (first, second) = (file_name("p", "t", &one), file_name("p", "t", &two));
        assert_eq!(first.len(), 200);
        assert_eq!(second.len(), 200);
        assert_ne!(first, second);
        let (stem, hash) = first.strip_suffix(".json").and_then(|stem| stem.rsplit_once('-')).unwrap();
        assert!(stem.starts_with("p.t.a.a.") && hash.len() == 8);
        let fits = "x".repeat(200 - "p.t..json".len());
        assert_eq!(file_name("p", "t", &fits), format!("p.t.{fits}.json"));
        assert_eq!(file_name("p", "t", &(fits + "x")).len(), 200);
    }

    #[test]
    fn draws_only_leaves_together() {
        let value = serde_json::json!({ "a": [1, 2], "b": { "c": { "d": "x {" }, "e": [] }, "f": "[" });
        let text = drawn_together(&serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(
            text,
            "{\n  \"a\": [1, 2],\n  \"b\": {\n    \"c\": { \"d\": \"x {\" },\n    \"e\": []\n  },\n  \"f\": \"[\"\n}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
