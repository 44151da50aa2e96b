//! What the attribute accepts: its options, and every order in which it meets other attributes.
//!
//! Each function below is registered exactly once, and expands without a warning.
#![deny(warnings, missing_docs, unused_qualifications, clippy::all)]
#![allow(unused_braces, reason = "rstest puts a second pair round the bodies of functions that return something")]

use std::collections::TryReserveError;
use std::hint::black_box;
use std::process::Command;

/// Asks for memory once, and gives it back.
fn reserve() -> Result<(), TryReserveError> {
    let mut bytes: Vec<u8> = Vec::new();
    bytes.try_reserve_exact(24)?;
    black_box(&bytes);
    Ok(())
}

mod orders {
    use oomsweep::alloc_test;

    use super::{TryReserveError, reserve};

    #[alloc_test]
    fn alone() -> Result<(), TryReserveError> {
        reserve()
    }

    #[alloc_test]
    fn nothing_returned() {
        let _ = reserve();
    }

    #[alloc_test]
    #[test]
    fn above_test() -> Result<(), TryReserveError> {
        reserve()
    }

    #[test]
    #[alloc_test]
    fn below_test() -> Result<(), TryReserveError> {
        reserve()
    }

    #[core::prelude::v1::test]
    // A comment, a doc comment and another attribute stand between the two.
    /// Documented.
    #[allow(dead_code, reason = "for its place")]
    #[alloc_test(faults(once))]
    pub(crate) fn below_a_path() -> Result<(), TryReserveError> {
        reserve()
    }

    /// Documented.
    #[alloc_test()]
    #[ignore = "to be seen in the list"]
    fn ignored() {}

    #[alloc_test]
    #[cfg(any())]
    fn gone_below() {}

    #[cfg(any())]
    #[alloc_test]
    fn gone_above() {}

    #[alloc_test]
    #[should_panic]
    fn panics() {
        reserve().unwrap();
        panic!("as it should");
    }

    #[should_panic = "should"]
    #[alloc_test]
    fn panics_below() {
        reserve().unwrap_or_default();
        panic!("as it should");
    }

    #[cfg_attr(all(), alloc_test)]
    #[cfg_attr(all(), should_panic)]
    fn panics_on_condition() {
        reserve().unwrap_or_default();
        panic!("as it should");
    }

    #[alloc_test]
    #[should_panic(expected = "should")]
    #[test]
    fn panics_above_test() {
        reserve().unwrap_or_default();
        panic!("as it should");
    }

    #[alloc_test(error = TryReserveError { .. })]
    fn r#fn<'a>() -> Result<&'a str, TryReserveError> {
        reserve().map(|()| "a")
    }

    macro_rules! tests {
        ($($name:ident)*) => { $(
            #[test]
            #[alloc_test]
            fn $name() -> Result<(), TryReserveError> {
                reserve()
            }
        )* };
    }

    tests!(by_macro_1 by_macro_2);

    macro_rules! passed_on {
        ($(#[$meta:meta])* fn $name:ident) => {
            $(#[$meta])*
            fn $name() -> Result<(), TryReserveError> {
                reserve()
            }
        };
    }

    passed_on! {
        #[test]
        #[alloc_test]
        fn through_macro
    }
}

mod options {
    use oomsweep::alloc_test;

    use super::{TryReserveError, reserve};

    #[alloc_test(
        faults(once, persistent, window(3), window(4), budget, size(8)),
        swallowed = "deny",
        infallible = "skip",
        panics = "allow",
        benign("indexmap::", "hashbrown::"),
        intended("crate::interned"),
        threads = "own",
        guard = "zones",
        realloc = "moves",
        reachable = "hide",
        no_points = "allow",
        incomplete = "allow",
        shrink = "skip",
        fixtures = "exempt",
        engine = "auto",
        timeout = "2.5s",
        max_time = "1m",
        points = "all",
        max_points = 1000,
        seed = 0,
        shard = "1/1",
        jobs = 2,
        error_if = |_: &TryReserveError| true,
    )]
    fn all() -> Result<(), TryReserveError> {
        reserve()
    }

    fn interned() -> Result<&'static mut [u8], TryReserveError> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(24)?;
        bytes.push(1);
        Ok(bytes.leak())
    }

    #[alloc_test(intended("crate::options::interned"), threads = "own")]
    fn leaks_on_purpose() -> Result<(), TryReserveError> {
        interned().map(|bytes| assert_eq!(bytes, [1]))
    }

    #[alloc_test(threads = "all")]
    fn of_all_threads() -> Result<(), TryReserveError> {
        reserve()
    }

    #[alloc_test(leaks_only)]
    fn leaks() -> Result<(), TryReserveError> {
        reserve()
    }
}

mod errors {
    use oomsweep::alloc_test;

    use super::reserve;

    #[derive(Debug)]
    #[allow(dead_code, reason = "for the patterns")]
    enum ReadError {
        OutOfMemory,
        Io(Kind),
        Parse { line: u32 },
    }

    #[derive(Debug, PartialEq, Eq)]
    #[allow(dead_code, reason = "for the patterns")]
    enum Kind {
        Full,
    }

    use Kind::Full;
    use ReadError::{Io, OutOfMemory};

    const ENOMEM: i32 = 12;

    #[alloc_test(error = OutOfMemory)]
    fn imported_variant() -> Result<(), ReadError> {
        reserve().map_err(|_| OutOfMemory)
    }

    #[alloc_test(error = | Io(Full) | OutOfMemory | ReadError::Parse { line: 3..=4 })]
    fn alternatives() -> Result<(), ReadError> {
        reserve().map_err(|_| OutOfMemory)
    }

    #[alloc_test(error = ENOMEM)]
    fn constant() -> Result<(), i32> {
        reserve().map_err(|_| ENOMEM)
    }

    #[alloc_test(error = Some(ENOMEM))]
    fn constant_inside() -> Result<(), Option<i32>> {
        reserve().map_err(|_| Some(ENOMEM))
    }

    #[alloc_test(error = "no memory" | "disk full")]
    fn literal() -> Result<(), &'static str> {
        reserve().map_err(|_| "no memory")
    }

    #[alloc_test(error_if = is_out_of_memory)]
    fn function() -> Result<(), ReadError> {
        reserve().map_err(|_| OutOfMemory)
    }

    fn is_out_of_memory(error: &ReadError) -> bool {
        matches!(error, OutOfMemory)
    }
}

mod fixtures {
    use std::time::Duration;

    use oomsweep::alloc_test;
    use rstest::{fixture, rstest};

    use super::{TryReserveError, reserve};

    #[fixture]
    fn words() -> Vec<String> {
        vec!["a".to_owned()]
    }

    #[fixture]
    fn number(#[default(3)] start: u32) -> u32 {
        start
    }

    #[rstest]
    #[alloc_test]
    fn below(words: Vec<String>, mut number: u32) -> Result<(), TryReserveError> {
        number += 1;
        assert_eq!((words.len(), number), (1, 4));
        reserve()
    }

    #[alloc_test(faults(once))]
    #[rstest]
    fn above(words: Vec<String>) -> Result<(), TryReserveError> {
        drop(words);
        reserve()
    }

    #[rstest]
    #[case(1, "a")]
    #[case::named(2, "b")]
    #[alloc_test]
    fn cases_below(
        #[case] _number: u32,
        #[case] text: &str,
        words: Vec<String>,
        #[values(1, 2)] _value: u8,
    ) -> Result<(), TryReserveError> {
        assert!(!text.is_empty() && !words.is_empty());
        reserve()
    }

    #[alloc_test]
    #[rstest]
    #[case(1)]
    #[should_panic(expected = "two")]
    #[case(2)]
    #[ignore = "to be seen in the list"]
    #[case(3)]
    fn cases_above(#[case] number: u32) {
        let _ = reserve();
        assert_ne!(number, 2, "two");
    }

    #[rstest]
    #[case(&mut vec![1], words())]
    #[case(&mut Vec::new(), Vec::new())]
    #[alloc_test]
    fn writable(#[case] numbers: &mut Vec<u8>, #[case] mut words: Vec<String>) -> Result<(), TryReserveError> {
        numbers.clear();
        words.clear();
        reserve()
    }

    #[rstest]
    #[case(&vec![1][..], &[1, 2])]
    #[case(&[], &[])]
    #[alloc_test]
    fn referred(#[case] built: &[u8], #[case] lasting: &'static [u8]) -> Result<(), TryReserveError> {
        assert_eq!(built.is_empty(), lasting.is_empty());
        reserve()
    }

    #[rstest]
    #[alloc_test]
    fn by_reference(
        #[by_ref] words: &[String],
        #[from(number)]
        #[with(4)]
        four: u32,
    ) -> Result<(), TryReserveError> {
        assert_eq!((words.len(), four), (1, 4));
        reserve()
    }

    #[rstest]
    #[case("127.0.0.1:80")]
    #[alloc_test]
    fn converted(#[case] address: std::net::SocketAddr) -> Result<(), TryReserveError> {
        assert_eq!(address.port(), 80);
        reserve()
    }

    #[rstest]
    #[case(1)]
    #[alloc_test]
    fn generic<T: Copy>(#[case] _value: T, #[values(2)] _other: impl Copy) -> Result<(), TryReserveError> {
        reserve()
    }

    #[rstest]
    #[alloc_test]
    fn lifetime<'a>(#[values("a")] text: &'a str) -> Result<&'a str, TryReserveError> {
        reserve().map(|()| text)
    }

    #[rstest]
    #[timeout(Duration::from_secs(10))]
    #[alloc_test]
    fn limited(words: Vec<String>) -> Result<(), TryReserveError> {
        drop(words);
        reserve()
    }

    #[rstest]
    #[alloc_test]
    fn without_arguments() -> Result<(), TryReserveError> {
        reserve()
    }

    #[rstest]
    #[test]
    #[alloc_test]
    fn below_test(words: Vec<String>) -> Result<(), TryReserveError> {
        drop(words);
        reserve()
    }

    #[alloc_test]
    #[rstest]
    #[test]
    fn above_test(words: Vec<String>) -> Result<(), TryReserveError> {
        drop(words);
        reserve()
    }

    #[alloc_test(fixtures = "swept", infallible = "skip")]
    #[rstest]
    #[case(1)]
    fn swept(words: Vec<String>, #[case] _number: u8) -> Result<(), TryReserveError> {
        drop(words);
        reserve()
    }

    #[alloc_test]
    fn looks_like_one() -> Result<(), TryReserveError> {
        fn reserve_less(_by: u8) -> Result<(), TryReserveError> {
            reserve()
        }
        let by = 1;
        reserve_less(by)
    }
}

mod properties {
    use oomsweep::alloc_test;
    use proptest::proptest;

    proptest! {
        #[test]
        #[ignore = "to be seen in the list"]
        #[alloc_test]
        fn below_test(_number in 0..5) {}

        #[alloc_test]
        #[test]
        #[ignore = "to be seen in the list"]
        fn above_test(_number in 0..5) {}

        #[alloc_test]
        #[ignore = "to be seen in the list"]
        fn alone(_number in 0..5) {}
    }
}

/// Every test above, and the one below.
const REGISTERED: &[&str] = &[
    "errors::alternatives",
    "errors::constant",
    "errors::constant_inside",
    "errors::function",
    "errors::imported_variant",
    "errors::literal",
    "fixtures::above",
    "fixtures::above_test",
    "fixtures::below",
    "fixtures::below_test",
    "fixtures::by_reference",
    "fixtures::cases_above::case_1",
    "fixtures::cases_above::case_2",
    "fixtures::cases_above::case_3",
    "fixtures::cases_below::case_1::_value_1_1",
    "fixtures::cases_below::case_1::_value_2_2",
    "fixtures::cases_below::case_2_named::_value_1_1",
    "fixtures::cases_below::case_2_named::_value_2_2",
    "fixtures::converted::case_1",
    "fixtures::generic::case_1::_other_1_2",
    "fixtures::lifetime::text_1___a__",
    "fixtures::limited",
    "fixtures::looks_like_one",
    "fixtures::referred::case_1",
    "fixtures::referred::case_2",
    "fixtures::swept::case_1",
    "fixtures::without_arguments",
    "fixtures::writable::case_1",
    "fixtures::writable::case_2",
    "options::all",
    "options::leaks",
    "options::leaks_on_purpose",
    "options::of_all_threads",
    "orders::above_test",
    "orders::alone",
    "orders::below_a_path",
    "orders::below_test",
    "orders::by_macro_1",
    "orders::by_macro_2",
    "orders::ignored",
    "orders::nothing_returned",
    "orders::panics",
    "orders::panics_above_test",
    "orders::panics_below",
    "orders::panics_on_condition",
    "orders::r#fn",
    "orders::through_macro",
    "properties::above_test",
    "properties::alone",
    "properties::below_test",
    "registered_once",
];

#[test]
fn registered_once() {
    let program = std::env::current_exe().expect("a test knows its program");
    let output = Command::new(program).arg("--list").output().expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("names are text");
    let mut listed: Vec<&str> = text.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    listed.sort_unstable();
    assert_eq!(listed, REGISTERED);
}
