//! The line to type.

use std::borrow::Cow;

use crate::model::fault::Fault;

/// The test that a finding belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// Its package.
    pub(crate) package: &'a str,
    /// Its path, as `--exact` takes it.
    pub(crate) test: &'a str,
    /// The command that runs it again, if that is not `cargo test` for this very test.
    pub(crate) command: Option<&'a str>,
}

/// The command that runs one test of a package.
pub(crate) fn test_command(package: &str, test: &str) -> String {
    format!("cargo test -p {} -- --exact {} --nocapture --test-threads=1", quoted(package), quoted(test))
}

/// The command that runs a program with its arguments.
pub(crate) fn program_command(words: impl Iterator<Item = String>) -> String {
    words.map(|word| quoted(&word).into_owned()).collect::<Vec<_>>().join(" ")
}

/// The complete command that makes this fault again, in place; without a fault the one that just runs the test. `text` is the fault as
/// it is written, `key` that of the failed point with its occurrence.
pub(crate) fn line(target: Target<'_>, fault: Fault, text: &str, key: Option<&str>) -> String {
    let command = match target.command {
        Some(command) => command.to_owned(),
        None => test_command(target.package, target.test),
    };
    match (fault, key) {
        (Fault::None, _) => command,
        // A budget names no point.
        (Fault::Budget(_), _) | (_, None) => format!("OOMSWEEP_REPLAY={text} {command}"),
        (_, Some(key)) => format!("OOMSWEEP_REPLAY={text}#{key} {command}"),
    }
}

/// The word as a shell takes it.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '.' | '/' | '@' | '+' | '=' | ',');
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TAIL: &str = "cargo test -p words -- --exact index::adds --nocapture --test-threads=1";

    #[rstest]
    #[case(Fault::Once(7), Some("1f3a9c02d4e5f607.0"), "OOMSWEEP_REPLAY=once@7#1f3a9c02d4e5f607.0 ")]
    #[case(Fault::Pair(7, 9), Some("1f3a9c02d4e5f607.2"), "OOMSWEEP_REPLAY=pair@7,9#1f3a9c02d4e5f607.2 ")]
    #[case(Fault::Persistent(7), None, "OOMSWEEP_REPLAY=persistent@7 ")]
    #[case(Fault::Budget(700), Some("1f3a9c02d4e5f607.2"), "OOMSWEEP_REPLAY=budget@700 ")]
    #[case(Fault::None, Some("1f3a9c02d4e5f607.2"), "")]
    fn complete(#[case] fault: Fault, #[case] key: Option<&str>, #[case] head: &str) {
        let target = Target { package: "words", test: "index::adds", command: None };
        assert_eq!(line(target, fault, &fault.to_string(), key), format!("{head}{TAIL}"));
    }

    #[test]
    fn odd_names_are_quoted() {
        let target = Target { package: "words", test: "it's odd", command: None };
        let expected = "cargo test -p words -- --exact 'it'\\''s odd' --nocapture --test-threads=1";
        assert_eq!(line(target, Fault::None, "none", None), expected);
    }
}
