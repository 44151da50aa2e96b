//! The key of a point: names the place of a request across edits, profiles and machines.

use std::collections::HashMap;

use crate::model::hash::Fnv;
use crate::model::names;
use crate::model::place::{self, Origin};
use crate::model::stack::Frame;

/// How many frames a key looks at.
const FRAMES: usize = 32;

/// The key of the point with this stack: the hash over `NAME@FILE` of its frames, from the site outwards, the standard
/// library's and ours left out. It knows no lines, addresses, generics or crate hashes.
pub(crate) fn of(stack: &[Frame]) -> u64 {
    let frames = stack.iter().filter(|frame| place::origin(frame) == Origin::User).take(FRAMES);
    of_parts(frames.map(name_at_file))
}

/// The hash over these parts, joined by `/`.
pub(crate) fn of_parts(parts: impl Iterator<Item = String>) -> u64 {
    let mut hash = Fnv::new();
    for (n, part) in parts.enumerate() {
        if n > 0 {
            hash.write(b"/");
        }
        hash.write(part.as_bytes());
    }
    hash.finish()
}

/// `NAME@FILE` of a frame: the function's own name and the file's last component (empty if unknown).
pub(crate) fn name_at_file(frame: &Frame) -> String {
    format!("{}@{}", names::own_name(&frame.function), frame.file.as_deref().map_or("", file_name))
}

/// The last component of a path of either system.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A hash as reports show it: 16 lower-case hex digits.
pub(crate) fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

/// A key and its occurrence as reports show them.
pub(crate) fn shown(key: u64, occurrence: u64) -> String {
    format!("{key:016x}.{occurrence}")
}

/// Counts how many earlier points of a run have the same key.
#[derive(Debug, Default)]
pub(crate) struct Occurrences(HashMap<u64, u64>);

impl Occurrences {
    /// The occurrence of the next point, which has this key.
    pub(crate) fn next(&mut self, key: u64) -> u64 {
        let seen = self.0.entry(key).or_insert(0);
        let occurrence = *seen;
        *seen = seen.saturating_add(1);
        occurrence
    }

    /// The occurrences of all points of a run, given their keys in order.
    pub(crate) fn of_run(keys: &[u64]) -> Vec<u64> {
        let mut occurrences = Occurrences::default();
        keys.iter().map(|key| occurrences.next(*key)).collect()
    }
}

/// Where the point is that a replay asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Located {
    /// At the index, as asked for.
    Here,
    /// At another index, with that key and occurrence.
    Drifted(u64),
    /// No point has that occurrence; this is the nearest with that key.
    Nearest(u64),
    /// The digits fit the keys of several places.
    Ambiguous,
    /// No point has that key.
    Gone,
}

/// Finds the point with this key (hex digits, any unambiguous beginning) and occurrence, which had this index once. `keys` are
/// those of a run's points, in order.
pub(crate) fn locate(keys: &[u64], index: u64, digits: &str, occurrence: u64) -> Located {
    let digits = digits.to_ascii_lowercase();
    let mut known = HashMap::new();
    let fitting: Vec<(u64, u64, u64)> = (0_u64..)
        .zip(keys.iter().zip(Occurrences::of_run(keys)))
        .filter(|(_, (key, _))| *known.entry(**key).or_insert_with(|| hex(**key).starts_with(&digits)))
        .map(|(at, (key, occurrence))| (at, *key, occurrence))
        .collect();
    if fitting.iter().any(|(at, _, n)| *at == index && *n == occurrence) {
        return Located::Here;
    }
    let Some((_, first, _)) = fitting.first() else { return Located::Gone };
    if fitting.iter().any(|(_, key, _)| key != first) {
        return Located::Ambiguous;
    }
    if let Some((at, ..)) = fitting.iter().find(|(_, _, n)| *n == occurrence) {
        return Located::Drifted(*at);
    }
    let nearest = fitting.iter().map(|(at, ..)| *at).min_by_key(|at| at.abs_diff(index));
    nearest.map_or(Located::Gone, Located::Nearest)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::hash::fnv1a64;
    use crate::model::samples::{bare, frame};

    const STD: &str = "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/alloc/src/vec/mod.rs";

    #[test]
    fn hashes_what_the_documentation_says() {
        let stack = vec![
            frame("alloc::vec::Vec<T>::reserve", STD, 3),
            frame("words::index::add::h0123456789abcdef", "/ws/src/index.rs", 3),
            frame("oomsweep::benign", concat!(env!("CARGO_MANIFEST_DIR"), "/src/session.rs"), 3),
            bare("sqlite3_step"),
            frame("words::index::body::{{closure}}", "C:\\ws\\src\\body.rs", 9),
        ];
        assert_eq!(of(&stack), fnv1a64(b"add@index.rs/sqlite3_step@/{closure}@body.rs"));
        assert_eq!(of(&[]), fnv1a64(b""));
    }

    #[test]
    fn looks_at_32_frames() {
        let deep: Vec<Frame> = (0..40).map(|n| frame(&format!("words::f{n}"), "/ws/src/lib.rs", n)).collect();
        assert_eq!(of(&deep), of(&deep[..32]));
        assert_ne!(of(&deep), of(&deep[..31]));
    }

    /// Real frames of one program, built by the dev profile, the release profile with line tables, the dev profile with line
    /// tables, and the release profile with full debug information.
    #[rstest]
    #[case::closure(
        &["words::index::body::{{closure}}@21", "words::index::body@22"],
        &["{closure#0}@21", "body@22"],
        &["words::index::body::{{closure}}@21", "body@22"],
        &["words::index::body::{{closure}}@21", "words::index::body@22"],
        "{closure}@index.rs/body@index.rs"
    )]
    #[case::trait_method(
        &["<core::option::Option<T> as words::index::Build>::build@9", "words::index::body@24"],
        &["build<u8>@9", "body@24"],
        &["<core::option::Option<T> as words::index::Build>::build@9", "body@24"],
        &["<core::option::Option<T> as words::index::Build>::build@9", "words::index::body@24"],
        "build@index.rs/body@index.rs"
    )]
    #[case::generic_method(
        &["words::index::Wrap<T>::tv@13", "words::index::body@25"],
        &["tv<u8>@13", "body@25"],
        &["words::index::Wrap<T>::tv@13", "body@25"],
        &["words::index::Wrap<T>::tv@13", "words::index::body@25"],
        "tv@index.rs/body@index.rs"
    )]
    #[case::destructor(
        &["<words::index::Guard as core::ops::drop::Drop>::drop@5", "words::index::body@26"],
        &["drop@5", "body@26"],
        &["<words::index::Guard as core::ops::drop::Drop>::drop@5", "body@26"],
        &["<words::index::Guard as core::ops::drop::Drop>::drop@5", "words::index::body@26"],
        "drop@index.rs/body@index.rs"
    )]
    #[case::future(
        &["words::index::fetch::{{closure}}@30", "words::index::body::{{closure}}@28", "words::index::block@34", "words::index::body@28"],
        &["{async_fn#0}@30", "{async_block#2}@28", "block<words::index::body::{async_block_env#2}>@34", "body@28"],
        &["words::index::fetch::{{closure}}@30", "{async_block#2}@28", "block<words::index::body::{async_block_env#2}>@34", "body@28"],
        &["words::index::fetch::{{closure}}@30", "words::index::body::{{closure}}@28", "words::index::block@34", "words::index::body@28"],
        "{closure}@index.rs/{closure}@index.rs/block@index.rs/body@index.rs"
    )]
    fn the_same_in_every_profile(
        #[case] debug: &[&str],
        #[case] release: &[&str],
        #[case] debug_lines: &[&str],
        #[case] release_full: &[&str],
        #[case] parts: &str,
    ) {
        for names in [debug, release, debug_lines, release_full] {
            let mut stack = vec![frame("with_capacity_in<u8, alloc::alloc::Global>", STD, 177)];
            for name in names {
                let (name, line) = name.rsplit_once('@').unwrap();
                stack.push(frame(name, "/ws/src/index.rs", line.parse().unwrap()));
                stack.push(frame(
                    "core::ops::function::FnOnce::call_once",
                    "/rustc/0/library/core/src/ops/function.rs",
                    250,
                ));
            }
            assert_eq!(of(&stack), fnv1a64(parts.as_bytes()), "{names:?}");
        }
    }

    #[test]
    fn occurrences_count_equal_keys() {
        assert_eq!(Occurrences::of_run(&[5, 6, 5, 5, 6, 7]), [0, 0, 1, 2, 1, 0]);
        assert_eq!(shown(0x1f3a, 2), "0000000000001f3a.2");
    }

    #[rstest]
    #[case(1, "bbbbbb", 0, Located::Here)]
    #[case(3, "BBBBBB", 1, Located::Here)]
    #[case(7, "bbbbbb", 1, Located::Drifted(3))]
    #[case(3, "bbbbbb", 0, Located::Drifted(1))]
    #[case(4, "bbbbbb", 9, Located::Nearest(3))]
    #[case(0, "bbbbbb", 9, Located::Nearest(1))]
    #[case(0, "aaaaaa", 0, Located::Here)]
    #[case(1, "aaaaaa", 0, Located::Ambiguous)]
    #[case(1, "aaaaaa0000000002", 0, Located::Drifted(2))]
    #[case(1, "cccccc", 0, Located::Gone)]
    fn finds_the_point(#[case] index: u64, #[case] digits: &str, #[case] occurrence: u64, #[case] expected: Located) {
        let keys = [0xaaaa_aa00_0000_0001, 0xbbbb_bb00_0000_0000, 0xaaaa_aa00_0000_0002, 0xbbbb_bb00_0000_0000];
        assert_eq!(locate(&keys, index, digits, occurrence), expected);
    }
}
