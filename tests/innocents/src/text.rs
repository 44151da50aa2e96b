//! Parsers and matchers, which keep what they need again.

use std::hint::black_box;
use std::sync::{LazyLock, Mutex};
use std::thread;

use oomsweep::alloc_test;
use regex::Regex;
use serde_json::{Value, json};

fn document(width: usize, depth: usize) -> Value {
    if depth == 0 {
        return json!({ "name": "leaf \u{e9}\n", "number": 1.5, "none": null });
    }
    let children: Vec<Value> = (0..width).map(|_| document(width, depth - 1)).collect();
    json!({ "depth": depth, "children": children, "flags": [true, false] })
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn json() {
    for _ in 0..20 {
        let mut value = document(4, 3);
        let text = serde_json::to_string_pretty(&value).expect("a value is text");
        let again: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(value, again);
        let taken = value.pointer_mut("/children/2").map(Value::take);
        assert_ne!(value, again);
        assert!(serde_json::from_str::<Value>(&text[..text.len() / 2]).is_err());
        assert!(serde_json::from_slice::<Vec<String>>(text.as_bytes()).is_err());
        black_box((taken, again));
    }
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn json_in_a_static() {
    static KEPT: Mutex<Value> = Mutex::new(Value::Null);
    *black_box(&KEPT).lock().expect("nobody panics") = document(3, 4);
}

const TEXT: &str = "On 2024-05-01 and 1999-12-31, alice@example.org wrote to bob@example.net; nothing came of it.";

fn matches(dates: &Regex, addresses: &Regex) -> usize {
    let found = dates.captures_iter(TEXT).map(|found| found["year"].to_owned()).collect::<Vec<_>>();
    assert_eq!(found, ["2024", "1999"]);
    let replaced = addresses.replace_all(TEXT, "<$1>").into_owned();
    found.len() + replaced.len() + addresses.find_iter(TEXT).count()
}

fn dates() -> Regex {
    Regex::new(r"(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})").expect("a pattern")
}

fn addresses() -> Regex {
    Regex::new(r"(?i)\b([a-z]+)@[a-z.]+\b").expect("a pattern")
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn patterns() {
    for _ in 0..5 {
        let (dates, addresses) = (dates(), addresses());
        assert_eq!(matches(&dates, &addresses), matches(&dates.clone(), &addresses));
        assert!(Regex::new("(unclosed").is_err());
    }
}

/// The pattern in a static keeps a pool of memory for its matchers, and a place for each thread that used it.
#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn patterns_over_two_threads() {
    static DATES: LazyLock<Regex> = LazyLock::new(dates);
    static ADDRESSES: LazyLock<Regex> = LazyLock::new(addresses);
    thread::scope(|scope| {
        let other = scope.spawn(|| (0..20).map(|_| matches(&DATES, &ADDRESSES)).sum::<usize>());
        let here = (0..20).map(|_| matches(&DATES, &ADDRESSES)).sum::<usize>();
        assert_eq!(other.join().expect("nobody panics"), here);
    });
}
