//! Every call is said, where that is wanted: to whoever the program has set to hear it, else on standard error.

use std::alloc::System;
use std::sync::Mutex;

use oomsweep::heap::{Allocator, DebugAllocator, DebugOptions};

use crate::alone::Alone;
use crate::seeds::{give, layout, resize, take};

static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What a program does, and what is said of it, with addresses by their letters.
fn program(verbose: bool) -> Vec<String> {
    let options = DebugOptions::new().name("spoken").verbose_log(verbose).memory_limit(100);
    let heap = DebugAllocator::with(System, options);
    let a = take!(heap, 24, 8);
    let b = resize!(heap, grow_zeroed, a, (24, 8), (48, 8)).unwrap();
    assert_eq!(resize!(heap, grow, b, (48, 8), (101, 8)), None);
    let same = resize!(heap, shrink, b, (48, 8), (40, 8)).unwrap();
    assert_eq!(same, b);
    give!(heap, b, 40, 8);
    heap.allocate_zeroed(layout(101, 1)).unwrap_err();
    heap.deinit().unwrap();
    [
        format!("spoken: allocate(24 bytes, align 8) -> {a:?}"),
        format!("spoken: grow_zeroed({a:?}, 24 bytes, align 8 to 48 bytes, align 8) -> {b:?}"),
        format!("spoken: grow({b:?}, 48 bytes, align 8 to 101 bytes, align 8) -> no memory"),
        format!("spoken: shrink({b:?}, 48 bytes, align 8 to 40 bytes, align 8) -> {b:?}"),
        format!("spoken: deallocate({b:?}, 40 bytes, align 8)"),
        "spoken: allocate_zeroed(101 bytes, align 1) -> no memory".to_owned(),
    ]
    .to_vec()
}

fn heard() -> Vec<String> {
    std::mem::take(&mut *HEARD.lock().unwrap())
}

#[test]
#[ignore = "run by a test below, in a process of its own"]
fn on_standard_error() {
    println!();
    for line in program(true) {
        println!("expected: {line}");
    }
    program(false);
}

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _of: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        assert_eq!((record.target(), record.level()), ("oomsweep::debug", log::Level::Debug));
        HEARD.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

#[test]
#[ignore = "run by a test below, in a process of its own"]
fn by_a_logger() {
    log::set_logger(&Logger).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
    let expected = program(true);
    assert_eq!(heard(), expected);
    program(false);
    assert!(heard().is_empty());
    log::set_max_level(log::LevelFilter::Info);
    program(true);
    assert!(heard().is_empty(), "the program does not want to hear it");
}

/// Hears what is said by `tracing`.
struct Subscriber;

/// Finds the message of an event.
struct Message(String);

impl tracing::field::Visit for Message {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl tracing::Subscriber for Subscriber {
    fn enabled(&self, _of: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _span: &tracing::span::Id, _values: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _span: &tracing::span::Id, _follows: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        assert_eq!((event.metadata().target(), *event.metadata().level()), ("oomsweep::debug", tracing::Level::DEBUG));
        let mut message = Message(String::new());
        event.record(&mut message);
        HEARD.lock().unwrap().push(message.0);
    }

    fn enter(&self, _span: &tracing::span::Id) {}

    fn exit(&self, _span: &tracing::span::Id) {}
}

#[test]
#[ignore = "run by a test below, in a process of its own"]
fn by_a_subscriber() {
    tracing::subscriber::set_global_default(Subscriber).unwrap();
    let expected = program(true);
    assert_eq!(heard(), expected);
    program(false);
    assert!(heard().is_empty());
}

#[test]
fn whoever_is_set_hears_it() {
    for name in ["said::by_a_logger", "said::by_a_subscriber"] {
        let ran = Alone::new(name).go();
        assert!(ran.passed, "{}{}", ran.stdout, ran.stderr);
        assert!(!ran.stderr.contains("spoken: "), "{}", ran.stderr);
    }
}

#[test]
fn if_nobody_is_set_it_goes_to_standard_error() {
    let ran = Alone::new("said::on_standard_error").go();
    assert!(ran.passed, "{}{}", ran.stdout, ran.stderr);
    let expected: Vec<&str> = ran.stdout.lines().filter_map(|line| line.strip_prefix("expected: ")).collect();
    let said: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("spoken: ")).collect();
    assert_eq!((said, expected.len()), (expected, 6));
}
